"""The killable reader: large or unusual mail is read in a warm child process with bounded memory, CPU and time."""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from gateway.edge.memory import IN_CHILD
from gateway.model import Message
from gateway.options import ReadLimits

_FRAME = struct.Struct(">cI")
_START = 30.0  # seconds until a new child must be ready; a busy machine imports slowly
_CHUNK = 1 << 16
_OUTSIDE = (-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)  # sent by people and systemd, never because of a mail
_PROGRAM = "gateway.mail.child_main"  # by name: this room may not import the postmaster's wing


class ChildFailed(Exception):
    """The child died, stalled or ran out of memory on this message. The text is the reason."""


class NoChild(ChildFailed, OSError):
    """No child can be started now; whatever was to be read has no part in it."""


class _Gone(Exception):
    """The pipe to the child is closed."""


Answer = TypeVar("Answer")


class Child(Generic[Answer]):
    """One warm child process that reads messages one at a time.

    `unpack` turns the child's answer and the raw octets into a value; ValueError: it is none. `command` is another
    program than the one that makes a `Message`; it gets the limits as its last argument. The child is started at the
    first message, has a clean environment, and ends when this process ends, because its standard input ends. All
    methods may be called from any thread; one message at a time.
    """

    def __init__(
        self, limits: ReadLimits, unpack: Callable[[bytes, bytes], Answer], command: Sequence[str] | None = None
    ) -> None:
        self._limits = limits
        self._unpack = unpack
        self._command = tuple(command) if command is not None else (sys.executable, "-P", "-m", _PROGRAM)
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, raw: bytes) -> Answer:
        """`raw`, read in the child. What no parser can read comes back as the minimal reading.

        Raises `ChildFailed` when the child died, took longer than `child_wall` seconds, or ran out of `child_memory` or
        `child_cpu`; the next call starts a new child. A child that died while idle, or was told to end by somebody, is
        replaced once without an error. Raises `NoChild`, an OSError as well, when none can be started.
        """
        with self._lock:
            try:
                answer = self._ask(raw)
            except BaseException:
                self._kill()
                raise
        try:
            return self._unpack(answer, raw)
        except ValueError as fault:
            self.close()
            raise ChildFailed(f"the child's answer is not a message: {fault}") from fault

    def close(self) -> None:
        """End the child, at once; a `read` under way in another thread raises. A later `read` starts a new one."""
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._kill()

    def _ask(self, raw: bytes) -> bytes:
        for fresh in (False, True):
            process = self._running()
            try:
                return self._exchange(process, raw)
            except _Gone:
                reason = self._obituary(process)
                if fresh or not (process.returncode in _OUTSIDE or reason == "ended"):
                    raise ChildFailed(f"the child {reason}") from None
        raise AssertionError("unreachable")

    def _running(self) -> subprocess.Popen[bytes]:
        """The child, started if there is none or it has died while idle."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._kill()
        root = str(Path(__file__).resolve().parents[2])
        try:
            process = subprocess.Popen(  # noqa: S603  our own interpreter and module, or the caller's command
                [*self._command, json.dumps(asdict(self._limits))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={
                    **IN_CHILD,
                    "PYTHONPATH": root,
                    "PYTHONUTF8": "1",
                    "LC_ALL": "C.UTF-8",
                    "TZ": "UTC",
                    "PYTHONHASHSEED": "random",
                },
                cwd="/",
                start_new_session=True,  # a Ctrl-C at the terminal is for the parent
            )
        except OSError as fault:
            raise NoChild(f"the child cannot be started: {fault.strerror}") from fault
        self._process = process
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
        try:
            kind, _ = self._answer(process, time.monotonic() + _START)
        except _Gone:
            raise NoChild(f"the child {self._obituary(process)} at its start") from None
        except ChildFailed as fault:
            raise NoChild(f"at its start {fault}") from None
        if kind != b"R":
            raise NoChild("the child did not say that it is ready")
        return process

    def _exchange(self, process: subprocess.Popen[bytes], raw: bytes) -> bytes:
        deadline = time.monotonic() + self._limits.child_wall
        _send(process, _FRAME.pack(b"M", len(raw)), deadline)
        _send(process, raw, deadline)
        kind, content = self._answer(process, deadline)
        if kind != b"K":
            raise ChildFailed(f"the child failed: {content[:200].decode('utf-8', 'replace')}")
        return content

    def _answer(self, process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
        kind, size = _FRAME.unpack(_receive(process, _FRAME.size, deadline))
        if size > 4 * self._limits.message:
            raise ChildFailed("the child's answer is too large")
        return kind, _receive(process, size, deadline)

    def _obituary(self, process: subprocess.Popen[bytes]) -> str:
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
        code = process.returncode
        if code is None:
            return "closed its pipe"
        return f"was killed by signal {-code}" if code < 0 else "ended"

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        if process.poll() is None:
            process.kill()
        process.wait()


ReadingChild = Child[Message]


def _wait(descriptor: int, event: int, deadline: float) -> None:
    """Until the pipe is ready; `poll`, because `select` stops at descriptor 1024."""
    poll = select.poll()
    poll.register(descriptor, event)
    left = deadline - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise ChildFailed("the child took too long")


def _send(process: subprocess.Popen[bytes], content: bytes, deadline: float) -> None:
    assert process.stdin is not None  # noqa: S101  it was opened with a pipe
    descriptor = process.stdin.fileno()
    view = memoryview(content)
    while view:
        _wait(descriptor, select.POLLOUT, deadline)
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            continue
        except OSError:
            raise _Gone from None


def _receive(process: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
    assert process.stdout is not None  # noqa: S101  it was opened with a pipe
    descriptor = process.stdout.fileno()
    buffer = bytearray()
    while len(buffer) < size:
        _wait(descriptor, select.POLLIN, deadline)
        try:
            chunk = os.read(descriptor, min(_CHUNK, size - len(buffer)))
        except BlockingIOError:
            continue
        except OSError:
            raise _Gone from None
        if not chunk:
            raise _Gone
        buffer += chunk
    return bytes(buffer)
