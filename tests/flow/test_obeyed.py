"""What the configuration says is done: rules on replies, surveys, languages, contact forms, caps, notes of the edge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.mail.parse import Unreadable
from gateway.model import Envelope, Message, Received, Source
from gateway.options import Caps
from tests.flow.clients import mail, reply, reply_address
from tests.flow.desk_under_test import DESK, DeskUnderTest

MAIN = """
include: [rules.yaml]
form_senders: [form@www.shop.example, '@forms.example', no-reply@*.shop.example]
observers: [boss@p.example]
departments:
  sales: {addresses: [sales@desk.example], agents: [lan@p.example], language: vi, staff_language: en}
  quiet: {addresses: [quiet@desk.example], agents: [minh@p.example], language: vi, staff_language: en, survey: false}
priorities:
  critical: {first_response: 1h, calendar: always}
  normal: {first_response: 8h, calendar: always}
  wish: {first_response: 5d, calendar: always}
rules:
  - {name: last, when: always, then: {department: sales}}
"""
AN = "an@khach.example"
VERDICT = {"Authentication-Results": "mx.desk.example; dmarc=pass header.from=khach.example"}


class World(DeskUnderTest):
    unreadable = False  # what goes to the child

    def __init__(self, folder: Path, rules: str = "", **options: Any) -> None:
        written = f"rules:\n{rules}\n" if rules else ""
        super().__init__(folder, rules={"rulebook.yaml": MAIN, "rules.yaml": written}, **options)

    def _in_child(self, raw: bytes) -> Message:
        if self.unreadable:
            raise Unreadable("the parser failed")
        return super()._in_child(raw)  # type: ignore[no-any-return]

    def write(self, subject: str, body: str = "Hello, please help me.", **more: Any) -> int:
        spec = {"sender": AN, "to": "sales@desk.example", "message_id": f"<{subject}@khach.example>", **more}
        spec["headers"] = {**VERDICT, **spec.get("headers", {})}
        raw = mail(subject=subject, body=body, date=self.now, **spec)
        return self.receive(raw, [spec["to"]], mail_from=spec["sender"])

    def again(self, body: str, name: str, sender: str = AN) -> int:
        to = self.sent_to(AN, "acknowledgement")[-1]
        raw = reply(to, sender=sender, body=body, message_id=f"<{name}@khach.example>", date=self.now)
        verdict = b"".join(f"{k}: {v}\r\n".encode() for k, v in VERDICT.items()) if sender == AN else b""
        return self.receive(verdict + raw, [reply_address(to)], mail_from=sender)

    def close_by(self, agent: str) -> None:
        notice = self.sent_to(agent, "agent-notice")[-1]
        raw = reply(
            notice, sender=agent, body="It is done.\n\n#close", message_id=f"<{agent}@p.example>", date=self.now
        )
        self.receive(raw, [reply_address(notice)], mail_from=agent, auth=agent)

    def ticket(self, number: int = 1) -> dict[str, Any]:
        found = self.store.ticket(number)
        assert found is not None
        return found

    def outcome(self, intake: int) -> list[str]:
        return [row["outcome"] for row in self.store.outcomes(intake)]


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Any]:
    made: list[World] = []

    def world(rules: str = "", **options: Any) -> World:
        made.append(World(tmp_path, rules, **options))
        return made[-1]

    yield world
    for one in made:
        one.close()


# --- survey ---

SURVEYS = [
    ("", "sales@desk.example", "lan@p.example", True),
    ("", "quiet@desk.example", "minh@p.example", False),
    ("  - {name: S, when: {subject: server}, then: {survey: false}}", "sales@desk.example", "lan@p.example", False),
    ("  - {name: S, when: {subject: server}, then: {survey: true}}", "quiet@desk.example", "minh@p.example", True),
    (
        "  - {name: S, on: reply, when: {body: thanks}, then: {survey: false}}",
        "sales@desk.example",
        "lan@p.example",
        False,
    ),
]


@pytest.mark.parametrize(("rules", "to", "agent", "asked"), SURVEYS)
def test_survey(worlds: Any, rules: str, to: str, agent: str, asked: bool) -> None:
    world = worlds(rules)
    world.write("server", to=to)
    world.again("thanks for looking at it", "second")
    world.close_by(agent)
    assert world.ticket()["status"] == "closed"
    assert len(world.sent_to(AN, "survey")) == asked
    assert world.ticket()["survey"] is asked


# --- rules on replies ---

REPLIES = """
  - {name: urgent, on: any, when: {body: urgent}, then: {priority: critical, tags: [hurry], notify: [boss@p.example]}}
  - {name: wish, on: reply, when: {body: someday}, then: {priority: wish}}
  - {name: seen, on: reply, when: {tag: hurry, priority: critical, department: sales}, then: {tags: [seen]}}
  - {name: chinese, on: reply, when: {body: chinese}, then: {language: zh}}
  - {name: held, on: any, when: {body: lottery}, then: {quarantine: true}}
  - {name: not moved, on: any, when: {body: urgent}, then: {department: quiet}}
"""


def test_a_reply_changes_what_the_rules_say(worlds: Any) -> None:
    world = worlds(REPLIES)
    world.write("printer")
    assert (world.ticket()["priority"], world.ticket()["tags"]) == ("normal", [])
    world.pass_time(minutes=30)
    world.again("This is urgent now.", "second")
    ticket = world.ticket()
    assert (ticket["priority"], ticket["tags"], ticket["department"]) == ("critical", ["hurry", "seen"], "sales")
    assert ticket["targets"][0]["due"] == (world.now + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert [m.kind for m in world.sent_to("boss@p.example")] == ["agent-notice"]
    world.again("Someday is fine, please write in chinese.", "third")
    ticket = world.ticket()
    assert (ticket["priority"], ticket["language"]) == ("critical", "zh")
    assert len(world.sent_to("boss@p.example")) == 1


def test_a_promise_broken_and_told_is_not_broken_again(worlds: Any) -> None:
    world = worlds(REPLIES)
    world.write("printer")
    world.pass_time(hours=9)
    assert len(world.sent_to("lan@p.example", "escalation")) == 1
    world.again("This is urgent now.", "second")
    world.pass_time(hours=2)
    assert len(world.sent_to("lan@p.example", "escalation")) == 1


def test_a_held_reply_is_let_out_once(worlds: Any) -> None:
    world = worlds(REPLIES)
    world.write("printer")
    before = len(world.mails)
    held = world.again("You won the lottery.", "second")
    assert world.outcome(held) == ["quarantined"]
    assert len(world.ticket()["messages"]) == 1
    assert len(world.mails) == before
    assert [row["id"] for row in world.store.quarantined()] == [held]
    world.store.release_quarantined(held)
    world.settle()
    assert len(world.ticket()["messages"]) == 2
    assert world.store.quarantined() == []


def test_held_at_one_of_two_doors_is_held_at_both(worlds: Any) -> None:
    world = worlds("  - {name: held, on: new, when: {body: lottery}, then: {quarantine: true}}")
    world.write("printer")
    before = len(world.mails)
    both = "sales@desk.example, quiet@desk.example"
    raw = mail(
        sender=AN,
        to=both,
        subject="Re: printer",
        body="You won the lottery.",
        message_id="<second@khach.example>",
        headers={**VERDICT, "References": "<printer@khach.example>"},
    )
    held = world.receive(raw, both.split(", "), mail_from=AN)
    assert (world.outcome(held), len(world.mails)) == (["quarantined"] * 2, before)
    assert [len(ticket["messages"]) for ticket in world.tickets()] == [1]
    world.store.release_quarantined(held)
    world.settle()
    assert [(t["department"], len(t["messages"])) for t in world.tickets()] == [("sales", 2), ("quiet", 1)]


def test_a_stranger_changes_nothing_of_the_ticket(worlds: Any) -> None:
    world = worlds(REPLIES)
    world.write("printer")
    world.again("This is urgent now.", "second", sender="mallory@evil.example")
    assert (world.ticket()["priority"], world.ticket()["tags"]) == ("normal", [])
    assert len(world.sent_to("boss@p.example")) == 1


# --- languages ---

LANGUAGES = [
    (("vi", "zh", "en"), "", "您好，请帮我看看这个问题，谢谢。", "zh"),
    (("vi", "en"), "", "您好，请帮我看看这个问题，谢谢。", "vi"),
    (("en", "zh"), "", "Xin chào, nhờ quý công ty kiểm tra giúp tôi với ạ.", "en"),
    (("vi", "en"), "  - {name: Z, when: {subject: invoice}, then: {language: zh}}", "您好，请帮忙核对发票。", "vi"),
    (("vi", "en"), "  - {name: E, when: {subject: invoice}, then: {language: en}}", "您好，请帮忙核对发票。", "en"),
]


@pytest.mark.parametrize(("known", "rules", "body", "language"), LANGUAGES)
def test_desk_languages(worlds: Any, known: tuple[str, ...], rules: str, body: str, language: str) -> None:
    world = worlds(rules)
    world.current = replace(world.current, fixed=replace(world.current.fixed, desk=replace(DESK, languages=known)))
    world.write("invoice", body)
    assert world.ticket()["language"] == language
    assert world.sent_to(AN, "acknowledgement")[0].header("Content-Language") in ("", language)


# --- contact forms ---

FORM = {"sender": "Shop form <form@www.shop.example>", "headers": {"Reply-To": "An Nguyen <an@khach.example>"}}


@pytest.mark.parametrize("sender", ["form@www.shop.example", "x@forms.example", "no-reply@eu.shop.example"])
@pytest.mark.parametrize("more", [{}, {"Auto-Submitted": "auto-generated"}, {"Precedence": "bulk"}])
def test_a_form_writes_for_its_customer(worlds: Any, sender: str, more: dict[str, str]) -> None:
    world = worlds()
    world.write("order", sender=sender, headers={"Reply-To": "An Nguyen <an@khach.example>", **more})
    ticket = world.ticket()
    assert (ticket["requester"], ticket["messages"][0]["from"]) == (AN, AN)
    assert [p["address"] for p in ticket["participants"]] == [AN]
    assert [m.kind for m in world.sent_to(AN)] == ["acknowledgement"]
    assert world.sent_to(sender) == []
    assert "not verified" in world.sent_to("lan@p.example")[0].text
    world.again("My number is 5.", "second")
    assert len(world.ticket()["messages"]) == 2


NOT_FORMS: list[tuple[str, dict[str, str]]] = [
    ("form@other.example", {"Reply-To": AN}),  # nobody's form
    ("form@www.shop.example", {}),
    ("form@www.shop.example", {"Reply-To": f"{AN}, b@khach.example"}),
    ("form@www.shop.example", {"Reply-To": "sales@desk.example"}),
    ("form@www.shop.example", {"Reply-To": "sales+x@desk.example"}),
    ("form@www.shop.example", {"Reply-To": "lan@p.example"}),
    ("form@www.shop.example, form@www.shop.example", {"Reply-To": AN}),  # no strict author
]


@pytest.mark.parametrize(("sender", "headers"), NOT_FORMS)
def test_not_a_form(worlds: Any, sender: str, headers: dict[str, str]) -> None:
    world = worlds()
    world.write("order", sender=sender, headers=headers)
    assert world.ticket()["requester"] == sender.split(",")[0]
    assert world.sent_to(AN) == []
    assert [m.kind for m in world.sent_to("lan@p.example")] == ["agent-notice"]


def test_a_form_that_is_out_of_office_is_no_customer(worlds: Any) -> None:
    world = worlds()
    headers = {"Reply-To": AN, "Auto-Submitted": "auto-replied", "In-Reply-To": "<x@y.example>"}
    world.write("Out of office", sender="form@www.shop.example", headers=headers)
    assert (world.tickets(), world.mails) == ([], [])


def test_forms_are_capped_by_customer(worlds: Any) -> None:
    world = worlds(caps=Caps(acks_10min=2))
    for number in range(4):
        world.write(f"order {number}", **FORM)
    world.write("order of another", sender="form@www.shop.example", headers={"Reply-To": "b@khach.example"})
    assert len(world.sent_to(AN, "acknowledgement")) == 2
    assert len(world.sent_to("b@khach.example", "acknowledgement")) == 1


# --- caps ---


def test_a_dead_address_is_muted_as_configured(worlds: Any) -> None:
    world = worlds(caps=Caps(bounces=1, bounce_days=1, mute_days=10))
    world.write("first")
    bounce = world.sent_to(AN, "acknowledgement")[0]
    raw = _bounce(bounce.envelope_from, bounce.header("Message-ID"))
    world.receive(raw, [bounce.envelope_from or "bounce@desk.example"], mail_from="")
    world.write("second")
    assert len(world.sent_to(AN, "acknowledgement")) == 1
    world.pass_time(days=11)
    world.write("third")
    assert len(world.sent_to(AN, "acknowledgement")) == 2


def test_a_dead_address_is_asked_nothing(worlds: Any) -> None:
    world = worlds(caps=Caps(bounces=1))
    world.write("first")
    bounce = world.sent_to(AN, "acknowledgement")[0]
    world.receive(_bounce(bounce.envelope_from, bounce.header("Message-ID")), [bounce.envelope_from], mail_from="")
    world.close_by("lan@p.example")
    assert [m.kind for m in world.sent_to(AN)] == ["acknowledgement", "answer"]
    assert "no-survey" in [event["kind"] for event in world.ticket()["events"]]


def test_surveys_count_with_all_automatic_mail(worlds: Any) -> None:
    world = worlds(caps=Caps(all_10min=1))
    world.write("first")
    world.close_by("lan@p.example")
    assert [m.kind for m in world.sent_to(AN)] == ["acknowledgement", "answer"]


def _bounce(to: str, message_id: str) -> bytes:
    lines = [
        "From: MAILER-DAEMON@mx.khach.example", f"To: {to}", "Subject: Undelivered", "MIME-Version: 1.0",
        "Message-ID: <dsn@mx.khach.example>",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"', "",
        "--b", "Content-Type: text/plain", "", "It failed.", "",
        "--b", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.khach.example", "",
        f"Final-Recipient: rfc822; {AN}", "Action: failed", "Status: 5.1.1", "",
        "--b", "Content-Type: text/rfc822-headers", "", f"Message-ID: {message_id}", "", "--b--", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


# --- what the mailbox did not give ---

HEAD = (
    b"From: an@khach.example\r\nTo: sales@desk.example\r\nSubject: big\r\nMessage-ID: <big@khach.example>\r\n\r\nHello"
)
NOTE = b"X-Gateway-Note: "
NOTES = [
    (Source.IMAP, NOTE + b"too-large; size=73400320; mailbox='care'; uid=7; kept=99\r\n" + HEAD, "too large (70.0 MB)"),
    (Source.IMAP, NOTE + b"no-body; mailbox='care'; uid=7; kept=99\r\n" + HEAD, "did not give the text"),
    (Source.IMAP, NOTE + b"unreadable; mailbox='care'; uid=7; kept=0\r\nSubject: ?\r\n\r\nuid=7\r\n", "could not give"),
    (Source.SMTP, NOTE + b"too-large; size=73400320; mailbox='care'; uid=7; kept=99\r\n" + HEAD, ""),
    (Source.IMAP, b"Received: x\r\n" + NOTE + b"too-large; size=73400320\r\n" + HEAD, ""),
    (Source.IMAP, HEAD, ""),
]


@pytest.mark.parametrize(("source", "raw", "words"), NOTES)
def test_the_agents_are_told_what_is_missing(worlds: Any, source: Source, raw: bytes, words: str) -> None:
    world = worlds()
    rcpt = () if source is Source.IMAP else ("sales@desk.example",)
    envelope = Envelope(mailbox="care" if source is Source.IMAP else "", rcpt_to=rcpt, vouched=True)
    world.store.accept(Received(source, envelope, raw, world.now)).result(timeout=30)
    world.settle()
    (notice,) = world.sent_to("lan@p.example")
    shown = " ".join(notice.text.split())
    if words:
        assert words in shown
        assert "“care”" in shown
    else:
        assert "too large" not in shown


def test_a_mail_that_no_parser_could_read_is_attached_and_said_so(worlds: Any) -> None:
    world = worlds()
    world.unreadable = True
    world.receive(HEAD + b" and so on\r\n" * 30_000, ["sales@desk.example"], mail_from=AN)
    assert world.ticket()["status"] == "new"
    notice = world.sent_to("lan@p.example")[0]
    assert "could not be read whole" in " ".join(notice.text.split())
    assert [p.get_filename() for p in notice.message.walk() if p.get_filename()] == ["message.eml"]
