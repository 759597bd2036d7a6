"""What the HTML of a mail says of the lines of its text: which are quoted or signature, where older mail begins."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from gateway.mail.quoting import is_blank, is_quoted
from gateway.model import Message, Region

_OLDER = frozenset(["quote", "container", "lead", "rest"])
_KEY = 40  # letters and figures of a line that are compared
_SHORTEST_KEY = 6
_LONGEST = 1000


class Marks(NamedTuple):
    """`start`: the line of the first mark of older mail, -1 if there is none; `rest`: it goes on to the end.

    `quoted`: runs of lines that are older mail by their marks. `signature`: the last run marked so.
    """

    start: int = -1
    rest: bool = False
    quoted: tuple[tuple[int, int], ...] = ()
    signature: tuple[int, int] | None = None


NONE = Marks()


def marks_of(message: Message, lines: Sequence[str]) -> Marks:
    """The marks for `lines`, the text of `message`: exact where the text was made from HTML, else mapped by content."""
    if not message.regions:
        return NONE
    regions = message.regions
    if message.text.rstrip() == message.html_text.rstrip():
        return _marks(lines, [one for one in regions if one.first < len(lines)])
    shown = message.html_text.split("\n")
    return _mapped(_marks(shown, [one for one in regions if one.first < len(shown)]), shown, lines)


def _marks(lines: Sequence[str], regions: Sequence[Region]) -> Marks:
    older = [one for one in regions if one.kind in _OLDER and (one.kind != "rest" or _is_header(lines, one.first))]
    first = older[0] if older else None
    quoted: list[tuple[int, int]] = []
    marked = _quotes_before(lines) if any(one.kind == "container" for one in older) else []
    for one in older:
        whole = one.kind == "quote" or (
            one.kind == "container" and marked[min(one.end, len(lines))] == marked[min(one.first, len(lines))]
        )
        if whole and (not quoted or one.first >= quoted[-1][1]):
            quoted.append((one.first, one.end))
    signed = [one for one in regions if one.kind == "signature" and (first is None or one.first < first.first)]
    signature = (signed[-1].first, signed[-1].end) if signed and signed[-1].end > signed[-1].first else None
    if first is None:
        return Marks(signature=signature)
    return Marks(first.first, first.kind == "rest", tuple(quoted), signature)


def _is_header(lines: Sequence[str], first: int) -> bool:
    """Whether a label stands at the beginning of one of the first lines: "Von: …", in any language."""
    return any(":" in line[:40] or "：" in line[:40] for line in lines[first : first + 3])


def _quotes_before(lines: Sequence[str]) -> list[int]:
    """How many quoted lines stand before each line, and in all: containers can stand in each other, a thousand deep."""
    return [0, *accumulate(map(is_quoted, lines))]


def _mapped(marks: Marks, shown: Sequence[str], lines: Sequence[str]) -> Marks:
    """Marks of `shown` for the other face of the same mail: start and signature where their first line is found again.

    Nothing is said where own text follows a quote: there the ">" of the plain text are better.
    """
    start = -1
    if marks.start >= 0 and _ends_with_older(marks, shown):
        start = _find(shown, marks.start, lines)
    signature = None
    if marks.signature:
        first = _find(shown, marks.signature[0], lines)
        length = sum(1 for line in shown[marks.signature[0] : marks.signature[1]] if not is_blank(line))
        if first >= 0:
            signature = (first, _end_after(lines, first, length))
    return Marks(start, start >= 0, (), signature)


def _ends_with_older(marks: Marks, shown: Sequence[str]) -> bool:
    if marks.rest:
        return True
    last = next((index for index in range(len(shown) - 1, -1, -1) if not is_blank(shown[index])), -1)
    return is_quoted(shown[last]) or any(first <= last < end for first, end in marks.quoted)


def _find(shown: Sequence[str], place: int, lines: Sequence[str]) -> int:
    """The line of the other face that says what line `place` of `shown` says; the nearest by content before it. -1."""
    while place < len(shown) and is_blank(shown[place]):
        place += 1
    key = _key(shown[place]) if place < len(shown) else ""
    if len(key) < _SHORTEST_KEY:
        return -1
    before = sum(map(len, shown[:place]))
    best, distance, passed = -1, -1, 0
    for index, line in enumerate(lines):
        if line and _same(key, _key(line)):
            apart = abs(passed - before)
            if best < 0 or apart < distance:
                best, distance = index, apart
        passed += len(line)
    return best


def _end_after(lines: Sequence[str], first: int, length: int) -> int:
    index = first
    while index < len(lines) and length > 0:
        length -= not is_blank(lines[index])
        index += 1
    return index


def _same(key: str, other: str) -> bool:
    """Equal as far as both go: the plain text may be wrapped."""
    return len(other) >= _SHORTEST_KEY and (other.startswith(key) or key.startswith(other))


def _key(line: str) -> str:
    short = line[:_LONGEST]
    if not short.isascii():
        short = unicodedata.normalize("NFC", short[:200])
    return "".join(sign for sign in short[:200] if sign.isalnum())[:_KEY].lower()
