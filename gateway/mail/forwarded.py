"""Whose mail a forward passes on: author, date and subject from the header block, or from the line above the quote."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.mail.attribution import address_in
from gateway.mail.header_block import Block, clean_value, read_block
from gateway.mail.history import History
from gateway.mail.phrases import ATTRIBUTION_STARTS, LABELS, folded
from gateway.mail.quoting import is_quoted, label_of, unquoted

_SEARCHED = 400  # lines
_LONGEST = 1500
_LONGEST_LABEL = 24
_FEWEST = 3

_AROUND_DATE = " ,;:<>()[]\"'“”«»"
_DATE = re.compile(r"(?:[^\W\d]{1,12}\.?,?\s*(?:den )?)?\d.*\d(?:\s?(?:am|pm|AM|PM|CH|SA)\b|年|日)?")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Whose mail is passed on: what its header block says of author, date and subject, "" where it is silent."""

    sender: str
    date: str
    subject: str


def forwarded_in(lines: list[str], history: History | None) -> Forwarded | None:
    """What stands above the mail that is passed on, None if nothing."""
    block = history.block if history else _quoted_block(lines)
    if block is not None:
        found = _of(block.fields)
    elif history is None:
        return None
    else:
        lead = lines[history.start : history.end][:5]
        found = _of(_run_on(lead)) or _from_attribution(" ".join(unquoted(line) for line in lead))
    return found


def _of(fields: Mapping[str, str]) -> Forwarded | None:
    sender, date, subject = (clean_value(fields.get(kind, "")) for kind in ("from", "date", "subject"))
    return Forwarded(sender, date, subject) if sender or date or subject else None


def _quoted_block(lines: list[str]) -> Block | None:
    """The header block at the beginning of a quote that nothing announces."""
    for index, line in enumerate(lines[:_SEARCHED]):
        if is_quoted(line) and label_of(line):
            block = read_block(lines, index)
            return block if block.is_whole(announced=True) else None
    return None


def _run_on(lead: list[str]) -> dict[str, str]:
    """The fields of a block that was printed into one line: "… From: A <a@b.example>To: …Sent: …Subject: …"."""
    line = max(lead, key=len)[:_LONGEST] if lead else ""
    places: list[tuple[int, int, str]] = []
    for colon in (at for at, sign in enumerate(line) if sign in ":："):
        for begin in range(max(0, colon - _LONGEST_LABEL), colon):
            known = LABELS.get("".join(folded(line[begin:colon]).split()))
            if known and line[begin].strip() and (line[begin].isupper() or not line[begin].isascii()):
                places.append((begin, colon, known.kind))
                break
    if len(places) < _FEWEST:
        return {}
    ends = [begin for begin, _, _ in places[1:]] + [len(line)]
    fields: dict[str, str] = {}
    for (_, colon, kind), end in zip(places, ends, strict=True):
        fields.setdefault(kind, line[colon + 1 : end])
    return fields if "from" in fields else {}


def _from_attribution(lead: str) -> Forwarded | None:
    """Outlook for Mac passes mail on under "On 26.10.21, 14:25, "A" <a@b.example> wrote:"."""
    address = address_in(lead)
    if not address:
        return None
    before = lead[: lead.find(address)].rstrip(" <[(")
    quoted = re.search(r"[\"“„«]([^\"“”„«»]{1,120})[\"”»]\s*$", before)
    dated = _DATE.search(before[: quoted.start()] if quoted else before)
    date = dated[0].strip(_AROUND_DATE) if dated else ""
    opening = next((one for one in ATTRIBUTION_STARTS if date.lower().startswith(one)), "")
    return Forwarded(f"{quoted[1].strip()} <{address}>" if quoted else address, date[len(opening) :], "")
