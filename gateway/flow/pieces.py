"""Computing in the event loop, piece by piece, for a thread that waits.

Two threads that compute and talk to sockets under one interpreter lock take it from each other at every call of the
system: a mail then costs half as much again, and each answer to a client waits for its turn. So the desk hands what it
has to compute to the thread of the sockets, which does it in between, never for longer than SLICE at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter

SLICE = 0.001  # seconds; clients wait no longer for what is computed, but for a single piece that takes longer

Piece = Callable[[], None]
Compute = Callable[[Iterable[Piece]], None]


def at_once(pieces: Iterable[Piece]) -> None:
    """Runs them here and now."""
    for piece in pieces:
        piece()


class InLoop:
    """A `Compute` that runs the pieces in the thread of an event loop; to be called from any other thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __call__(self, pieces: Iterable[Piece]) -> None:
        """Returns when all are done. Raises what a piece raises; those after it are not run then."""
        run = _Run(self._loop, iter(pieces))
        try:
            self._loop.call_soon_threadsafe(run.go_on)
        except RuntimeError:  # the loop has been closed: nobody else computes there
            at_once(pieces)
            return
        run.done.wait()
        if run.error is not None:
            raise run.error


class _Run:
    def __init__(self, loop: asyncio.AbstractEventLoop, pieces: Iterator[Piece]) -> None:
        self._loop, self._pieces = loop, pieces
        self.done = threading.Event()
        self.error: BaseException | None = None

    def go_on(self) -> None:
        end = perf_counter() + SLICE
        try:
            for piece in self._pieces:
                piece()
                if perf_counter() >= end:
                    self._loop.call_soon(self.go_on)
                    return
        except BaseException as error:  # noqa: BLE001 - it is the waiting thread's
            self.error = error
        self.done.set()
