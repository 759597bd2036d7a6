"""One descriptor kept for the moment when there are none left (fault matrix row 24).

Without it a new client would wait in the kernel's queue, unanswered. With it the client is told 421 within a second and
tries later, as after any fault of ours.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from time import monotonic
from typing import Any

from gateway import log

TURNED_AWAY = b"421 4.3.2 too busy, try again later\r\n"
_AT_ONCE = 128  # clients turned away before others have their turn
_SILENCE = 60.0  # seconds between two lines of the log


class SpareDescriptor:
    """An exception handler for the event loop: `loop.set_exception_handler(spare.handle)`.

    Clients of `listening`, descriptors of SMTP sockets, that cannot be accepted are told 421. asyncio itself tries such
    a socket again after a second. `trouble` is told why. Everything else goes to the loop's own handler.
    """

    def __init__(self, listening: Callable[[], Collection[int]], trouble: Callable[[str], None]) -> None:
        self._listening, self._trouble = listening, trouble
        self._spare = -1
        self._said = -_SILENCE
        self._keep()

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error, sock = context.get("exception"), context.get("socket")
        if not isinstance(error, OSError) or sock is None or "accept" not in str(context.get("message")):
            loop.default_exception_handler(context)
            return
        what = f"new clients cannot be taken: {error.strerror}"
        self._trouble(what)
        if monotonic() - self._said > _SILENCE:  # asyncio reports the same socket up to a hundred times a second
            self._said = monotonic()
            log.fault("smtp", what)
        if sock.fileno() in self._listening():
            self._turn_away(sock.fileno())

    def close(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1

    def _keep(self) -> None:
        with suppress(OSError):  # another thread was quicker: the next time
            if self._spare < 0:
                self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _turn_away(self, descriptor: int) -> None:
        self._keep()
        listening = socket.socket(fileno=descriptor)
        try:
            for _ in range(_AT_ONCE):
                self.close()
                client, _ = listening.accept()
                with client, suppress(OSError):
                    client.setblocking(False)
                    client.send(TURNED_AWAY)
                    client.shutdown(socket.SHUT_WR)
                self._keep()
        except OSError:  # nobody waits any more, or the descriptor that was kept is taken
            pass
        finally:
            listening.detach()
            self._keep()
