"""gateway.yaml: what is read, where secrets come from, every error with its place; passwords and keys."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from gateway import keyring
from gateway.keyring import verify_login, verify_password
from gateway.options import Caps, Desk, ReadLimits, Retry
from gateway.settings import (
    Settings,
    SettingsError,
    add_key,
    hash_password,
    load_keys,
    read_settings,
    read_state_dir,
)

DESK = "state_dir: state\ndesk: {prefix: DEMO, domain: d.example, bounce_address: bounce@d.example}\n"
HASH = hash_password("correct horse", b"0123456789abcdef")


def read(folder: Path, more: str = "", environ: dict[str, str] | None = None, base: str = DESK) -> Settings:
    path = folder / "gateway.yaml"
    path.write_text(base + more, encoding="utf-8")
    return read_settings(path, environ or {})


def test_defaults(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found.desk == Desk("DEMO", "d.example", "bounce@d.example")
    assert found.state_dir == tmp_path / "state"
    assert found.database_url == f"sqlite:///{tmp_path}/state/gateway.sqlite"
    assert found.rules_dir == tmp_path / "rules"
    assert found.templates_dir.name == "templates"
    assert (found.smtp, found.submission, found.relay, found.maildir, found.imap) == (None, None, None, None, ())
    assert (found.retry, found.caps, found.limits) == (Retry(), Caps(), ReadLimits())
    assert (found.http_host, found.http_port, found.clock_speed, found.log_format) == ("127.0.0.1", 8025, 1.0, "kv")


def test_everything(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem", "ca.pem"):
        (tmp_path / name).touch()
    (tmp_path / "users.yaml").write_text(f"Lan@P.example: {HASH}\n")
    more = f"""
database_url: sqlite:///data/desk.sqlite
rules_dir: /etc/desk/rules
templates_dir: own
smtp: {{host: 0.0.0.0, port: 25, hostname: d.example, tls_cert: cert.pem, tls_key: key.pem, max_size: 10MB}}
submission: {{port: 587, tls_cert: {tmp_path}/cert.pem, tls_key: key.pem, idle_timeout: 2m}}
submission_users: {{file: users.yaml}}
imap:
  - {{name: care, host: imap.example, user: care, password: 0123, address: Care@d.example, folders: [INBOX, Spam]}}
  - {{name: two, host: imap.example, user: two, password: 12.50, address: two@d.example, poll: 30, tls: starttls}}
relay: {{host: mx.example, ca_file: ca.pem, timeout: 30s}}
maildir: out
retry: {{steps: [1m, 90], give_up: 2d}}
caps: {{acks_hour: 7}}
limits: {{message: 50MB, child_wall: 2.5}}
http: {{port: 9000}}
authserv_ids: [MX.d.example]
list_ids: [<Help.d.example>]
spam_threshold: 5.5
clock_speed: 60
clock_start: 2026-11-23T08:30:00+07:00
log_format: json
log_level: debug
"""
    found = read(tmp_path, more)
    assert found.database_url == f"sqlite:///{tmp_path}/data/desk.sqlite"
    assert (found.rules_dir, found.templates_dir) == (Path("/etc/desk/rules"), tmp_path / "own")
    assert found.smtp is not None
    assert found.submission is not None
    assert (found.smtp.tls_cert, found.smtp.auth, found.smtp.max_size) == (tmp_path / "cert.pem", False, 10 * 2**20)
    assert (found.submission.auth, found.submission.idle_timeout) == (True, 120.0)
    assert found.submission_users == {"lan@p.example": HASH}
    assert [box.password for box in found.imap] == ["0123", "12.50"]
    assert (found.imap[0].address, found.imap[0].folders) == ("care@d.example", ("INBOX", "Spam"))
    assert (found.imap[1].poll, found.imap[1].tls) == (30.0, "starttls")
    assert found.relay is not None
    assert (found.relay.ca_file, found.relay.timeout, found.relay.port) == (tmp_path / "ca.pem", 30.0, 587)
    assert found.maildir == tmp_path / "out"
    assert found.retry == Retry((60.0, 90.0), 0.2, 172800.0)
    assert (found.caps.acks_hour, found.caps.acks_day) == (7, 20)
    assert (found.limits.message, found.limits.child_wall, found.limits.parts) == (50 * 2**20, 2.5, 1000)
    assert (found.http_port, found.authserv_ids, found.list_ids) == (9000, {"mx.d.example"}, {"help.d.example"})
    assert found.clock_start == datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
    assert (found.log_format, found.log_level) == ("json", "debug")


def test_commands_that_neither_poll_nor_send_need_no_password(tmp_path: Path) -> None:
    more = """
submission_users: {file: /nowhere/users.yaml}
relay: {host: h, password: {credential: relay}}
imap: [{name: a, host: h, user: u, password: {env: NONE}, address: a@b.example}]
"""
    path = tmp_path / "gateway.yaml"
    path.write_text(DESK + more, encoding="utf-8")
    found = read_settings(path, {}, passwords=False)
    assert (found.imap[0].password, found.imap[0].address, found.submission_users) == ("", "a@b.example", {})
    assert read_state_dir(path) == tmp_path / "state"
    with pytest.raises(SettingsError):
        read_settings(path, {})
    path.write_text("state_dir: state\n", encoding="utf-8")
    for read_some in (read_state_dir, lambda path: read_settings(path, {}, passwords=False)):
        with pytest.raises(SettingsError, match="the key 'desk' is missing"):
            read_some(path)


SECRETS = [
    ("hunter2", "hunter2"),
    ("0123", "0123"),
    ("{env: RELAY}", "from env"),
    ("{file: secret.txt}", "from file"),
    ("{credential: relay}", "from systemd"),
]


@pytest.mark.parametrize(("written", "meant"), SECRETS)
def test_secrets(tmp_path: Path, written: str, meant: str) -> None:
    (tmp_path / "secret.txt").write_text("from file\n")
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "relay").write_text("from systemd")
    environ = {"RELAY": "from env", "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    found = read(tmp_path, f"relay: {{host: h, user: u, password: {written}}}\n", environ)
    assert found.relay is not None
    assert found.relay.password == meant
    assert meant not in repr(found.relay)


WRONG = [
    ("state_dir: x\n", "", "1:1: the key 'desk' is missing"),
    (DESK, "smpt: {}\n", "3:1: smpt: unknown key, got 'smpt', did you mean 'smtp'?"),
    (DESK, "smtp: {prt: 25}\n", "3:8: smtp.prt: unknown key, got 'prt', did you mean 'port'?"),
    (DESK, "http: {port: 99999}\n", "3:14: http.port: must be at most 65535, got '99999'"),
    (DESK, "smtp: {max_size: big}\n", "3:18: smtp.max_size: must be a size such as 500KB or 10MB, got 'big'"),
    (DESK, "retry: {steps: [1m, soon]}\n", "3:21: retry.steps[2]: must be a duration such as 30m"),
    (DESK, "retry: {spread: 2}\n", "3:17: retry.spread: must be at most 1, got '2'"),
    (DESK, "caps: {acks_day: -1}\n", "3:18: caps.acks_day: must be at least 0, got '-1'"),
    (DESK, "smtp: {auth: yes, tls_cert: c}\n", "3:14: smtp.auth: must be true or false, got 'yes'"),
    (DESK, "smtp: {tls_cert: nope.pem}\n", "3:7: smtp: needs both tls_cert and tls_key, or neither"),
    (DESK, "smtp: {tls_cert: nope.pem}\n", "3:18: smtp.tls_cert: there is no such file, got '"),
    (DESK, "submission: {}\n", "3:13: submission: nobody could log in"),
    (DESK, "smtp: {max_size: 50MB}\n", "3:18: smtp.max_size: larger than limits.message (41943040 octets): such mail"),
    (DESK, "submission_users: {lan: x}\n", "3:25: submission_users.lan: must be an address and a hash"),
    (DESK, "submission_users: {file: none.yaml}\n", "none.yaml:0:0: cannot be read"),
    (
        DESK,
        "relay: {host: h, password: {env: NONE}}\n",
        "3:34: relay.password.env: the environment variable is not set",
    ),
    (DESK, "relay: {host: h, password: {file: no}}\n", "3:35: relay.password.file: the secret cannot be read"),
    (DESK, "relay: {host: h, password: {credential: x}}\n", "relay.password.credential: no $CREDENTIALS_DIRECTORY"),
    (DESK, "relay: {host: h, password: {fil: x}}\n", "3:28: relay.password: a secret is text, {file: path}"),
    (DESK, "relay: {host: h, tls: ssl}\n", "3:23: relay.tls: must be one of starttls, tls, none, got 'ssl'"),
    (DESK, "imap: [{name: a, host: h, user: u, address: a@b}]\n", "imap[a]: the key 'password' is missing"),
    (DESK, "database_url: mysql://u:hunter2@db/x\n", "3:15: database_url: must be a SQLite file such as"),
    (DESK, "database_url: postgresql://u:hunter2@db\n", "3:15: database_url: names no database"),
    (DESK, "database_url: postgresql://u:hunter2@db:x/y\n", "3:15: database_url: is no address"),
    (DESK, "database_url: postgresql://db/y\n", "3:15: database_url: names no user"),
    (DESK, "database_url: 'postgresql://u:hunter2#@db/y'\n", "3:15: database_url: "),
    (DESK, "database_password: hunter2\n", "3:20: database_password: a SQLite file has no password"),
    (
        DESK,
        "database_url: postgresql://u:hunter2@db/x\ndatabase_password: hunter2\n",
        "4:20: database_password: database_url has a password already",
    ),
    (DESK, "database_url: 'sqlite:///:memory:'\n", "3:15: database_url: must be a SQLite file such as"),
    (DESK, "clock_start: 2026-11-23\n", "3:14: clock_start: must be an instant such as"),
    (DESK, "log_level: loud\n", "3:12: log_level: must be one of debug, info, warning, error, got 'loud'"),
    (DESK.replace("DEMO", "1-2"), "", "2:16: desk.prefix: must be a letter and at most 11 more"),
    ("", "", "1:1: the key 'state_dir' is missing"),
    (DESK, "\tx: 1\n", "3:1: a tab used to indent"),
]


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("database_url: postgresql://u:hunter2@db:5433/x?sslmode=verify-full", ""),
        ("database_url: postgresql:///x?host=/run/postgresql&user=u", ""),
        (
            "database_url: postgresql://u@db/x\ndatabase_password: {file: secret}",
            "postgresql://u:p%40%2F%3A%25%23@db/x",
        ),
        (
            "database_url: postgresql:///x?host=/run/postgresql&user=u\ndatabase_password: {file: secret}",
            "postgresql:///x?host=/run/postgresql&user=u&password=p%40%2F%3A%25%23",
        ),
    ],
)
def test_the_address_of_a_server(tmp_path: Path, written: str, url: str) -> None:
    """The password is quoted into it, also for commands that look up no other secret, and is not shown."""
    (tmp_path / "secret").write_text("p@/:%#\n")
    (tmp_path / "gateway.yaml").write_text(f"{DESK}{written}\n", "utf-8")
    found = read_settings(tmp_path / "gateway.yaml", {}, passwords=False)
    assert found.database_url == (url or written.partition(": ")[2])
    assert make_url(found.database_url).database == "x"
    assert "hunter2" not in repr(found)
    assert "p%40" not in repr(found)


@pytest.mark.parametrize(("base", "more", "words"), WRONG)
def test_errors(tmp_path: Path, base: str, more: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, more, base=base)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)
    for problem in caught.value.problems:
        assert problem.file
        assert problem.message


def test_two_mailboxes_of_one_name(tmp_path: Path) -> None:
    box = "{name: a, host: h, user: u, password: p, address: a@b}"
    with pytest.raises(SettingsError, match=r"imap\[a\].name: another mailbox has this name"):
        read(tmp_path, f"imap: [{box}, {box}]\n")


def test_errors_never_show_a_secret(tmp_path: Path) -> None:
    more = (
        "relay: {host: h, password: hunter2, prt: 1}\nsubmission_users: {lan: hunter3}\nimap: [{password: hunter4}]\n"
    )
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, more)
    assert "hunter" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_settings(tmp_path / "none.yaml", {})


# --- passwords ---


def test_password_known_answer() -> None:
    """A change of parameters would lock every agent out."""
    stored = "scrypt$14$8$1$MDAwMDAwMDAwMDAwMDAwMA$dyd72cA18Nx54OF-qssz0Zrb3TvEUJNCGKKhuoIL6eM"
    assert hash_password("x", b"0" * 16) == stored
    assert verify_password("x", stored)
    assert verify_password("correct horse", HASH)
    assert not verify_password("correct horse ", HASH)


def test_an_unknown_login_costs_as_much_as_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    users, made = {"lan@people.example": HASH}, list[object]()
    scrypt = keyring._scrypt
    monkeypatch.setattr(keyring, "_scrypt", lambda *given: (made.append(given[2:]), scrypt(*given))[1])
    assert verify_login(users, " Lan@People.example", "correct horse")
    assert not verify_login(users, "lan@people.example", "wrong")
    assert not verify_login(users, "nobody@people.example", "correct horse")
    assert made == [(14, 8, 1)] * 3


@settings(max_examples=8, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30), st.binary(min_size=12, max_size=24))
def test_only_the_password_itself_verifies(password: str, other: str, salt: bytes) -> None:
    stored = hash_password(password, salt)
    assert verify_password(password, stored)
    assert verify_password(other, stored) is (other == password)


@pytest.mark.parametrize(
    "stored", ["", "x", "scrypt$14$8$1$a$b", HASH[:-1], HASH.replace("$14$", "$30$"), "*", HASH + "x"]
)
def test_malformed_hashes_verify_nothing(stored: str) -> None:
    assert not verify_password("correct horse", stored)


def test_short_salt_is_refused() -> None:
    with pytest.raises(ValueError, match="12 octets"):
        hash_password("x", b"short")


# --- keys ---


def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    first = load_keys(tmp_path / "state")
    assert len(first.keys) == 1
    assert len(first.newest[1]) == 32
    assert load_keys(tmp_path / "state") == first
    assert stat.S_IMODE((tmp_path / "state" / "keys").stat().st_mode) == 0o600
    assert os.listdir(tmp_path / "state") == ["keys"]
    assert first.newest[1].hex() not in repr(first)


def test_many_starts_at_once_end_with_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: load_keys(tmp_path).keys, range(32)))
    assert len(found) == 1


def test_new_keys_come_first_and_old_ones_stay(tmp_path: Path) -> None:
    old = load_keys(tmp_path)
    for _ in range(7):
        add_key(tmp_path)
    keys = load_keys(tmp_path).keys
    assert keys[-1] == old.newest
    assert len({kid for kid, _ in keys}) == len({key for _, key in keys}) == 8


def test_at_most_32_keys(tmp_path: Path) -> None:
    load_keys(tmp_path)
    for _ in range(31):
        add_key(tmp_path)
    with pytest.raises(SettingsError, match="all 32 key names"):
        add_key(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "holds no key"), ("a zz\n", ":1:1: "), ("a " + "0" * 64 + "\na " + "1" * 64 + "\n", ":2:1: ")],
)
def test_damaged_keys_are_told_and_never_replaced(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "keys"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match=words):
        load_keys(tmp_path)
    assert path.read_text() == text


def test_keys_that_others_can_read_are_refused(tmp_path: Path) -> None:
    load_keys(tmp_path)
    (tmp_path / "keys").chmod(0o640)
    with pytest.raises(SettingsError, match="others can read the signing keys"):
        load_keys(tmp_path)
