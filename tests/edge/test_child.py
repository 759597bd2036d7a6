"""The killable reader: what it reads, how it dies, that it comes back, that it does not outlive its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.edge.child import ChildFailed, ReadingChild
from gateway.mail.parse import read_message
from gateway.mail.wire import unpack
from gateway.options import MIB, ReadLimits

LIMITS = ReadLimits()
MAIL = b"From: An <an@khach.example>\r\nSubject: x\r\n\r\nhello\r\n"

# A child that speaks the frames and misbehaves as its mail says.
FAKE = textwrap.dedent("""
    import os, struct, sys, time
    frame = struct.Struct(">cI")
    os.write(1, frame.pack(b"R", 0))
    def take(size):
        octets = b""
        while len(octets) < size:
            piece = os.read(0, size - len(octets))
            if not piece: sys.exit(0)
            octets += piece
        return octets
    while True:
        word = take(frame.unpack(take(5))[1])
        if word == b"stall": time.sleep(60)
        if word == b"die": os.kill(os.getpid(), 9)
        if word == b"exit": sys.exit(3)
        if word == b"memory": os.write(1, frame.pack(b"F", 13) + b"out of memory")
        elif word == b"junk": os.write(1, frame.pack(b"K", 4) + b"junk")
        elif word == b"huge": os.write(1, frame.pack(b"K", 4000000000))
        else: os.write(1, frame.pack(b"K", len(word)) + word)
""")


@pytest.fixture(scope="module")
def child() -> Iterator[ReadingChild]:
    reader = ReadingChild(LIMITS, unpack)
    yield reader
    reader.close()


def _fake(limits: ReadLimits = LIMITS) -> ReadingChild:
    def check(octets: bytes, _raw: bytes) -> object:
        if octets == b"junk":
            raise ValueError("junk")
        return octets

    return ReadingChild(limits, check, [sys.executable, "-c", FAKE])  # type: ignore[arg-type]  # octets stand for a message


def test_reads_as_in_process_and_stays_warm(child: ReadingChild) -> None:
    assert child.read(MAIL) == read_message(MAIL, LIMITS)
    began = time.monotonic()
    for _ in range(20):
        child.read(MAIL)
    assert time.monotonic() - began < 5


def test_unreadable_comes_back_minimally_read(child: ReadingChild) -> None:
    raw = b"X: y\r\n" * 2_000 + MAIL
    message = child.read(raw)
    assert "header fields" in message.defects[0]
    assert message.attachments[0].content == raw


def test_large_mail_passes_both_ways(child: ReadingChild) -> None:
    raw = b"Content-Type: application/octet-stream\r\n\r\n" + os.urandom(MIB) * 3
    assert child.read(raw).attachments[0].content == raw.partition(b"\r\n\r\n")[2]


def test_threads_take_turns(child: ReadingChild) -> None:
    found: list[str] = []
    mails = [MAIL.replace(b"x", b"n%d" % n) for n in range(12)]
    threads = [threading.Thread(target=lambda raw=raw: found.append(child.read(raw).subject)) for raw in mails]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(f"n{n}" for n in range(12))


@pytest.mark.parametrize(
    ("word", "reason"),
    [(b"stall", "too long"), (b"die", "signal 9"), (b"exit", "ended"), (b"memory", "out of memory"), (b"junk",
    "not a message"), (b"huge", "too large")],
)  # fmt: skip
def test_failures_are_told_and_the_next_mail_is_read(word: bytes, reason: str) -> None:
    reader = _fake(replace(LIMITS, child_wall=0.5))
    try:
        with pytest.raises(ChildFailed, match=reason):
            reader.read(word)
        assert reader.read(b"fine") == b"fine"  # type: ignore[comparison-overlap]
    finally:
        reader.close()


def test_a_child_that_died_while_idle_is_replaced_silently() -> None:
    reader = ReadingChild(LIMITS, unpack)
    try:
        reader.read(MAIL)
        process = reader._process
        assert process is not None
        process.kill()
        process.wait()
        assert reader.read(MAIL).subject == "x"
    finally:
        reader.close()


def test_memory_is_bounded() -> None:
    reader = ReadingChild(replace(LIMITS, child_memory=200 * MIB), unpack)
    try:
        with pytest.raises(ChildFailed):
            reader.read(b"Content-Type: text/plain\r\n\r\n" + b"\xe1\xba\xa1" * (12 * MIB))
        assert reader.read(MAIL).subject == "x"
    finally:
        reader.close()


def test_no_program_is_a_failure_not_a_crash() -> None:
    reader = ReadingChild(LIMITS, unpack, ["/nonexistent/reader"])
    with pytest.raises(ChildFailed, match="cannot be started"):
        reader.read(MAIL)


def test_close_ends_it_and_read_starts_again() -> None:
    reader = _fake()
    reader.read(b"a")
    process = reader._process
    assert process is not None
    reader.close()
    assert process.returncode is not None
    assert reader.read(b"b") == b"b"  # type: ignore[comparison-overlap]
    reader.close()


def test_it_does_not_outlive_its_parent() -> None:
    program = textwrap.dedent("""
        import os
        from gateway.edge.child import ReadingChild
        from gateway.mail.wire import unpack
        from gateway.options import ReadLimits
        reader = ReadingChild(ReadLimits(), unpack)
        reader.read(b"Subject: x\\n\\ny")
        print(reader._process.pid, flush=True)
        os.kill(os.getpid(), 9)
    """)
    root = str(Path(__file__).resolve().parents[2])
    parent = subprocess.run([sys.executable, "-c", program], capture_output=True, env={"PYTHONPATH": root}, check=False)
    pid = int(parent.stdout)
    for _ in range(100):
        if (
            not Path(f"/proc/{pid}").exists()
            or "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        ):
            return
        time.sleep(0.05)
    pytest.fail("the child lives on")


def test_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_SECRET", "hidden")
    reader = _fake()
    try:
        reader.read(b"a")
        assert reader._process is not None
        assert b"GATEWAY_SECRET" not in Path(f"/proc/{reader._process.pid}/environ").read_bytes()
    finally:
        reader.close()
