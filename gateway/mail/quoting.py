"""Recognising what a mail client put between an answer and the mail it answers. Line by line, linear, anchored.

A line longer than 1,000 characters is never one of these. `lines` are text without line ends.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from gateway.mail import phrases

_LONGEST = 1000
_LONGEST_ATTRIBUTION = 600
_WINDOW = 4  # lines over which clients wrap an attribution
_BLOCK = 24  # lines a header block may take
_BLANKS = " \t\r\f\v\xa0\u3000\u200b\u200e\u200f\ufeff"
_RULE = "-_=*~—–─ \t\xa0·•"

_VERBS = re.compile("|".join(sorted(map(re.escape, phrases.ATTRIBUTION_VERBS), key=len, reverse=True)))
_SENTENCE_ENDS = (":", "：", ".", "。", "!", "！", "?", "？")
_DATE_START = re.compile(r"(?:\d{4}[-/.年년]|\d{1,2}[-/.:]\d{1,2}|\d{1,2} \S{1,12} \d{4})")
_ADDRESS_END = re.compile(r"@[^\s<>@]{1,200}[>＞\])]\s*[:：]$")
_DIGITS = re.compile(r"\d{1,2}\D{1,3}\d{1,2}")
_MOBILE = re.compile("|".join(phrases.MOBILE_SIGNATURES))


def lines_of(text: str) -> list[str]:
    """Lines at CRLF, LF or CR only: other Unicode separators are text."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def is_blank(line: str) -> bool:
    return not line.strip(_BLANKS)


def is_quoted(line: str) -> bool:
    return line.lstrip(_BLANKS).startswith((">", "＞"))


def unquoted(line: str) -> str:
    """The line without its quote prefixes and outer blanks."""
    return line.lstrip(_BLANKS + ">＞|").rstrip(_BLANKS)


def is_rule(line: str) -> bool:
    """A line drawn from three or more dashes, underscores or the like."""
    bare = line.strip(_BLANKS)
    return len(bare) >= 3 and not bare.strip(_RULE)


def separator(line: str) -> str:
    """ "reply" for "-----Original Message-----" and its kin, "forward" for forwards, else ""."""
    if len(line) > 200:
        return ""
    bare = line.strip(_BLANKS)
    core = bare.strip(_RULE + ":：*")
    ruled = len(core) + 4 <= len(bare)
    if not core or not (ruled or bare.endswith((":", "："))):
        return ""
    phrase = folded(core)
    if phrase in phrases.FORWARDED or phrase.startswith("forwarded by "):
        return "forward"
    return "reply" if ruled and phrase in phrases.ORIGINAL else ""


def folded(text: str) -> str:
    """NFC and lower case, for short text only (normalising is quadratic in combining marks)."""
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).lower()


def label_of(line: str) -> str:
    """ "from", "date", "to", "cc", "subject", "other" for a header line as clients print it, else ""."""
    bare = line[:80].lstrip(_BLANKS + "|>")
    end = _label_end(bare)
    return _label(bare[:end]) if end > 0 else ""


def attribution_start(lines: Sequence[str], last: int) -> int | None:
    """Where the attribution that ends at `last` begins ("On … wrote:", wrapped over up to four lines), else None.

    It needs a date or an address, and a known verb or first word: a sentence that merely ends in "wrote:" is text.
    """
    ending = lines[last].strip(_BLANKS)
    if not _ends_attribution(ending):
        return None
    window = ""
    for first in range(last, max(-1, last - _WINDOW), -1):
        line = lines[first].strip(_BLANKS)
        if not line or len(line) + len(window) > _LONGEST_ATTRIBUTION:
            break
        if first != last and line.endswith(_SENTENCE_ENDS):
            break
        window = f"{line} {window}".strip()
        if _begins_attribution(folded(line)) and _is_attribution(folded(window)):
            named = None if "@" in window else _named_start(lines, last)
            return first if named is None else min(first, named)
    return _named_start(lines, last)


def is_strong(lines: Sequence[str], first: int, last: int) -> bool:
    """An attribution with an address in it stands for itself; others only before quoted lines."""
    return any("@" in line[:_LONGEST] for line in lines[first : last + 1])


def header_block_end(lines: Sequence[str], first: int) -> int | None:
    """The line after the header block ("From: … Sent: … To: … Subject: …") that begins at `first`, else None.

    It needs From and two other kinds, and an address or a subject: an address form filled in by hand has neither.
    """
    kinds: set[str] = set()
    end, at_sign, blanks = first, False, 0
    for index in range(first, min(len(lines), first + _BLOCK)):
        line = lines[index]
        if is_blank(line):
            blanks += 1
            continue
        kind = label_of(line)
        if not _continues(kind, kinds, blanks, line):
            break
        if kind:
            kinds.add(kind)
        at_sign |= "@" in line[:_LONGEST]
        end, blanks = index + 1, 0
    needed = len(kinds - {"other", "cc"}) >= 3 and "from" in kinds
    return end if needed and (at_sign or "subject" in kinds) else None


def strip_signature(lines: list[str], most: int | None = None) -> list[str]:
    """The lines above a "-- " line (RFC 3676 §4.3), or above a bare "--" with at most `most` (15) lines below it.

    Nothing is cut where nothing would stay above.
    """
    for index, line in enumerate(lines):
        if line[:3].rstrip("\r") in ("-- ", "--") and line.rstrip(_BLANKS) == "--":
            below = len(lines) - index - 1
            if (line.startswith("-- ") or below <= (most or 15)) and not all(map(is_blank, lines[:index])):
                return trimmed(lines[:index])
    return lines


def strip_mobile_signature(lines: list[str]) -> list[str]:
    """The lines without a last "Sent from my iPhone"."""
    kept = trimmed(lines)
    if kept and len(kept[-1]) <= 120 and _MOBILE.match(folded(kept[-1].strip(_BLANKS + "*_[<("))):
        return trimmed(kept[:-1])
    return kept


def trimmed(lines: list[str]) -> list[str]:
    """Without blank lines at either end."""
    first, last = 0, len(lines)
    while first < last and is_blank(lines[first]):
        first += 1
    while last > first and is_blank(lines[last - 1]):
        last -= 1
    return lines[first:last]


def _label_end(bare: str) -> int:
    """Where the first ":" of a line that begins with a short label stands, -1 if there is none."""
    end = bare.find(":", 0, 32)
    for mark in "：|":
        other = bare.find(mark, 0, 32)
        if other >= 0 and (other < end or end < 0):
            end = other
    return end


@lru_cache(maxsize=4096)
def _label(text: str) -> str:
    return phrases.LABELS.get("".join(folded(text.strip("*_ \t\xa0")).split()), "")


def _ends_attribution(line: str) -> bool:
    if len(line) > _LONGEST_ATTRIBUTION or not line.endswith((":", "：", "----")):
        return False
    return "@" in line or _VERBS.search(folded(line[-160:])) is not None


def _begins_attribution(line: str) -> bool:
    return line.startswith(phrases.ATTRIBUTION_STARTS) or _DATE_START.match(line) is not None


def _is_attribution(window: str) -> bool:
    if not (_VERBS.search(window[-300:]) or _ADDRESS_END.search(window)):
        return False
    return "@" in window or _DIGITS.search(window) is not None


def _named_start(lines: Sequence[str], last: int) -> int | None:
    """ "Nguyễn A <a@x.example> đã viết:", "A <a@x.example> 于2026年6月3日周三 14:05写道：": the name comes first."""
    window = lines[last].strip(_BLANKS)
    first = last
    if "@" not in window and last > 0 and "@" in lines[last - 1][:_LONGEST]:
        first, window = last - 1, f"{lines[last - 1].strip(_BLANKS)} {window}"
    if len(window) > _LONGEST_ATTRIBUTION:
        return None
    text = folded(window)
    at = text.find("@")
    opened = max(text.rfind(mark, 0, at) for mark in "<[(＜")
    if at < 0 or not 0 <= opened <= 120 or not text[opened + 1 : at].strip() or " " in text[opened + 1 : at]:
        return None
    verb = _VERBS.search(text, at)
    return first if verb and len(text) - verb.end() <= 60 else None


def _continues(kind: str, kinds: set[str], blanks: int, line: str) -> bool:
    """Whether a line belongs to the header block: a new label, or the wrapped end of the line above."""
    if kind:
        return blanks <= 1 and (kind in ("cc", "other") or kind not in kinds)
    return not blanks and bool(kinds) and "subject" not in kinds and ("@" in line or ";" in line)
