"""The line that clients write above a quote: "On … wrote:", "Am … schrieb …:", "… 于2024年6月3日写道：".

What makes it one is its build, not its wording: a date and an author (an address, or a name), in the order of some
language, with that language's verb, closed by a colon; clients wrap it over up to five lines. A date alone and a verb
alone are text: people write such lines too.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from gateway.mail import phrases
from gateway.mail.phrases import folded
from gateway.mail.quoting import BLANKS, LONGEST, is_blank, is_quoted, is_rule

_LONGEST_ATTRIBUTION = 600
_WINDOW = 5  # lines over which clients wrap an attribution
_LONGEST_NAME = 90  # characters before an address
_MOST_WORDS = 10
_TAIL = 160  # characters that may follow the verb: a name, an address, a date
_CLOSING = " \t:：-—–─_*>)）】]』」\xa0"
_COLONS = (":", "：")  # French puts a blank before it, where clients wrap
_SENTENCE_ENDS = (":", "：", ".", "。", "!", "！", "?", "？")

_DIGIT = re.compile(r"\d")
_YEAR = re.compile(r"(?<!\d)(?:19|20|25)\d\d(?!\d)")
_DAY = re.compile(r"(?<!\d)\d{1,4}\s?[./年년-]\s?\d{1,2}\s?[./月월-]\s?(?:\d{2,4}(?!\d)|\s)")
_TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:.時时시hH]\s?\d{2}(?!\d)")
_ADDRESS = re.compile(r"[^\s<>\[\]()\"',;:@]{1,120}@[^\s<>\[\]()\"',;:@]{1,200}")
_DATE_START = re.compile(
    r"(?:[\"'(]?(?:19|20|25)\d\d\s?[-/.年년]|\d{1,2}[-/.:]\d{1,2}|\d{1,2}\.? \S{1,12} \d{4}|"
    r"[^\W\d]{1,12}[.,]{0,2}\s(?:den )?\d{1,2}[. ]|[^\W\d]{1,12},? \d{1,2}/\d{1,2}/\d{2,4})"
)
_ADDRESS_CLOSES = re.compile(r"@[^\s<>@]{1,200}[>＞\])]+\s*[:：]\s*$")
_BARE_ADDRESS_CLOSES = re.compile(r"@[^\s<>@]{1,200}\s*[:：]\s*$")
_NAME_END = re.compile(r"[<\[(＜]\s*(?:mailto:)?\s*$")


class Attribution(NamedTuple):
    """`first` is the line it begins on. `sure`: it stands for itself; otherwise quoted lines must follow."""

    first: int
    sure: bool


def attribution_start(lines: Sequence[str], last: int) -> int | None:
    """Where the attribution that ends at line `last` begins, else None. It holds an address, a date or a time."""
    found = find_attribution(lines, last)
    if found is None:
        return None
    told = found.sure or any("@" in line or _DIGIT.search(line) for line in lines[found.first : last + 1])
    return found.first if told else None


def find_attribution(lines: Sequence[str], last: int, *, closed: bool = True) -> Attribution | None:
    """The attribution that ends at line `last`, else None. `closed`: it must end with a colon or drawn dashes."""
    ending = lines[last].strip(BLANKS)
    if len(ending) > _LONGEST_ATTRIBUTION or not (ending in _COLONS or _may_end(ending, closed)):
        return None
    window, named, timed = "", None, None
    for first in range(last, max(-1, last - _WINDOW), -1):
        line = lines[first].strip(BLANKS)
        if not line or len(line) + len(window) > _LONGEST_ATTRIBUTION or (first != last and _ends_before(line)):
            break
        window = f"{line} {window}" if window else line
        drawn = window.startswith("---") and window.endswith("---")
        text = folded(window).lstrip("-—>*_ \xa0\"'“„«").replace("\xa0", " ")
        sure = _begins_with_date(text, closed)
        if sure is None:
            if not timed or (not timed.sure and ("@" in text or has_date(text))):
                named = named or _begins_with_name(lines, first, text, drawn)
        elif has_date(text):
            return Attribution(first, sure or drawn)
        else:
            timed = timed or Attribution(first, sure)  # no date yet: it may stand in the line above
    return timed if timed and (timed.sure or _holds_address(lines, timed.first, last)) else named or timed


def _holds_address(lines: Sequence[str], first: int, last: int) -> bool:
    return any("@" in line[:LONGEST] for line in lines[first : last + 1])


def has_date(text: str) -> bool:
    """Whether a day stands in it, with its year, or a date in figures, or a time beside a number."""
    return _YEAR.search(text) is not None or _DAY.search(text) is not None


def address_in(text: str) -> str:
    """The first address in it, "" if none."""
    found = _ADDRESS.search(text[:LONGEST]) if "@" in text else None
    return found[0] if found else ""


def _ends_before(line: str) -> bool:
    """A line that ends a sentence, is quoted or drawn is no part of what follows it."""
    return (line.endswith(_SENTENCE_ENDS) and not line[-3:-1].isdigit() and not _abbreviated(line)) or is_rule(line)


def _abbreviated(line: str) -> bool:
    """ "Am Mo.": a line wrapped after an abbreviation."""
    return line.endswith(".") and len(line) - line.rfind(" ") <= 6


def _may_end(ending: str, closed: bool) -> bool:
    if closed and ending[-1:] not in (":", "：", "-", "—", ">", "*"):
        return False
    if closed and ending[-1] in "->—*" and not ending.rstrip("->—* ").endswith((":", "：")) and "---" not in ending:
        return False
    return "@" in ending or _DIGIT.search(ending) is not None or _verb_ends(folded(ending)) or _short_verb(ending)


def _short_verb(ending: str) -> bool:
    return len(ending) <= 120 and phrases.VERBS_BEFORE_NAME.search(f" {folded(ending)}") is not None


def _verb_ends(text: str) -> bool:
    return f" {text.rstrip(_CLOSING)}".endswith(phrases.VERB_ENDS) or text.rstrip(" :：").endswith("(a)")


def _begins_with_date(text: str, closed: bool) -> bool | None:
    """Whether an attribution that opens with a word for a date, or with the date, is sure; None if it is none."""
    at = text.find("@")
    dated = has_date(text)
    if text.startswith(phrases.CITES):
        return False if at >= 0 or dated else None
    if at < 0 and not dated and _TIME.search(text) is None:
        opened = text.startswith(phrases.ATTRIBUTION_STARTS) and len(text.split()) <= _MOST_WORDS
        return False if opened and _verb_ends(text) else None
    if not (text.startswith(phrases.ATTRIBUTION_STARTS) or _DATE_START.match(text)):
        return None
    if _verb_of(text) or (dated and _ADDRESS_CLOSES.search(text)):
        return at >= 0 and (dated or _DIGIT.search(_ADDRESS.sub("", text)) is not None)
    return False if dated and at >= 0 and (not closed or _BARE_ADDRESS_CLOSES.search(text)) else None


def _verb_of(text: str) -> bool:
    if _verb_ends(text):
        return True
    found = next(iter(deque(phrases.VERBS.finditer(f" {text}"), maxlen=1)), None)
    if found is None:
        return False
    tail = text[found.end() - 1 :]
    if len(tail) > _TAIL:
        return False
    return "@" in tail or _DIGIT.search(tail) is not None or phrases.VERBS_BEFORE_NAME.match(found[0]) is not None


def _begins_with_name(lines: Sequence[str], first: int, text: str, drawn: bool) -> Attribution | None:
    """The author comes first: "A B <a@b.example>, 3 Haz 2024 … yazdı:", "A B schrieb am 03.06.2024:", "A B wrote:"."""
    opened = _ADDRESS.search(text) if "@" in text else None
    dated = has_date(text)
    if text.startswith(phrases.NO_AUTHOR):
        return None
    told = _verb_of(text) or (dated and _ADDRESS_CLOSES.search(text) is not None)
    if not told and not (opened and dated):
        return None
    if opened is None:
        return _without_address(lines, first, text, dated)
    name = _NAME_END.sub("", text[: opened.start()]).strip("\"'“”„«» ,")
    if opened.start() > _LONGEST_NAME or name.endswith((":", "：", ".", "!", "?")):
        return None
    if len(name.split()) > _MOST_WORDS or ": " in name:
        return None
    if name:
        return Attribution(first, told and (dated or drawn))
    above = _name_above(lines, first) if text.startswith(("<", "(", "[")) else first
    return Attribution(above, told and dated)


def _without_address(lines: Sequence[str], first: int, text: str, dated: bool) -> Attribution | None:
    """ "A B wrote:" as old clients have it, in a line that stands apart, or with a date."""
    words = len(text.split())
    apart = first == 0 or is_blank(lines[first - 1]) or is_rule(lines[first - 1])
    if words < 2 or words > (14 if dated else 6) or text.startswith(("i ", "you ", "we ")):
        return None
    if dated:
        return Attribution(first, False) if phrases.VERBS.match(f" {text}") is None else None
    return Attribution(first, False) if apart and _verb_ends(text) else None


def _name_above(lines: Sequence[str], first: int) -> int:
    """The line above, if it is the name that belongs to the address `first` begins with."""
    above = lines[first - 1].strip(BLANKS) if first else ""
    fits = 0 < len(above) <= _LONGEST_NAME and not above.endswith(_SENTENCE_ENDS) and not is_quoted(above)
    return first - 1 if fits and len(above.split()) <= _MOST_WORDS and not is_rule(above) else first
