"""The machine's clock jumps: nothing comes due by it, nothing expires, mail goes on (G16, fault matrix rows 28, 29)."""

from __future__ import annotations

import email
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.letters import Writer, answer
from tests.faults.faketime import YEAR, MachineClock
from tests.faults.running import RULES, desk_in, eventually, id_of, letter, mailbox, places

HOUR = 3600.0
JUMPS = {"hour": HOUR, "decade": 10 * YEAR, "epoch": 100 - time.time(), "behind": -HOUR}  # 100 s after 1970 began
BOSS = "boss@people.example"
ALTERED = ("-m", "tests.faults.altered", "gateway.daemon:TICK=0.3")


class Desk:
    """The gateway, its machine's clock, and customers who write and answer."""

    def __init__(self, folder: Path, rules: str) -> None:
        self.gateway = desk_in(folder / "desk", rules=rules)
        self.clock = MachineClock(folder)
        self.answered: dict[str, str] = {}  # what was answered → whose mail

    def start(self, *altered: str) -> None:
        self.gateway.start(environ=self.clock.environ, program=(*ALTERED, *altered, "--"))

    def writes(self, name: str) -> datetime:
        """A first mail, and it is acknowledged; when, by the desk's time."""
        customer = f"customer{name}@customer.example"
        self.gateway.send(letter(name), mail_from=customer)
        (raw,) = eventually(lambda: mailbox(self.gateway, customer), f"{name} is acknowledged")
        return email.utils.parsedate_to_datetime(email.message_from_bytes(raw)["Date"])

    def answers(self, name: str) -> None:
        """Answers the acknowledgement by its signed address alone."""
        customer = f"customer{name}@customer.example"
        mail, number = email.message_from_bytes(mailbox(self.gateway, customer)[0]), f"{name}-{len(self.answered)}"
        reply_to = email.utils.parseaddr(str(mail["Reply-To"]))[1]
        assert "+r" in reply_to
        said = answer(Writer("", customer), mail, f"One thing more: {number}.", id_of(number))
        said = said.replace(b"\r\nReferences:", b"\r\nX-R:").replace(b"\r\nIn-Reply-To:", b"\r\nX-I:")
        said = said.replace(b"\r\nSubject:", b"\r\nSubject: about something\r\nX-Subject:")
        self.gateway.send(said, to=reply_to, mail_from=customer)
        self.answered[number] = name

    def settled(self) -> None:
        """Nothing waits, and each answer is on the ticket of what it answers."""
        self.gateway.settle()
        where = places(self.gateway.tickets())
        assert {number: where[id_of(number)] for number in self.answered} == {
            number: where[id_of(name)] for number, name in self.answered.items()
        }

    def trouble(self) -> str:
        return next((reason for reason in self.gateway.health()[1]["reasons"] if reason.startswith("clock: ")), "")

    def promised(self, name: str) -> list[datetime]:
        """When an answer to that mail is due, each time that was said anew."""
        number = places(self.gateway.tickets())[id_of(name)][0]
        events = self.gateway.json("show", f"FLT-{number}")["events"]
        return [datetime.fromisoformat(event["data"]["due"]) for event in events if event["kind"] == "promised"]

    def escalations(self) -> int:
        return len(mailbox(self.gateway, BOSS))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path, RULES.replace("first_response: 4h", "first_response: 30m"))
    yield made
    made.gateway.close()


def about_now(instant: datetime) -> bool:
    return abs((instant - datetime.now(UTC)).total_seconds()) < 120


def test_a_clock_that_jumps_and_is_put_right(desk: Desk) -> None:
    """As if nothing had been, for the desk and for those who answer its mail."""
    desk.start()
    desk.writes("before")
    for name, by in JUMPS.items():
        desk.clock.set(by)
        assert "the machine's clock says" in eventually(desk.trouble, f"{name} is seen")
        assert about_now(desk.writes(name))
        desk.answers("before")
        desk.clock.set(0)
        eventually(lambda: not desk.trouble(), "the clock is right again")
    desk.answers("epoch")
    assert desk.escalations() == 0
    assert "expired" not in desk.gateway.log()
    assert desk.gateway.log().count("event=clock_jumped") == 4
    desk.settled()
    assert desk.gateway.stop() == 0


def test_a_clock_that_stays_wrong(desk: Desk) -> None:
    """By an hour: it is believed after a while, and back again. By years, at the start: only when somebody says so.
    Each promise that is broken is told of once."""
    desk.start("gateway.edge.clock:HOLD=2")
    desk.writes("first")
    desk.clock.set(HOUR)
    eventually(lambda: desk.escalations() == 1, "half an hour has passed")
    assert desk.trouble() == ""
    desk.writes("late")
    desk.clock.set(0)
    eventually(desk.trouble)
    eventually(lambda: not desk.trouble(), "that is believed too")
    assert about_now(desk.writes("back"))
    (promised,) = eventually(lambda: desk.promised("late"), "what was opened an hour ahead is promised from now on")
    assert promised < datetime.now(UTC) + timedelta(minutes=31)
    desk.answers("late")
    desk.gateway.kill()
    desk.clock.set(10 * YEAR)
    desk.start()
    assert "gateway clock --accept" in desk.trouble()
    assert about_now(desk.writes("decade"))
    desk.answers("first")
    assert desk.escalations() == 1
    told: dict[str, Any] = desk.gateway.json("clock", "--accept")
    assert datetime.fromisoformat(told["desk"]).year == datetime.now(UTC).year + 10
    assert told["trouble"] == ""
    eventually(lambda: desk.escalations() == 4, "who says that it is right gets what is due")
    desk.settled()
    assert desk.escalations() == 4
    assert desk.gateway.stop() == 0
