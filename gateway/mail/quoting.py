"""Lines of mail and what each is by itself: blank, quoted, drawn, a separator, a header label. Linear, anchored.

A line longer than 1,000 characters is never one of these. `lines` are text without line ends.
"""

from __future__ import annotations

import re
from functools import lru_cache

from gateway.mail import phrases
from gateway.mail.phrases import Label, folded

__all__ = [
    "BLANKS",
    "LONGEST",
    "NO_LABEL",
    "folded",
    "is_blank",
    "is_quoted",
    "is_rule",
    "label",
    "label_end",
    "label_of",
    "lines_of",
    "separator",
    "trimmed",
    "unquoted",
]

LONGEST = 1000
BLANKS = " \t\r\f\v\xa0\u3000\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_RULE = "-_=*~—–─━ \t\xa0·•＿－"
_LABEL_END = re.compile(r"[:：|\t]")
_LONGEST_LABEL = 32
NO_LABEL = Label("", 0)


def lines_of(text: str) -> list[str]:
    """Lines at CRLF, LF or CR only: other Unicode separators are text."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def is_blank(line: str) -> bool:
    return not line.strip(BLANKS)


def is_quoted(line: str) -> bool:
    return line.lstrip(BLANKS).startswith((">", "＞"))


def unquoted(line: str) -> str:
    """The line without its quote prefixes and outer blanks."""
    return line.lstrip(BLANKS + ">＞|").rstrip(BLANKS)


def is_rule(line: str) -> bool:
    """A line drawn from three or more dashes, underscores or the like."""
    bare = line.strip(BLANKS)
    return len(bare) >= 3 and not bare.strip(_RULE)


def separator(line: str) -> str:
    """ "reply" for "-----Original Message-----" and its kin, "forward" for forwards, else ""."""
    if len(line) > 200 and line.lstrip(BLANKS)[:3] != "---":
        return ""
    bare = line[:LONGEST].strip(BLANKS)
    if "&" in bare:
        bare = bare.replace("&nbsp;", " ")  # QQ writes entities into plain text
    core = bare.strip(_RULE + ":：*|>[]【】")
    if bare[:3] == "---" and "--" in core:  # Yahoo prints the header block behind it
        core = core[: core.find("--")].rstrip(_RULE)
    ruled = len(core) + 4 <= len(bare)
    if not core or not (ruled or bare.endswith((":", "："))):
        return ""
    return _phrase_kind(folded(core), ruled)


def label_of(line: str) -> str:
    """ "from", "date", "to", "cc", "subject", "other" for a header line as clients print it, else ""."""
    return label(line).kind


def label(line: str) -> Label:
    """The label that a header line begins with, as clients print it: quoted, bold, in a table. An empty one if none."""
    bare = line[:80].lstrip(BLANKS + "|>＞")
    end = label_end(bare)
    return _label(bare[:end]) if end > 0 else NO_LABEL


def label_end(bare: str) -> int:
    """Where the label of a line ends: at the first ":", "：", "|" or tab. -1 if there is none in reach."""
    found = _LABEL_END.search(bare, 0, _LONGEST_LABEL)
    return found.start() if found else -1


def trimmed(lines: list[str]) -> list[str]:
    """Without blank lines at either end."""
    first, last = 0, len(lines)
    while first < last and is_blank(lines[first]):
        first += 1
    while last > first and is_blank(lines[last - 1]):
        last -= 1
    return lines[first:last]


@lru_cache(maxsize=4096)
def _label(text: str) -> Label:
    return phrases.LABELS.get("".join(folded(text.strip("*_ \t\xa0\u3000")).split()), NO_LABEL)


@lru_cache(maxsize=1024)
def _phrase_kind(phrase: str, ruled: bool) -> str:
    if phrase in phrases.FORWARDED or (ruled and phrase.startswith(phrases.FORWARDED_BY)):
        return "forward"
    return "reply" if ruled and phrase in phrases.ORIGINAL else ""
