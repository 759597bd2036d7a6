"""A relay that is away for days, in the time of the desk: nothing is lost, given up too soon, or told twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from email.utils import getaddresses
from pathlib import Path

import pytest

from gateway.flow.pace import Pace
from gateway.flow.send import BATCH
from gateway.model import SendResult, Sent
from tests.faults.running import letter
from tests.flow.desk_under_test import DeskUnderTest, Mail

TO, HUNG = "kythuat@desk.example", "hung.le@people.desk.example"
AGENTS = (HUNG, "thao.pham@people.desk.example")
AWAY = SendResult(0, Sent.TROUBLE, "no connection to relay:587: Connection refused")


class Outage:
    """A desk whose relay can be taken away, and what was tried meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.desk = DeskUnderTest(folder)
        self.seconds = 0.0
        self.desk.sending._pace = Pace(clock=lambda: self.seconds)
        self.away, self.tried = False, 0
        usual = self.desk._transmit

        def transmit(batch, then=None):  # type: ignore[no-untyped-def]  # as _transmit
            self.tried += len(batch)
            return [SendResult(mail.id, AWAY.sent, AWAY.reply) for mail in batch] if self.away else usual(batch, then)

        self.desk.sending._transmit = transmit

    def write(self, name: str) -> None:
        self.desk.receive(letter(name, to=TO), [TO], mail_from=f"customer{name}@customer.example")

    def answer(self, notice: Mail, text: str) -> None:
        to = getaddresses([notice.header("Reply-To")])[0][1]
        threaded = {"In-Reply-To": notice.header("Message-ID")}
        raw = letter("answer", text, sender=HUNG, to=to, subject=f"Re: {notice.header('Subject')}", headers=threaded)
        self.desk.receive(raw, [to], mail_from=HUNG, auth=HUNG)

    def events(self, number: int) -> Counter[str]:
        shown = self.desk.store.ticket(number)
        assert shown is not None
        return Counter(event["kind"] for event in shown["events"])

    def pass_time(self, **span: float) -> None:
        self.seconds += timedelta(**span).total_seconds()
        self.desk.pass_time(**span)

    def states(self) -> Counter[tuple[str, str, int]]:
        shown = [self.desk.store.ticket(row["number"]) for row in self.desk.tickets()]
        return Counter(
            (mail["kind"], mail["state"], mail["attempts"]) for one in shown if one for mail in one["outbox"]
        )


@pytest.fixture
def outage(tmp_path: Path) -> Iterator[Outage]:
    made = Outage(tmp_path)
    yield made
    made.desk.close()


def test_away_for_a_day(outage: Outage) -> None:
    outage.away = True
    for hour in range(24):
        outage.write(f"{hour}a")
        outage.write(f"{hour}b")
        outage.pass_time(hours=1)
    waiting = outage.desk.store.outbox_depth()
    assert outage.tried < 60, "nobody tries each mail to find the relay away"
    assert not any(attempts for _, _, attempts in outage.states())
    assert outage.desk.mails == []
    outage.away, before = False, outage.tried
    for _ in range(2):
        outage.pass_time(minutes=1)
    assert outage.desk.store.outbox_depth() == 0
    assert outage.tried - before <= waiting
    got = [mail.header("Message-ID") for mail in outage.desk.mails]
    assert len(got) == len(set(got))
    acknowledged = Counter(mail.to for mail in outage.desk.mails if mail.kind == "acknowledgement")
    assert set(acknowledged.values()) <= {1}


def test_away_for_six_days(outage: Outage) -> None:
    """An answer that waited for five days is given up, though it was never tried for its own sake: agents see it at
    once in the ticket, and are told once when mail goes out again. What customers wrote meanwhile they get whole."""
    outage.write("old")
    (notice,) = outage.desk.sent_to(HUNG, "agent-notice")
    outage.away = True
    outage.answer(notice, "Xin khởi động lại máy.")
    outage.write("meanwhile")
    for _ in range(119):
        outage.pass_time(hours=1)
        assert not any(state == "failed" for _, state, _ in outage.states())
    for _ in range(24):
        outage.pass_time(hours=1)
    assert {kind: attempts for kind, state, attempts in outage.states() if state == "failed"} == {"answer": 0}
    assert outage.events(1)["undelivered"] == 2  # the mail's own line and the telling
    outage.away, before = False, len(outage.desk.mails)
    for _ in range(3):
        outage.pass_time(minutes=1)
    assert outage.desk.store.outbox_depth() == 0
    later = outage.desk.mails[before:]
    (told,) = [mail for mail in later if mail.kind == "undelivered"]
    assert told.to == HUNG
    assert all(words in told.text for words in ("customerold@customer.example", "Connection refused", "khởi động lại"))
    assert {mail.to for mail in later if mail.kind == "agent-notice"} == set(AGENTS)
    assert not [mail for mail in later if mail.to.endswith("@customer.example")], "no promise of last week"
    for _ in range(48):
        outage.pass_time(hours=1)
    assert [mail for mail in outage.desk.mails if mail.kind == "undelivered"] == [told]
    assert outage.events(1)["undelivered"] == 2


def test_a_turn_of_a_sender_takes_a_batch(outage: Outage) -> None:
    for number in range(3 * BATCH):
        outage.desk.receive(letter(number, to=TO), [TO], mail_from=f"customer{number}@customer.example", settle=False)
    while outage.desk.desk.step():
        pass
    before = outage.tried
    outage.desk.sending.step()
    assert 0 < outage.tried - before <= BATCH
