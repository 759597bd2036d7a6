"""Clients of the worst kind, a canary among them, and the memory of the process tree that bears them all."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import smtplib
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from tests.faults.running import AGENT, HELP, Gateway, children, letter

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
    kept: list[str] = field(default_factory=list)  # senders of canaries
    trouble: list[str] = field(default_factory=list)


@contextmanager
def watched(gateway: Gateway, every: float = 0.5) -> Iterator[Toll]:
    """Measures, and sends a plain mail every half second, as long as the context lasts."""
    toll, stop = Toll(), threading.Event()

    def measure() -> None:
        assert gateway.process is not None
        while not stop.wait(0.1):
            toll.peak = max(toll.peak, memory(gateway.process.pid))

    def sing() -> None:
        number = 0
        while not stop.is_set():
            began = time.monotonic()
            try:
                toll.kept.append(_canary(gateway, number))
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


def _canary(gateway: Gateway, number: int) -> str:
    name = f"canary{number}-{time.monotonic_ns()}"
    sender = f"{name}@customer.example"
    with smtplib.SMTP("127.0.0.1", gateway.smtp, timeout=60, source_address=(CANARY, 0)) as client:
        client.sendmail(sender, [HELP], letter(name, sender=sender))
    return sender


# --- the attackers --------------------------------------------------------------------------------------------------

Attack = Callable[["Stream"], Awaitable[None]]


class Stream:
    """One connection of an attacker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._heard = bytearray()
        self.deaf = False

    async def say(self, octets: bytes) -> None:
        self._writer.write(octets)
        await self._writer.drain()

    async def listen(self) -> bytes:
        """The last reply, once the other side has hung up; b"" if it has said nothing at all. From one that does not
        listen: the last it had heard before."""
        try:
            while octets := await self._reader.read(65536):
                if self.deaf:
                    self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a socket
                    while not self._writer.transport.is_closing():
                        await asyncio.sleep(0.05)
                self._heard = (self._heard + octets)[-4096:]
        except OSError:
            pass
        return next((line for line in reversed(self._heard.split(b"\r\n")) if line), b"")

    async def heard(self, reply: bytes) -> None:
        """Until a reply that begins so has come; for one who listens at the same time."""
        while not any(line.startswith(reply) for line in self._heard.split(b"\r\n")):
            await asyncio.sleep(0.01)

    def hang_up(self) -> None:
        self._writer.transport.abort()


@dataclass
class Ends:
    """How the connections of an attack ended: the last reply → for each, the seconds from connecting to the end."""

    after: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, reply: bytes, seconds: float) -> None:
        self.after[KEPT.sub("kept", reply.decode("latin-1"))].append(seconds)

    @property
    def count(self) -> Counter[str]:
        return Counter({reply: len(each) for reply, each in self.after.items()})

    @property
    def first(self) -> float:
        """Seconds to the end of the connection that ended soonest."""
        return min(chain(*self.after.values()))

    @property
    def last(self) -> float:
        return max(chain(*self.after.values()))

    def __str__(self) -> str:
        return ", ".join(
            f"{len(each)} x {reply or 'cut'!r} after {min(each):.1f} to {max(each):.1f} s"
            for reply, each in sorted(self.after.items())
        )


KEPT = re.compile(r"kept as \d+")
REFUSED = "refused by the kernel"


def attacked(port: int, attack: Attack, many: int, peers: int = 10, patience: float = 120.0, first: int = 1) -> Ends:
    """Runs so many at once, from so many addresses, 127.0.FIRST.1 and following; each hears on until it is hung up on.
    TimeoutError when one is not."""
    ends = Ends()

    async def all_of_them() -> None:
        await asyncio.gather(
            *(connection(port, attack, f"127.0.{first + number % peers}.1", patience, ends) for number in range(many))
        )

    asyncio.run(all_of_them())
    return ends


async def connection(port: int, attack: Attack, source: str, patience: float, ends: Ends) -> None:
    """One connection from begin to end."""
    began = time.monotonic()
    try:
        stream = Stream(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))
    except OSError:
        ends.add(REFUSED.encode(), time.monotonic() - began)
        return
    attacking = asyncio.ensure_future(_attack(attack, stream))
    try:
        last = await asyncio.wait_for(stream.listen(), patience)
    finally:
        stream.hang_up()
        attacking.cancel()
        (outcome,) = await asyncio.gather(attacking, return_exceptions=True)
    assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
    ends.add(last, time.monotonic() - began)


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
    await stream.say(SAY_HELLO + b"MAIL FROM:<a@attacker.example>\r\n" + b"RCPT TO:<help@desk.example>\r\n" * 10_000)


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
    return partial(_large_mail, size=size)


async def _large_mail(stream: Stream, size: int) -> None:
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


async def guess_passwords(stream: Stream) -> None:
    """Of an agent who exists, and of others, over and over."""
    await stream.say(SAY_HELLO)
    for number in range(1000):
        user = AGENT if number % 2 else f"agent{number}@people.example"
        login, guess = base64.b64encode(user.encode()), base64.b64encode(b"guess %d" % number)
        await stream.say(b"AUTH LOGIN %s\r\n%s\r\n" % (login, guess))
        await asyncio.sleep(0.01)
    await silence(stream)


async def tls_and_silence(stream: Stream) -> None:
    await stream.say(SAY_HELLO + b"STARTTLS\r\n")


async def silence_in_data(stream: Stream) -> None:
    await stream.say(TO_DATA + b"Subject: x\r\n")


async def never_reads(stream: Stream) -> None:
    """Asks for reply after reply."""
    stream.deaf = True
    await _for_ever(stream, b"NOOP\r\n" * 10_000)


async def begin_over_and_over(stream: Stream) -> None:
    """Never idle, never wrong, never done."""
    await _for_ever(stream, SAY_HELLO + b"MAIL FROM:<a@attacker.example>\r\nRCPT TO:<help@desk.example>\r\n", 0.5)


async def no_operations(stream: Stream) -> None:
    await _for_ever(stream, b"NOOP\r\n" * 1000)


async def many_unknown(stream: Stream) -> None:
    """Who is here?"""
    await stream.say(SAY_HELLO + b"MAIL FROM:<a@attacker.example>\r\n")
    for number in range(10_000):
        await stream.say(b"RCPT TO:<name%d@desk.example>\r\n" % number)


async def come_and_go(stream: Stream) -> None:
    stream.hang_up()


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
