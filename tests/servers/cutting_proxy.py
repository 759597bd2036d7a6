"""A TCP proxy on loopback that cuts a connection at a chosen moment of what the client says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

Way = Callable[["Link", bytes], bool]
"""What is done instead of passing on what the client said; whether that was the end of this connection."""


class Link:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server

    def cut(self) -> None:
        """The client hears no more, as when a network has gone."""
        _close(self.client)

    def finish(self, said: bytes) -> None:
        """Passes on the client's last words and hears the server out, for as long as that talks."""
        self.server.settimeout(2)
        try:
            self.server.sendall(said)
            while self.server.recv(65536):
                pass
        except OSError:
            pass
        _close(self.server)


def lose_answer(link: Link, said: bytes) -> bool:
    """The server gets it and does it; the client never hears."""
    link.cut()
    link.finish(said)
    return True


def lose_words(link: Link, said: bytes) -> bool:
    """The server never gets it."""
    link.cut()
    _close(link.server)
    return True


def delay(seconds: float) -> Way:
    """The client is cut off at once; the server gets it so much later."""

    def way(link: Link, said: bytes) -> bool:
        link.cut()
        time.sleep(seconds)
        link.finish(said)
        return True

    return way


class CuttingProxy:
    """Passes everything on to `target` (a port), as a context manager. `arm` makes it cut, once for each time."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cuts = 0
        self._armed: list[tuple[bytes, Way]] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def arm(self, word: bytes, way: Way) -> None:
        """The next words of a client that hold this one are treated so."""
        with self._lock:
            self._armed.append((word, way))

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.shut()

    def shut(self, but: Link | None = None) -> None:
        """Takes no more connections and cuts those it has."""
        _close(self._listener)
        with self._lock:
            left = list(self._open - ({but.client, but.server} if but is not None else set()))
        for one in left:
            _close(one)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=10)
            except OSError:
                _close(client)
                continue
            server.settimeout(None)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open |= {client, server}
            link = Link(client, server)
            threading.Thread(target=self._pass, args=(link,), daemon=True).start()
            threading.Thread(target=self._answer, args=(link,), daemon=True).start()

    def _pass(self, link: Link) -> None:
        try:
            while said := link.client.recv(65536):
                way = self._way_for(said)
                if way is not None and way(link, said):
                    return
                if way is None:
                    link.server.sendall(said)
        except OSError:
            pass
        _close(link.server)

    def _way_for(self, said: bytes) -> Way | None:
        with self._lock:
            for place, (word, way) in enumerate(self._armed):
                if word in said:
                    del self._armed[place]
                    self.cuts += 1
                    return way
        return None

    def _answer(self, link: Link) -> None:
        try:
            while said := link.server.recv(65536):
                link.client.sendall(said)
        except OSError:
            return  # `_pass` ends it, or hears the server out
        _close(link.client)


def _close(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    one.close()
