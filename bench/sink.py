"""The relay that everything is sent to, a process of its own: `python -m bench.sink`.

Takes every mail at once, keeps when it came, for whom, and its header block; throws the rest away. Says "port N", then
obeys lines on its standard input: `count` prints how many mails came, `leave PATH` writes them there and forgets them.
"""

from __future__ import annotations

import asyncio
import pickle
import re
import sys
import time
from pathlib import Path

from bench.records import Arrived

_ADDRESS = re.compile(rb"<([^>]*)>")
_GREETING = b"250-sink.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
_KEPT = {"IN-REPLY-TO": "answers", "MESSAGE-ID": "message_id", "REPLY-TO": "reply_to"}


class Sink:
    def __init__(self) -> None:
        self.raw: list[tuple[float, bytes, bytes]] = []  # when, recipient, header block

    def take(self) -> list[Arrived]:
        raw, self.raw = self.raw, []
        return [_arrived(*one) for one in raw]


def _arrived(at: float, recipient: bytes, header: bytes) -> Arrived:
    found = dict.fromkeys(_KEPT.values(), "")
    for line in re.sub(rb"\r\n[ \t]+", b" ", header).decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if (kept := _KEPT.get(name.upper())) is not None:
            found[kept] = value.strip()
    return Arrived(at, recipient.decode("utf-8", "replace"), **found)


class Conversation(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._input = bytearray()
        self._recipient = b""
        self._in_data = False
        self._looked = 0  # octets of the data in which the end was not found

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # TCP: a stream transport
        self._transport.write(b"220 sink.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._input += data
        answers = bytearray()
        while True:
            if self._in_data:
                if not self._data(answers):
                    break
            elif (end := self._input.find(b"\r\n")) >= 0:
                line = bytes(self._input[:end])
                del self._input[: end + 2]
                answers += self._command(line)
            else:
                break
        if answers:
            self._transport.write(bytes(answers))

    def _data(self, answers: bytearray) -> bool:
        end = self._input.find(b"\r\n.\r\n", max(0, self._looked - 4))
        if end < 0:
            self._looked = len(self._input)
            return False
        header = bytes(self._input[: max(0, self._input.find(b"\r\n\r\n"))])
        self._sink.raw.append((time.monotonic(), self._recipient, header))
        del self._input[: end + 5]
        self._in_data, self._looked = False, 0
        answers += b"250 2.0.0 taken\r\n"
        return True

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return _GREETING
        if verb == b"DATA":
            self._in_data = True
            return b"354 go on\r\n"
        if verb == b"QUIT":
            asyncio.get_running_loop().call_soon(self._transport.close)
            return b"221 2.0.0 bye\r\n"
        if verb == b"RCPT" and (found := _ADDRESS.search(line)):
            self._recipient = found[1]
        return b"250 2.0.0 ok\r\n"


async def run() -> None:
    loop, sink, began = asyncio.get_running_loop(), Sink(), time.process_time()
    server = await loop.create_server(lambda: Conversation(sink), "127.0.0.1", 0)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, _, path = line.strip().partition(" ")
        if word == "leave":
            cpu, began = time.process_time() - began, time.process_time()
            Path(path).write_bytes(pickle.dumps((cpu, sink.take())))
        print(len(sink.raw), flush=True)


if __name__ == "__main__":
    asyncio.run(run())
