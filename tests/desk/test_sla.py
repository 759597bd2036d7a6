"""Due times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.desk.calendar import OfficeHours
from gateway.desk.sla import due

HOURS = OfficeHours("Asia/Ho_Chi_Minh", dict.fromkeys(range(5), ((480, 720), (810, 990))), frozenset())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")).astimezone(UTC)


@pytest.mark.parametrize(
    ("start", "seconds", "calendar", "ceiling", "expected"),
    [
        ("2026-11-23 09:00", 4 * 3600, "office", 7 * 86400, "2026-11-23 14:30"),
        ("2026-11-27 16:00", 3600, "office", 7 * 86400, "2026-11-30 08:30"),  # Friday evening, Monday morning
        ("2026-11-27 16:00", 3600, "always", 7 * 86400, "2026-11-27 17:00"),
        ("2026-11-23 09:00", 24 * 3600, "always", 7 * 86400, "2026-11-24 09:00"),
        ("2026-11-23 09:00", 40 * 3600, "office", 7 * 86400, "2026-11-30 09:00"),  # 35 h a week: the ceiling
        ("2026-11-23 09:00", 34 * 3600, "office", 7 * 86400, "2026-11-27 16:30"),
        ("2026-11-23 09:00", 30 * 86400, "always", 7 * 86400, "2026-11-30 09:00"),
        ("2026-11-28 09:00", 3600, "office", 86400, "2026-11-29 09:00"),  # closed for all of a one-day ceiling
        ("2026-11-23 09:00", 0, "office", 7 * 86400, "2026-11-23 09:00"),
    ],
)
def test_due(start: str, seconds: int, calendar: str, ceiling: int, expected: str) -> None:
    assert due(HOURS, at(start), seconds, calendar, ceiling) == at(expected)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC)),
    st.integers(0, 20 * 86400),
    st.sampled_from(["office", "always"]),
)
def test_law_never_before_the_promise_and_never_after_the_ceiling(start: datetime, seconds: int, calendar: str) -> None:
    answer = due(HOURS, start, seconds, calendar)
    assert start + timedelta(seconds=min(seconds, 7 * 86400)) <= answer <= start + timedelta(days=7)
    assert due(HOURS, start, seconds + 60, calendar) >= answer


@pytest.mark.parametrize(
    ("start", "seconds", "calendar"),
    [
        (at("2026-11-23 09:00"), 60, "lunar"),
        (at("2026-11-23 09:00"), -1, "always"),
        (datetime(2026, 1, 1), 1, "always"),
    ],
)
def test_bad_arguments(start: datetime, seconds: int, calendar: str) -> None:
    with pytest.raises(ValueError, match=r"calendar|negative|naive"):
        due(HOURS, start, seconds, calendar)
