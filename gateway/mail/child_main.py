"""The program of the reading child: `python -m gateway.mail.child_main '{"text": ...}'`.

The one module of this wing that does I/O: it reads and writes its own standard input and output, and limits its own
process. It knows no clock, no file, no socket. It ends when standard input ends, so it does not outlive its parent.

Frames, both ways: one octet kind, four octets length (big-endian), content. In: "M" raw octets. Out, first: "R" ready;
then for each message "K" with the packed message, or "F" with the reason in UTF-8, after which the child ends.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
from collections.abc import Callable

from gateway.mail.minimal import read_minimal
from gateway.mail.parse import Unreadable, read_message
from gateway.mail.wire import pack
from gateway.model import Message
from gateway.options import ReadLimits

_FRAME = struct.Struct(">cI")
_RESERVE = 8 * 1024 * 1024  # given back when memory runs out, so that the reason can be told


def main(arguments: list[str]) -> int:
    """Read messages from standard input until it ends; 0 then, 1 after a failure that was reported."""
    limits = ReadLimits(**json.loads(arguments[0]))
    return serve(limits, lambda raw: pack(_read(raw, limits), raw_is_there=True))


def serve(limits: ReadLimits, work: Callable[[bytes], bytes]) -> int:
    """What a program that reads in a child does: answer each message with what `work` makes of it, within limits."""
    source, sink = open(os.dup(0), "rb"), os.dup(1)  # noqa: SIM115 - read until this process ends
    _limit_process(limits)
    _send(sink, b"R", b"")
    while True:
        frame = source.read(_FRAME.size)
        if len(frame) < _FRAME.size:
            return 0
        _, size = _FRAME.unpack(frame)
        try:
            raw = source.read(size)  # into one piece of memory, without a copy
            if len(raw) < size:
                return 0
            _arm_cpu(limits)
            answer = work(raw)
        except MemoryError:
            raw = b""
            _send(sink, b"F", b"out of memory")
            return 1
        _send(sink, b"K", answer)
        raw = answer = b""  # not to be held while the next one is waited for


def _read(raw: bytes, limits: ReadLimits) -> Message:
    reserve = bytearray(_RESERVE)
    try:
        return read_message(raw, limits)
    except Unreadable as fault:
        return read_minimal(raw, limits, str(fault))
    finally:
        del reserve


def _limit_process(limits: ReadLimits) -> None:
    """Address space of this process; no core file, no file writes."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.child_memory, limits.child_memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _arm_cpu(limits: ReadLimits) -> None:
    """The soft limit counts from the process's start: move it for each message. SIGXCPU ends the process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + limits.child_cpu, hard))


def _send(sink: int, kind: bytes, content: bytes) -> None:
    for piece in (_FRAME.pack(kind, len(content)), content):
        view = memoryview(piece)
        while view:
            view = view[os.write(sink, view) :]


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:
        sys.exit(0)
