"""Text as phrases are compared with it: lower case, one blank for many, Latin marks gone.

"Không gửi được", "KHONG GUI DUOC" and "khong  gui duoc" are one; so are "Échec" and "Echec".
"""

from __future__ import annotations

import re
import unicodedata

_MARKS = re.compile(r"[\u0300-\u036f]+")
_LETTERS = {"đ": "d", "ł": "l", "ı": "i", "ø": "o", "ß": "ss", "’": "'", "‘": "'", "：": ":", "\u200b": ""}


def plain(text: str) -> str:
    """For short text only: normalising is quadratic in combining marks."""
    lower = text.lower()
    if not lower.isascii():
        lower = _MARKS.sub("", unicodedata.normalize("NFD", lower))
        for letter, plainer in _LETTERS.items():
            lower = lower.replace(letter, plainer)
        if not lower.isascii():
            lower = unicodedata.normalize("NFC", lower)
    return " ".join(lower.split())


def phrases(text: str) -> tuple[str, ...]:
    """The phrases between bars, as `plain` leaves a text; each once, in order."""
    return tuple(dict.fromkeys(found for found in map(plain, text.split("|")) if found))
