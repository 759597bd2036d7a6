"""Mail as people's clients write it: new mails and replies with quotes, in plain UTF-8."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime, getaddresses

from tests.flow.desk_under_test import Mail


def mail(
    *,
    sender: str,
    to: str,
    subject: str = "",
    body: str = "",
    message_id: str = "",
    date: datetime | None = None,
    cc: str = "",
    headers: dict[str, str] | None = None,
) -> bytes:
    """A simple mail; headers with 8-bit UTF-8 as SMTPUTF8 clients send them, body as 8bit."""
    lines = [f"From: {sender}", f"To: {to}"]
    lines += [f"Cc: {cc}"] if cc else []
    lines += [f"Subject: {subject}"] if subject else []
    lines += [f"Date: {format_datetime(date)}"] if date else []
    lines += [f"Message-ID: {message_id}"] if message_id else []
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += [
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        body,
        "",
    ]
    return "\n".join(lines).replace("\r\n", "\n").replace("\n", "\r\n").encode()


def reply(
    to: Mail, *, sender: str, body: str, message_id: str, quote: bool = True, date: datetime | None = None
) -> bytes:
    """A reply to a mail received: to its Reply-To, with its references and its text quoted below."""
    target = to.header("Reply-To") or to.header("From")
    references = " ".join(filter(None, (to.header("References"), to.header("Message-ID"))))
    subject = to.header("Subject")
    subject = subject if re.match("re:", subject, re.IGNORECASE) else f"Re: {subject}"
    quoted = "\n".join("> " + line for line in to.text.splitlines())
    text = body
    if quote:
        name, address = getaddresses([to.header("From")])[0]
        text += f"\n\nOn Mon, 23 Nov 2026 at 09:00, {name} <{address}> wrote:\n\n{quoted}\n"
    return mail(
        sender=sender,
        to=target,
        subject=subject,
        body=text,
        message_id=message_id,
        date=date,
        headers={"In-Reply-To": to.header("Message-ID"), "References": references},
    )


def reply_address(to: Mail) -> str:
    """Where a reply to this mail goes."""
    return getaddresses([to.header("Reply-To") or to.header("From")])[0][1]
