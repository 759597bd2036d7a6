"""When an answer is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.desk.calendar import OfficeHours

WEEK = 7 * 86400


def due(hours: OfficeHours, start: datetime, seconds: int, calendar: str, ceiling: int = WEEK) -> datetime:
    """The instant (UTC) at which a promise of `seconds` made at `start` comes due.

    `calendar` "office" counts office time of `hours`, "always" counts every second. Never later than `ceiling` seconds
    of wall-clock time after `start`: no matter takes longer than that, whatever the calendar.
    Raises ValueError for another calendar, a negative duration or a naive `start`.
    """
    if calendar not in ("office", "always"):
        raise ValueError(f"calendar {calendar!r} is neither 'office' nor 'always'")
    if seconds < 0 or ceiling < 0:
        raise ValueError(f"negative duration: {min(seconds, ceiling)}")
    if start.tzinfo is None:
        raise ValueError(f"naive datetime {start.isoformat()}: instants carry a zone")
    start = start.astimezone(UTC)
    latest = start + timedelta(seconds=ceiling)
    if seconds >= ceiling:  # office time never runs faster than the clock: no search needed
        return latest
    if calendar == "always":
        return start + timedelta(seconds=seconds)
    if hours.between(start, latest) < seconds:
        return latest
    return hours.add(start, seconds)
