"""Bounces in words: which address, which status, which mail of ours; and that no text makes it slow."""

from __future__ import annotations

import time

import pytest

from gateway.mail.bounce_text import completed, read_words
from gateway.mail.classify import classify
from gateway.mail.token import sign_message_id
from gateway.mail.understand import ReadContext, understand
from gateway.model import DeliveryReport, MailKind, Purpose
from tests.mail.made import AUTHOR, KEYS, OWN, TODAY, attachment, envelope, intake, message

OWN_ID = sign_message_id("desk.example", Purpose.REPLY, 42, AUTHOR, TODAY + 9, "k3x9", KEYS)
CONTEXT = ReadContext(KEYS, "DESK", "desk.example", frozenset(), OWN, TODAY)


def words(text: str, **more: object) -> tuple[tuple[str, ...], str]:
    found = read_words(message(text, author="mailer-daemon@x.example", to=("bounce@desk.example",), **more))  # type: ignore[arg-type]
    return found.recipients, found.status


@pytest.mark.parametrize(
    ("text", "recipients"),
    [
        ("<a@k.example>:\nSorry, no mailbox here by that name.", ("a@k.example",)),
        ("  a@k.example\n    host mx.k.example said: 550 no such user", ("a@k.example",)),
        ("Failed Recipient: a@k.example\nReason: 550 unknown", ("a@k.example",)),
        ('could not be delivered to:\n\n"An Nguyen" <a@k.example>', ("a@k.example",)),
        ("RCPT To:<a@k.example>\n<<< 550 no", ("a@k.example",)),
        ("收件人：a@k.example\n退信原因：收件人不存在", ("a@k.example",)),
        ("<a@k.example>: unknown\n<b@k.example>: full\n<A@K.example>: unknown", ("a@k.example", "b@k.example")),
        ("Your message to bounce@desk.example\n\nwas not delivered to:\n\n  a@k.example", ("a@k.example",)),
        ("<a@k.example>: unknown\n\nFor help write to postmaster@k.example or see https://k.example/?u=z@k.example",
         ("a@k.example",)),
        ("To: list@k.example\nSubject: x\n\ndid not reach:\n\na@k.example on Mon, 23 Nov", ("a@k.example",)),
        ("It did not work.\n\nMessage-ID: <1.2@k.example>", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_the_address_that_failed(text, recipients):
    assert words(text)[0] == recipients


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("said: 550 5.1.1 <a@k.example>", "5.1.1"),
        ("Sorry (#5.1.2)", "5.1.2"),
        ("#550 5.1.10 RESOLVER.ADR", "5.1.10"),
        ("Status: 4.4.7", "4.4.7"),
        ("552-5.2.2 over quota", "5.2.2"),
        ("running Courier 5.0.13 at 10.5.1.1, version 4.96.2, see 5.1", ""),
        ("connection to 203.0.113.5.1.1 failed", ""),
    ],
)
def test_the_status(text, status):
    assert words(f"<a@k.example>: {text}")[1] == status


COPY = "--- Below this line is a copy of the message.\n\nReturn-Path: <bounce@desk.example>\nTo: c@k.example\n"


def test_what_stands_in_the_copy_is_not_the_report():
    found = read_words(
        message(f"<a@k.example>: 550 no\n\n{COPY}Subject: 5.5.5\nMessage-ID: {OWN_ID}\n", author="x@y.example")
    )
    assert (found.recipients, found.status, found.original_message_id) == (("a@k.example",), "", OWN_ID)


def test_the_receiver_of_the_returned_mail_where_the_report_names_nobody():
    returned = attachment("message/rfc822", f"To: <a@k.example>\r\nMessage-ID: {OWN_ID}\r\n\r\nx".encode())
    found = read_words(message("It failed.", author="x@y.example", attachments=(returned,)))
    assert (found.recipients, found.original_message_id) == (("a@k.example",), OWN_ID)


@pytest.mark.parametrize(
    ("text", "permanent"),
    [
        ("<a@k.example>: 550 5.1.1 unknown", True),
        ("<a@k.example>: 452 4.2.2 over quota", False),
        ("<a@k.example>: mailbox is full", False),
        ("<a@k.example>: 552 mailbox is full", True),
        ("<a@k.example>: unknown user", True),
    ],
)
def test_for_good_or_for_now(text, permanent):
    found = completed(None, read_words(message(text, author="x@y.example")), delayed=False)
    assert found.permanent is permanent


def test_a_report_counts_before_words():
    report = DeliveryReport("failed", "5.1.1", ("a@k.example",))
    found = completed(report, read_words(message("<b@k.example>: 452 4.2.2 full", author="x@y.example")), delayed=False)
    assert (found.recipients, found.status, found.permanent) == (("a@k.example",), "5.1.1", True)


def test_a_returned_signature_proves_whom_the_mail_was_for():
    """Where a relay rewrites the envelope sender, the signed Message-ID of the mail that came back speaks."""
    text = f"<{AUTHOR}>: 550 5.1.1 unknown\n\n{COPY}Message-ID: {OWN_ID}\n"
    mail = message(text, subject="failure notice", author="mailer-daemon@x.example", to=("info@desk.example",))
    reading = understand(mail, intake(envelope("")), CONTEXT)
    assert reading.kind is MailKind.BOUNCE
    assert reading.bounced == (AUTHOR,)
    assert [check.token.number for check in reading.tokens] == [42]


HOSTILE = [
    "i am currently " * 300, "@" * 100_000, "<a@" * 30_000, "a@b." * 30_000, "5.1." * 30_000, "550 " * 30_000,
    "recipient: " * 10_000, '"' * 50_000, "a" * 100_000 + "@k.example", ("x" * 900 + "@k.example\n") * 400,
    "ist " * 30_000, "我" * 50_000, "tôi hiện " * 20_000, "ich bin derzeit " * 10_000, "\n" * 100_000, ">" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("author", ["mailer-daemon@x.example", "lan@khach.example"])
def test_no_text_makes_it_slow(author):
    """Each takes a few milliseconds; a second leaves room for a machine that is busy."""
    for text in HOSTILE:
        for headers in ((), (("Auto-Submitted", "auto-replied"),)):
            mail = message(text, author=author, subject=text[:255], headers=headers, in_reply_to=("<x@y.example>",))
            began = time.process_time()
            classify(mail, envelope(""), OWN)
            read_words(mail)
            assert time.process_time() - began < 1, text[:30]
