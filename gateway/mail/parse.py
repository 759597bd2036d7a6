"""Raw octets → `Message`. One parse by the stdlib's compat32, mail-parser on its tree, bodies by our own walk."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from gateway.mail.address import parse_author, parse_mailboxes
from gateway.mail.body import Body, Leaf, leaves, read_body
from gateway.mail.charset import decode, trusted_hint
from gateway.mail.clean import one_line
from gateway.mail.delivery_report import read_report
from gateway.mail.digest import digest
from gateway.mail.encoded_word import decode_words
from gateway.mail.header_read import (
    STRAY,
    HeaderReading,
    Part,
    build_tree,
    is_odd_date,
    lenient_date,
    mended,
    message_ids,
    octets,
    odd_grammar,
    part_type,
)
from gateway.mail.limits import scan
from gateway.mail.minimal import read_minimal
from gateway.mail.ordinary import ordinary_date, ordinary_tree
from gateway.mail.params import parse_params
from gateway.mail.protection import protection, unread
from gateway.mail.unpack import unpacked
from gateway.model import Mailbox, Message
from gateway.options import ReadLimits

__all__ = ["Unreadable", "read_message", "read_minimal"]

_SUBJECT = 255
_MOST_DEFECTS = 50
_WORD_CHARSET = re.compile(rb"=\?([A-Za-z0-9_:.-]{2,40})[*?]")

Fields = list[tuple[str, bytes]]


class Unreadable(Exception):
    """The message is over a limit or breaks the parser; `read_minimal` reads it. The text is the reason."""


def read_message(raw: bytes, limits: ReadLimits, *, scanned: bool = False) -> Message:
    """Read one RFC 5322 message. Every string is safe to store; text and html hold at most `limits.text` octets.
    `scanned`: it is known to be within the limits.

    Raises `Unreadable` and nothing else (but MemoryError): over a limit, or a fault in a parser.
    """
    over = "" if scanned else scan(raw, limits).over
    if over:
        raise Unreadable(over)
    try:
        return _read(raw, limits)
    except MemoryError:
        raise
    except Exception as fault:  # a parser's fault is the mail's, whatever its type
        raise Unreadable(f"the parser failed: {type(fault).__name__}: {one_line(str(fault), 200)}") from fault


def _read(raw: bytes, limits: ReadLimits) -> Message:
    ordinary = ordinary_tree(raw)
    odd = odd_grammar(raw) if ordinary is None else ""
    tree = build_tree(mended(raw) if odd == STRAY else raw) if ordinary is None else ordinary
    fields: Fields = [(name.lower(), octets(value)) for name, value in tree.raw_items()]
    found = unpacked(leaves(tree), limits)
    hint = _charset_hint(fields, found)
    body = read_body(found, limits, hint)
    date, flaws = _date_and_flaws(tree, fields)
    author, refused = _author(odd, fields)
    first = _first_values(fields)
    content_type, params = _content_type(tree, first)
    ids = message_ids(_ascii(first, "message-id"))
    return Message(
        message_id=ids[0] if ids else "",
        in_reply_to=message_ids(_ascii(first, "in-reply-to"))[: limits.references],
        references=_references(fields, limits),
        author=author,
        shown_from=next(iter(_mailboxes(fields, "from", hint, limits)), None),
        reply_to=_mailboxes(fields, "reply-to", hint, limits),
        to=_mailboxes(fields, "to", hint, limits),
        cc=_mailboxes(fields, "cc", hint, limits),
        subject=one_line(decode_words(first.get("subject", b""), hint), _SUBJECT),
        date=_date(date, _ascii(first, "date")),
        headers=tuple((name, decode_words(value, hint)) for name, value in fields),
        content_type=content_type,
        content_params=params,
        text=body.text,
        html=body.html,
        html_text=body.html_text,
        regions=body.regions,
        attachments=body.attachments,
        report=read_report(found),
        digest=digest(fields, ((leaf.type, leaf.content) for leaf in found)),
        size=len(raw),
        defects=_defects(refused, fields, flaws, _with_unread(body)),
    )


def _with_unread(body: Body) -> tuple[str, ...]:
    said = unread(protection(body.text, body.attachments)) if body.attachments or body.text.startswith("-") else ""
    return (*body.defects, said) if said else body.defects


def _date_and_flaws(tree: Part, fields: Fields) -> tuple[datetime | None, Sequence[str]]:
    """What mail-parser says of the date, and the kinds of defects that it finds in header and structure."""
    dates = [(name, value) for name, value in fields if name in ("date", "resent-date")]
    if len(dates) == 1 and dates[0][0] == "date" and not any(part.defects for part in tree.walk()):
        date = ordinary_date(dates[0][1].decode("latin-1"))
        if date is not None:
            return date, ()
    reading = HeaderReading(tree)
    return reading.date, sorted(reading.defects_categories)


def _author(odd: str, fields: Fields) -> tuple[Mailbox | None, str]:
    if odd:
        return None, odd
    return parse_author([value for name, value in fields if name == "from"])


def _first_values(fields: Fields) -> dict[str, bytes]:
    first: dict[str, bytes] = {}
    for name, value in fields:
        first.setdefault(name, value)
    return first


def _ascii(first: Mapping[str, bytes], name: str) -> str:
    """A structured value: octets that are not ASCII stay as signs that match nothing."""
    return first.get(name, b"").decode("latin-1").strip()


def _content_type(tree: Part, first: Mapping[str, bytes]) -> tuple[str, dict[str, str]]:
    _, params = parse_params(first.get("content-type", b""))
    return part_type(tree), {one_line(name, 100): one_line(value, 500) for name, value in params.items()}


def _references(fields: Fields, limits: ReadLimits) -> tuple[str, ...]:
    value = b" ".join(value for name, value in fields if name == "references").decode("latin-1")
    return message_ids(value)[-limits.references :]


def _mailboxes(fields: Fields, name: str, hint: str, limits: ReadLimits) -> tuple[Mailbox, ...]:
    """All fields of the name together, at most `limits.addresses` mailboxes."""
    found: list[Mailbox] = []
    for key, value in fields:
        if key == name and len(found) < limits.addresses:
            found.extend(parse_mailboxes(decode(value, hint)[0], limits.addresses - len(found)))
    return tuple(found)


def _charset_hint(fields: Fields, found: Sequence[Leaf]) -> str:
    """Octets without a label are most often in a charset that is named elsewhere in the mail."""
    for leaf in found:
        if hint := trusted_hint(leaf.params.get("charset", "")):
            return hint
    words = (_WORD_CHARSET.search(value) for _, value in fields if b"=?" in value)
    return next((hint for word in words if word and (hint := trusted_hint(word[1].decode("ascii")))), "")


def _date(read: datetime | None, value: str) -> datetime | None:
    found = None if is_odd_date(value) else read
    found = found or (lenient_date(value) if value else None)
    return found.astimezone(UTC) if found is not None else None


def _defects(refused: str, fields: Fields, flaws: Sequence[str], body: tuple[str, ...]) -> tuple[str, ...]:
    found = [f"author: {refused}"] if refused else []
    for name in ("subject", "message-id", "date"):
        times = sum(1 for key, _ in fields if key == name)
        if times > 1:
            found.append(f"{times} {name} fields")
    found.extend(flaws)
    found.extend(body)
    return tuple(one_line(defect, 300) for defect in found[:_MOST_DEFECTS])
