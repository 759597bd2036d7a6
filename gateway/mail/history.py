"""Where in the text of a mail the older mail begins, and what the client wrote above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from gateway.mail import phrases
from gateway.mail.attribution import find_attribution, has_date
from gateway.mail.header_block import Block, read_block
from gateway.mail.html_boundary import Marks
from gateway.mail.quoting import (
    BLANKS,
    LONGEST,
    folded,
    is_blank,
    is_quoted,
    is_rule,
    label_end,
    label_of,
    separator,
    unquoted,
)

_SHORTEST = 3  # "작성:": nothing shorter begins or ends what a client writes
_FIRST_CHARS = "-_=*~—–─━| "
_LONGEST_TITLE = 24  # of "Original Message" without dashes
_CUT_CHARS = "#<[("
_FULL = 66  # characters of a line that was wrapped
_LEAD = 4  # lines of a quote in which its lead ends
_REACH = 4  # lines between a separator and the header block it announces


@dataclass(frozen=True, slots=True)
class History:
    """Lines `start` to `end` are what the client wrote above older mail. `rest`: all that follows them is older."""

    start: int
    end: int
    forward: bool = False
    rest: bool = False
    block: Block | None = None


class Lines:
    """The lines of a text, and which of them are quoted: by a ">" or by the HTML."""

    def __init__(self, lines: list[str], marks: Marks) -> None:
        self.lines = lines
        self.marks = marks
        self.tried = 0  # lines before this one were read as part of a block that is none
        self.quoted = [(">" in line or "＞" in line) and _is_quote(line[:LONGEST]) for line in lines]
        if True in self.quoted:
            self._join_wrapped()
        for first, end in marks.quoted:
            self.quoted[first:end] = [True] * (min(end, len(lines)) - first)

    def _join_wrapped(self) -> None:
        """A line between two quoted ones is the end of the first, if that is full and goes on: clients wrap so."""
        lines, quoted = self.lines, self.quoted
        for index in range(1, len(lines) - 1):
            if quoted[index] or not (quoted[index - 1] and quoted[index + 1]):
                continue
            before = lines[index - 1].rstrip(BLANKS)
            goes_on = len(before) >= _FULL and before[-1].isalnum() and lines[index][:1].islower()
            quoted[index] = goes_on and len(lines[index]) < len(before)

    def quote_follows(self, index: int) -> bool:
        """Whether the first line with text at or shortly after `index` is quoted."""
        for place in range(index, min(index + 4, len(self.lines))):
            if not is_blank(self.lines[place]) or self.quoted[place]:
                return self.quoted[place]
        return False

    def above_rules(self, index: int) -> int:
        """The first of the blank lines and drawn rules directly above `index`."""
        while index > 0 and (is_blank(self.lines[index - 1]) or is_rule(self.lines[index - 1])):
            index -= 1
        return index


def _is_quote(line: str) -> bool:
    """A ">" that is indented as code is stands in text of the author."""
    return is_quoted(line) and not line.startswith(("    ", "\t"))


def find_history(text: Lines, answers: bool) -> History | None:
    """The first place where older mail begins. `answers`: the headers say that this mail answers another.

    Without that only what cannot be a person's own list or sentence counts.
    """
    for index, line in enumerate(text.lines):
        if index == text.marks.start:
            found = _by_mark(text, index)
            if found:
                return found
        if not line:
            continue
        bare = line.strip(BLANKS)
        if len(bare) < _SHORTEST:
            found = _at_colon(text, index) if bare in (":", "：") and index else None
            if found:
                return found
            continue
        if text.quoted[index] or len(bare) > LONGEST:
            found = _at_quote(text, index, bare)
        else:
            found = _at(text, index, bare, answers)
        if found:
            return found
    return None


def _at_colon(text: Lines, index: int) -> History | None:
    """The colon of a lead, wrapped into a line of its own."""
    if text.lines[index - 1].rstrip(BLANKS)[-1:] in ("", ":", "："):
        return None
    lead = find_attribution(text.lines, index)
    return History(lead.first, index + 1) if lead and (lead.sure or text.quote_follows(index + 1)) else None


def _by_mark(text: Lines, index: int) -> History | None:
    """The HTML says that older mail begins here."""
    lines = text.lines
    while index < len(lines) and is_blank(lines[index]):
        index += 1
    if index == len(lines):
        return None
    kind = separator(lines[index])
    end = _lead_inside(text, index) if text.quoted[index] else index
    if not text.quoted[index] and not text.marks.rest:
        last = next((at for at in range(index, min(index + 5, len(lines))) if find_attribution(lines, at)), None)
        end = index if last is None else last + 1
    return History(text.above_rules(index), end, kind == "forward", text.marks.rest, _announced(text, index))


def _at_quote(text: Lines, index: int, bare: str) -> History | None:
    """A quoted line may be our cut line, the beginning of a quoted forward, or stand under a lead without a colon."""
    if phrases.CUT_MARK in bare[:LONGEST]:
        return _at_own_mark(text, index)
    if index and text.quoted[index - 1]:
        return None
    if separator(unquoted(bare[:LONGEST])) == "forward":
        return History(text.above_rules(index), index + 1, True, False, _announced(text, index))
    lead = _open_lead(text, index)
    if lead:
        return History(*lead)
    end = _lead_inside(text, index)
    return History(index, end) if end > index else None


def _at_own_mark(text: Lines, index: int) -> History:
    """Our own cut line says for certain that what stands over it leads to a quote."""
    lead = _open_lead(text, index)
    return History(lead[0] if lead else text.above_rules(index), index + 1)


def _open_lead(text: Lines, index: int) -> tuple[int, int] | None:
    """(first, end) of a lead shortly above the quote at `index`, though it has no colon or no known verb."""
    above = index - 1
    while above > max(index - 3, 0) and is_blank(text.lines[above]):
        above -= 1
    lead = find_attribution(text.lines, above, closed=False) if above >= 0 and not text.quoted[above] else None
    return (lead.first, above + 1) if lead else None


def _lead_inside(text: Lines, index: int) -> int:
    """The line after the lead that stands at the beginning of a quote, `index` if there is none."""
    quote = [unquoted(line[:LONGEST]) for line in text.lines[index : index + _LEAD]]
    inside = next((at for at in range(len(quote)) if find_attribution(quote, at)), None)
    return index if inside is None else _after_blanks(text, index + inside + 1)


def _after_blanks(text: Lines, index: int) -> int:
    """The first line from `index` on that holds more than a quote prefix."""
    while index < len(text.lines) and text.quoted[index] and not unquoted(text.lines[index][:LONGEST]):
        index += 1
    return index


def _at(text: Lines, index: int, bare: str, answers: bool) -> History | None:
    lines = text.lines
    if phrases.CUT_MARK in bare:
        return _at_own_mark(text, index)
    if label_end(bare) > 0:
        found = _block_at(text, index, answers)
        if found:
            return found
    drawn = bare[0] in _FIRST_CHARS and bare[1] in _FIRST_CHARS
    if drawn or bare[-1] in ":：":
        kind = separator(bare)
        if kind:
            return _at_separator(text, index, kind, answers)
    if bare[-1] in ":：->—*":
        lead = find_attribution(lines, index)
        if lead and (lead.sure or text.quote_follows(index + 1)):
            return History(lead.first, index + 1)
    return _at_other(text, index, bare, answers, drawn)


def _at_other(text: Lines, index: int, bare: str, answers: bool, drawn: bool) -> History | None:
    """Leads that few clients write."""
    if len(bare) <= _LONGEST_TITLE and folded(bare) in phrases.ORIGINAL and _announced(text, index + 1):
        return _at_separator(text, index, "reply", answers)
    if answers and (":  " in bare or ":\xa0" in bare or bare[0] in "iIhH") and _runs_on(text, index, bare):
        return History(text.above_rules(index), index + 1, rest=True)
    if (drawn or bare[0] in _CUT_CHARS) and len(bare) <= 200 and _asks_above(bare):
        return History(text.above_rules(index), index + 1, rest=True)
    return None


def _runs_on(text: Lines, index: int, bare: str) -> bool:
    """Older mail that begins in the line of its lead: Yahoo's "On …, A <a@b.example> wrote:   Dear", Notes' summary."""
    if folded(bare[:60]).startswith(phrases.DETAILS):
        return True
    colon = bare.find(":", bare.find("@")) if "@" in bare[:LONGEST] else -1
    apart = index == 0 or is_blank(text.lines[index - 1])
    if colon < 0 or not apart or not bare.startswith(("  ", "\xa0"), colon + 1):
        return False
    lead = find_attribution([bare[: colon + 1]], 0)
    return lead is not None and lead.sure


def _at_separator(text: Lines, index: int, kind: str, answers: bool) -> History | None:
    block = _announced(text, index)
    if kind == "reply" and not (answers or block or text.quote_follows(index + 1)):
        return None
    return History(text.above_rules(index), index + 1, kind == "forward", kind == "reply" and block is not None, block)


def _announced(text: Lines, index: int) -> Block | None:
    """The header block that a separator, or the mark at `index` itself, announces."""
    for first in range(index, min(index + _REACH + 1, len(text.lines))):
        if label_of(text.lines[first]):
            block = read_block(text.lines, first)
            return block if block.is_whole(announced=True) else None
    return None


def _block_at(text: Lines, index: int, answers: bool) -> History | None:
    kind = label_of(text.lines[index])
    if kind not in ("from", "date", "subject", "to") or (kind != "from" and index < text.tried):
        return None
    block = read_block(text.lines, index)
    text.tried = block.end
    ruled = index > 0 and is_rule(_last_text(text.lines, index))
    if kind != "from" and not ruled and len(block.fields.keys() - {"cc", "other"}) < 4:
        return None
    if not block.is_whole(announced=ruled and answers) or not _stands_apart(text.lines, index):
        return None
    if not answers and not _is_printed(text, index, block, ruled):
        return None
    return History(text.above_rules(index), block.end, False, not text.quote_follows(block.end), block)


def _last_text(lines: Sequence[str], index: int) -> str:
    """The last line above `index` that is not blank."""
    for place in range(index - 1, max(-1, index - 4), -1):
        if not is_blank(lines[place]):
            return lines[place]
    return ""


def _stands_apart(lines: Sequence[str], index: int) -> bool:
    """A list directly under a line that announces it ("these fields:") is the author's own."""
    above = lines[index - 1].rstrip(BLANKS) if index else ""
    return not above.endswith((":", "：")) or is_rule(above) or bool(separator(above))


def _is_printed(text: Lines, index: int, block: Block, ruled: bool) -> bool:
    """Whether a client must have printed the block: in full, with text of the author above it."""
    full = {"from", "date", "to", "subject"} <= block.fields.keys() and "@" in block.fields["from"]
    above = any(not is_blank(line) and not is_rule(line) for line in text.lines[:index])
    return above and full and has_date(block.fields["date"]) and (ruled or is_blank(text.lines[index - 1]))


def _asks_above(bare: str) -> bool:
    """ "Please reply above this line", drawn or short: another desk's cut line."""
    line = folded(bare)
    return any(phrase in line for phrase in phrases.REPLY_ABOVE)


def quote_runs(quoted: Sequence[bool], blank: Sequence[bool]) -> list[tuple[int, int]]:
    """Runs of quoted lines as (first, end); blank lines between quoted lines belong to the run."""
    places = [place for place, is_one in enumerate(quoted) if is_one]
    if not places:
        return []
    runs, first = [], places[0]
    for before, after in pairwise(places):
        if not all(blank[before + 1 : after]):
            runs.append((first, before + 1))
            first = after
    return [*runs, (first, places[-1] + 1)]
