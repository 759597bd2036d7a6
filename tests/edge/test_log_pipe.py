"""The log's way out: never a reason to wait (fault matrix row 30)."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator

import pytest

from gateway.edge import log_pipe
from gateway.edge.log_pipe import LogPipe
from tests.faults.running import eventually

SMALL = 4096  # octets in the pipe


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, SMALL)
    yield read, write
    for fd in (read, write):
        try:
            os.close(fd)
        except OSError:
            pass


def read_until(fd: int, last: bytes) -> bytes:
    heard = b""
    while not heard.endswith(last):
        heard += os.read(fd, 65536)
    return heard


def test_every_line_comes_out_in_order(pipe: tuple[int, int]) -> None:
    read, write = pipe
    out = LogPipe(write)
    for number in range(300):
        out.write(f"line {number} ü\n")
    expected = "".join(f"line {number} ü\n" for number in range(300))
    assert read_until(read, "299 ü\n".encode()).decode() == expected
    out.close()
    assert out.trouble() == ""


def test_nobody_reads(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody who logs waits; the queue is bounded; what is lost is counted and told once lines go out again."""
    monkeypatch.setattr(log_pipe, "MOST", 50)
    monkeypatch.setattr(log_pipe, "STANDS", 0.05)
    read, write = pipe
    told: list[int] = []
    out = LogPipe(write, told.append)
    began = time.monotonic()
    for number in range(5000):
        out.write(f"line {number:>500}\n")
    assert time.monotonic() - began < 5
    eventually(lambda: "nobody reads the log" in out.trouble())
    assert told == []
    os.set_blocking(read, False)
    heard = bytearray()

    def reading() -> bool:
        try:
            heard.extend(os.read(read, 65536))
        except BlockingIOError:
            pass
        return bool(told)

    eventually(reading)
    out.write("the last\n")
    eventually(lambda: (reading(), heard.endswith(b"the last\n"))[1])
    lines = heard.splitlines()
    assert len(lines) - 1 + sum(told) == 5000
    assert len(lines) < 400
    assert "lines of the log are lost" in out.trouble()


def test_a_line_that_would_fill_the_memory(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_pipe, "LONGEST", 3 * SMALL)
    out = LogPipe(pipe[1])
    for _ in range(100):
        out.write("x" * SMALL + "\n")
    assert len(out._lines) <= 3  # the bound is the point
    assert out.trouble()


def test_a_log_that_refuses_octets_is_no_trouble_for_those_who_write() -> None:
    told: list[int] = []
    with open("/dev/full", "wb") as full:
        out = LogPipe(full.fileno(), told.append)
        out.write("lost\n")
        eventually(out.trouble)
        read, write = os.pipe()
        os.dup2(write, full.fileno())  # there is room again
        out.write("kept\n")
        assert read_until(read, b"kept\n") == b"kept\n"
        eventually(lambda: told == [1])
        out.close()
        os.close(read)
        os.close(write)


def test_the_end_waits_for_the_last_lines_but_not_for_ever(pipe: tuple[int, int]) -> None:
    read, write = pipe
    out = LogPipe(write)
    out.write("last words\n")
    out.close()
    assert os.read(read, 100) == b"last words\n"
    stuck = LogPipe(write)
    stuck.write("x" * 3 * SMALL)
    began = time.monotonic()
    stuck.close(0.2)
    assert time.monotonic() - began < 5
