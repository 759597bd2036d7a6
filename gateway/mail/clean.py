"""Text from outside made safe to store and to show: no NUL, no lone surrogate, no control, no endless run of marks.

Every function is linear in its input and never raises.
"""

from __future__ import annotations

import re
from unicodedata import normalize

# Combining marks that a sender can pile up without end (Unicode blocks, not categories: `re` knows no categories).
_MARK = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0e34-\u0e3a\u0e47-\u0e4e"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u302a-\u302f\u3099\u309a\ufe20-\ufe2f"
)
_ANY_MARK = re.compile(f"[{_MARK}]")
_MARKS = re.compile(f"[{_MARK}]{{32}}[{_MARK}]+")
# VT, FF, FS..US, NEL and the Unicode separators end a line somewhere: in a header they must not (RFC 5322 §2.2).
_BREAKS = re.compile("[\t\r\n\x0b\x0c\x1c-\x1f\x85\u2028\u2029]+")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BIDI = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\U000e0001]")
_BODY_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def few_marks(text: str) -> str:
    """Runs of combining marks cut to 32: normalising a longer run costs quadratic time."""
    if len(text) <= 32 or text.isascii() or not _ANY_MARK.search(text[::32]):  # a run of 33 has one at such a place
        return text
    return _MARKS.sub(lambda run: run.group()[:32], text)


def no_controls(text: str) -> str:
    """One header value: breaks become one space, other controls and lone surrogates go, bidi marks stay."""
    if text.isprintable():
        return few_marks(text)
    return few_marks(_CONTROLS.sub("", _BREAKS.sub(" ", text)))


def one_line(text: str, limit: int) -> str:
    """A label of at most `limit` characters: as `no_controls`, and bidi overrides and zero-width marks go too."""
    if not text.isprintable():
        text = _BIDI.sub("", no_controls(text))
    text = few_marks(text).strip()
    if len(text) > limit:
        text = normalize("NFC", text[: limit * 4])  # cut after joining, so that no letter loses its marks
    return text[:limit].rstrip()


def many_lines(text: str, limit: int) -> str:
    """Body text of at most `limit` octets in UTF-8, lines ended by LF alone, no controls but TAB."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if not text.replace("\n", "").replace("\t", "").isprintable():  # quicker than looking for each
        text = _BODY_CONTROLS.sub("", _LINE_ENDS.sub("\n", text))
    return cut(few_marks(text), limit)


def cut(text: str, limit: int) -> str:
    """The longest beginning of `text` that has at most `limit` octets in UTF-8."""
    if len(text) * 4 <= limit:
        return text
    octets = text.encode("utf-8", "replace")
    return text if len(octets) <= limit else octets[:limit].decode("utf-8", "ignore")
