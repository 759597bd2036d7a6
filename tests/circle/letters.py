"""The people of the circle and their letters, as their mail clients write and show them."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.header import Header, decode_header, make_header
from email.message import EmailMessage
from email.utils import formatdate, getaddresses, make_msgid
from typing import Any

from tests.servers.dovecot import PASSWORD


@dataclass(frozen=True)
class Person:
    """Somebody with a mailbox at Dovecot, named as the local part of the address."""

    address: str
    name: str = ""
    password: str = PASSWORD

    @property
    def mailbox(self) -> str:
        return self.address.partition("@")[0].partition("+")[0]


HUNG = Person("hung@people.desk.example", "Lê Mạnh Hùng")
THAO = Person("thao@people.desk.example", "Phạm Thị Thu Thảo")
MAI = Person("mai@congty.example", "Hoàng Thị Mai")  # writes from a server of another company
BOSS = Person("truongphong@people.desk.example", "Trưởng phòng")
BAO = Person("bao@people.desk.example", "Đỗ Gia Bảo")
CHI = Person("chi@people.desk.example", "Vũ Linh Chi")
GATEWAY = Person("gateway@desk.example")
PEOPLE = (HUNG, THAO, MAI, BOSS, BAO, CHI)


class Letter:
    """One mail as its receiver has it."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._fields = email.message_from_bytes(raw, policy=email.policy.compat32)
        parsed = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        self.message = parsed

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        return str(body.get_content()).replace("\r\n", "\n") if body is not None else ""

    @property
    def subject(self) -> str:
        return self.header("Subject")

    def header(self, name: str) -> str:
        """Decoded and unfolded. (The stdlib's newer policies put blanks between the encoded words of a name.)"""
        value = self._fields.get(name, "")
        if isinstance(value, Header):  # octets that are not ASCII
            return str(value)
        return str(make_header(decode_header(re.sub(r"\r?\n(?=[ \t])", "", value))))

    @property
    def answer_to(self) -> str:
        """Where a mail client sends the reply."""
        return getaddresses([str(self._fields.get("Reply-To") or self._fields.get("From"))])[0][1]

    @property
    def returns_to(self) -> str:
        """The envelope sender, "" for the null one: where automatic answers go (RFC 3834 §4)."""
        return self.header("Return-Path").strip().strip("<>")

    @property
    def files(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for part in self.message.walk():
            if part.get_filename():
                octets = part.get_payload(decode=True)
                found[str(part.get_filename())] = octets if isinstance(octets, bytes) else b""
        return found

    def __repr__(self) -> str:
        return f"<{self.header('From')} to {self.header('To')}: {self.subject}>"


def write(
    writer: Person,
    to: str,
    subject: str,
    text: str,
    *,
    headers: Mapping[str, str] | None = None,
    file: tuple[str, str, bytes] | None = None,
) -> bytes:
    """A new mail; `file` is (name, type, octets)."""
    mail = EmailMessage(policy=email.policy.SMTP)
    mail["From"] = f"{writer.name} <{writer.address}>" if writer.name else writer.address
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = make_msgid(domain=writer.address.rpartition("@")[2])
    for name, value in (headers or {}).items():
        mail[name] = value
    mail.set_content(text)
    if file is not None:
        name, kind, octets = file
        major, _, minor = kind.partition("/")
        mail.add_attachment(octets, maintype=major, subtype=minor, filename=name)
    return mail.as_bytes()


def answer(writer: Person, letter: Letter, text: str, **options: Any) -> bytes:
    """A reply as mail clients make it: threaded, the whole mail quoted below an attribution line."""
    references = f"{letter.header('References')} {letter.header('Message-ID')}".strip()
    threading = {"In-Reply-To": letter.header("Message-ID"), "References": references}
    quoted = "\n".join("> " + line for line in letter.text.splitlines())
    return write(
        writer,
        letter.answer_to,
        "Re: " + letter.subject.removeprefix("Re: "),
        f"{text}\n\nVào T2, 23 thg 11, 2026 vào lúc 09:00 {letter.header('From')} đã viết:\n\n{quoted}\n",
        headers={**threading, **options.pop("headers", {})},
        **options,
    )
