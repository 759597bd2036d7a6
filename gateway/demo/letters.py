"""The letters of the demo, as people's clients write them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from email.header import Header
from email.message import Message
from email.utils import formataddr, getaddresses


@dataclass(frozen=True, slots=True)
class Writer:
    """Somebody who writes. Agents log in at the submission port."""

    name: str
    address: str
    password: str = ""

    @property
    def header(self) -> str:
        return formataddr((str(Header(self.name, "utf-8")), self.address))


def letter(
    writer: Writer,
    to: str,
    subject: str,
    body: str,
    message_id: str,
    *,
    headers: dict[str, str] | None = None,
    attachment: tuple[str, str, bytes] | None = None,
) -> bytes:
    """One mail, base64 UTF-8; `attachment` is (name, type, octets)."""
    lines = [
        f"From: {writer.header}",
        f"To: <{to}>",
        f"Subject: {Header(subject, 'utf-8', maxlinelen=70, header_name='Subject').encode()}",
        f"Message-ID: {message_id}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
        "MIME-Version: 1.0",
    ]
    text = ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", "", _b64(body.encode())]
    if attachment is None:
        lines += text
    else:
        name, kind, octets = attachment
        encoded = Header(name, "utf-8").encode()
        lines += [
            'Content-Type: multipart/mixed; boundary="demo"',
            "",
            "--demo",
            *text,
            "--demo",
            f'Content-Type: {kind}; name="{encoded}"',
            "Content-Transfer-Encoding: base64",
            f'Content-Disposition: attachment; filename="{encoded}"',
            "",
            _b64(octets),
            "--demo--",
        ]
    return "\r\n".join([*lines, ""]).replace("\n", "\r\n").replace("\r\r\n", "\r\n").encode("ascii")


def answer(writer: Writer, mail: Message, body: str, message_id: str, headers: dict[str, str] | None = None) -> bytes:
    """A reply as a mail client makes it: to Reply-To, with references, the old text quoted below."""
    target = getaddresses([str(mail.get("Reply-To") or mail.get("From"))])[0][1]
    references = " ".join(" ".join(str(mail.get(name, "")).split()) for name in ("References", "Message-ID")).strip()
    quoted = "\n".join("> " + line for line in plain_text(mail).splitlines())
    sender = getaddresses([str(mail.get("From"))])[0][1]
    return letter(
        writer,
        target,
        "Re: " + subject_of(mail).removeprefix("Re: "),
        f"{body}\n\nOn Mon, 23 Nov 2026 at 09:00, <{sender}> wrote:\n\n{quoted}\n",
        message_id,
        headers={"In-Reply-To": str(mail["Message-ID"]), "References": references, **(headers or {})},
    )


def plain_text(mail: Message) -> str:
    """The first text/plain part, decoded."""
    for part in mail.walk():
        if part.get_content_type() == "text/plain" and part.get_filename() is None:
            octets = part.get_payload(decode=True)
            return octets.decode("utf-8", "replace").replace("\r\n", "\n") if isinstance(octets, bytes) else ""
    return ""


def subject_of(mail: Message) -> str:
    from email.header import decode_header, make_header

    return str(make_header(decode_header(" ".join(str(mail.get("Subject", "")).split()))))


def _b64(octets: bytes) -> str:
    text = base64.b64encode(octets).decode("ascii")
    return "\n".join(text[i : i + 76] for i in range(0, len(text), 76))
