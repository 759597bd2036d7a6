"""`gateway.yaml` and its secrets → frozen `Settings`, read once. What is wrong is told with its place, all at once.

Sections are the dataclasses of `gateway.options`, key = field name. Durations are seconds or `30s`, `5m`, `2h`, `1d`;
sizes are octets or `500KB`, `40MB`. Relative paths count from the folder of the file. A secret is written as text, as
`{file: path}`, `{env: NAME}` or `{credential: NAME}` (systemd's `$CREDENTIALS_DIRECTORY`).
"""

from __future__ import annotations

import ipaddress
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from gateway.desk.rule_models import Address, Zone, duration, size
from gateway.keyring import SCRYPT, SettingsError, add_key, hash_password, load_keys, verify_password
from gateway.options import KIB, Caps, Desk, ImapMailbox, Listen, ReadLimits, Relay, Retry
from gateway.strictyaml import Node, Problem, StrictYamlError, Text, decode, load, quoted, validate
from gateway.strictyaml import Path as Steps

__all__ = [
    "Settings",
    "SettingsError",
    "add_key",
    "hash_password",
    "load_keys",
    "read_settings",
    "verify_password",
]

OptionsT = TypeVar("OptionsT")
_CHOICES: Mapping[tuple[type, str], Any] = {
    (ImapMailbox, "tls"): Literal["imaps", "starttls", "none"],
    (ImapMailbox, "after"): Literal["leave", "move"],
    (ImapMailbox, "since"): Literal["quiet", "skip"],
    (Relay, "tls"): Literal["starttls", "tls", "none"],
    (Desk, "languages"): list[Literal["vi", "zh", "en"]],
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What one gateway runs with. Paths are absolute, secrets are resolved and never shown."""

    state_dir: Path
    desk: Desk
    database_url: str = field(repr=False)
    rules_dir: Path
    templates_dir: Path
    smtp: Listen | None = None
    submission: Listen | None = None
    submission_users: Mapping[str, str] = field(default_factory=dict, repr=False)  # address key → scrypt hash
    imap: tuple[ImapMailbox, ...] = ()
    relay: Relay | None = None
    maildir: Path | None = None  # takes what goes out where there is no relay
    retry: Retry = field(default_factory=Retry)
    caps: Caps = field(default_factory=Caps)
    limits: ReadLimits = field(default_factory=ReadLimits)
    http_host: str = "127.0.0.1"
    http_port: int = 8025
    authserv_ids: frozenset[str] = frozenset()
    list_ids: frozenset[str] = frozenset()
    spam_threshold: float = 0.0  # 0: spam scores are not looked at
    alarm_command: tuple[str, ...] = ()
    alarm_address: str = ""
    clock_speed: float = 1.0
    clock_start: datetime | None = None
    log_format: str = "kv"
    log_level: str = "info"
    timezone: str = "UTC"


# --- the shape of the file ---


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


_LISTEN, _RELAY = _shape(Listen), _shape(Relay)
_IMAP: Any = _shape(ImapMailbox)
_TOP: dict[str, Any] = {
    "state_dir": (Text, ...),
    "desk": (_shape(Desk), ...),
    "database_url": (Secret, ""),
    "rules_dir": (Text, "rules"),
    "templates_dir": (Text | None, None),
    "smtp": (_LISTEN | None, None),
    "submission": (_LISTEN | None, None),
    "submission_users": (dict[Text, Text], {}),
    "imap": (list[_IMAP], []),
    "relay": (_RELAY | None, None),
    "maildir": (Text | None, None),
    "retry": (_shape(Retry), Field(default_factory=_shape(Retry))),
    "caps": (_shape(Caps), Field(default_factory=_shape(Caps))),
    "limits": (_shape(ReadLimits), Field(default_factory=_shape(ReadLimits))),
    "http": (HttpShape, HttpShape()),
    "authserv_ids": (list[Text], []),
    "list_ids": (list[Text], []),
    "spam_threshold": (Annotated[float, Field(ge=0)], 0.0),
    "alarm_command": (list[Text], []),
    "alarm_address": (Address | None, None),
    "clock_speed": (Annotated[float, Field(gt=0, le=100_000)], 1.0),
    "clock_start": (Annotated[Text, AfterValidator(_instant)] | None, None),
    "log_format": (Literal["kv", "json"], "kv"),
    "log_level": (Literal["debug", "info", "warning", "error"], "info"),
    "timezone": (Zone, "UTC"),
}
SettingsFile: type[Section] = create_model("SettingsFile", __base__=Section, **_TOP)
"""The top of gateway.yaml."""


# --- reading it ---


def read_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Raises SettingsError with every problem, each as `file:line:column: key: what, got …`."""
    path = path.absolute()
    try:
        node = load(_text_of(path, path.name), path.name)
        if node.value is None:
            node = Node(path.name, 1, 1, {})
        return _Reader(node, validate(SettingsFile, node), path.parent, environ).settings()
    except StrictYamlError as error:
        raise SettingsError(error.problems) from error


def _text_of(path: Path, shown: str) -> str:
    try:
        return decode(path.read_bytes(), shown)
    except OSError as error:
        raise StrictYamlError([Problem(str(path), 0, 0, "", f"cannot be read: {error.strerror}")]) from error


@dataclass
class _Reader:
    """Resolves paths and secrets of a file whose shape is right."""

    node: Node
    written: Any  # a SettingsFile: made at import, its fields are not known to the type checker
    base: Path
    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)

    def settings(self) -> Settings:
        w = self.written
        state = self.base / w.state_dir
        alarm = w.alarm_address or ""
        made = Settings(
            state_dir=state,
            desk=self.section(Desk, w.desk, ("desk",)),
            database_url=self.secret(w.database_url, ("database_url",)) or f"sqlite:///{state / 'gateway.sqlite'}",
            rules_dir=self.base / w.rules_dir,
            templates_dir=self.base / w.templates_dir if w.templates_dir else _shipped_templates(),
            smtp=self.listen("smtp"),
            submission=self.listen("submission"),
            submission_users=self.users(),
            imap=tuple(self.section(ImapMailbox, box, ("imap", i)) for i, box in enumerate(w.imap)),
            relay=self.section(Relay, w.relay, ("relay",)) if w.relay else None,
            maildir=self.base / w.maildir if w.maildir else None,
            retry=self.section(Retry, w.retry, ("retry",)),
            caps=self.section(Caps, w.caps, ("caps",)),
            limits=self.section(ReadLimits, w.limits, ("limits",)),
            http_host=w.http.host,
            http_port=w.http.port,
            authserv_ids=frozenset(name.strip().lower() for name in w.authserv_ids),
            list_ids=frozenset(name.strip().strip("<>").lower() for name in w.list_ids),
            spam_threshold=w.spam_threshold,
            alarm_command=tuple(w.alarm_command),
            alarm_address=alarm,
            clock_speed=w.clock_speed,
            clock_start=w.clock_start,
            log_format=w.log_format,
            log_level=w.log_level,
            timezone=w.timezone,
        )
        self.check(made)
        if self.problems:
            raise StrictYamlError(sorted(self.problems, key=lambda p: (p.file != self.node.file, p.line, p.column)))
        return made

    def complain(self, path: Steps, message: str) -> None:
        self.problems.append(self.node.problem(path, message))

    def section(self, options: Callable[..., OptionsT], written: Any, path: Steps) -> OptionsT:
        """One dataclass of the options, its secrets and paths resolved; files that it names must be there."""
        hints = get_type_hints(options)
        values: dict[str, Any] = {}
        for name in type(written).model_fields:
            value = getattr(written, name)
            if isinstance(value, SecretPlace):
                value = self.secret(value, (*path, name))
            elif isinstance(value, str) and Path in get_args(hints[name]):
                value = self.base / value
                if not value.is_file():
                    self.complain((*path, name), f"there is no such file, got {quoted(value)}")
            values[name] = tuple(value) if isinstance(value, list) else value
        return options(**values)

    def listen(self, name: str) -> Listen | None:
        written = getattr(self.written, name)
        if written is None:
            return None
        if name == "submission" and "auth" not in written.model_fields_set:
            written = written.model_copy(update={"auth": True})
        return self.section(Listen, written, (name,))

    def secret(self, value: str | SecretPlace, path: Steps) -> str:
        if isinstance(value, str):
            return value
        if value.env is not None:
            if value.env not in self.environ:
                self.complain((*path, "env"), f"the environment variable is not set, got {quoted(value.env)}")
            return self.environ.get(value.env, "")
        if value.credential is not None:
            folder = self.environ.get("CREDENTIALS_DIRECTORY", "")
            if not folder or "/" in value.credential:
                self.complain((*path, "credential"), "no $CREDENTIALS_DIRECTORY (LoadCredential= of the systemd unit)")
                return ""
            return self._secret_file(Path(folder) / value.credential, (*path, "credential"))
        return self._secret_file(self.base / (value.file or ""), (*path, "file"))

    def _secret_file(self, path: Path, steps: Steps) -> str:
        try:
            return path.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            self.complain(steps, f"the secret cannot be read: {reason}, got {quoted(path)}")
            return ""

    def users(self) -> dict[str, str]:
        """Agents' logins: a map in the file itself, or `{file: users.yaml}` with such a map."""
        written, node = self.written.submission_users, self.node
        steps: tuple[str, ...] = ("submission_users",)
        if set(written) == {"file"}:
            try:
                node = load(_text_of(self.base / written["file"], written["file"]), written["file"])
            except StrictYamlError as error:
                self.problems += error.problems
                return {}
            steps, written = (), node.plain() or {}
            if not isinstance(written, dict):
                self.problems.append(node.problem((), "must be a map of addresses and password hashes"))
                return {}
        users: dict[str, str] = {}
        for address, stored in written.items():
            if "@" not in address or not SCRYPT.match(str(stored)):
                what = "must be an address and a hash made by 'gateway passwd'"
                self.problems.append(node.problem((*steps, address), what))
            users[address.strip().lower()] = str(stored)
        return users

    def check(self, made: Settings) -> None:
        """What no single key shows."""
        for name, listen in (("smtp", made.smtp), ("submission", made.submission)):
            if listen is None:
                continue
            if (listen.tls_cert is None) != (listen.tls_key is None):
                self.complain((name,), "needs both tls_cert and tls_key, or neither")
            if listen.auth and listen.tls_cert is None and not listen.auth_without_tls:
                self.complain((name,), "nobody could log in: give tls_cert and tls_key (or auth_without_tls: true)")
        names = [box.name for box in made.imap]
        for place, name in enumerate(names):
            if name in names[:place]:
                self.complain(("imap", place, "name"), f"another mailbox has this name, got {quoted(name)}")


def _shipped_templates() -> Path:
    """The templates that come with the program: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "_shipped" / "templates"
    return inside if inside.is_dir() else package.parent / "templates"
