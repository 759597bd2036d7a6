"""The wall clock, in UTC, as far as it can be believed. A demonstration may start it elsewhere and run it faster.

A machine's clock may jump: a dead battery says 1970, a typing mistake says 2036, a virtual machine wakes up. Promises
would come due by the hundred and signed addresses expire, and none of it could be taken back. So the desk keeps a time
of its own, which goes on evenly; it follows the machine's clock through small steps at once, and after a large one only
when that has lasted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from gateway import log

STEP = 600.0  # seconds: a difference up to this is followed at once
HOLD = 900.0  # seconds for which a larger one must last before it is followed
BELIEVED = 400 * 86_400.0  # seconds: beyond it, only a person knows (no signed address lives longer)
RELEASED = datetime(2026, 1, 1, tzinfo=UTC).timestamp()  # no clock that is earlier is right


def _steady() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """`now()` in UTC, for any thread. With `speed` 60 a second of ours is a minute of the desk's, counted from `start`.

    `last`: an instant that is known to have passed, such as that of the last mail that was kept. `followed` is called,
    in whatever thread asks for the time, when the desk's time has been set to the machine's after a jump.
    """

    def __init__(
        self,
        speed: float = 1.0,
        start: datetime | None = None,
        last: datetime | None = None,
        followed: Callable[[], None] = lambda: None,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = _steady,
    ) -> None:
        self._lock = threading.Lock()
        self._true = speed == 1.0 and start is None
        self._start = start or datetime.now(UTC)
        self._monotonic = time.monotonic()
        self.speed = speed
        self._wall, self._steady, self._followed = wall, steady, followed
        self._known = last is not None
        said, since = wall(), RELEASED if last is None else last.timestamp()
        believed = said >= since if last is None else -STEP <= said - since <= BELIEVED
        self._line = (said if believed else since, steady())  # one value: read and replaced whole
        self._guessed = not believed  # the time is at least this, and nobody knows it better
        self._jump: tuple[float, float] | None = None  # (steady when it was seen, by how much)

    def now(self) -> datetime:
        if not self._true:
            with self._lock:
                return self._at(time.monotonic())
        wall, steady = self._wall(), self._steady()
        base, at = self._line
        by = wall - base - steady + at
        if -STEP <= by <= STEP and self._jump is None and not self._guessed:
            self._line = (wall, steady)
            return datetime.fromtimestamp(wall, UTC)
        return datetime.fromtimestamp(self._doubted(wall, steady), UTC)

    def trouble(self) -> str:
        """Why the desk does not go by the machine's clock, or ""."""
        own = self.now()
        jump = self._jump
        if not self._true or jump is None:
            return ""
        says = f"the machine's clock says {_shown(own + timedelta(seconds=jump[1]))}, the desk goes by {_shown(own)}"
        if self._believable(own.timestamp() + jump[1], jump[1]):
            return f"{says}; if the clock stays so, the desk follows it after {HOLD / 60:.0f} minutes"
        return f"{says}; set the clock, or, if it is right, run: gateway clock --accept"

    def accept(self) -> datetime:
        """A person says that the machine's clock is right: it is followed, whatever it says."""
        with self._lock:
            if self._true:
                self._follow(self._wall(), self._steady())
        return self.now()

    def set_speed(self, speed: float) -> None:
        """Goes on at another speed from where it stands; a true clock stays true."""
        with self._lock:
            moment = time.monotonic()
            self._start, self._monotonic, self.speed = self._at(moment), moment, speed

    def _at(self, moment: float) -> datetime:
        return self._start.astimezone(UTC) + timedelta(seconds=(moment - self._monotonic) * self.speed)

    def _doubted(self, wall: float, steady: float) -> float:
        """The desk's time while the two differ, or did a moment ago."""
        with self._lock:
            base, at = self._line
            own = base + steady - at
            by = wall - own
            if -STEP <= by <= STEP or self._lasted(wall, steady, by):
                self._follow(wall, steady)
                return wall
            return own

    def _lasted(self, wall: float, steady: float, by: float) -> bool:
        """Whether a clock that has jumped is to be followed; notes the jump."""
        if self._jump is None or abs(by - self._jump[1]) > STEP:
            self._jump = (steady, by)
            log.clock_jumped(by)
        if self._guessed and by > 0 and (self._believable(wall, by) or (not self._known and wall >= RELEASED)):
            return True  # it was known to be wrong, and has been set
        return self._believable(wall, by) and steady - self._jump[0] >= HOLD

    @staticmethod
    def _believable(wall: float, by: float) -> bool:
        return wall >= RELEASED and abs(by) <= BELIEVED

    def _follow(self, wall: float, steady: float) -> None:
        base, at = self._line
        by, jump = wall - base - steady + at, self._jump
        self._line, self._jump, self._guessed = (wall, steady), None, False
        if jump is not None:
            log.clock_followed(by)
        if abs(by) > STEP:
            self._followed()


def _shown(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds")
