"""A relay that is down, slow, refuses, hangs up or hangs: intake goes on, mail goes out later, once and in order."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from email.utils import getaddresses
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.demo.letters import Writer, answer, plain_text
from tests.faults.relays import RelayAt
from tests.faults.running import AGENT, Gateway, desk_in, eventually, id_of, letter
from tests.servers.faulty_relay import FaultyRelay
from tests.servers.ports import free_port


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def gateway(tmp_path: Path, port: int) -> Iterator[Gateway]:
    made = desk_in(tmp_path / "desk", relay=port, retry="0.5, 1.5")
    yield made
    made.close()


def customer(name: int | str) -> str:
    return f"customer{name}@customer.example"


def test_down_for_long_then_up(gateway: Gateway, port: int) -> None:
    gateway.start()
    slowest = 0.0
    for turn in range(3):
        for number in range(8):
            name = f"{number}-{turn}"
            headers = {"In-Reply-To": id_of(f"{number}-{turn - 1}")} if turn else {}
            raw = letter(name, f"turn {turn} of {number}", sender=customer(number), headers=headers)
            began = time.monotonic()
            gateway.send(raw, mail_from=customer(number))
            slowest = max(slowest, time.monotonic() - began)
    assert slowest < 5
    eventually(lambda: gateway.health()[1]["waiting"] == 0, "all is decided")
    time.sleep(2)
    status, health = gateway.health()
    assert (status, health["outbox"]) == (200, 8 + 3 * 8)
    with RelayAt(port) as relay:
        gateway.settle()
        assert {len(relay.mails_to(customer(number))) for number in range(8)} == {1}
        order: dict[str, list[str]] = defaultdict(list)
        for mail in relay.mails_to(AGENT):
            found = re.search(r"turn (\d) of (\d)", plain_text(mail))
            assert found is not None
            order[found[2]].append(found[1])
        assert order == {str(number): ["0", "1", "2"] for number in range(8)}


def test_temporary_refusals_are_tried_again_at_their_times(gateway: Gateway, port: int) -> None:
    at: list[float] = []

    def patience(_: FaultyRelay) -> str:
        at.append(time.monotonic())
        return "451 4.7.1 later" if len(at) <= 3 else "250 ok"

    with RelayAt(port, {f"RCPT {customer('a')}": patience}) as relay:
        gateway.start()
        gateway.send(letter("a"), mail_from=customer("a"))
        gateway.settle()
        assert [len(relay.mails_to(customer("a"))), len(relay.mails_to(AGENT))] == [1, 1]
    waits = [after - before for before, after in pairwise(at)]
    assert len(waits) == 3
    assert all(wait >= step for wait, step in zip(waits, (0.5, 1.5, 1.5), strict=True))
    assert max(waits) < 10


def test_a_final_refusal_is_told_to_the_department_once(gateway: Gateway, port: int) -> None:
    """The daemon dies between the mark and the telling."""
    refusing = threading.Event()
    script = {f"RCPT {customer('gone')}": lambda _: "550 5.1.1 no such user" if refusing.is_set() else "250 ok"}
    with RelayAt(port, script) as relay:
        gateway.start()
        gateway.send(letter("gone"), mail_from=customer("gone"))
        (notice,) = eventually(lambda: relay.mails_to(AGENT), "the agent is told")
        gateway.settle()
        assert gateway.stop() == 0
        refusing.set()
        gateway.start(program=("-m", "tests.faults.dying", "committed", "sent", "1"))
        raw = answer(Writer("Lan", AGENT), notice, "Here is the answer.", id_of("answer"))
        gateway.send(raw, getaddresses([str(notice["Reply-To"])])[0][1], AGENT, login=True)
        assert gateway.end() == -signal.SIGKILL
        assert _told(relay) == []
        gateway.start()
        eventually(lambda: _told(relay), "the department is told")
        gateway.settle()
        assert gateway.stop() == 0
        gateway.start()
        time.sleep(1)
        gateway.settle()
        assert len(_told(relay)) == 1
        assert len(relay.mails_to(customer("gone"))) == 1  # the acknowledgement of before
    (ticket,) = gateway.tickets()
    events = [event["kind"] for event in gateway.json("show", ticket["tag"])["events"]]
    assert "undelivered" in events


def _told(relay: RelayAt) -> list[str]:
    texts = [plain_text(mail) for mail in relay.mails_to(AGENT)]
    return [text for text in texts if "550 5.1.1 no such user" in text]


def test_one_mail_that_makes_the_relay_hang_up_holds_up_no_other(gateway: Gateway, port: int) -> None:
    with RelayAt(port, {f"RCPT {customer('poison')}": "!drop"}) as relay:
        gateway.start()
        gateway.send(letter("poison"), mail_from=customer("poison"))
        for number in range(30):
            gateway.send(letter(number), mail_from=customer(number))
        eventually(lambda: len({taken.recipient for taken in relay.taken}) == 31, "the others get theirs", 15)
        tags = {ticket["subject"]: ticket["tag"] for ticket in gateway.tickets()}
        shown = [gateway.json("show", tags[f"Question {number}"])["outbox"] for number in (0, 7)]
        assert {mail["attempts"] for mails in shown for mail in mails} == {1}  # another's failure was not theirs


def test_a_hanging_relay_stops_neither_intake_nor_the_end(gateway: Gateway, port: int) -> None:
    hanging = threading.Event()
    hanging.set()
    with RelayAt(port, {"GREETING": lambda _: "!hang" if hanging.is_set() else ""}) as relay:
        gateway.start()
        for number in range(5):
            began = time.monotonic()
            gateway.send(letter(number), mail_from=customer(number))
            assert time.monotonic() - began < 5
        eventually(lambda: relay.connections, "the relay is called")
        assert gateway.health()[0] == 200
        began = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - began < 30
        hanging.clear()
        gateway.start()
        gateway.settle()
        assert sorted(taken.recipient for taken in relay.taken) == sorted(
            [AGENT] * 5 + [customer(number) for number in range(5)]
        )
