"""The wall clock, in UTC. A demonstration may start it elsewhere and run it faster; then it says so."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """`now()` in UTC. With `speed` 60 a second of ours is a minute of the desk's, counted from `start`."""

    def __init__(self, speed: float = 1.0, start: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._true = speed == 1.0 and start is None
        self._start = start or datetime.now(UTC)
        self._monotonic = time.monotonic()
        self.speed = speed

    def now(self) -> datetime:
        if self._true:
            return datetime.now(UTC)
        with self._lock:
            return self._at(time.monotonic())

    def set_speed(self, speed: float) -> None:
        """Goes on at another speed from where it stands; a true clock stays true."""
        with self._lock:
            moment = time.monotonic()
            self._start, self._monotonic, self.speed = self._at(moment), moment, speed

    def _at(self, moment: float) -> datetime:
        return self._start.astimezone(UTC) + timedelta(seconds=(moment - self._monotonic) * self.speed)
