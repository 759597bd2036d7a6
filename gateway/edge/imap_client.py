"""The IMAP library's client with a bound on each command: a server that sends an octet now and then never times out."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from threading import Timer
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.imap4 import IMAP4WithTimeout
from imapclient.tls import IMAP4_TLS

from gateway.options import ImapMailbox

CONNECT_TIMEOUT = 10.0
TIMEOUTS = 10  # one command may take so many times the longest silence


class Bound:
    """Cuts the connection it watches when a command takes too long; whoever waits for it then meets the end of it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._socket: socket.socket | None = None

    def watch(self, connection: socket.socket) -> None:
        """From the first octet on: before TLS and the greeting. By a handle of our own, since TLS takes the other."""
        self._socket = connection.dup()

    @contextmanager
    def command(self) -> Iterator[None]:
        """Around whatever waits for the server."""
        if self._socket is None and self._seconds == inf:  # of a session that nobody connected
            yield
            return
        timer = Timer(self._seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


def bound_of(mailbox: ImapMailbox) -> Bound:
    return Bound(TIMEOUTS * mailbox.timeout)


class BoundClient(IMAPClient):  # type: ignore[misc]  # the library has no types
    """Connects in its constructor, as the library's does, under `bound`."""

    def __init__(self, mailbox: ImapMailbox, context: ssl.SSLContext | None, bound: Bound) -> None:
        self._bound = bound
        timeout = SocketTimeout(CONNECT_TIMEOUT, mailbox.timeout)
        super().__init__(mailbox.host, mailbox.port, ssl=context is not None, ssl_context=context, timeout=timeout)
        self.normalise_times = False  # else INTERNALDATE comes naive, in local time

    def _create_IMAP4(self) -> Any:  # the library's own, but for the socket's being watched
        bound = self._bound

        class Plain(IMAP4WithTimeout):  # type: ignore[misc]  # as above
            def _create_socket(self, timeout: float | None = None) -> socket.socket:
                made: socket.socket = super()._create_socket(timeout)
                bound.watch(made)
                return made

        class Tls(IMAP4_TLS):  # type: ignore[misc]  # as above
            def _create_socket(self, timeout: float | None = None) -> socket.socket:
                made = socket.create_connection((self.host, self.port), timeout or self._timeout)
                bound.watch(made)
                secured: socket.socket = self.ssl_context.wrap_socket(made, server_hostname=self.host)
                return secured

        if self.ssl:
            return Tls(self.host, self.port, self.ssl_context, CONNECT_TIMEOUT)
        return Plain(self.host, self.port, CONNECT_TIMEOUT)
