"""Do two subjects speak of the same matter? Asked where a mail refers to another but does not look like an answer."""

from __future__ import annotations

import re
import unicodedata

_MARKS = re.compile(r"[\u0300-\u036f]+")
_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_SHORTEST = 3
_LONGEST = 255


def same_matter(one: str, other: str) -> bool:
    """Whether they have a word of at least three letters in common, or two signs in a row of a script without blanks,
    or one of them has neither. In doubt it is the same matter: a thread torn apart is worse than two matters in one."""
    ours, theirs = _words(one), _words(other)
    return not ours or not theirs or not ours.isdisjoint(theirs)


def _words(subject: str) -> set[str]:
    lower = subject[:_LONGEST].lower()
    if not lower.isascii():
        lower = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", lower))).replace("đ", "d")
    found = set()
    for word in _WORD.findall(lower):
        if _UNSPACED.search(word):
            found |= {word[place : place + 2] for place in range(len(word) - 1)}
        elif len(word) >= _SHORTEST:
            found.add(word)
    return found
