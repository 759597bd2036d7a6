"""Whose mail a forward passes on: author, date and subject from the header block, or from the line above the quote."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.mail.attribution import address_in
from gateway.mail.header_block import clean_value
from gateway.mail.history import History
from gateway.mail.quoting import unquoted

_AROUND_DATE = " ,;:<>()[]\"'“”«»"
_DATE = re.compile(r"(?:[^\W\d]{1,12}\.?,?\s*(?:den )?)?\d.*\d(?:\s?(?:am|pm|AM|PM|CH|SA)\b|年|日)?")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Whose mail is passed on: what its header block says of author, date and subject, "" where it is silent."""

    sender: str
    date: str
    subject: str


def forwarded_in(lines: list[str], history: History) -> Forwarded | None:
    """What the lead of `history` says, None if nothing."""
    if history.block is not None:
        fields = history.block.fields
        date = clean_value(fields.get("date", ""))
        found = Forwarded(clean_value(fields.get("from", "")), date, clean_value(fields.get("subject", "")))
    else:
        found = _from_attribution(" ".join(unquoted(line) for line in lines[history.start : history.end][:5]))
    return found if found.sender or found.date or found.subject else None


def _from_attribution(lead: str) -> Forwarded:
    """Outlook for Mac passes mail on under "On 26.10.21, 14:25, "A" <a@b.example> wrote:"."""
    address = address_in(lead)
    if not address:
        return Forwarded("", "", "")
    before = lead[: lead.find(address)].rstrip(" <[(")
    quoted = re.search(r"[\"“„«]([^\"“”„«»]{1,120})[\"”»]\s*$", before)
    dated = _DATE.search(before[: quoted.start()] if quoted else before)
    return Forwarded(
        f"{quoted[1].strip()} <{address}>" if quoted else address, dated[0].strip(_AROUND_DATE) if dated else "", ""
    )
