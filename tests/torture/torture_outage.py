"""A relay that is away while ten thousand mails gather: what the 250 costs meanwhile, the memory, the drain in order.

.venv/bin/python -m pytest -o python_files='torture_*.py' tests/torture/torture_outage.py
"""

from __future__ import annotations

import re
import smtplib
import time
from collections import Counter, defaultdict
from email.utils import parseaddr
from pathlib import Path

import pytest

from gateway.demo.letters import plain_text
from tests.faults.relays import RelayAt
from tests.faults.running import AGENT, HELP, Gateway, desk_in, eventually, id_of, letter
from tests.servers.ports import free_port
from tests.torture.progress import Progress

QUEUED = 10_000
TICKETS = 200  # of those whose order is looked at, with three mails each
SAMPLE = 1_000
WITHIN = 1.5  # the promise: p99 of the 250 with the relay away, over that with the relay there
CAPS = "caps: {breaker_hour: 1000000, tickets_hour: 1000000, acks_hour: 1000000}"


class Client:
    """One kept connection; the seconds from the end of the data to each 250."""

    def __init__(self, gateway: Gateway) -> None:
        self._smtp = smtplib.SMTP("127.0.0.1", gateway.smtp, timeout=60)
        self._smtp.ehlo("client.example")

    def send(self, raw: bytes, sender: str) -> float:
        assert self._smtp.mail(sender)[0] == self._smtp.rcpt(HELP)[0] == 250
        began = time.perf_counter()
        assert self._smtp.data(raw)[0] == 250
        return time.perf_counter() - began


def customer(name: int | str) -> str:
    return f"customer{name}@customer.example"


def sample(gateway: Gateway, name: str) -> list[float]:
    client = Client(gateway)
    return sorted(
        client.send(letter(f"{name}{each}", sender=customer(f"{name}{each}")), customer(f"{name}{each}"))
        for each in range(SAMPLE)
    )


def figures(took: list[float]) -> str:
    return f"p50 {1000 * took[len(took) // 2]:.1f} ms, p99 {1000 * took[len(took) * 99 // 100]:.1f} ms"


def memory(gateway: Gateway) -> int:
    """MiB of the daemon."""
    assert gateway.process is not None
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) // 1024


@pytest.mark.timeout(3600)
def test_ten_thousand_mails_wait_for_the_relay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(capsys, "relay away")
    port = free_port()
    gateway = desk_in(tmp_path / "desk", relay=port, retry="60, 300", more=CAPS)
    try:
        with RelayAt(port):
            gateway.start()
            sample(gateway, "warm")
            there = sample(gateway, "there")
            gateway.settle(300)
        progress.result(f"relay there: {figures(there)}, {memory(gateway)} MiB")
        _gather(gateway, progress)
        away = sample(gateway, "away")
        eventually(lambda: gateway.health()[1]["waiting"] == 0, "all is decided", 300)
        queued, rss = gateway.health()[1]["outbox"], memory(gateway)
        ratio = away[SAMPLE * 99 // 100] / there[SAMPLE * 99 // 100]
        progress.result(f"relay away, {queued} mails queued: {figures(away)}, {ratio:.2f} x, {rss} MiB")
        _drain(gateway, port, queued, progress)
        assert rss < 250
        assert ratio < WITHIN
    finally:
        gateway.close()


def _gather(gateway: Gateway, progress: Progress) -> None:
    """Three mails on each of some tickets first, then as many others as are missing."""
    client, number = Client(gateway), 0
    for turn in range(3):
        for ticket in range(TICKETS):
            headers = {"In-Reply-To": id_of(f"o{ticket}-{turn - 1}")} if turn else {}
            raw = letter(f"o{ticket}-{turn}", f"turn {turn} of {ticket}.", sender=customer(ticket), headers=headers)
            client.send(raw, customer(ticket))
    while gateway.health()[1]["outbox"] < QUEUED:
        for _ in range(200):
            client.send(letter(f"q{number}", sender=customer(f"q{number}")), customer(f"q{number}"))
            number += 1
        progress.tell(f"{gateway.health()[1]['outbox']} queued")


def _drain(gateway: Gateway, port: int, queued: int, progress: Progress) -> None:
    with RelayAt(port) as relay:
        began = time.monotonic()
        eventually(lambda: relay.taken, "the relay is found again", 90)
        found = time.monotonic()
        gateway.settle(900)
        ended = time.monotonic()
        progress.result(
            f"{len(relay.taken)} mails out {ended - began:.0f} s after it was back, "
            f"the first after {found - began:.0f} s, "
            f"then {len(relay.taken) / (ended - found):.0f} a second; {memory(gateway)} MiB"
        )
        assert len(relay.taken) == queued
        mails = relay.mails_to(AGENT)
        ids = Counter(parseaddr(str(mail["Message-ID"]))[1] or str(mail["Message-ID"]) for mail in mails)
        assert set(ids.values()) == {1}
        order: dict[str, list[str]] = defaultdict(list)
        for mail in mails:
            said = re.search(r"turn (\d) of (\d+)\.", plain_text(mail))
            if said is not None:
                order[said[2]].append(said[1])
        assert order == {str(ticket): ["0", "1", "2"] for ticket in range(TICKETS)}
