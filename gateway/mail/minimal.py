"""The reader of last resort: first header fields and text by simple means, for mail that no parser may see.

Nothing here recurses, backtracks or looks further than a fixed number of octets.
"""

from __future__ import annotations

from gateway.mail.address import parse_mailboxes
from gateway.mail.charset import decode
from gateway.mail.clean import many_lines, one_line
from gateway.mail.digest import digest
from gateway.mail.encoded_word import decode_words
from gateway.mail.header_read import lenient_date, message_ids
from gateway.model import Attachment, Message
from gateway.options import ReadLimits

_HEAD = 64 * 1024  # octets of header looked at
_FIELDS = 200
_FIELD = 4096  # octets of one field
_TEXT = 64 * 1024


def read_minimal(raw: bytes, limits: ReadLimits, why: str) -> Message:
    """A `Message` of what can be read without parsing; never raises. `defects` begins with "minimal: " and `why`.

    It has no author (nothing was judged strictly), and the whole raw mail is its one attachment, "message.eml".
    """
    head, body = _split(raw)
    fields = _fields(head)
    first: dict[str, bytes] = {}
    for name, value in fields:
        first.setdefault(name, value)
    ids = message_ids(first.get("message-id", b"").decode("latin-1"))
    shown = parse_mailboxes(decode(first.get("from", b""), "")[0], 1)
    return Message(
        message_id=ids[0] if ids else "",
        in_reply_to=message_ids(first.get("in-reply-to", b"").decode("latin-1"))[: limits.references],
        references=message_ids(first.get("references", b"").decode("latin-1"))[-limits.references :],
        author=None,
        shown_from=shown[0] if shown else None,
        reply_to=parse_mailboxes(decode(first.get("reply-to", b""), "")[0], 10),
        to=parse_mailboxes(decode(first.get("to", b""), "")[0], 50),
        cc=parse_mailboxes(decode(first.get("cc", b""), "")[0], 50),
        subject=one_line(decode_words(first.get("subject", b"")), 255),
        date=lenient_date(first.get("date", b"").decode("latin-1")),
        headers=tuple((name, decode_words(value)) for name, value in fields),
        content_type="application/octet-stream",
        content_params={},
        text=many_lines(decode(body[:_TEXT], "")[0], min(limits.text, _TEXT)).strip(),
        html="",
        attachments=(Attachment("1", "message.eml", "message/rfc822", raw),),
        report=None,
        digest=digest(fields, [("message/rfc822", body)]),
        size=len(raw),
        defects=(one_line(f"minimal: {why}", 300),),
    )


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Header and body at the first blank line; without one in reach, all that is looked at is header."""
    ends = [(place, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (place := raw.find(mark, 0, _HEAD * 8)) >= 0]
    if not ends:
        return (raw, b"") if b":" in raw[:1000].partition(b"\n")[0] else (b"", raw)
    place, length = min(ends)
    return raw[:place], raw[place + length :]


def _fields(head: bytes) -> list[tuple[str, bytes]]:
    fields: list[tuple[str, bytes]] = []
    for line in head[:_HEAD].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        if line[:1] in (b" ", b"\t") and fields:
            name, value = fields[-1]
            if len(value) < _FIELD:
                fields[-1] = (name, (value + b" " + line.strip())[:_FIELD])
            continue
        label, colon, value = line.partition(b":")
        if not colon or not label or len(label) > 80 or not label.isascii() or b" " in label.strip():
            continue
        if len(fields) >= _FIELDS:
            break
        fields.append((one_line(label.decode("ascii"), 80).lower(), value.strip()[:_FIELD]))
    return fields
