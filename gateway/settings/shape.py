"""The shape of `gateway.yaml`: its keys, how their values may be written, and their defaults.

Sections are made from the dataclasses of `gateway.options`, key = field name; a field kept out of `repr` is a secret.
"""

from __future__ import annotations

import ipaddress
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin, get_type_hints

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from gateway.desk.rule_models import Address, duration, size
from gateway.options import KIB, Alarming, Caps, Desk, ImapMailbox, Listen, ReadLimits, Relay, Retry
from gateway.strictyaml import Text, quoted

_CHOICES: Mapping[tuple[type, str], Any] = {
    (ImapMailbox, "tls"): Literal["imaps", "starttls", "none"],
    (ImapMailbox, "after"): Literal["leave", "move"],
    (ImapMailbox, "since"): Literal["quiet", "skip"],
    (Relay, "tls"): Literal["starttls", "tls", "none"],
    (Alarming, "language"): Literal["vi", "zh", "en"],
    (Desk, "languages"): Annotated[list[Literal["vi", "zh", "en"]], Field(min_length=1)],
}


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class SecretPlace(Section):
    """Where a secret is kept; exactly one of the three."""

    file: Text | None = None
    env: Text | None = None
    credential: Text | None = None


def _secret(value: object) -> object:
    if isinstance(value, dict):
        if len(value) != 1 or set(value) - {"file", "env", "credential"}:
            raise ValueError("a secret is text, {file: path}, {env: NAME} or {credential: NAME}")
        return SecretPlace.model_validate(value)
    if value is None or isinstance(value, bool | list):
        raise ValueError(
            f"a secret is text, {{file: path}}, {{env: NAME}} or {{credential: NAME}}, got {quoted(value)}"
        )
    return getattr(value, "written", value)


def _seconds(value: object) -> object:
    return duration(value) if isinstance(value, str) else value


def _octets(value: object) -> object:
    return size(value) if isinstance(value, str) else value


def _matching(pattern: str, wanted: str) -> Any:
    """Text that looks like something; `wanted` says what in the error."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {wanted}, got {quoted(value)}")
        return value

    return Annotated[Text, AfterValidator(check)]


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        raise ValueError(f"must be an address or a network such as 10.0.0.0/8, got {quoted(value)}") from None
    return value


def _instant(value: str) -> datetime:
    try:
        moment: datetime | None = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"must be an instant such as 2026-11-23T08:30:00+07:00, got {quoted(value)}")
    return moment


def _at_most_daily(seconds: float) -> float:
    if 0 < seconds < 86400:
        raise ValueError(f"must be at least 1d, or 0 for no reminders, got {quoted(int(seconds))}")
    return seconds


Secret = Annotated[str | SecretPlace, BeforeValidator(_secret)]
Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0)]
Octets = Annotated[int, BeforeValidator(_octets), Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Port = Annotated[int, Field(ge=0, le=65535)]
Flag = Annotated[bool, Field(strict=True)]
Share = Annotated[float, Field(ge=0, le=1)]
_SPECIAL: Mapping[tuple[type, str], Any] = {
    (Desk, "prefix"): _matching(
        "[A-Za-z][A-Za-z0-9]{0,11}", "a letter and at most 11 more letters or digits, such as DESK"
    ),
    (Desk, "domain"): _matching(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", "a domain such as desk.example"),
    (Desk, "bounce_address"): Address,
    (ImapMailbox, "name"): _matching(r"[\w.@-]{1,64}", "a short name of letters, digits and . @ - _"),
    (ImapMailbox, "address"): Address,
    (Listen, "trusted_relays"): list[Annotated[Text, AfterValidator(_network)]],
    (Retry, "spread"): Share,
    (Alarming, "to"): list[Address],
    (Alarming, "repeat"): Annotated[Seconds, AfterValidator(_at_most_daily)],
    (Alarming, "per_hour"): Annotated[int, Field(ge=1)],
    (ImapMailbox, "reconcile"): Annotated[Seconds, Field(ge=1)],
    (Retry, "steps"): Annotated[list[Seconds], Field(min_length=1)],
    **_CHOICES,
}


def _written_type(options: type, name: str, hint: Any, default: object) -> Any:
    """How a field of the options may be written in the file."""
    if (options, name) in _SPECIAL:
        return _SPECIAL[options, name]
    if get_origin(hint) is types.UnionType:  # Path | None
        return Text | None
    if get_origin(hint) is tuple:
        return list[Text]
    if name == "port":
        return Port
    if hint is int:
        return Octets if isinstance(default, int) and default >= KIB and default % KIB == 0 else Count
    return {bool: Flag, float: Seconds, str: Text, Path: Text}[hint]


def _shape(options: type) -> type[Section]:
    """The model of a section, made from its dataclass; fields kept out of `repr` are secrets."""
    hints = get_type_hints(options)
    made: dict[str, Any] = {}
    for item in fields(options):
        kind = Secret if not item.repr else _written_type(options, item.name, hints[item.name], item.default)
        made[item.name] = (kind, ... if item.default is MISSING else item.default)
    return create_model(options.__name__, __base__=Section, **made)


class HttpShape(Section):
    host: Text = "127.0.0.1"
    port: Port = 8025


_LISTEN, _RELAY, _DESK = _shape(Listen), _shape(Relay), _shape(Desk)
_RETRY, _CAPS, _LIMITS, _ALARMS = _shape(Retry), _shape(Caps), _shape(ReadLimits), _shape(Alarming)
_IMAP: Any = _shape(ImapMailbox)
_TOP: dict[str, Any] = {
    "state_dir": (Text, ...),
    "desk": (_DESK, ...),
    "database_url": (Text, ""),
    "database_password": (Secret, ""),
    "rules_dir": (Text, "rules"),
    "templates_dir": (Text | None, None),
    "smtp": (_LISTEN | None, None),
    "submission": (_LISTEN | None, None),
    "submission_users": (dict[Text, Text], {}),
    "imap": (list[_IMAP], []),
    "relay": (_RELAY | None, None),
    "maildir": (Text | None, None),
    "retry": (_RETRY, Field(default_factory=_RETRY)),
    "caps": (_CAPS, Field(default_factory=_CAPS)),
    "limits": (_LIMITS, Field(default_factory=_LIMITS)),
    "alarms": (_ALARMS, Field(default_factory=_ALARMS)),
    "http": (HttpShape, HttpShape()),
    "authserv_ids": (list[Text], []),
    "list_ids": (list[Text], []),
    "spam_threshold": (Annotated[float, Field(ge=0)], 0.0),
    "clock_speed": (Annotated[float, Field(gt=0, le=100_000)], 1.0),
    "clock_start": (Annotated[Text, AfterValidator(_instant)] | None, None),
    "log_format": (Literal["kv", "json"], "kv"),
    "log_level": (Literal["debug", "info", "warning", "error"], "info"),
}
SettingsFile: type[Section] = create_model("SettingsFile", __base__=Section, **_TOP)
"""The top of gateway.yaml."""


def section_shapes() -> dict[tuple[str, ...], type[BaseModel]]:
    """The sections below it, by the keys they stand under: for the documentation's test."""
    return {
        ("desk",): _DESK,
        ("smtp", "submission"): _LISTEN,
        ("imap",): _IMAP,
        ("relay",): _RELAY,
        ("retry",): _RETRY,
        ("caps",): _CAPS,
        ("limits",): _LIMITS,
        ("alarms",): _ALARMS,
        ("http",): HttpShape,
    }
