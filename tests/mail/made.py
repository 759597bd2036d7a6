"""Message values made by hand, for tests of what understands them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from gateway.mail.classify import OwnMail
from gateway.mail.token import new_key
from gateway.model import Attachment, DeliveryReport, Envelope, Intake, Mailbox, Message, Source
from gateway.options import Keys

AUTHOR = "lan@khach.example"
DESK = "support@desk.example"
TODAY = 2500
OLD_KEY = new_key(b"o" * 32)
KEYS = Keys((new_key(b"k" * 32), OLD_KEY))
OWN = OwnMail(
    frozenset({DESK, "bounce@desk.example"}),
    "desk.example",
    frozenset({"support.desk.example"}),
    5.0,
    "bounce@desk.example",
)


def boxes(addresses: Sequence[str]) -> tuple[Mailbox, ...]:
    return tuple(Mailbox(address) for address in addresses)


def message(
    text: str = "Xin chào, máy in của tôi bị hỏng.",
    *,
    subject: str = "Máy in hỏng",
    author: str | None = AUTHOR,
    shown: str | None = None,
    headers: Sequence[tuple[str, str]] = (),
    to: Sequence[str] = (DESK,),
    cc: Sequence[str] = (),
    in_reply_to: Sequence[str] = (),
    references: Sequence[str] = (),
    message_id: str = "<1@khach.example>",
    content_type: str = "text/plain",
    params: Mapping[str, str] | None = None,
    attachments: Sequence[Attachment] = (),
    report: DeliveryReport | None = None,
) -> Message:
    sender = Mailbox(author) if author else None
    return Message(
        message_id=message_id,
        in_reply_to=tuple(in_reply_to),
        references=tuple(references),
        author=sender,
        shown_from=Mailbox(shown) if shown else sender,
        reply_to=(),
        to=boxes(to),
        cc=boxes(cc),
        subject=subject,
        date=datetime(2026, 11, 22, 8, 0, tzinfo=UTC),
        headers=tuple((name.lower(), value) for name, value in headers),
        content_type=content_type,
        content_params=params or {},
        text=text,
        html="",
        attachments=tuple(attachments),
        report=report,
        digest="0" * 64,
        size=len(text),
    )


def attachment(type: str, content: bytes = b"x", name: str = "a") -> Attachment:
    return Attachment("2", name, type, content)


def envelope(
    mail_from: str | None = AUTHOR, rcpt: Sequence[str] = (DESK,), *, auth: str | None = None, vouched: bool = True
) -> Envelope:
    return Envelope(mail_from=mail_from, rcpt_to=tuple(rcpt), auth_user=auth, vouched=vouched)


def intake(env: Envelope, *, confirmed: bool = False, source: Source = Source.SMTP) -> Intake:
    return Intake(1, source, env, b"", datetime(2026, 11, 22, 8, 0, tzinfo=UTC), confirmed=confirmed)
