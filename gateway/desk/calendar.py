"""Office hours: how much office time passes between two instants, and when a given amount of it has passed.

All instants are timezone-aware; answers are UTC. The walls of a span are wall-clock times of the calendar's zone. At a
change of the clock office time is the time that really passes: a night shift of 22:00-06:00 has 7 or 9 hours in those
nights. A wall-clock time that occurs twice means the first of the two (RFC 5545 §3.3.5); one that does not occur means
the instant of the change. A span over midnight belongs, whole, to the day on which it begins: the shift of the eve of
a holiday ends in the holiday's morning, and none begins on the holiday.

Pure: the only state is a bounded memo of computed blocks of days.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Span = tuple[int, int]
"""(from, to) in minutes of the day, 0..1440; `to` below `from` ends on the next day."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_ZERO = date(1970, 1, 1).toordinal()
_MICRO = timedelta(microseconds=1)
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_DAY = 86_400 * _SECOND
_BLOCK_DAYS = 32
_BLOCK = _BLOCK_DAYS * _DAY
_KEPT_BLOCKS = 256  # 22 years
_FURTHEST = 50 * 366 * _DAY


class _Block(NamedTuple):
    """Open intervals of 32 UTC days in microseconds since 1970: sorted, disjoint; `before[i]`: open time before i."""

    starts: list[int]
    ends: list[int]
    before: list[int]
    total: int


@dataclass(frozen=True)
class OfficeHours:
    """Opening hours of one calendar.

    `week` maps a weekday (0 = Monday) to its spans; an absent weekday is closed; an empty table is always open and
    knows no holidays. On a date in `holidays` (in `timezone`) no span begins.

    Raises ValueError for an unknown zone, a weekday or span out of range, and a table without any span (never open).
    """

    timezone: str
    week: Mapping[int, tuple[Span, ...]]
    holidays: frozenset[date] = frozenset()
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _blocks: dict[int, _Block] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        try:
            zone = ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"unknown time zone {self.timezone!r}") from error
        object.__setattr__(self, "_zone", zone)
        for weekday, spans in self.week.items():
            if weekday not in range(7):
                raise ValueError(f"weekday {weekday!r} is not 0 (Monday) to 6 (Sunday)")
            for span in spans:
                _check_span(span)
        if self.week and not any(self.week.values()):
            raise ValueError("a calendar that is never open: no weekday has a span")

    def __hash__(self) -> int:
        return hash((self.timezone, self.holidays, frozenset(self.week.items())))

    def add(self, start: datetime, seconds: int) -> datetime:
        """The earliest instant at which `seconds` of office time have passed since `start`; `start` itself for 0.

        Raises ValueError for a naive `start`, negative `seconds`, or an answer more than 50 years away.
        """
        if seconds < 0:
            raise ValueError(f"negative office time: {seconds}")
        begin = _micros(start)
        if not self.week or seconds == 0:
            return _instant(begin + seconds * _SECOND)
        left = seconds * _SECOND
        for block in self._from(begin):
            gone = _open_before(block, begin)
            if left <= block.total - gone:
                at = bisect_left(block.before, gone + left) - 1
                return _instant(block.starts[at] + gone + left - block.before[at])
            left -= block.total - gone
        raise ValueError(f"{seconds} s of office time do not pass within 50 years of {start.isoformat()}")

    def between(self, start: datetime, end: datetime) -> int:
        """Whole seconds of office time from `start` to `end`; negative if `end` is earlier."""
        begin, finish = _micros(start), _micros(end)
        if finish < begin:
            return -self.between(end, start)
        if not self.week:
            return (finish - begin) // _SECOND
        first, last = begin // _BLOCK, finish // _BLOCK
        passed = sum(self._block(number).total for number in range(first, last))
        passed += _open_before(self._block(last), finish) - _open_before(self._block(first), begin)
        return passed // _SECOND

    def is_open(self, instant: datetime) -> bool:
        """Is the office open at `instant`? A span holds its first moment and not its last."""
        return self.next_open(instant) == instant

    def next_open(self, instant: datetime) -> datetime:
        """`instant` if open then, else the next opening. ValueError if none comes within 50 years."""
        moment = _micros(instant)
        if not self.week:
            return _instant(moment)
        for block in self._from(moment):
            at = bisect_right(block.ends, moment)
            if at < len(block.starts):
                return _instant(max(moment, block.starts[at]))
        raise ValueError(f"not open within 50 years of {instant.isoformat()}")

    def _from(self, moment: int) -> Iterator[_Block]:
        """The block of `moment` and those after it, for 50 years."""
        return map(self._block, range(moment // _BLOCK, (moment + _FURTHEST) // _BLOCK + 1))

    def _block(self, number: int) -> _Block:
        found = self._blocks.get(number)
        if found is None:
            if len(self._blocks) >= _KEPT_BLOCKS:
                self._blocks.clear()
            found = self._blocks[number] = self._build(number)
        return found

    def _build(self, number: int) -> _Block:
        low, high = number * _BLOCK, (number + 1) * _BLOCK
        # two days before: a zone west of Greenwich and a span over midnight; one after: a zone east of it
        first = _DAY_ZERO + number * _BLOCK_DAYS - 2
        merged: list[list[int]] = []
        for start, end in sorted(
            span for ordinal in range(first, first + _BLOCK_DAYS + 4) for span in self._day(date.fromordinal(ordinal))
        ):
            start, end = max(start, low), min(end, high)
            if end <= start:
                continue
            if merged and start <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([start, end])
        before, total = [], 0
        for start, end in merged:
            before.append(total)
            total += end - start
        return _Block([start for start, _ in merged], [end for _, end in merged], before, total)

    def _day(self, day: date) -> Iterator[tuple[int, int]]:
        """The spans that begin on a day, as instants."""
        spans = self.week.get(day.weekday(), ())
        if not spans or day in self.holidays:
            return
        midnight = datetime(day.year, day.month, day.day, tzinfo=self._zone)
        offset = midnight.utcoffset()
        steady = offset == (midnight + timedelta(days=1)).utcoffset() == (midnight + timedelta(days=2)).utcoffset()
        base = _micros(midnight) if steady else 0
        for start, end in spans:
            until = end if end > start else end + 1440
            if steady:  # no change of the clock near: plain arithmetic, ten times as fast
                yield base + start * _MINUTE, base + until * _MINUTE
            else:
                yield self._wall(day, start), self._wall(day, until)

    def _wall(self, day: date, minutes: int) -> int:
        """The instant at which the clocks show that many minutes after the day's midnight."""
        naive = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)  # noqa: DTZ001 - zone set below
        shown = naive.replace(tzinfo=self._zone)
        after, before = _micros(shown), _micros(shown.replace(fold=1))
        if after <= before:
            return after
        # Skipped by the clocks (PEP 495: fold=0 reads it with the old offset): the change lies in (before, after].
        old = shown.utcoffset()
        low, high = before // _SECOND, after // _SECOND
        while high - low > 1:
            middle = (low + high) // 2
            if _instant(middle * _SECOND).astimezone(self._zone).utcoffset() == old:
                low = middle
            else:
                high = middle
        return high * _SECOND


def _check_span(span: Span) -> None:
    start, end = span
    if not (0 <= start < 1440 and 0 <= end <= 1440) or start == end:
        raise ValueError(f"span {span!r} is not two different times of the day in minutes, 0 to 1440")


def _open_before(block: _Block, moment: int) -> int:
    """Open microseconds of the block before `moment`."""
    at = bisect_right(block.starts, moment) - 1
    if at < 0:
        return 0
    return block.before[at] + min(moment, block.ends[at]) - block.starts[at]


def _micros(instant: datetime) -> int:
    if instant.tzinfo is None:
        raise ValueError(f"naive datetime {instant.isoformat()}: instants carry a zone")
    return (instant - _EPOCH) // _MICRO


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
