"""The words of all languages together, as the readers of replies look them up. Made once, at import."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from gateway.mail.languages import ALL
from gateway.mail.languages.form import each

CUT_MARK = "=#=#="
"""Begins the line above which an answer is written, in notifications of our own."""


class Label(NamedTuple):
    """The label of a header line: "from", "date", "to", "cc", "subject" or "other", and in which languages (bits)."""

    kind: str
    languages: int


ENGLISH = 1 << next(place for place, language in enumerate(ALL) if language.code == "en")
"""The bit of the language whose labels mail clients mix with any other."""


def folded(text: str) -> str:
    """NFC and lower case, for short text only (normalising is quadratic in combining marks)."""
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).lower()


def _all(field: str) -> frozenset[str]:
    return frozenset(folded(phrase) for language in ALL for phrase in each(getattr(language, field)))


def _labels() -> dict[str, Label]:
    """By the label without its blanks: clients pad them ("主　题", "Đã gửi :")."""
    found: dict[str, Label] = {}
    for place, language in enumerate(ALL):
        for kind in ("sender", "date", "to", "cc", "subject", "other"):
            for phrase in each(getattr(language, kind)):
                label = "".join(phrase.split())
                known = found.get(label)
                name = known.kind if known else "from" if kind == "sender" else kind
                found[label] = Label(name, (known.languages if known else 0) | 1 << place)
    return found


def _is_word(sign: str) -> bool:
    """Whether the script of a letter puts blanks between words."""
    return sign.isalpha() and (ord(sign) < 0xE00 or 0x1E00 <= ord(sign) < 0x2000)


def _apart(phrase: str) -> str:
    return f" {phrase}" if _is_word(phrase[0]) else phrase


def _any_of(phrases: frozenset[str]) -> re.Pattern[str]:
    """Any of the phrases as whole words, in one anchored-by-blank alternation."""
    ordered = sorted(map(_apart, phrases), key=len, reverse=True)
    return re.compile("(?:" + "|".join(map(re.escape, ordered)) + r")(?!\w)")


LABELS = _labels()
VERB_ENDS = tuple(sorted(map(_apart, _all("wrote")), key=len, reverse=True))
"""With the blank before them where the script has one: for `str.endswith`."""
VERBS = _any_of(_all("wrote") | _all("wrote_then_name"))
VERBS_BEFORE_NAME = _any_of(_all("wrote_then_name"))
ATTRIBUTION_STARTS = tuple(f"{phrase} " if _is_word(phrase[-1]) else phrase for phrase in _all("starts"))
NO_AUTHOR = tuple(f"{phrase} " if _is_word(phrase[-1]) else phrase for phrase in _all("no_author"))
CITES = tuple(f"{phrase} " for phrase in _all("cites"))
ORIGINAL = _all("original")
FORWARDED = _all("forwarded")
FORWARDED_BY = tuple(f"{phrase} " for phrase in _all("forwarded_by"))
DETAILS = tuple(f"{phrase} " for phrase in _all("details"))
REPLY_ABOVE = tuple(_all("reply_above"))
REPLY_PREFIXES = _all("reply_prefix")
FORWARD_PREFIXES = _all("forward_prefix")
SENT_FROM = tuple(phrase for phrase in _all("sent_from") if "…" not in phrase)
SENT_FROM_ENDS = tuple(tuple(phrase.split("…", 1)) for phrase in _all("sent_from") if "…" in phrase)
"""(beginning, end) of last lines that name the phone in between."""
SENT_FROM_LAST = tuple({end for _, end in SENT_FROM_ENDS})
SIGN_OFFS = _all("sign_off")
CONTACT_LABELS = frozenset("".join(phrase.split()) for phrase in _all("contact"))
THANKS = _all("thanks")
POSTSCRIPTS = tuple(_all("postscript"))


def _by_first_word(phrases: frozenset[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for phrase in sorted(phrases):
        found.setdefault(words(phrase)[0], []).append(phrase)
    return found


def words(text: str) -> list[str]:
    """The words of scripts that put blanks between them; of others, whole runs."""
    return _WORD.findall(text)


_WORD = re.compile(r"\w+")
_DISCLAIMERS = _all("disclaimer")
DISCLAIMERS = _by_first_word(frozenset(phrase for phrase in _DISCLAIMERS if _is_word(phrase[0])))
"""By their first word, so that only those are looked for that may be there."""
WIDE_DISCLAIMERS = tuple(sorted(phrase for phrase in _DISCLAIMERS if not _is_word(phrase[0]) and phrase[0] != "!"))
FOOTERS = _by_first_word(frozenset(phrase[1:] for phrase in _DISCLAIMERS if phrase[0] == "!"))
"""One of them is enough in a short last paragraph."""
