"""Times in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.desk import say

VN = "Asia/Ho_Chi_Minh"


@pytest.mark.parametrize(
    ("seconds", "working", "vi", "zh", "en"),
    [
        (4 * 3600, True, "4 giờ làm việc", "4 个工作小时", "4 working hours"),
        (3600, True, "1 giờ làm việc", "1 个工作小时", "1 working hour"),
        (24 * 3600, True, "24 giờ làm việc", "24 个工作小时", "24 working hours"),
        (5400, True, "1 giờ 30 phút làm việc", "1 小时 30 分钟（工作时间）", "1 hour 30 minutes of working time"),
        (1800, True, "30 phút làm việc", "30 分钟（工作时间）", "30 minutes of working time"),
        (3600, False, "1 giờ", "1 小时", "1 hour"),
        (1800, False, "30 phút", "30 分钟", "30 minutes"),
        (61, False, "2 phút", "2 分钟", "2 minutes"),
        (60, False, "1 phút", "1 分钟", "1 minute"),
        (24 * 3600, False, "24 giờ", "24 小时", "24 hours"),
        (36 * 3600, False, "36 giờ", "36 小时", "36 hours"),
        (3 * 86400, False, "3 ngày", "3 天", "3 days"),
        (2 * 86400 + 3600, False, "2 ngày 1 giờ", "2 天 1 小时", "2 days 1 hour"),
        (0, False, "0 phút", "0 分钟", "0 minutes"),
    ],
)
def test_duration(seconds: int, working: bool, vi: str, zh: str, en: str) -> None:
    assert [say.duration(seconds, language, working) for language in ("vi", "zh", "en")] == [vi, zh, en]


@pytest.mark.parametrize(
    ("at", "vi", "zh", "en"),
    [
        (
            datetime(2026, 11, 23, 9, 30, 59, tzinfo=UTC),
            "16:30, thứ Hai 23/11/2026",
            "2026年11月23日（星期一）16:30",
            "Monday 23 November 2026, 16:30",
        ),
        (
            datetime(2027, 2, 6, 18, 5, tzinfo=UTC),  # already Sunday in Vietnam
            "01:05, Chủ nhật 07/02/2027",
            "2027年2月7日（星期日）01:05",
            "Sunday 7 February 2027, 01:05",
        ),
    ],
)
def test_instant(at: datetime, vi: str, zh: str, en: str) -> None:
    assert [say.instant(at, VN, language) for language in ("vi", "zh", "en")] == [vi, zh, en]


def test_instant_wants_a_zone() -> None:
    with pytest.raises(ValueError, match="naive"):
        say.instant(datetime(2026, 1, 1), VN, "en")


SPLIT = ((480, 720), (810, 990))


@pytest.mark.parametrize(
    ("week", "vi", "zh", "en"),
    [
        (
            {**dict.fromkeys(range(5), SPLIT), 5: ((480, 720),)},
            "thứ Hai đến thứ Sáu: 08:00–12:00 và 13:30–16:30; thứ Bảy: 08:00–12:00",
            "周一至周五 08:00–12:00、13:30–16:30；周六 08:00–12:00",
            "Monday to Friday: 08:00–12:00 and 13:30–16:30; Saturday: 08:00–12:00",
        ),
        (
            dict.fromkeys(range(7), ((480, 1320),)),
            "hằng ngày: 08:00–22:00",
            "每天 08:00–22:00",
            "every day: 08:00–22:00",
        ),
        (
            dict.fromkeys(range(5), ((0, 1440),)),
            "thứ Hai đến thứ Sáu: cả ngày",
            "周一至周五 全天",
            "Monday to Friday: all day",
        ),
        ({}, "24/24 giờ, tất cả các ngày", "每天 24 小时", "24 hours a day, seven days a week"),
        (
            dict.fromkeys(range(7), ((0, 1440),)),
            "24/24 giờ, tất cả các ngày",
            "每天 24 小时",
            "24 hours a day, seven days a week",
        ),
        (
            dict.fromkeys((0, 2, 4), ((480, 720),)) | {5: (), 6: ((1320, 360),)},
            "thứ Hai, thứ Tư và thứ Sáu: 08:00–12:00; Chủ nhật: 22:00–06:00 hôm sau",
            "周一、周三、周五 08:00–12:00；周日 22:00–次日 06:00",
            "Monday, Wednesday and Friday: 08:00–12:00; Sunday: 22:00–06:00 the next day",
        ),
        (
            {5: ((480, 1440),), 6: ((480, 1440),)},
            "thứ Bảy và Chủ nhật: 08:00–24:00",
            "周六、周日 08:00–24:00",
            "Saturday and Sunday: 08:00–24:00",
        ),
    ],
)
def test_hours(week: dict[int, tuple[tuple[int, int], ...]], vi: str, zh: str, en: str) -> None:
    assert [say.hours(week, language) for language in ("vi", "zh", "en")] == [vi, zh, en]


@pytest.mark.parametrize(
    ("seconds", "vi", "zh", "en"),
    [
        (8100, "quá hạn 2 giờ 15 phút", "已逾期 2 小时 15 分钟", "2 hours 15 minutes overdue"),
        (119, "quá hạn 1 phút", "已逾期 1 分钟", "1 minute overdue"),
        (3, "vừa quá hạn", "刚刚逾期", "just overdue"),
        (3 * 86400, "quá hạn 3 ngày", "已逾期 3 天", "3 days overdue"),
    ],
)
def test_late_by(seconds: int, vi: str, zh: str, en: str) -> None:
    assert [say.late_by(seconds, language) for language in ("vi", "zh", "en")] == [vi, zh, en]


def test_regions_and_unknown_languages() -> None:
    assert say.duration(3600, "zh-CN", True) == "1 个工作小时"
    assert say.duration(3600, "VI_vn", False) == "1 giờ"
    assert say.duration(3600, "fr", False) == say.duration(3600, "", False) == "1 hour"


@given(st.integers(0, 10**8), st.booleans())
def test_law_a_promise_is_never_shorter_in_words_than_in_seconds(seconds: int, working: bool) -> None:
    units = {"day": 86400, "hour": 3600, "minute": 60}
    words = say.duration(seconds, "en", working).replace("working ", "").replace(" of time", "").split()
    said = sum(int(count) * units[unit.rstrip("s")] for count, unit in zip(words[::2], words[1::2], strict=True))
    assert seconds <= said < seconds + 60
