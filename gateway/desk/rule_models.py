"""The shape of the rule files: what keys there are and what may stand under them. Meaning across files: `rulebook`.

Unknown keys are errors everywhere. A list of one may be written without the list. Pure.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from gateway.desk.words import Lexicon
from gateway.model import MailKind
from gateway.strictyaml import Text, quoted

Language = Literal["vi", "zh", "en"]
Calendar = Literal["office", "always"]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SIZES = {"": 1, "B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]]+@[^\s@<>,;:\"()\[\]*?]+\Z")
_PATTERN = re.compile(r"[^\s@<>,;\"()]*@[^\s@<>,;\"()]+\Z")
_SPAN = re.compile(r"(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)\Z")


def duration(value: object) -> int:
    """`30m`, `4h`, `2d` or `1h30m` as seconds. Raises ValueError with what would be right."""
    text = str(value).replace(" ", "") if not isinstance(value, bool | float) else ""
    parts = re.findall(r"(\d{1,6})([smhdw])", text)
    if not parts or "".join(map("".join, parts)) != text:
        raise ValueError(f"must be a duration such as 30m, 4h or 2d, got {quoted(value)}")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
    if not 0 < seconds <= 366 * 86400:
        raise ValueError(f"must be longer than nothing and at most 366d, got {quoted(value)}")
    return seconds


def size(value: object) -> int:
    """`500KB`, `10MB` or a number of octets. Raises ValueError with what would be right."""
    match = re.match(r"(\d{1,12}) ?([KMG]?B|)\Z", str(value).upper()) if not isinstance(value, bool | float) else None
    if not match:
        raise ValueError(f"must be a size such as 500KB or 10MB, got {quoted(value)}")
    return int(match[1]) * _SIZES[match[2]]


def address(value: str) -> str:
    """One address, lower case. Raises ValueError."""
    if not _ADDRESS.match(value) or len(value) > 254:
        raise ValueError(f"must be an address such as sales@desk.example, got {quoted(value)}")
    return value.lower()


def address_pattern(value: str) -> str:
    """An address, `@domain` or a glob with `*` and `?`, lower case. Raises ValueError."""
    if not _PATTERN.match(value) or len(value) > 254:
        raise ValueError(f"must be an address, '@domain' or a pattern such as '*@*.example.vn', got {quoted(value)}")
    return value.lower()


def timezone(value: str) -> str:
    """A zone of the tz database. Raises ValueError."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"must be a time zone such as Asia/Ho_Chi_Minh, got {quoted(value)}") from None
    return value


def _as_list(value: object) -> object:
    return value if isinstance(value, list) or value is None else [value]


def _identifier(value: str) -> str:
    if not re.match(r"[^\W_][\w-]{0,39}\Z", value):
        raise ValueError(f"must be a short name of letters, digits, '-' and '_', got {quoted(value)}")
    return value


def _header_name(value: str) -> str:
    if not re.match(r"[!-9;-~]{1,76}\Z", value):
        raise ValueError(f"must be the name of a header field such as X-Mailer, got {quoted(value)}")
    return value


def _phrase(value: str) -> str:
    Lexicon().add(value)
    return value


Duration = Annotated[int, BeforeValidator(duration)]
Size = Annotated[int, BeforeValidator(size)]
Address = Annotated[Text, AfterValidator(address)]
Pattern = Annotated[Text, AfterValidator(address_pattern)]
Zone = Annotated[Text, AfterValidator(timezone)]
Identifier = Annotated[Text, AfterValidator(_identifier)]
Addresses = Annotated[list[Address], BeforeValidator(_as_list)]
Patterns = Annotated[list[Pattern], BeforeValidator(_as_list)]
Phrases = Annotated[list[Annotated[Text, AfterValidator(_phrase)]], BeforeValidator(_as_list), Field(min_length=1)]
Texts = Annotated[list[Text], BeforeValidator(_as_list), Field(min_length=1)]
Flag = Annotated[bool, Field(strict=True)]


class Shape(BaseModel):
    """Every map of the rule files."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class TextTest(Shape):
    """A text field of a mail: any of the words, or any of the patterns."""

    words: Phrases = []
    regex: Texts = []
    exact: Flag = False

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"words": value}

    @model_validator(mode="after")
    def _one(self) -> TextTest:
        if bool(self.words) == bool(self.regex):
            raise ValueError("must have either 'words' or 'regex'; for both, write two conditions under 'any'")
        return self


class HeaderTest(Shape):
    """A header field by name; without words or patterns: that it is there."""

    name: Annotated[Text, AfterValidator(_header_name)]
    words: Phrases = []
    regex: Texts = []
    exact: Flag = False

    @model_validator(mode="after")
    def _one(self) -> HeaderTest:
        if self.words and self.regex:
            raise ValueError("must have either 'words' or 'regex'; for both, write two conditions under 'any'")
        return self


class AddressTest(Shape):
    """Addresses, domains, patterns, or a list by name."""

    any_of: Patterns = []
    in_: Identifier | None = Field(default=None, alias="in")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, dict):
            if set(value) - {"in"}:
                raise ValueError(f"must be addresses or {{in: list}}, got the key {quoted(next(iter(value)))}")
            return value
        return {"any_of": value}


class AttachmentTest(Shape):
    """One attachment to which all of this applies."""

    name: Text = ""
    type: Text = ""
    larger_than: Size | None = None

    @model_validator(mode="after")
    def _some(self) -> AttachmentTest:
        if not (self.name or self.type or self.larger_than is not None):
            raise ValueError("must have 'name', 'type' or 'larger_than'; any attachment: {name: '*'}")
        return self


class Condition(Shape):
    """All keys of one condition must hold together."""

    always: Flag = False
    any: list[Condition] | None = Field(default=None, min_length=1)
    all: list[Condition] | None = Field(default=None, min_length=1)
    not_: Condition | None = Field(default=None, alias="not")
    from_: AddressTest | None = Field(default=None, alias="from")
    to: AddressTest | None = None
    subject: TextTest | None = None
    body: TextTest | None = None
    header: HeaderTest | None = None
    attachment: AttachmentTest | None = None
    language: Annotated[list[Literal["vi", "zh", "en", "unsure"]], BeforeValidator(_as_list)] | None = None
    kind: Annotated[list[MailKind], BeforeValidator(_as_list)] | None = None
    evidence: Literal["E0", "E1", "E2", "E3"] | None = None
    department: Annotated[list[Identifier], BeforeValidator(_as_list)] | None = None
    priority: Annotated[list[Identifier], BeforeValidator(_as_list)] | None = None
    tag: Texts | None = None

    @model_validator(mode="before")
    @classmethod
    def _always(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value != "always":
                raise ValueError(f"must be 'always' or a map of conditions, got {quoted(value)}")
            return {"always": True}
        return value

    @model_validator(mode="after")
    def _something(self) -> Condition:
        if not self.always and not self.model_fields_set:
            raise ValueError("must have a condition; for every mail write 'when: always'")
        return self


class Effect(Shape):
    """What a rule sets."""

    department: Identifier | None = None
    priority: Identifier | None = None
    tags: Texts = []
    notify: Texts = []
    survey: Flag | None = None
    quarantine: Flag | None = None
    language: Language | None = None
    stop: Flag = False

    @model_validator(mode="after")
    def _something(self) -> Effect:
        if not self.model_fields_set:
            raise ValueError("must set something, such as department, priority or tags")
        return self


class Rule(Shape):
    name: Annotated[Text, Field(min_length=1, max_length=100)]
    on: Literal["new", "reply", "any"] = "new"
    when: Condition
    then: Effect


class AgentEntry(Shape):
    """An agent, written as an address or as {address, name}."""

    address: Address
    name: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"address": value} if isinstance(value, str) else value


class Target(Shape):
    """The first answer promised to a class of tickets."""

    first_response: Duration
    calendar: Calendar = "office"


class DepartmentEntry(Shape):
    label: dict[Language, Text] = {}
    addresses: Annotated[Addresses, Field(min_length=1)]
    agents: Annotated[list[AgentEntry], BeforeValidator(_as_list), Field(min_length=1)]
    leads: Addresses = []
    escalate_to: Addresses = []
    language: Language = "vi"
    staff_language: Language = "vi"
    timezone: Zone | None = None
    hours: dict[Text, Texts] | None = None
    holidays: Texts = []
    first_response: Duration | None = None
    first_response_calendar: Calendar = "office"
    priorities: dict[Identifier, Target] = {}
    accept_e2: Flag = False
    reply_address: Literal["plus", "none"] = "plus"
    survey: Flag = True

    @field_validator("hours")
    @classmethod
    def _week(cls, value: dict[str, list[str]] | None) -> dict[str, list[str]] | None:
        if value is not None:
            week(value)
        return value

    @field_validator("holidays")
    @classmethod
    def _dates(cls, value: list[str]) -> list[str]:
        for day in value:
            holiday(day)
        return value


class RuleFile(Shape):
    """What any rule file may hold; `version`, `timezone` and `include` only in rulebook.yaml."""

    version: Literal[1] | None = None
    timezone: Zone | None = None
    include: Annotated[list[Text], BeforeValidator(_as_list)] = []
    general_addresses: Addresses = []
    form_senders: Patterns = []
    observers: Addresses = []
    holidays: Texts = []
    priorities: dict[Identifier, Target] = {}
    departments: dict[Identifier, DepartmentEntry] = {}
    lists: dict[Identifier, Patterns] = {}
    rules: list[Rule] = []

    @field_validator("holidays")
    @classmethod
    def _dates(cls, value: list[str]) -> list[str]:
        for day in value:
            holiday(day)
        return value


def holiday(value: str) -> date:
    """An ISO date. Raises ValueError."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"must be a date such as 2027-02-06, got {quoted(value)}") from None


def week(table: Mapping[str, list[str]]) -> dict[int, tuple[tuple[int, int], ...]]:
    """`{mon-fri: [08:00-12:00]}` → weekday (0 = Monday) → spans in minutes of the day, sorted; a span over midnight
    has its end below its beginning and belongs to the day it begins on. Raises ValueError."""
    days: dict[int, list[tuple[int, int]]] = {}
    for words, spans in table.items():
        for day in _days(words):
            days.setdefault(day, []).extend(span(text) for text in spans)
    for day, spans_of_day in days.items():
        spans_of_day.sort()
        for (start, end), (following, _) in itertools.pairwise(spans_of_day):
            if following < end or end < start:
                raise ValueError(
                    f"two spans of {WEEKDAYS[day]} overlap: {clock(start)}-{clock(end)} and {clock(following)}-…"
                )
    return {day: tuple(days[day]) for day in sorted(days)}


def _days(words: str) -> list[int]:
    first, dash, last = words.strip().lower().partition("-")
    if first not in WEEKDAYS or (dash and last not in WEEKDAYS):
        raise ValueError(f"must be a day or a range of days such as mon-fri or sat, got {quoted(words)}")
    start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    return [day % 7 for day in range(start, end + 1 if end >= start else end + 8)]


def span(text: str) -> tuple[int, int]:
    """`08:00-12:00` → (480, 720). Raises ValueError."""
    match = _SPAN.match(text.strip())
    minutes = [int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])] if match else [0, 0]
    wrong = match is None or int(match[2]) > 59 or int(match[4]) > 59
    if wrong or not (0 <= minutes[0] < 1440 and 0 < minutes[1] <= 1440 and minutes[0] != minutes[1]):
        raise ValueError(f"must be a span of the day such as 08:00-12:00, got {quoted(text)}")
    return minutes[0], minutes[1]


def clock(minutes: int) -> str:
    """480 → `08:00`."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
