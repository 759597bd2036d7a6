"""The control socket, with a real socket, threads as clients, and a daemon that died."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.edge.control import ControlServer, NoDaemon, call


def fails(_: dict[str, Any]) -> dict[str, Any]:
    raise KeyError("no ticket 7")


def slow(arguments: dict[str, Any]) -> dict[str, Any]:
    time.sleep(arguments["seconds"])
    return {"slept": arguments["seconds"]}


HANDLERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "echo": lambda arguments: {"said": arguments},
    "when": lambda _: {"at": datetime(2026, 11, 23, tzinfo=UTC)},
    "fail": fails,
    "slow": slow,
    "thread": lambda _: {"main": threading.current_thread() is threading.main_thread()},
}


def serving(path: Path, work: Callable[[], Any], handlers: dict[str, Any] = HANDLERS) -> Any:
    """Runs `work` in a thread while a server listens."""

    async def main() -> Any:
        server = ControlServer(path, handlers)
        await server.start()
        try:
            return await asyncio.get_running_loop().run_in_executor(None, work)
        finally:
            await server.stop()

    return asyncio.run(main())


def raw(path: Path, octets: bytes) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as talk:
        talk.settimeout(20)
        talk.connect(str(path))
        talk.sendall(octets)
        talk.shutdown(socket.SHUT_WR)
        received = b""
        while piece := talk.recv(65536):
            received += piece
    answer = json.loads(received)
    assert isinstance(answer, dict)
    return answer


def test_a_command_and_its_answer(tmp_path: Path) -> None:
    path = tmp_path / "control"
    said = serving(path, lambda: call(path, "echo", {"tên": "Lan", "n": 1}))
    assert said == {"said": {"tên": "Lan", "n": 1}}
    assert serving(path, lambda: call(path, "when", {}))["at"].startswith("2026-11-23")
    assert serving(path, lambda: call(path, "thread", {})) == {"main": False}


def test_errors_are_answers(tmp_path: Path) -> None:
    path = tmp_path / "control"
    assert "no ticket 7" in serving(path, lambda: call(path, "fail", {}))["error"]
    assert "unknown command 'rm'; there are echo, fail" in serving(path, lambda: call(path, "rm", {}))["error"]
    for octets in (
        b"not json\n",
        b"\n",
        b"",
        b"[1]\n",
        b'{"command": 5}\n',
        b'{"command": "echo", "arguments": []}\n',
        b"\xff\xfe\n",
        b'{"command": "' + b"x" * 100_000 + b'"}\n',
    ):
        assert "error" in serving(path, lambda octets=octets: raw(path, octets)), octets[:40]  # type: ignore[misc]


def test_only_the_owner_may_talk(tmp_path: Path) -> None:
    path = tmp_path / "control"
    old = os.umask(0)
    try:
        mode = serving(path, lambda: stat.S_IMODE(path.stat().st_mode))
    finally:
        os.umask(old)
    assert mode == 0o600
    assert not path.exists(), "the socket file stays behind"


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(NoDaemon):
        call(tmp_path / "control", "echo", {})
    with pytest.raises(NoDaemon):
        call(tmp_path / "missing" / "control", "echo", {})


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    assert path.exists()
    with pytest.raises(NoDaemon):
        call(path, "echo", {})
    assert serving(path, lambda: call(path, "echo", {})) == {"said": {}}


def test_a_living_daemon_and_a_plain_file_are_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control"

    def second() -> str:
        with pytest.raises(OSError, match="another daemon"):
            asyncio.run(ControlServer(path, {}).start())
        return str(call(path, "echo", {})["said"])

    assert serving(path, second) == "{}"
    path.write_text("precious")
    with pytest.raises(OSError, match="not a socket"):
        serving(path, lambda: None)
    assert path.read_text() == "precious"


def test_a_path_longer_than_a_socket_address(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 90) / ("e" * 90)
    folder.mkdir(parents=True)
    path = folder / "control"
    assert serving(path, lambda: call(path, "echo", {"n": 2})) == {"said": {"n": 2}}
    assert not path.exists()


def test_a_time_out_is_an_error_and_not_a_missing_daemon(tmp_path: Path) -> None:
    path = tmp_path / "control"
    answer = serving(path, lambda: call(path, "slow", {"seconds": 0.6}, timeout=0.1))
    assert "within 0.1 s" in answer["error"]


def test_commands_run_beside_each_other_and_end_before_the_stop(tmp_path: Path) -> None:
    path = tmp_path / "control"
    answers: list[dict[str, Any]] = []

    def two() -> list[threading.Thread]:
        threads = [
            threading.Thread(target=lambda: answers.append(call(path, "slow", {"seconds": 0.4}))) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.2)  # both are under way when the server is told to stop
        return threads

    begin = time.monotonic()
    threads = serving(path, two)
    for thread in threads:
        thread.join(5)
    assert answers == [{"slept": 0.4}, {"slept": 0.4}]
    assert time.monotonic() - begin < 2.0


def test_a_client_that_hangs_up_disturbs_nobody(tmp_path: Path) -> None:
    path = tmp_path / "control"

    def work() -> dict[str, Any]:
        for _ in range(5):
            with socket.socket(socket.AF_UNIX) as talk:
                talk.connect(str(path))
                talk.sendall(b'{"command": "slow", "arguments": {"seconds": 0.05}}\n')
        return call(path, "echo", {})

    assert serving(path, work) == {"said": {}}


def test_a_socket_one_may_not_use_is_no_missing_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may use any socket, so the refusal of the kernel is played."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert "Permission denied" in call(tmp_path / "control", "echo", {})["error"]
