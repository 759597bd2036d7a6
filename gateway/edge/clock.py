"""The wall clock, in UTC. A demonstration may run it faster; then it says so."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """`now()` in UTC; with `speed` 60 a second of ours is a minute of the desk's."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._start = datetime.now(UTC)
        self._monotonic = time.monotonic()

    def now(self) -> datetime:
        if self.speed == 1.0:
            return datetime.now(UTC)
        return self._start + timedelta(seconds=(time.monotonic() - self._monotonic) * self.speed)
