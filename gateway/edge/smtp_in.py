"""The SMTP listener: mail comes in here. Several may run in one event loop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime

from gateway.edge.smtp_commands import MailConversation
from gateway.edge.smtp_door import Door
from gateway.edge.smtp_limits import Connections, Networks, Room
from gateway.edge.smtp_logins import Logins
from gateway.edge.smtp_protocol import Reception
from gateway.edge.smtp_spool import Spools
from gateway.edge.smtp_tls import Certificate
from gateway.model import Received, Source
from gateway.options import Listen

_AT_ONCE = 128  # clients taken in until others have their turn
_BACKLOG = 1024  # that may wait for it; the kernel lets the next ones try again after seconds
_ROOM_MESSAGES = 4  # largest messages that may be in memory at once, where there is no spool
_SHUTTING_DOWN = "421 4.3.2 closing, try again later"


class SmtpListener:
    """One listening address.

    `accept` is called in the event loop and must not block; it returns a future of the intake id and may raise. An
    exception (raised or in the future) is 451 4.3.0 to the client, or 452 4.3.1 if it has a true attribute `full`.
    `accepts_recipient`, `owns_domain` and `ready` are called in the event loop and must be quick; `verify_login` runs
    in threads. `ready` answers "" or the reason why mail cannot be taken: 421 4.3.2 and hanging up where it begins
    with "broken", 451 4.3.0 where with "read-only", else 452 4.3.1; the reason is never said. Without `owns_domain` a
    domain is ours if its postmaster is accepted (RFC 5321 §4.5.1). `sock` is a listening socket (socket activation),
    used instead of host and port. With `spools` large messages come in through files, else through memory, where they
    share room and some are told 452.
    """

    def __init__(
        self,
        listen: Listen,
        source: Source,
        accept: Callable[[Received], Future[int]],
        accepts_recipient: Callable[[str], bool],
        now: Callable[[], datetime],
        verify_login: Callable[[str, str], bool] | None,
        ready: Callable[[], str],
        sock: socket.socket | None = None,
        owns_domain: Callable[[str], bool] | None = None,
        spools: Spools | None = None,
    ) -> None:
        trusted = Networks(listen.trusted_relays)
        self._sock = sock
        self._server: asyncio.Server | None = None
        self._port = listen.port
        self._reception = Reception(
            listen=listen,
            source=source,
            accept=accept,
            accepts_recipient=accepts_recipient,
            owns_domain=owns_domain or (lambda domain: accepts_recipient(f"postmaster@{domain}")),
            now=now,
            logins=Logins(verify_login or _nobody),
            ready=ready,
            trusted=trusted,
            connections=Connections(listen.max_connections, listen.max_per_peer, trusted),
            room=Room(_ROOM_MESSAGES * listen.max_size),
            spools=spools,
            certificate=Certificate(listen.tls_cert, listen.tls_key) if listen.tls_cert else None,
        )

    async def start(self) -> None:
        """Listen. OSError if the address is taken."""
        loop = asyncio.get_running_loop()
        listen = self._reception.listen

        def answer() -> Door:
            return Door(self._reception, lambda: MailConversation(self._reception, loop))

        if self._sock is not None:
            self._server = await loop.create_server(answer, sock=self._sock, backlog=_AT_ONCE)
        else:
            self._server = await loop.create_server(answer, listen.host, listen.port, backlog=_AT_ONCE)
        for each in self._server.sockets:
            with socket.socket(fileno=os.dup(each.fileno())) as listening:
                listening.listen(_BACKLOG)  # asyncio takes its own word for both
        name = self._server.sockets[0].getsockname()
        self._port = int(name[1]) if isinstance(name, tuple) else 0

    @property
    def port(self) -> int:
        """The port listened on since `start`, also where 0 was asked for."""
        return self._port

    @property
    def trouble(self) -> str:
        """Why the certificate on disk is not the one in use, or ""."""
        certificate = self._reception.certificate
        if certificate is None:
            return ""
        certificate.context()
        return certificate.trouble

    @property
    def descriptors(self) -> frozenset[int]:
        """Those of the sockets listened on."""
        return frozenset(each.fileno() for each in self._server.sockets) if self._server else frozenset()

    async def stop(self, grace: float) -> None:
        """Take no new connection, let messages under way be finished for `grace` seconds, then hang up on all.

        Commits that were begun are waited for, as long as `grace` lasts; after it the store still completes them.
        """
        self._reception.closing = True
        if self._server is not None:
            self._server.close()
        loop = asyncio.get_running_loop()
        end = loop.time() + grace
        while self._dismiss(idle_only=True) or self._reception.commits:
            if loop.time() >= end:
                break
            await asyncio.sleep(0.02)
        self._dismiss(idle_only=False)
        self._reception.logins.close()
        await asyncio.sleep(0)

    def _dismiss(self, *, idle_only: bool) -> int:
        """Hang up; how many are left because they are in the middle of a message."""
        busy = [each for each in self._reception.present if idle_only and each.in_data]
        for conversation in self._reception.present.difference(busy):
            conversation.dismiss(_SHUTTING_DOWN)
        return len(busy)


def _nobody(_login: str, _password: str) -> bool:
    return False
