"""Reading `gateway.yaml`: paths and secrets resolved, everything wrong told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from gateway.keyring import SCRYPT, SettingsError
from gateway.options import Alarming, Caps, Desk, ImapMailbox, Listen, ReadLimits, Relay, Retry
from gateway.settings.address import has_password, with_password, wrong_address
from gateway.settings.shape import SecretPlace, SettingsFile
from gateway.strictyaml import Node, Problem, StrictYamlError, decode, load, quoted, validate
from gateway.strictyaml import Path as Steps

OptionsT = TypeVar("OptionsT")


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
    alarms: Alarming = field(default_factory=Alarming)
    http_host: str = "127.0.0.1"
    http_port: int = 8025
    authserv_ids: frozenset[str] = frozenset()
    list_ids: frozenset[str] = frozenset()
    spam_threshold: float = 0.0  # 0: spam scores are not looked at
    clock_speed: float = 1.0
    clock_start: datetime | None = None
    log_format: str = "kv"
    log_level: str = "info"


def read_settings(path: Path, environ: Mapping[str, str], *, passwords: bool = True) -> Settings:
    """Raises SettingsError with every problem, each as `file:line:column: key: what, got …`.

    Without `passwords` no secret of a mailbox or relay and no login is looked up: for commands that neither poll nor
    send, and are typed by somebody to whom systemd hands no credentials.
    """
    path = path.absolute()
    try:
        node, written = _read(path)
        return _Reader(node, written, path.parent, environ, passwords).settings()
    except StrictYamlError as error:
        raise SettingsError(error.problems) from error


def read_state_dir(path: Path) -> Path:
    """Where a daemon with this file listens for commands; needs no secret. Raises SettingsError."""
    path = path.absolute()
    try:
        return path.parent / str(_read(path)[1].state_dir)
    except StrictYamlError as error:
        raise SettingsError(error.problems) from error


def _read(path: Path) -> tuple[Node, Any]:
    node = load(_text_of(path, path.name), path.name)
    if node.value is None:
        node = Node(path.name, 1, 1, {})
    return node, validate(SettingsFile, node)


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
    passwords: bool = True
    problems: list[Problem] = field(default_factory=list)

    def settings(self) -> Settings:
        w = self.written
        state = self.base / w.state_dir
        made = Settings(
            state_dir=state,
            desk=self.section(Desk, w.desk, ("desk",)),
            database_url=self.database(state),
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
            alarms=self.section(Alarming, w.alarms, ("alarms",)),
            http_host=w.http.host,
            http_port=w.http.port,
            authserv_ids=frozenset(name.strip().lower() for name in w.authserv_ids),
            list_ids=frozenset(name.strip().strip("<>").lower() for name in w.list_ids),
            spam_threshold=w.spam_threshold,
            clock_speed=w.clock_speed,
            clock_start=w.clock_start,
            log_format=w.log_format,
            log_level=w.log_level,
        )
        self.check(made)
        if self.problems:
            raise StrictYamlError(sorted(self.problems, key=lambda p: (p.file != self.node.file, p.line, p.column)))
        return made

    def database(self, state: Path) -> str:
        """The address with an absolute path, or with the password in it."""
        url = self.written.database_url or f"sqlite:///{state / 'gateway.sqlite'}"
        scheme, slashes, name = url.partition(":///")
        if url.startswith("postgresql://"):
            return self.server(url)
        if scheme != "sqlite" or not name or name == ":memory:":
            self.complain(
                ("database_url",),
                "must be a SQLite file such as sqlite:////var/lib/gateway/gateway.sqlite"
                " or a PostgreSQL database such as postgresql://gateway@db.example/gateway",
            )
        elif self.written.database_password:
            self.complain(("database_password",), "a SQLite file has no password")
        return f"{scheme}{slashes}{self.base / name}"

    def server(self, url: str) -> str:
        """A PostgreSQL address. It is never shown: it may hold a password."""
        wrong = wrong_address(url)
        if wrong:
            self.complain(("database_url",), wrong)
        if not self.written.database_password:
            return url
        if has_password(url):
            self.complain(("database_password",), "database_url has a password already")
        secret = self.secret(self.written.database_password, ("database_password",), always=True)
        return url if wrong else with_password(url, secret)

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

    def secret(self, value: str | SecretPlace, path: Steps, *, always: bool = False) -> str:
        """`always`: commands that neither poll nor send need it too."""
        if isinstance(value, str):
            return value
        if not self.passwords and not always:
            return ""
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
        if not self.passwords:
            return {}
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
            self._takes_no_more_than_is_read((name,), listen.max_size, made)
        for place, box in enumerate(made.imap):
            self._takes_no_more_than_is_read(("imap", place), box.max_size, made)
        names = [box.name for box in made.imap]
        for place, name in enumerate(names):
            if name in names[:place]:
                self.complain(("imap", place, "name"), f"another mailbox has this name, got {quoted(name)}")

    def _takes_no_more_than_is_read(self, way_in: Steps, max_size: int, made: Settings) -> None:
        """What is taken and not read would be put aside: held mail is lost mail."""
        most = made.limits.message
        if max_size > most:
            what = f"larger than limits.message ({most} octets): such mail would be taken and then put aside"
            self.complain((*way_in, "max_size"), f"{what}, got {max_size} octets")


def _shipped_templates() -> Path:
    """The templates that come with the program: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_shipped" / "templates"
    return inside if inside.is_dir() else package.parent / "templates"
