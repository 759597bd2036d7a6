"""The administrator's command: what it gets, and that it can hold up nothing."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from gateway.edge.alarm_command import run_command

ALARM = {"alarm": "relay-down", "about": "", "state": "begin", "title": 'Đĩa "đầy"; $(touch x)'}


def test_it_gets_the_alarm_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/secrets")
    script = "import json, os, sys; json.dump([json.load(sys.stdin), dict(os.environ)], open(sys.argv[1], 'w'))"
    assert run_command([sys.executable, "-c", script, str(tmp_path / "got it; true")], ALARM, 30) == ""
    alarm, environ = json.loads((tmp_path / "got it; true").read_text())
    assert alarm == ALARM
    assert (environ["GATEWAY_ALARM"], environ["GATEWAY_ALARM_ABOUT"], environ["GATEWAY_ALARM_STATE"]) == (
        "relay-down", "", "begin",
    )  # fmt: skip
    assert "CREDENTIALS_DIRECTORY" not in environ


def test_one_that_reads_nothing_is_none_the_worse() -> None:
    assert run_command(["true"], {**ALARM, "detail": "x" * 1_000_000}, 30) == ""


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (["false"], "false: ended with status 1"),
        (["/no/such/program"], "/no/such/program: No such file or directory"),
        (["/etc/passwd"], "/etc/passwd: Permission denied"),
        (["sh", "-c", "kill -9 $$"], "sh: killed by signal 9"),
    ],
)
def test_why_it_failed(argv: list[str], why: str) -> None:
    assert run_command(argv, ALARM, 30) == why


def test_one_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    began = time.monotonic()
    script = f"trap '' TERM; sleep 300 & echo $! >{pids}; echo $$ >>{pids}; sleep 300"
    assert run_command(["sh", "-c", script], ALARM, 1.0) == "sh: did not end within 1 s"
    assert time.monotonic() - began < 20
    for pid in pids.read_text().split():
        end = time.monotonic() + 10
        while _alive(int(pid)):
            assert time.monotonic() < end, "a child is left"
            time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"  # in a container nobody may reap it
