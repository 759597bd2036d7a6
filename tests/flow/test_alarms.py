"""Alarms with the real store: told once by each way, whatever ends the process in between."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.edge.files import JsonFile
from gateway.flow.alarm_book import Book, read_book, written
from gateway.flow.alarms import TRIES, Alarms, Ways
from gateway.model import Ill, Trouble
from gateway.options import Alarming
from gateway.store.errors import StoreUnavailable
from tests.flow.desk_under_test import DeskUnderTest, Mail

MINUTE = timedelta(minutes=1)
OPS = "ops@elsewhere.example"
LIMITS = Alarming(to=(OPS,), command=("page",), language="en")


class Lived:
    """One desk, its troubles as a test sets them, and alarms that may be made anew, as after a restart."""

    def __init__(self, folder: Path, limits: Alarming = LIMITS) -> None:
        self.desk = DeskUnderTest(folder)
        self.limits = limits
        self.present: list[Trouble] = []
        self.runs = 0
        self.ran: list[Mapping[str, Any]] = []  # what the command was told, run by run
        self.command_says = ""
        self.file = JsonFile(folder / "alarms.json")
        self.begin()

    def begin(self, keep: Any = None) -> None:
        ways = Ways(lambda: self.present, lambda: self.desk.now, lambda: self.desk.current, self._run, lambda _: None)
        self.alarms = Alarms(self.limits, self.desk.store, ways, keep or self.file)

    def _run(self, alarm: Mapping[str, Any]) -> str:
        self.runs += 1
        self.ran += [alarm, *alarm["more"]]
        return self.command_says

    def wrong(self, *ills: Ill, about: str = "") -> None:
        self.present = [Trouble(ill, about, "why", True, self.desk.now, "said", 2) for ill in ills]

    def step(self, minutes: int = 1) -> None:
        self.desk.now += minutes * MINUTE
        self.alarms.step()

    def mails(self) -> list[Mail]:
        """All alarm mails until now."""
        self.desk.settle()
        return self.desk.sent_to(OPS, "alarm")


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Lived]:
    made = Lived(tmp_path)
    yield made
    made.desk.close()


def test_begin_and_end_by_both_ways(lived: Lived) -> None:
    lived.step()
    assert (lived.mails(), lived.ran) == ([], [])
    lived.wrong(Ill.RELAY_DOWN)
    for _ in range(5):
        lived.step()
    (mail,) = lived.mails()
    assert (mail.to, mail.envelope_from) == (OPS, "bounce@desk.example")
    assert mail.header("Auto-Submitted") == "auto-generated"
    assert mail.header("Subject").startswith("[CTY] Alarm: The relay has taken no mail for ")
    assert mail.header("From") == "Công ty Ví dụ <bounce@desk.example>"
    assert not mail.header("Reply-To")
    assert mail.message.get_content_type() == "multipart/alternative"
    for said in ("Since: ", "What to do: Check that the relay", "To look: gateway status", "do not go out"):
        assert said in mail.text
    assert [(one["alarm"], one["state"]) for one in lived.ran] == [("relay-down", "begin")]
    assert [one["alarm"] for one in lived.alarms.standing()] == ["relay-down"]
    lived.wrong()
    for _ in range(10):
        lived.step()
    assert lived.mails()[-1].header("Subject").startswith("[CTY] Over: ")
    assert [one["state"] for one in lived.ran] == ["begin", "end"]
    assert len(lived.mails()) == 2
    assert lived.alarms.standing() == []


def test_it_is_no_customer_mail(lived: Lived) -> None:
    """Neither the breaker nor a cap counts it, and no ticket has it."""
    lived.wrong(*Ill)
    lived.step(5)
    lived.step(5)
    assert lived.mails()
    assert lived.desk.store.pulse(lived.desk.now).automatic_last_hour == 0
    assert lived.desk.store.tickets({}, "CTY") == []


def test_what_answers_it_is_on_record_and_changes_nothing(lived: Lived) -> None:
    """Another helpdesk behind the address acknowledges each alarm, without a mark."""
    lived.wrong(Ill.RELAY_DOWN)
    lived.step()
    (mail,) = lived.mails()
    raw = (
        f"From: ticket@helpdesk.example\r\nTo: bounce@desk.example\r\nSubject: Re: {mail.header('Subject')}\r\n"
        f"Message-ID: <1@helpdesk.example>\r\nIn-Reply-To: {mail.header('Message-ID')}\r\n\r\nWe have your mail.\r\n"
    )
    number = lived.desk.receive(raw.encode(), ["bounce@desk.example"], mail_from="ticket@helpdesk.example")
    (outcome,) = lived.desk.store.outcomes(number)
    assert (outcome["outcome"], outcome["ticket"]) == ("automatic", None)
    assert (lived.desk.tickets(), lived.desk.sent_to("ticket@helpdesk.example")) == ([], [])


def test_a_restart_tells_nothing_again(lived: Lived) -> None:
    lived.wrong(Ill.RELAY_DOWN, Ill.QUARANTINE)
    lived.step()
    for _ in range(5):
        lived.begin()
        lived.step()
    assert (len(lived.mails()), len(lived.ran)) == (1, 2)
    lived.wrong()
    lived.begin()
    for _ in range(7):
        lived.step()
        lived.begin()
    assert (len(lived.mails()), len(lived.ran)) == (2, 4)


class Dying(Exception):
    """Stands for the end of the process."""


class FailingFile:
    """Saves until it is told to die at a save."""

    def __init__(self, file: JsonFile, saves: int) -> None:
        self._file, self._left = file, saves

    def load(self) -> Any:
        return self._file.load()

    def save(self, value: Mapping[str, Any]) -> None:
        if not self._left:
            raise Dying
        self._left -= 1
        self._file.save(value)


@pytest.mark.parametrize("saves", range(4))
def test_death_at_any_save_tells_each_thing_once_by_mail(lived: Lived, saves: int) -> None:
    """Even when something else is wrong too after the restart. The command may be run again."""
    lived.begin(FailingFile(lived.file, saves))
    lived.wrong(Ill.RELAY_DOWN)
    try:
        lived.step()
    except Dying:
        pass
    lived.begin()
    lived.wrong(Ill.RELAY_DOWN, Ill.QUARANTINE)
    lived.step()
    lived.step()
    subjects = [line for mail in lived.mails() for line in mail.text.splitlines() if line.startswith("Alarm: ")]
    assert len(subjects) == 2, subjects
    assert len(lived.ran) in (2, 3)


def test_a_store_that_takes_nothing_gets_the_mail_later(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    lived.wrong(Ill.STORE)

    def unavailable(*_: object) -> Any:
        raise StoreUnavailable("database or disk is full")

    with monkeypatch.context() as full:
        full.setattr(lived.desk.store, "commit", unavailable)
        lived.step()
        lived.step()
        lived.step()
    assert [one["state"] for one in lived.ran] == ["begin"], "the command does not wait for it"
    assert lived.mails() == []
    lived.step()
    assert len(lived.mails()) == 1


def test_a_state_that_cannot_be_saved_keeps_no_alarm_back(lived: Lived) -> None:
    class Full(FailingFile):
        def save(self, value: Mapping[str, Any]) -> None:
            raise OSError(28, "No space left on device")

    lived.begin(Full(lived.file, 0))
    lived.wrong(Ill.DISK)
    for _ in range(5):
        lived.step()
    assert (len(lived.mails()), len(lived.ran)) == (1, 1)


def test_a_command_that_fails_is_tried_again_and_given_up(lived: Lived) -> None:
    lived.command_says = "page: ended with status 1"
    lived.wrong(Ill.RELAY_DOWN)
    for _ in range(TRIES + 3):
        lived.step()
    assert len(lived.ran) == TRIES
    assert lived.alarms.command_failed == "page: ended with status 1"
    lived.command_says = ""
    lived.wrong(Ill.RELAY_DOWN, Ill.RULES_REFUSED)
    lived.step()
    assert lived.alarms.command_failed == ""


def test_fifty_mailboxes_at_once_are_one_mail_and_one_run(lived: Lived) -> None:
    at = lived.desk.now
    lived.present = [Trouble(Ill.MAILBOX_SILENT, f"box{n}", "why", True, at) for n in range(50)]
    lived.step()
    assert len(lived.mails()) == 1
    assert "(+ 49 messages)" in lived.mails()[0].header("Subject")
    assert all(f"Mailbox box{n} " in lived.mails()[0].text for n in range(50))
    assert (lived.runs, len({one["about"] for one in lived.ran})) == (1, 50)


def test_a_storm_is_ten_mails_an_hour(lived: Lived) -> None:
    for minute in range(60):
        lived.present = [Trouble(Ill.LOGIN_REFUSED, f"box{minute}", "why", True, lived.desk.now)]
        lived.step()
    assert len(lived.mails()) == lived.runs == 10
    lived.step(61)
    assert len(lived.mails()) == lived.runs == 11


def test_a_test_goes_both_ways_at_once(lived: Lived) -> None:
    assert lived.alarms.test() == {"mail": [OPS], "command": "done"}
    assert lived.ran[0]["alarm"] == "test"
    assert lived.mails()[0].header("Subject") == "[CTY] Test: This is a test alarm"
    lived.command_says = "page: ended with status 1"
    lived.desk.now += MINUTE
    assert lived.alarms.test()["command"] == "page: ended with status 1"
    lived.limits = Alarming()
    lived.begin()
    assert lived.alarms.test() == {"mail": [], "command": None}


def test_the_book_survives_its_file(lived: Lived) -> None:
    lived.wrong(Ill.RELAY_DOWN, Ill.LOOP_FAILING)
    lived.command_says = "no"
    lived.step()
    book = lived.alarms._book
    assert book.command.waiting
    assert read_book(json.loads(json.dumps(written(book)))) == book


@pytest.mark.parametrize("value", [None, 3, [], {}, {"standing": [{}]}, {"standing": 1, "mail": 2, "command": 3}])
def test_a_book_that_cannot_be_read_is_an_empty_one(value: Any) -> None:
    assert read_book(value) == Book()


def test_without_anybody_to_tell_nothing_piles_up(lived: Lived) -> None:
    lived.limits = replace(LIMITS, to=(), command=())
    lived.begin()
    lived.wrong(*Ill)
    lived.step()
    assert not lived.alarms._book.has_waiting
    assert lived.alarms.standing()
    assert datetime.fromisoformat(lived.alarms.standing()[0]["begun"]) == lived.desk.now
