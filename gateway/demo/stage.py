"""The stage of the demo: a folder with configuration, rules and mailboxes, and the daemon started on it."""

from __future__ import annotations

import email
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from gateway.build import shipped
from gateway.demo.letters import Writer
from gateway.settings import hash_password

START = "2026-11-23T08:30:00+07:00"  # a Monday, so that the story is the same at any hour
SPEED = 60  # of the story
HASTE = 1800  # while it waits for a promise to break

_CONFIG = """\
# The desk of `make demo`. Every key is in docs/configuration.md.
state_dir: state
rules_dir: rules
maildir: mailboxes          # no relay: what goes out lands here, a Maildir for each person
clock_speed: {speed}             # demo only: a second is a minute
clock_start: "{start}"
desk:
  prefix: DEMO
  domain: desk.example
  bounce_address: bounce@desk.example
  name: Công ty Ví Dụ
smtp: {{host: 127.0.0.1, port: {smtp}, hostname: desk.example}}
submission: {{host: 127.0.0.1, port: {submission}, hostname: desk.example, auth: true, auth_without_tls: true}}
submission_users: {{file: users.yaml}}
http: {{host: 127.0.0.1, port: {http}}}
"""


@dataclass
class Stage:
    """A running demo desk."""

    root: Path
    smtp: int
    submission: int
    http: int
    process: subprocess.Popen[bytes] | None = None
    _seen: set[Path] = field(default_factory=set)

    @property
    def config(self) -> Path:
        return self.root / "gateway.yaml"

    def start(self) -> None:
        """Starts the daemon and waits until it answers; RuntimeError with its log if it does not."""
        log = self.root / "daemon.log"
        with log.open("wb") as stream:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
                [sys.executable, "-m", "gateway", "run", "-c", str(self.config)], stdout=stream, stderr=stream
            )
        for _ in range(300):
            if self.process.poll() is not None:
                raise RuntimeError(f"the daemon ended with {self.process.returncode}:\n{log.read_text()}")
            if _answers(self.submission) and _answers(self.smtp):
                return
            time.sleep(0.1)
        raise RuntimeError(f"the daemon does not answer:\n{log.read_text()}")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def send(self, writer: Writer, to: str, raw: bytes, mail_from: str | None = None) -> str:
        """Real SMTP: customers to the listener, agents by submission with their login. Returns the server's reply."""
        port = self.submission if writer.password else self.smtp
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            client.ehlo("demo.example")
            if writer.password:
                client.login(writer.address, writer.password)
            client.mail(writer.address if mail_from is None else mail_from)
            code, reply = client.rcpt(to)
            if code >= 400:
                return f"{code} {reply.decode()}"
            code, reply = client.data(raw)
            return f"{code} {reply.decode()}"

    def mailbox(self, address: str) -> Path:
        return self.root / "mailboxes" / address

    def new_mail(self) -> Iterator[tuple[str, Message]]:
        """Mail that has come into any mailbox since the last look: (address, mail), in order of arrival."""
        paths = [path for path in (self.root / "mailboxes").glob("*/new/*") if path not in self._seen]
        for path in sorted(paths, key=lambda p: p.stat().st_mtime_ns):
            self._seen.add(path)
            yield path.parent.parent.name, email.message_from_bytes(path.read_bytes())

    def wait_for(self, what: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if what():
                return True
            time.sleep(0.05)
        return False


def prepare(root: Path, agents: list[Writer]) -> Stage:
    """A fresh folder; an earlier demo in it is replaced. ValueError if it holds anything else."""
    if root.exists() and any(root.iterdir()) and not (root / ".demo").exists():
        raise ValueError(f"{root} is not empty and not a demo folder; name another with --state")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / ".demo").touch()
    shutil.copytree(shipped("rules"), root / "rules")
    lines = [f"{a.address}: {hash_password(a.password, os.urandom(16))}" for a in agents]
    (root / "users.yaml").write_text("\n".join([*lines, ""]), encoding="utf-8")
    stage = Stage(root, _port(2525), _port(2587), _port(8025))
    text = _CONFIG.format(
        speed=SPEED,
        start=START,
        smtp=stage.smtp,
        submission=stage.submission,
        http=stage.http,
    )
    stage.config.write_text(text, encoding="utf-8")
    return stage


def _port(wanted: int) -> int:
    """`wanted` if it is free on loopback, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no free port on 127.0.0.1")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tickets_of(stage: Stage) -> list[dict[str, Any]]:
    """The tickets as `gateway tickets --json` gives them."""
    import json

    done = subprocess.run(  # noqa: S603 - our own interpreter and our own module
        [sys.executable, "-m", "gateway", "tickets", "-c", str(stage.config), "--json"],
        capture_output=True,
        check=True,
    )
    return list(json.loads(done.stdout)["tickets"])
