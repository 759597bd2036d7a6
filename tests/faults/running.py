"""The real daemon as a process tree: started on a folder of its own, spoken to from outside, killed whole."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import smtplib
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.keyring import hash_password
from tests.servers.ports import free_port

ROOT = Path(__file__).parents[2]
HELP, AGENT, PASSWORD = "help@desk.example", "lan@people.example", "secret of Lan"
PATIENCE = 30.0  # seconds; a busy machine is slow, and what is waited for usually comes at once

RULES = """\
version: 1
timezone: Asia/Ho_Chi_Minh
departments:
  help:
    label: {vi: Hỗ trợ, zh: 支持, en: Help}
    addresses: [help@desk.example]
    agents:
      - {address: lan@people.example, name: Lan}
    escalate_to: [boss@people.example]
    hours: {mon-sun: ["00:00-24:00"]}
    first_response: 4h
rules:
  - name: everything
    when: always
    then: {department: help, priority: normal}
"""

CONFIG = """\
state_dir: {state}
rules_dir: rules
{templates}
desk: {{prefix: FLT, domain: desk.example, bounce_address: bounce@desk.example, name: Desk}}
smtp: {{host: 127.0.0.1, port: {smtp}, hostname: desk.example}}
submission: {{host: 127.0.0.1, port: {submission}, hostname: desk.example, auth_without_tls: true}}
submission_users: {{{agent}: "{hash}"}}
http: {{host: 127.0.0.1, port: {http}}}
retry: {{steps: [{retry}], spread: 0}}
{more}
"""


def eventually(holds: Callable[[], Any], what: str = "", seconds: float = PATIENCE) -> Any:
    """The first true value of `holds`; fails when there is none in time."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"did not happen within {seconds:g} s: {what or holds}"
        time.sleep(0.02)
    return found


class NotKept(Exception):
    """The daemon did not say 250 to the data; a real sender would try again."""


@dataclass
class Gateway:
    """One desk on disk and, while it runs, its process tree. Make it with `desk_in`."""

    root: Path
    smtp: int
    submission: int
    http: int
    process: subprocess.Popen[bytes] | None = None
    states: list[str] = field(default_factory=list)  # what it told its NOTIFY_SOCKET
    kills: int = 0
    _notify: socket.socket | None = None

    @property
    def config(self) -> Path:
        return self.root / "gateway.yaml"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def database(self) -> Path:
        return self.state / "gateway.sqlite"

    def log(self) -> str:
        return (self.root / "daemon.log").read_text("utf-8", "replace")

    # --- its life ---

    def launch(
        self,
        environ: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
        program: Sequence[str] = (),
        log_to: int | None = None,
    ) -> subprocess.Popen[bytes]:
        """Starts the process, its own session and so its own process group; waits for nothing. `before`: a command
        such as strace that runs it; `program` instead of `-m gateway`; `log_to`: a descriptor instead of daemon.log."""
        self._notify = self._notify or self._listen()
        self.states.clear()
        run = [*(program or ("-m", "gateway")), "run", "-c", str(self.config)]
        with (self.root / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*before, sys.executable, *run],
                cwd=ROOT,
                stdout=log if log_to is None else log_to,
                stderr=log if log_to is None else log_to,
                env={"PATH": os.environ.get("PATH", ""), "NOTIFY_SOCKET": str(self.root / "notify"), **(environ or {})},
                start_new_session=True,
            )
        return self.process

    def start(self, **options: Any) -> None:
        """As `launch`, and waits until it says that it is ready."""
        self.launch(**options)
        assert self.ready(), f"the daemon ended with {self.returncode}:\n{self.log()[-3000:]}"

    def ready(self) -> bool:
        """Waits for READY=1; False if the process ends before."""
        self.wait_state("READY=1")
        return "READY=1" in self.states

    def wait_state(self, state: str, seconds: float = PATIENCE) -> None:
        """Until it has told this to its NOTIFY_SOCKET, or has ended."""
        eventually(lambda: state in self.heard() or self.returncode is not None, state, seconds)

    def heard(self) -> list[str]:
        assert self._notify is not None
        while True:
            try:
                self.states += self._notify.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.states

    def _listen(self) -> socket.socket:
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        heard.bind(str(self.root / "notify"))
        heard.setblocking(False)
        return heard

    @property
    def returncode(self) -> int | None:
        assert self.process is not None
        return self.process.poll()

    def kill(self) -> None:
        """kill -9 of the whole tree: its process group, and the reading child, which has a group of its own."""
        assert self.process is not None
        doomed = [self.process.pid, *children(self.process.pid)]
        for pid in doomed:
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.kills += 1

    def terminate(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def end(self, seconds: float = PATIENCE) -> int:
        """The exit status, waited for."""
        assert self.process is not None
        return self.process.wait(seconds)

    def stop(self) -> int:
        self.terminate()
        return self.end()

    def close(self) -> None:
        if self.process is not None and self.returncode is None:
            self.kill()
        if self._notify is not None:
            self._notify.close()

    # --- what people do ---

    def send(self, raw: bytes, to: str = HELP, mail_from: str = "kim@customer.example", login: bool = False) -> str:
        """One mail by SMTP, an agent's by submission; what follows "250 ". NotKept if that is not said."""
        try:
            with smtplib.SMTP("127.0.0.1", self.submission if login else self.smtp, timeout=20) as client:
                client.ehlo("client.example")
                if login:
                    client.login(AGENT, PASSWORD)
                code, reply = client.mail(mail_from)
                if code == 250:
                    code, reply = client.rcpt(to)
                if code == 250:
                    code, reply = client.data(raw)
        except (OSError, smtplib.SMTPException) as error:
            raise NotKept(f"{type(error).__name__}: {error}") from error
        if code != 250:
            raise NotKept(f"{code} {reply.decode()}")
        return reply.decode()

    # --- what people see ---

    def command(self, *words: str, status: int | None = 0) -> subprocess.CompletedProcess[bytes]:
        """`gateway WORDS -c config`, its exit status checked."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *words, "-c", str(self.config)], cwd=ROOT, capture_output=True, timeout=60
        )
        assert status is None or done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *words: str) -> Any:
        return json.loads(self.command(*words, "--json").stdout)

    def tickets(self) -> list[dict[str, Any]]:
        return list(self.json("tickets")["tickets"])

    def quarantined(self) -> list[dict[str, Any]]:
        return list(self.json("quarantine")["quarantined"])

    def health(self) -> tuple[int, dict[str, Any]]:
        """(HTTP status, what /healthz says)."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/healthz", timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def settled(self) -> bool:
        """Nothing waits, neither in intake nor in the outbox."""
        _, health = self.health()
        return health.get("waiting") == 0 and health.get("outbox") == 0

    def settle(self, seconds: float = PATIENCE) -> None:
        eventually(self.settled, "intake and outbox are empty", seconds)

    def sound(self, state: Path | None = None) -> bool:
        """SQLite's own check of every page and index."""
        database = (state or self.state) / "gateway.sqlite"
        with sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True) as made:
            found = [row[0] for row in made.execute("PRAGMA integrity_check")]
        made.close()
        return found == ["ok"]


def desk_in(
    root: Path,
    *,
    relay: int | None = None,
    retry: str = "0.3, 1",
    more: str = "",
    rules: str = RULES,
    templates: bool = False,
    state: str = "state",
) -> Gateway:
    """A folder with configuration and rules on free ports. Without a relay's port, mail goes to `root/mailboxes`."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "rules").mkdir()
    (root / "rules" / "rulebook.yaml").write_text(rules, "utf-8")
    if templates:
        (root / "templates").mkdir()
    made = Gateway(root, free_port(), free_port(), free_port())
    way = (
        f"relay: {{host: 127.0.0.1, port: {relay}, tls: none, timeout: 5, data_timeout: 5}}"
        if relay
        else "maildir: mailboxes"
    )
    text = CONFIG.format(
        state=state,
        templates="templates_dir: templates" if templates else "",
        smtp=made.smtp,
        submission=made.submission,
        http=made.http,
        agent=AGENT,
        hash=hash_password(PASSWORD, b"0123456789abcdef"),
        retry=retry,
        more=f"{way}\n{more}",
    )
    made.config.write_text(text, "utf-8")
    return made


def children(pid: int) -> list[int]:
    """The direct children of a process, from any of its threads."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in task.read_text().split()]
        except OSError:
            continue
    return found


def letter(
    number: int | str,
    body: str = "Please help.",
    *,
    sender: str = "",
    to: str = HELP,
    subject: str = "",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A plain mail, distinct by `number`."""
    lines = [
        f"From: <{sender or f'customer{number}@customer.example'}>",
        f"To: <{to}>",
        f"Subject: {subject or f'Question {number}'}",
        f"Message-ID: {id_of(number)}",
        "Date: Mon, 23 Nov 2026 08:30:00 +0700",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "",
        *body.splitlines(),
        "",
    ]
    return "\r\n".join(lines).encode()


def id_of(number: int | str) -> str:
    return f"<m{number}@customer.example>"


def places(tickets: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Message-ID of a mail → the numbers of the tickets it is in, once for each time."""
    found: dict[str, list[int]] = {}
    for ticket in tickets:
        for message in ticket["messages"]:
            found.setdefault(message["message_id"], []).append(ticket["number"])
    return found


def mailbox(gateway: Gateway, address: str) -> list[bytes]:
    """What came to an address, where mail goes to Maildirs."""
    folder = gateway.root / "mailboxes" / address / "new"
    return [path.read_bytes() for path in sorted(folder.glob("*"))] if folder.is_dir() else []


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder, by name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
