"""Readiness, watchdog and passed sockets, against real sockets and a real child process."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.edge.systemd import listen_fds, notify, watchdog_interval


def receiver(address: str) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(address)
    channel.settimeout(5)
    return channel


def test_notify_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "notify")
    with receiver(address) as channel:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        assert notify("READY=1\nSTATUS=đang chạy")
        assert channel.recv(4096).decode() == "READY=1\nSTATUS=đang chạy"


def test_notify_to_an_abstract_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"gateway-test-{os.getpid()}"
    with receiver("\0" + name) as channel:
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        assert notify("WATCHDOG=1")
        assert channel.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", ["", "relative/path", "/nowhere/at/all", "@nobody-listens-here"])
def test_notify_without_a_manager_is_no_error(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert notify("READY=1") is False


def _own(pid: str) -> str:
    """This process's id for "own": ids of parametrized tests must be the same in every process of the run."""
    return str(os.getpid()) if pid == "own" else pid


@pytest.mark.parametrize(
    ("usec", "pid", "interval"),
    [
        ("60000000", None, 60.0),
        ("1500000", "own", 1.5),
        ("60000000", "1", None),
        ("", None, None),
        ("0", None, None),
        ("-5", None, None),
        ("soon", None, None),
    ],
)
def test_watchdog(usec: str, pid: str | None, interval: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    if pid is None:
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
    else:
        monkeypatch.setenv("WATCHDOG_PID", _own(pid))
    assert watchdog_interval() == interval


CHILD = """
import os, sys
sys.path.insert(0, sys.argv[1])
passed = [int(number) for number in sys.argv[2:]]
spare = [os.dup(fd) for fd in passed]  # so that the places 3, 4, 5 can be filled as the manager would
for place, fd in enumerate(spare, 3):
    os.dup2(fd, place, inheritable=True)
os.environ["LISTEN_PID"] = str(os.getpid())
from gateway.edge.systemd import listen_fds
for name, found in listen_fds().items():
    print(name, found.getsockname()[1], found.getblocking(), os.get_inheritable(found.fileno()))
"""


def test_sockets_passed_to_a_process(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
        (tmp_path / "file").open("w") as plain,
    ):
        ports = [one.getsockname()[1], two.getsockname()[1]]
        # high numbers, away from 3 to 5
        high = [fcntl.fcntl(held.fileno(), fcntl.F_DUPFD, 50) for held in (one, two, plain)]
        done = subprocess.run(
            [sys.executable, "-c", CHILD, root, *map(str, high)],
            env={"LISTEN_FDS": "3", "LISTEN_FDNAMES": "smtp:smtp:file"},
            pass_fds=high,
            capture_output=True,
            text=True,
            timeout=30,
        )
        for fd in high:
            os.close(fd)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [f"smtp {ports[0]} False False", f"smtp-2 {ports[1]} False False"]


@pytest.mark.parametrize(("pid", "count"), [("1", "2"), ("", "2"), ("own", "many"), ("own", "0")])
def test_sockets_meant_for_others_are_left_alone(pid: str, count: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", _own(pid))
    monkeypatch.setenv("LISTEN_FDS", count)
    assert listen_fds() == {}
