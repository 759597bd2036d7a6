"""What is promised: when the first answer is due, and the words for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from gateway.desk import say
from gateway.desk.calendar import OfficeHours
from gateway.desk.rulebook import Department, Rulebook
from gateway.desk.sla import due

FIRST_RESPONSE = "first-response"


@dataclass(frozen=True, slots=True)
class Promise:
    """`due` in UTC; the rest in the reader's language."""

    due: datetime
    words: str  # "4 working hours"
    due_words: str
    hours: str  # office hours, "" where the clock never rests
    urgent: bool


@lru_cache(maxsize=256)
def office_hours(department: Department) -> OfficeHours:
    return OfficeHours(department.timezone, department.hours, department.holidays)


@lru_cache(maxsize=256)
def _hours_said(department: Department, language: str) -> str:
    return say.hours(department.hours, language)


def first_response(
    rulebook: Rulebook, department: Department, priority: str, opened: datetime, language: str
) -> Promise:
    """The first answer promised by this department for this class."""
    seconds, calendar = rulebook.first_response(department.name, priority)
    return _promise(department, seconds, calendar, opened, language, priority == "critical")


@lru_cache(maxsize=256)  # all new mail of a group comes at one instant
def _promise(
    department: Department, seconds: int, calendar: str, opened: datetime, language: str, urgent: bool
) -> Promise:
    hours = office_hours(department)
    at = due(hours, opened, seconds, calendar)
    working = calendar == "office" and bool(department.hours)
    return Promise(
        due=at,
        words=say.duration(seconds, language, working),
        due_words=say.instant(at, department.timezone, language),
        hours=_hours_said(department, language) if working else "",
        urgent=urgent,
    )
