"""The block of header lines that clients print above older mail: "From: … Sent: … To: … Subject: …".

A block is a run of lines whose labels belong to one language (mixed with English at most) and name the author and at
least two other things. People write such lists too, so it needs an address, or a full date beside a subject.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.mail import phrases
from gateway.mail.attribution import has_date
from gateway.mail.quoting import BLANKS, LONGEST, NO_LABEL, is_blank, label, label_end, unquoted

_BLOCK = 30  # lines a header block may take
_WRAPPED = 12  # lines that one value may take
_MAIN = frozenset(["from", "date", "to", "subject"])
_TIME = re.compile(r"\d[:時时시hH点點]\s?\d{2}|(?<![\d.])\d{1,2}\.\d{2}(?![\d.])|\d\s?(?:am|pm|AM|PM)\b")
_MAILTO = re.compile(r"\s*[<\[(]\s*mailto:([^\s<>\[\]()]{3,250})\s*[>\])]", re.I)
_DOUBLED = re.compile(r"<([^\s<>@]{1,120}@[^\s<>@]{1,200})>?\s*<\1>+")


@dataclass(slots=True)
class Block:
    """Lines up to `end`. `fields`: the value of each kind of label, the first time it stands there."""

    end: int
    fields: dict[str, str] = field(default_factory=dict)
    languages: int = -1

    def is_whole(self, *, announced: bool) -> bool:
        """Whether it can be taken for a header block. `announced`: a separator or drawn rule stands above it."""
        kinds = _MAIN & self.fields.keys()
        if "from" not in kinds or len(kinds) < (2 if announced else 3) or not (announced or "date" in kinds):
            return False
        date = self.fields.get("date", "")
        if "@" in self.fields["from"] or (announced and any(map(str.isdigit, date))):
            return True
        if "subject" not in kinds and not ("@" in self.fields.get("to", "") and has_date(date)):
            return False
        return "@" in "".join(self.fields.values()) or (has_date(date) and _TIME.search(date) is not None)


def header_block_end(lines: Sequence[str], first: int) -> int | None:
    """The line after the header block that begins with the author's line at `first`, else None."""
    block = read_block(lines, first)
    return block.end if block.is_whole(announced=False) else None


def read_block(lines: Sequence[str], first: int) -> Block:
    """The run of header lines that begins at `first`, whole or not. Values are without quote prefixes and markup."""
    block = Block(first)
    blanks, since, kind = 0, first, ""
    for index in range(first, min(len(lines), first + _BLOCK)):
        line = lines[index]
        found = label(line) if len(line) <= 2 * LONGEST else NO_LABEL
        if not found.kind and is_blank(unquoted(line)):
            blanks += 1
            continue
        if found.kind and _fits(block, found.kind, found.languages, blanks):
            kind, since = found.kind, index
            block.fields.setdefault(kind, _value(line))
        elif blanks or not kind or not _goes_on(lines, index, kind, index - since, block):
            break
        else:
            block.fields[kind] = f"{block.fields[kind]} {unquoted(line)}".strip()
        block.end, blanks = index + 1, 0
    return block


def clean_value(value: str) -> str:
    """An author, date or subject as a person would write it: no entities, table bars, doubled addresses or quotes."""
    text = " ".join(html.unescape(value[:LONGEST]).replace("\xa0", " ").split()).strip(" |;,*\u3000")
    text = _DOUBLED.sub(r"<\1>", _MAILTO.sub(r" <\1>", text))
    name, opened, address = text.partition("<")
    if opened and "@" in address:
        name = name.strip().strip("\"'“”‘’ ")
        address = address.partition(">")[0].strip()
        return f"{name} <{address}>" if name and name != address else f"<{address}>" if not name else address
    return text


def _value(line: str) -> str:
    bare = line.lstrip(BLANKS + "|>＞")
    return bare[label_end(bare) + 1 :].strip(BLANKS + "|*_").strip()


def _fits(block: Block, kind: str, languages: int, blanks: int) -> bool:
    """Whether a label goes on with the block: not a second author or date, in a language of the others."""
    if blanks > (2 if kind in _MAIN and block.fields.keys() & _MAIN else 1) or (kind in _MAIN and kind in block.fields):
        return False
    if languages & phrases.ENGLISH:
        return True
    both = block.languages & languages
    if not both:
        return False
    block.languages = both
    return True


def _goes_on(lines: Sequence[str], index: int, kind: str, distance: int, block: Block) -> bool:
    """Whether a line without a label is the wrapped end of the value above."""
    line = lines[index]
    if distance > _WRAPPED or kind == "date" or len(line) > LONGEST:
        return False
    if kind in ("to", "cc", "from"):
        return "@" in line or ";" in line or (not block.fields[kind] and len(line) <= 200)
    if kind != "subject" or "from" not in block.fields or len(line) > 200:
        return False
    return line[:1] in " \t" or (distance == 1 and index + 1 < len(lines) and label(lines[index + 1]).kind in _MAIN)
