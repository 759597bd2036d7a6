"""A TCP proxy on loopback that ends, stalls or slows a connection after so many octets in one direction.

`plan` is for the next connection alone; those without one pass untouched. Words are passed on octet for octet up to the
last one: what was sent beyond it is lost.
"""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Cut:
    """After so many octets from the client ("up") or to it ("down"): "reset" or "close" both ends, "stall" (nothing
    passes any more, both stay connected) or "drip" (an octet at a time from there on)."""

    direction: str
    after: int
    how: str = "reset"


class OctetProxy:
    """Passes everything on to `target` (a port), as a context manager."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.up = self.down = 0  # octets passed by the last connection
        self.ended = threading.Event()  # the last planned connection has been cut
        self._plan: Cut | None = None
        self._stop = threading.Event()
        self._open: list[socket.socket] = []

    def plan(self, cut: Cut) -> None:
        self.ended.clear()
        self._plan = cut

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        for one in (self._listener, *self._open):
            _end(one)

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target), timeout=10)
            except OSError:
                return
            server.settimeout(None)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open = [one for one in self._open if one.fileno() >= 0] + [client, server]
            self.up = self.down = 0
            plan, self._plan = self._plan, None
            for direction, source, sink in (("up", client, server), ("down", server, client)):
                mine = plan if plan is not None and plan.direction == direction else None
                threading.Thread(target=self._pump, args=(direction, source, sink, mine), daemon=True).start()

    def _pump(self, direction: str, source: socket.socket, sink: socket.socket, cut: Cut | None) -> None:
        passed = 0
        try:
            if cut is not None and cut.after == 0:
                return self._cut(cut, source, sink, b"")
            while octets := source.recv(65536):
                room = len(octets) if cut is None else cut.after - passed
                sink.sendall(octets[:room])
                passed += min(room, len(octets))
                setattr(self, direction, passed)
                if cut is not None and passed >= cut.after:
                    return self._cut(cut, source, sink, octets[room:])
        except OSError:
            pass
        for one in (source, sink):
            _end(one)
        return None

    def _cut(self, cut: Cut, source: socket.socket, sink: socket.socket, rest: bytes) -> None:
        self.ended.set()
        try:
            while cut.how == "stall" and source.recv(65536):
                pass
            while cut.how == "drip":
                for octet in rest:
                    sink.sendall(bytes([octet]))
                    self._stop.wait(0.001)
                rest = source.recv(65536)
                if not rest:
                    break
        except OSError:
            pass
        for one in (source, sink):
            _end(one, reset=cut.how == "reset")


def _end(one: socket.socket, reset: bool = False) -> None:
    """Wakes whoever reads from it first: a socket closed under a reader stays open until that has heard something."""
    try:
        if reset:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
    except OSError:
        pass
    one.close()
