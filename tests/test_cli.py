"""What people type: a real daemon, its mail, and every command beside it; exit statuses and JSON shapes."""

from __future__ import annotations

import json
import os
import shutil
import smtplib
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.build import shipped
from gateway.cli import main
from gateway.keyring import verify_password
from tests.servers.ports import free_port

CORPUS = Path(__file__).parent / "corpus"
CONFIG = """
state_dir: state
rules_dir: rules
desk: {{prefix: CTY, domain: desk.example, bounce_address: bounce@desk.example}}
smtp: {{host: 127.0.0.1, port: {smtp}, hostname: desk.example}}
http: {{host: 127.0.0.1, port: {http}}}
relay: {{host: 127.0.0.1, port: {relay}, tls: none, user: desk, password: {{credential: relay}}}}
alarms: {{to: [ops@elsewhere.example]}}
"""
TICKET = {"number", "tag", "status", "department", "assignee", "requester", "subject", "messages"}
MESSAGE = {"from", "public", "held", "unverified", "body", "message_id", "received_at"}


def run(config: Path, *words: str, status: int = 0) -> Result:
    """One command, typed by somebody to whom systemd has handed no credentials."""
    assert "CREDENTIALS_DIRECTORY" not in os.environ
    result = CliRunner().invoke(main, [words[0], "-c", str(config), *words[1:]])
    assert result.exit_code == status, (words, result.output, result.exception)
    return result


def told(config: Path, *words: str, status: int = 0) -> Any:
    return json.loads(run(config, *words, "--json", status=status).stdout)


def folder(root: Path) -> Path:
    """A configured desk that has never run."""
    shutil.copytree(shipped("rules"), root / "rules")
    (root / "credentials").mkdir()
    (root / "credentials" / "relay").write_text("secret")
    text = CONFIG.format(smtp=free_port(), http=free_port(), relay=free_port())
    (root / "gateway.yaml").write_text(text, encoding="utf-8")
    return root / "gateway.yaml"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration of a running daemon that has taken four mails, one of them into quarantine."""
    config = folder(tmp_path_factory.mktemp("desk"))
    environ = {**os.environ, "CREDENTIALS_DIRECTORY": str(config.parent / "credentials")}
    with (config.parent / "log").open("wb") as log:
        command = [sys.executable, "-m", "gateway", "run", "-c", str(config)]
        daemon = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        _wait(lambda: (config.parent / "state" / "control").exists(), daemon, config)
        _send(config, (CORPUS / "001-vi-plain-utf8.eml").read_bytes(), "kythuat@desk.example")
        _send(config, (CORPUS / "002-zh-gb2312-base64.eml").read_bytes(), "hotro@desk.example")
        _send(config, (CORPUS / "015-read-receipt.eml").read_bytes(), "hotro@desk.example")
        many = b"".join(b"X-%d: x\r\n" % number for number in range(1200))
        _send(config, b"From: a@b.example\r\nSubject: many\r\n" + many + b"\r\nhello\r\n", "hotro@desk.example")
        _wait(lambda: told(config, "status")["status"]["intake"] == {"done": 3, "quarantined": 1}, daemon, config)
        yield config
    finally:
        daemon.terminate()
        assert daemon.wait(30) == 0


def _wait(held: Any, daemon: subprocess.Popen[bytes], config: Path) -> None:
    for _ in range(200):
        assert daemon.poll() is None, (config.parent / "log").read_text()
        if held():
            return
        time.sleep(0.1)
    raise AssertionError((config.parent / "log").read_text())


def _send(config: Path, raw: bytes, to: str) -> None:
    port = int(config.read_text().split("smtp: {host: 127.0.0.1, port: ")[1].split(",")[0])
    for _ in range(100):
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
                client.sendmail("somebody@khach.example", [to], raw)
            return
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise AssertionError("nobody listens")


# --- beside a daemon ---


def test_tickets(desk: Path) -> None:
    answer = told(desk, "tickets")
    assert set(answer) == {"tickets"}
    assert [set(ticket) for ticket in answer["tickets"]] == [TICKET, TICKET]
    assert all(set(message) == MESSAGE for ticket in answer["tickets"] for message in ticket["messages"])
    first = answer["tickets"][0]
    assert (first["number"], first["tag"], first["status"], first["assignee"]) == (1, "CTY-1", "new", None)
    assert (first["department"], first["requester"]) == ("technical", "hong@khach.example")
    assert first["messages"][0]["from"] == "hong@khach.example"
    assert "DH-20261102" in first["messages"][0]["body"]
    assert first["messages"][0]["received_at"].endswith("Z")
    assert [t["number"] for t in told(desk, "tickets", "--department", "technical")["tickets"]] == [1]
    assert told(desk, "tickets", "--status", "closed") == {"tickets": []}
    lines = run(desk, "tickets").stdout.splitlines()
    assert lines[0].split("\t")[:5] == ["CTY-1", "new", "technical", "-", "hong@khach.example"]
    assert run(desk, "tickets", "--status", "closed").stdout == "no tickets\n"
    run(desk, "tickets", "--status", "shut", status=2)


def test_show(desk: Path) -> None:
    found = told(desk, "show", "CTY-1")
    assert set(found) > TICKET | {"participants", "targets", "events", "decisions", "outbox"}
    assert found["tag"] == "CTY-1"
    page = run(desk, "show", "CTY-1").stdout
    for tag in ("1", "[CTY-1]"):  # how it fares with the relay, which is away, is another matter at each moment
        assert run(desk, "show", tag).stdout.partition("mail out\n")[0] == page.partition("mail out\n")[0]
    for words in ("technical", "DH-20261102", "E0: From header alone", "rules.yaml:", "acknowledgement to hong@khach"):
        assert words in page
    assert "there is no ticket CTY-77" in run(desk, "show", "77", status=1).stderr
    assert "is no tag" in run(desk, "show", "seventy", status=2).stderr


def test_alarms(desk: Path, fresh: Path) -> None:
    for _ in range(300):
        if found := told_whatever(desk, "alarms")["alarms"]:
            break
        time.sleep(0.1)
    (alarm,) = found
    assert (alarm["alarm"], alarm["mail_at_risk"]) == ("quarantine", False)
    assert "mails in quarantine: 1" in run(desk, "alarms", status=1).stdout
    assert told(desk, "alarms", "--test") == {"mail": ["ops@elsewhere.example"], "command": None}
    assert "alarms.command is not set" in run(desk, "alarms", "--test").stdout
    assert "no daemon is running" in run(fresh, "alarms", status=1).stderr


def told_whatever(config: Path, *words: str) -> Any:
    """As `told`, whatever the exit status."""
    return json.loads(CliRunner().invoke(main, [words[0], "-c", str(config), *words[1:], "--json"]).stdout)


def test_status(desk: Path) -> None:
    answer = told(desk, "status")
    assert set(answer) == {"status", "health"}
    assert (answer["status"]["tickets"], answer["health"]["reasons"]) == ({"new": 2}, [])
    page = run(desk, "status").stdout
    assert "running and well" in page
    assert "1 quarantined" in page


def test_reload(desk: Path) -> None:
    rules = desk.parent / "rules" / "rules.yaml"
    good = rules.read_text()
    try:
        rules.write_text(good.replace("department: care", "department: cre", 1))
        said = run(desk, "reload", status=1).stderr
        assert said.startswith("the rules in force stay:\nrules.yaml:")
        assert "did you mean 'care'?" in said
    finally:
        rules.write_text(good)
    assert "live" in run(desk, "reload").stdout


def test_explain_knows_what_was_here_before(desk: Path) -> None:
    mail = str(CORPUS / "001-vi-plain-utf8.eml")
    before = told(desk, "status")["status"]
    again = told(desk, "explain", mail, "--to", "kythuat@desk.example")
    assert [o["outcome"] for o in again["outcomes"]] == ["duplicate"]
    assert (again["rules"], again["mails"]) == ([], [])
    new = told(desk, "explain", mail, "--to", "kythuat@desk.example", "--fresh")
    assert [(o["outcome"], o["tag"]) for o in new["outcomes"]] == [("ticketed", "CTY-1")]
    assert told(desk, "status")["status"]["intake"] == before["intake"]


def test_explain_a_reply(desk: Path, tmp_path: Path) -> None:
    mail = tmp_path / "reply.eml"
    mail.write_bytes(
        b"From: hong@khach.example\r\nTo: kythuat@desk.example\r\nSubject: Re: [CTY-1]\r\n"
        b"Message-ID: <2@khach.example>\r\nReferences: <1@khach.example>\r\n\r\nMore of it.\r\n"
    )
    answer = told(desk, "explain", str(mail))
    assert [(o["outcome"], o["tag"]) for o in answer["outcomes"]] == [("joined", "CTY-1")]
    assert (answer["rules"][0]["on"], answer["rules"][0]["set_by"]["department"]) == ("reply", "ticket")
    assert {m["kind"] for m in answer["mails"]} == {"agent-notice"}
    assert "rules for a mail on a ticket" in run(desk, "explain", str(mail)).stdout


def test_quarantine(desk: Path) -> None:
    (row,) = told(desk, "quarantine")["quarantined"]
    assert set(row) == {"id", "source", "mail_from", "rcpt_to", "size", "received_at", "attempts", "reason"}
    assert row["reason"] == "more than 1000 header fields"
    cells = run(desk, "quarantine").stdout.rstrip("\n").split("\t")
    assert (cells[0], cells[-1]) == (str(row["id"]), row["reason"])
    assert b"Subject: many" in run(desk, "quarantine", "--raw", str(row["id"])).stdout_bytes
    assert "there is no mail 99" in run(desk, "quarantine", "--raw", "99", status=1).stderr
    assert "1 is not in quarantine" in run(desk, "quarantine", "--release", "1", status=1).stderr
    assert run(desk, "quarantine", "--release", str(row["id"])).stdout == f"released {row['id']}\n"


# --- without one ---


def test_looking_changes_nothing(fresh: Path) -> None:
    run(fresh, "explain", str(CORPUS / "001-vi-plain-utf8.eml"))
    for words in (["tickets"], ["show", "1"], ["quarantine"]):
        assert "there is no database at" in run(fresh, *words, status=2).stderr
    assert "no daemon is running" in run(fresh, "status").stdout
    assert told(fresh, "status") == {"status": {}, "health": {"reasons": ["no daemon is running"]}}
    assert "no daemon is running" in run(fresh, "reload", status=1).stderr
    assert "no database" in run(fresh, "quarantine", "--release", "1", status=2).stderr
    assert not (fresh.parent / "state").exists()


def test_check(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = told(fresh, "check", status=1)  # the relay's password is systemd's to give
    assert set(answer) == {"ok", "problems", "notes"}
    assert (answer["ok"], len(answer["problems"])) == (False, 1)
    assert "relay.password.credential" in answer["problems"][0]
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(fresh.parent / "credentials"))
    invoke = CliRunner().invoke
    good = invoke(main, ["check", "-c", str(fresh)])
    assert (good.exit_code, good.stdout.startswith("4 departments, ")) == (0, True)
    assert invoke(main, ["check", "-c", str(fresh), "--quiet"]).output == ""
    assert not (fresh.parent / "state").exists()
    config = tmp_path / "gateway.yaml"
    shutil.copytree(fresh.parent / "rules", tmp_path / "rules")
    box = "imap: [{name: a, host: h, user: u, password: p, address: info@desk.example}]\n"
    config.write_text(fresh.read_text().replace("{credential: relay}", "x") + box)
    noted = json.loads(invoke(main, ["check", "-c", str(config), "--json"]).stdout)
    assert (noted["ok"], len(noted["notes"])) == (True, 1)
    assert "info@desk.example" in noted["notes"][0]


BROKEN = [
    ("rules.yaml", "department: care", "departmnt: care", "rules.yaml:11:12: rules[Khiếu nại].then.departmnt: unknown"),
    ("rules.yaml", "department: care", "department: cre", "unknown department, got 'cre', did you mean 'care'?"),
    ("lists.yaml", "lists:", "lists:\n\tx: 1", "a tab used to indent"),
    ("departments.yaml", "4h", "4 hours", "must be a duration such as 30m, 4h or 2d"),
    ("rulebook.yaml", "  - rules.yaml\n", "", "not listed under 'include:'"),
]


@pytest.mark.parametrize(("name", "old", "new", "words"), BROKEN)
def test_broken_rules(fresh: Path, tmp_path: Path, name: str, old: str, new: str, words: str) -> None:
    shutil.copytree(fresh.parent / "rules", tmp_path / "rules")
    text = (tmp_path / "rules" / name).read_text()
    assert old in text
    (tmp_path / "rules" / name).write_text(text.replace(old, new, 1))
    config = tmp_path / "gateway.yaml"
    config.write_text(fresh.read_text().replace("{credential: relay}", "x"))
    assert words in run(config, "check", status=1).stderr
    assert any(words in problem for problem in told(config, "check", status=1)["problems"])
    assert words in run(config, "explain", str(CORPUS / "001-vi-plain-utf8.eml"), status=2).stderr


@pytest.mark.parametrize("command", ["check", "status", "tickets", "quarantine", "reload", "run"])
def test_a_bad_gateway_yaml(tmp_path: Path, command: str) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text("state_dir: state\n")
    said = run(config, command, status=1 if command == "check" else 2)
    assert "gateway.yaml:1:1: the key 'desk' is missing" in said.stderr
    missing = run(tmp_path / "none.yaml", command, status=1 if command == "check" else 2)
    assert "cannot be read: No such file or directory" in missing.stderr


def test_explain(fresh: Path) -> None:
    answer = told(fresh, "explain", str(CORPUS / "002-zh-gb2312-base64.eml"), "--to", "hotro@desk.example")
    assert set(answer) == {"outcomes", "reading", "rules", "events", "mails"}
    assert answer["outcomes"][0].keys() == {"door", "outcome", "ticket", "tag", "reasons"}
    routed = answer["rules"][0]
    assert (routed["on"], routed["department"], routed["tags"]) == ("new", "sales", ["kinh doanh"])
    assert [step["rule"] for step in routed["tried"] if step["held"]] == ["Báo giá và hóa đơn", "Mặc định"]
    acknowledgement = answer["mails"][0]
    assert (acknowledgement["kind"], acknowledgement["to"]) == ("acknowledgement", "wang@kehu.example")
    assert "[CTY-1]" in acknowledgement["text"]
    page = run(fresh, "explain", str(CORPUS / "002-zh-gb2312-base64.eml"), "--to", "hotro@desk.example").stdout
    assert page.startswith("ticketed CTY-1: ")
    assert "✓ rules.yaml:41 Báo giá và hóa đơn: subject has [发票]" in page
    assert page.count("--- agent-notice to ") == 1  # the same text is shown once, with all who get it
    assert "department = sales, set by rules.yaml:41" in page


def test_explain_says_why_there_is_no_answer(fresh: Path, tmp_path: Path) -> None:
    mail = tmp_path / "monitor.eml"
    mail.write_bytes(b"From: no-reply@m.example\r\nTo: hotro@desk.example\r\nSubject: disk full\r\n\r\nIt is full.\r\n")
    page = run(fresh, "explain", str(mail)).stdout
    assert "may be answered by machine: no" in page
    assert "not-acknowledged: reason=sender no-reply@" in page
    receipt = run(fresh, "explain", str(CORPUS / "015-read-receipt.eml")).stdout
    assert receipt.startswith("automatic: disposition notification")
    assert "no mail would go out" in receipt
    mail.write_bytes(b"From: a@b.example\r\n" + b"X: y\r\n" * 1200 + b"\r\nhello\r\n")
    assert run(fresh, "explain", str(mail)).stdout.startswith("quarantined: more than 1000 header fields")
    mail.write_bytes(b"From: a@b.example\r\nSubject: large\r\n\r\n" + b"hello\r\n" * 60_000)
    assert run(fresh, "explain", str(mail)).stdout.startswith("ticketed CTY-1: ")  # read in the child


def test_explain_trusts_a_login(fresh: Path, tmp_path: Path) -> None:
    mail = tmp_path / "agent.eml"
    mail.write_bytes(
        b"From: hung.le@people.desk.example\r\nTo: hotro@desk.example\r\nSubject: x\r\n\r\nhello there\r\n"
    )
    assert told(fresh, "explain", str(mail))["reading"]["evidence"] == "E0"
    trusted = told(fresh, "explain", str(mail), "--auth", "Hung.Le@people.desk.example")
    assert trusted["reading"]["evidence"] == "E3"


def test_migrate_makes_the_database(fresh: Path, tmp_path: Path) -> None:
    shutil.copytree(fresh.parent / "rules", tmp_path / "rules")
    config = tmp_path / "gateway.yaml"
    config.write_text(fresh.read_text())
    assert run(config, "migrate").stdout.startswith("schema 0")
    assert told(config, "tickets") == {"tickets": []}
    assert stat.S_IMODE((tmp_path / "state" / "gateway.sqlite").stat().st_mode) == 0o600
    assert run(config, "quarantine").stdout == "nothing is in quarantine\n"
    assert "1 is not in quarantine" in run(config, "quarantine", "--release", "1", status=1).stderr


def test_passwd_takes_the_password_from_a_pipe() -> None:
    result = CliRunner().invoke(main, ["passwd", "Hung.Le@desk.example"], input="secret1\n")
    address, _, stored = result.stdout.strip().partition(": ")
    assert address == "hung.le@desk.example"
    assert verify_password("secret1", stored)
    assert not verify_password("secret2", stored)
    assert CliRunner().invoke(main, ["passwd", "hung.le@desk.example"], input="").exit_code == 2


def test_check_says_that_nobody_can_log_in(tmp_path: Path) -> None:
    config = folder(tmp_path)
    kept = [line for line in config.read_text("utf-8").splitlines() if not line.startswith("relay:")]
    kept += ["submission: {port: 2599, auth_without_tls: true}", "submission_users: {}"]
    config.write_text("\n".join(kept), "utf-8")
    assert "submission_users is empty, so nobody can log in" in run(config, "check").output
