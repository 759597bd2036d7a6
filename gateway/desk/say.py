"""Times in the words of Vietnamese, Chinese (simplified) and English readers.

A language is "vi", "zh" or "en", with or without a region ("zh-CN"); anything else reads English.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAYS = {
    "vi": ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật"),
    "zh": ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_SHORT_ZH = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_UNITS = {"vi": ("ngày", "giờ", "phút"), "zh": ("天", "小时", "分钟"), "en": ("day", "hour", "minute")}


def duration(seconds: int, language: str, working: bool) -> str:
    """A promise in words: "4 giờ làm việc", "4 个工作小时", "4 working hours".

    Rounded up to the minute. Working time stays in hours (a working day has not 24 of them); other time is said in
    days from 48 hours on.
    """
    language = _language(language)
    minutes = -(-max(seconds, 0) // 60)
    if not working:
        return _parts(minutes, language, days=True)
    plain = _parts(minutes, language, days=False)
    whole, rest = divmod(minutes, 60)
    if language == "vi":
        return f"{plain} làm việc"
    if language == "zh":
        return f"{plain}（工作时间）" if rest or not whole else f"{whole} 个工作小时"
    return f"{plain} of working time" if rest or not whole else f"{whole} working hour{_s(whole)}"


@lru_cache(maxsize=256)  # the same due time stands in several mails
def instant(at: datetime, timezone: str, language: str) -> str:
    """A moment on the clocks of `timezone`: "16:30, thứ Hai 23/11/2026", "2026年11月23日（星期一）16:30",
    "Monday 23 November 2026, 16:30". Seconds are cut off. Raises ValueError for a naive `at`."""
    if at.tzinfo is None:
        raise ValueError(f"naive datetime {at.isoformat()}: instants carry a zone")
    language = _language(language)
    local = at.astimezone(ZoneInfo(timezone))
    day, clock = _DAYS[language][local.weekday()], f"{local.hour:02}:{local.minute:02}"
    if language == "vi":
        return f"{clock}, {day} {local.day:02}/{local.month:02}/{local.year}"
    if language == "zh":
        return f"{local.year}年{local.month}月{local.day}日（{day}）{clock}"
    return f"{day} {local.day} {_MONTHS[local.month - 1]} {local.year}, {clock}"


def hours(week: Mapping[int, tuple[tuple[int, int], ...]], language: str) -> str:
    """Opening hours of a week as `OfficeHours.week` has them: days with equal hours together, in order of the week.

    "thứ Hai đến thứ Sáu: 08:00–12:00 và 13:30–16:30; thứ Bảy: 08:00–12:00". An empty table is "24 hours a day, …".
    """
    language = _language(language)
    groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for weekday in range(7):
        spans = tuple(sorted(week.get(weekday, ())))
        if spans:
            groups.setdefault(spans, []).append(weekday)
    whole_day = ((0, 1440),)
    if not week or len(groups.get(whole_day, ())) == 7:
        return {"vi": "24/24 giờ, tất cả các ngày", "zh": "每天 24 小时", "en": "24 hours a day, seven days a week"}[
            language
        ]
    said = (f"{_days(days, language)}{_COLON[language]}{_spans(spans, language)}" for spans, days in groups.items())
    return ("；" if language == "zh" else "; ").join(said)


def late_by(seconds: int, language: str) -> str:
    """How late something is: "quá hạn 2 giờ 15 phút", "已逾期 2 小时 15 分钟", "2 hours 15 minutes overdue".

    Rounded down to the minute; less than one is "vừa quá hạn", "刚刚逾期", "just overdue".
    """
    language = _language(language)
    minutes = max(seconds, 0) // 60
    if not minutes:
        return {"vi": "vừa quá hạn", "zh": "刚刚逾期", "en": "just overdue"}[language]
    said = _parts(minutes, language, days=True)
    return {"vi": f"quá hạn {said}", "zh": f"已逾期 {said}", "en": f"{said} overdue"}[language]


def _language(code: str) -> str:
    short = code.lower().replace("_", "-").split("-")[0]
    return short if short in _DAYS else "en"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _parts(minutes: int, language: str, *, days: bool) -> str:
    """ "2 ngày 3 giờ", "1 小时 30 分钟", "45 minutes"; zero parts are left out."""
    whole_days = minutes // 1440 if days and minutes >= 2880 else 0
    rest = minutes - whole_days * 1440
    counts = [
        (count, unit) for count, unit in zip((whole_days, *divmod(rest, 60)), _UNITS[language], strict=True) if count
    ] or [(0, _UNITS[language][2])]
    return " ".join(f"{count} {unit}{_s(count) if language == 'en' else ''}" for count, unit in counts)


_COLON = {"vi": ": ", "zh": " ", "en": ": "}
_TO = {"vi": " đến ", "zh": "至", "en": " to "}
_COMMA = {"vi": ", ", "zh": "、", "en": ", "}
_AND = {"vi": " và ", "zh": "、", "en": " and "}
_WHOLE_DAY = {"vi": "cả ngày", "zh": "全天", "en": "all day"}


def _days(weekdays: list[int], language: str) -> str:
    """Runs of three or more days as "Monday to Friday", the rest by name; all seven as "every day"."""
    if len(weekdays) == 7:
        return {"vi": "hằng ngày", "zh": "每天", "en": "every day"}[language]
    names = _SHORT_ZH if language == "zh" else _DAYS[language]
    runs: list[list[int]] = []
    for weekday in weekdays:
        if runs and weekday == runs[-1][-1] + 1:
            runs[-1].append(weekday)
        else:
            runs.append([weekday])
    said: list[str] = []
    for run in runs:
        if len(run) >= 3:
            said.append(f"{names[run[0]]}{_TO[language]}{names[run[-1]]}")
        else:
            said.extend(names[weekday] for weekday in run)
    return _listed(said, language)


def _spans(spans: tuple[tuple[int, int], ...], language: str) -> str:
    return _listed([_span(*span, language) for span in spans], language)


def _span(start: int, end: int, language: str) -> str:
    if (start, end) == (0, 1440):
        return _WHOLE_DAY[language]
    first, last = (f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (start, end))
    if end > start:
        return f"{first}–{last}"
    return {"vi": f"{first}–{last} hôm sau", "zh": f"{first}–次日 {last}", "en": f"{first}–{last} the next day"}[
        language
    ]


def _listed(words: list[str], language: str) -> str:
    if len(words) < 2:
        return "".join(words)
    return _COMMA[language].join(words[:-1]) + _AND[language] + words[-1]
