"""The loops of the daemon, a thread each: begun again when they fail, their faults remembered for the health check."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from gateway import log
from gateway.store.errors import StoreBroken, StoreUnavailable

AGAIN = 1.0  # seconds before a loop that failed begins again
REMEMBERED = 60.0  # seconds for which a fault shows in the health check


class Troubles:
    """What went wrong lately, the last of each name: for the health check. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, tuple[float, str]] = {}

    def note(self, name: str, what: str, seconds: float = REMEMBERED) -> None:
        """Shows for so long, unless it is over before."""
        with self._lock:
            self._found[name] = (monotonic() + seconds, what)

    def over(self, name: str) -> None:
        if name in self._found:  # asked for each mail: no lock for a healthy desk
            with self._lock:
                self._found.pop(name, None)

    def recent(self) -> list[tuple[str, str]]:
        with self._lock:
            return [(name, what) for name, (until, what) in self._found.items() if monotonic() < until]


class Loops:
    """Runs loops until `stop`. `broken` is called, once or more, when a loop finds the database damaged."""

    def __init__(self, broken: Callable[[], None], troubles: Troubles | None = None) -> None:
        self.stopping = threading.Event()
        self._broken = broken
        self._troubles = troubles or Troubles()
        self._threads: list[threading.Thread] = []

    def start(self, name: str, body: Callable[[], None]) -> None:
        """Runs `body` in a thread of its own; it is to return once `stopping` is set."""
        thread = threading.Thread(target=self._supervise, args=(name, body), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _supervise(self, name: str, body: Callable[[], None]) -> None:
        while not self.stopping.is_set():
            try:
                body()
            except StoreBroken as error:
                log.fault(name, str(error), error)
                self._broken()
                return
            except StoreUnavailable as error:
                self._troubles.note(name, str(error))
                log.fault(name, str(error))
                self.stopping.wait(AGAIN)
            except Exception as error:  # noqa: BLE001 - a loop that ends is lost mail; it is logged and begun again
                self._troubles.note(name, f"{type(error).__name__}: {error}")
                log.fault(name, f"{type(error).__name__}: {error}", error)
                self.stopping.wait(AGAIN)

    def troubles(self) -> tuple[tuple[str, str], ...]:
        """Loops that failed within the last minute and other recent troubles, and loops that ended before their time:
        name and what."""
        ended = [] if self.stopping.is_set() else [t.name for t in self._threads if not t.is_alive()]
        return (*self._troubles.recent(), *((name, "has ended") for name in ended))

    def join(self, deadline: float) -> list[str]:
        """Waits for all of them until `deadline` (of `monotonic`); the names of those that still run."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))
        return [thread.name for thread in self._threads if thread.is_alive()]
