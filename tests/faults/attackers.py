"""Clients of the worst kind, a canary among them, and the memory of the process tree that bears them all."""

from __future__ import annotations

import asyncio
import base64
import os
import smtplib
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.running import HELP, Gateway, children, letter

MIB = 1024 * 1024
CANARY = "127.0.9.9"  # a trusted relay, as a Postfix in front would be
TRUSTED = 'trusted_relays: ["127.0.9.0/24"]'
SAY_HELLO = b"EHLO attacker.example\r\n"
TO_DATA = SAY_HELLO + b"MAIL FROM:<a@attacker.example>\r\nRCPT TO:<help@desk.example>\r\nDATA\r\n"


# --- what it costs --------------------------------------------------------------------------------------------------


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for one in found:
        found += children(one)
    return found


def memory(pid: int) -> int:
    """Octets that the tree really takes: pages that several share are counted once (PSS)."""
    return sum(_pss(one) for one in tree(pid))


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0  # it has ended


@dataclass
class Toll:
    """What an attack has cost others."""

    peak: int = 0  # octets, the whole tree
    worst: float = 0.0  # seconds until the canary had its answer
    kept: int = 0  # canaries
    trouble: list[str] = field(default_factory=list)


@contextmanager
def watched(gateway: Gateway, every: float = 0.5) -> Iterator[Toll]:
    """Measures, and sends a plain mail every half second, as long as the context lasts."""
    toll, stop = Toll(), threading.Event()

    def measure() -> None:
        assert gateway.process is not None
        while not stop.wait(0.05):
            toll.peak = max(toll.peak, memory(gateway.process.pid))

    def sing() -> None:
        number = 0
        while not stop.is_set():
            began = time.monotonic()
            try:
                _canary(gateway, number)
                toll.kept += 1
            except (OSError, smtplib.SMTPException) as error:
                toll.trouble.append(f"canary {number}: {type(error).__name__}: {error}")
            toll.worst = max(toll.worst, time.monotonic() - began)
            number += 1
            stop.wait(every)

    threads = [threading.Thread(target=measure), threading.Thread(target=sing)]
    for thread in threads:
        thread.start()
    try:
        yield toll
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def _canary(gateway: Gateway, number: int) -> None:
    name = f"canary{number}-{time.monotonic_ns()}"
    with smtplib.SMTP("127.0.0.1", gateway.smtp, timeout=60, source_address=(CANARY, 0)) as client:
        client.sendmail(f"{name}@customer.example", [HELP], letter(name, sender=f"{name}@customer.example"))


# --- the attackers --------------------------------------------------------------------------------------------------

Attack = Callable[["Stream"], Awaitable[None]]


class Stream:
    """One connection of an attacker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, octets: bytes) -> None:
        self.writer.write(octets)
        await self.writer.drain()

    async def heard(self) -> bytes:
        """Everything until the other side hangs up."""
        found = bytearray()
        try:
            while octets := await self.reader.read(65536):
                found += octets[-4096:]
        except OSError:
            pass
        return bytes(found)


@dataclass
class Ends:
    """How the connections of an attack ended."""

    last: Counter[str] = field(default_factory=Counter)  # by the code of the last reply, "" for none
    longest: float = 0.0  # seconds from connecting to the end


def attacked(port: int, attack: Attack, many: int, peers: int = 10, patience: float = 120.0) -> Ends:
    """Runs so many at once, from so many addresses; each hears on until it is hung up on. Fails when one is not."""
    ends = Ends()

    async def one(number: int) -> None:
        began = time.monotonic()
        code = ""
        try:
            source = (f"127.0.{1 + number % peers}.1", 0)
            stream = Stream(*await asyncio.open_connection("127.0.0.1", port, local_addr=source))
        except OSError:
            ends.last["refused"] += 1
            return
        listening = asyncio.ensure_future(stream.heard())
        attacking = asyncio.ensure_future(_attack(attack, stream))
        try:
            said = await asyncio.wait_for(listening, patience)
            lines = [line for line in said.splitlines() if line[:3].isdigit()]
            code = lines[-1][:3].decode() if lines else ""
        finally:
            attacking.cancel()
            stream.writer.transport.abort()
        ends.last[code] += 1
        ends.longest = max(ends.longest, time.monotonic() - began)

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(many)))

    asyncio.run(all_of_them())
    return ends


async def _attack(attack: Attack, stream: Stream) -> None:
    try:
        await attack(stream)
    except OSError:
        pass  # it was hung up on


async def _for_ever(stream: Stream, octets: bytes, pause: float = 0.0) -> None:
    while True:
        await stream.say(octets)
        await asyncio.sleep(pause)


async def silence(stream: Stream) -> None:
    await asyncio.sleep(3600)


async def drip_commands(stream: Stream) -> None:
    """One octet a second: each line takes a minute."""
    await _for_ever(stream, b"E", 1.0)


async def drip_data(stream: Stream) -> None:
    await stream.say(TO_DATA)
    await _for_ever(stream, b"x", 1.0)


async def endless_command(stream: Stream) -> None:
    await _for_ever(stream, b"x" * 65536)


async def endless_line(stream: Stream) -> None:
    await stream.say(TO_DATA)
    await _for_ever(stream, b"x" * 65536)


async def endless_header(stream: Stream) -> None:
    await stream.say(TO_DATA)
    await _for_ever(stream, b"X-Header: and so on\r\n" * 3000)


async def short_lines(stream: Stream) -> None:
    """Eight octets a line, up to the size limit and beyond."""
    await stream.say(TO_DATA + b"Subject: x\r\n\r\n")
    await _for_ever(stream, b"shorts\r\n" * 8192)


async def many_recipients(stream: Stream) -> None:
    """Ten thousand in one go, then the same again with unknown ones."""
    await stream.say(SAY_HELLO + b"MAIL FROM:<a@attacker.example>\r\n" + b"RCPT TO:<help@desk.example>\r\n" * 10_000)
    await _for_ever(stream, b"RCPT TO:<nobody@desk.example>\r\n" * 1000)


async def garbage(stream: Stream) -> None:
    """HELO, MAIL and RCPT with control characters, half of UTF-8, and no sense."""
    junk = bytes(octet for octet in range(1, 256) if octet not in b"\r\n")
    lines = [
        b"HELO " + junk, b"EHLO \x00\x1b[2J", b"EHLO x", b"MAIL FROM:<a\x00b@x.example>", b"MAIL FROM:<a\x0bb@x>",
        b"MAIL FROM:<" + b"\xff" * 300 + b">", b"MAIL FROM:<a@x.example> SIZE=99999999999999999999999", b"MAIL FROM:",
        b"MAIL FROM:<a@x.example>", b"RCPT TO:<\x1b]0;x\x07help@desk.example>", b"RCPT TO:<\xc3\x28@desk.example>",
        b"RCPT TO:<help@desk.example>\x00", b"\x16\x03\x01\x02\x00\x01", b"GET_ / HTTP/1.0", b"\x80" * 400,
    ]  # fmt: skip
    await _for_ever(stream, b"\r\n".join(lines) + b"\r\n")


_noise = base64.b64encode(os.urandom(3 * MIB // 4))
NOISE = b"".join(_noise[at : at + 76] + b"\r\n" for at in range(0, len(_noise), 76))


def large_mail(size: int) -> Attack:
    """A whole mail of about so many octets at full speed: an attachment that no compression makes smaller."""

    async def attack(stream: Stream) -> None:
        name = f"large{id(stream)}-{time.monotonic_ns()}"
        head = (
            f"From: <{name}@attacker.example>\r\nTo: <{HELP}>\r\nSubject: {name}\r\nMessage-ID: <{name}@x>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=x\r\n"
            f"Content-Transfer-Encoding: base64\r\n\r\n{base64.b64encode(name.encode()).decode()}\r\n"
        )
        await stream.say(TO_DATA + head.encode())
        for _ in range(max(1, size // len(NOISE) - 1)):
            await stream.say(NOISE)
        await stream.say(b".\r\nQUIT\r\n")

    return attack


def guess_passwords(user: bytes) -> Attack:
    async def attack(stream: Stream) -> None:
        await stream.say(SAY_HELLO)
        for number in range(1000):
            guess = base64.b64encode(b"guess %d" % number)
            await stream.say(b"AUTH LOGIN %s\r\n%s\r\n" % (base64.b64encode(user), guess))
            await asyncio.sleep(0.01)

    return attack


def wrong_ends() -> Sequence[bytes]:
    """Ends of data that some servers see and RFC 5321 does not, and a way round DATA."""
    ends = [
        b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n", b"\r\n.\r\r\n",
        b"\n\n.\n\n", b"\r\r\n.\r\r\n", b"\n.\r\r\n", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\r\n.\x0b\r\n",
        b"\r\n. \r\n",
    ]  # fmt: skip
    evil = b"MAIL FROM:<evil@attacker.example>\r\nRCPT TO:<help@desk.example>\r\nDATA\r\n"
    evil += b"Subject: smuggled\r\n\r\nx\r\n.\r\nQUIT\r\n"
    head = TO_DATA + b"From: <a@attacker.example>\r\nSubject: cover\r\n\r\nx"
    around = SAY_HELLO + b"MAIL FROM:<a@attacker.example>\r\nRCPT TO:<help@desk.example>\r\nBDAT 5\r\nhello"
    return [*(head + end + evil for end in ends), around + evil]


def talk(port: int, octets: bytes, source: str = "127.0.1.1", seconds: float = 20.0) -> bytes:
    """Says all of it at once and gives all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds, source_address=(source, 0)) as client:
        client.sendall(octets)
        client.shutdown(socket.SHUT_WR)
        found = b""
        try:
            while more := client.recv(65536):
                found += more
        except OSError:
            pass
    return found
