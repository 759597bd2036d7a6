"""The language of a short text, for choosing the language of an answer and nothing else. Abstains when unsure."""

from __future__ import annotations

import re
import unicodedata

from gateway.mail.stop_words import ENGLISH, OTHERS, VIETNAMESE

_LONGEST = 4000  # characters looked at
_SKIPPED = re.compile(r"https?://\S{1,2000}|www\.\S{1,2000}|[^\s<>@]{1,64}@[^\s<>@]{1,255}")
_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_HAN_WORTH = 3  # one Chinese character says about as much as three Latin letters


def guess(text: str) -> str:
    """ "vi", "zh" or "en" when the text is clearly that, else "". Japanese, Korean and other languages give ""."""
    sample = unicodedata.normalize("NFC", _SKIPPED.sub(" ", text[:_LONGEST]))
    letters = [char for char in sample if char.isalpha()]
    han = sum(map(_is_han, letters))
    kana = sum(map(_is_kana, letters))
    hangul = sum("\uac00" <= char <= "\ud7a3" or "\u1100" <= char <= "\u11ff" for char in letters)
    latin = sum(char <= "\u024f" or "\u1e00" <= char <= "\u1eff" for char in letters)
    if kana + hangul > 1 and (kana * 10 > han or hangul * 3 > latin):
        return ""
    if han >= 2 and han * _HAN_WORTH >= latin:
        return "zh"
    if latin * 2 < len(letters) or latin < 2:
        return ""
    return _latin(sample, latin)


def _latin(sample: str, letters: int) -> str:
    marked = sum(map(_is_vietnamese, sample.lower()))
    if marked and marked * 40 >= letters:
        return "vi"
    words = [_fold(word.replace("’", "'")) for word in _WORDS.findall(sample)]
    if not words:
        return ""
    english, vietnamese = _score(words, ENGLISH), _score(words, VIETNAMESE)
    foreign = max(_score(words, stop_words) for stop_words in OTHERS)
    best = max(english, vietnamese)
    if best <= foreign or best * (8 if len(words) > 6 else 3) < len(words) or (best < 2 and len(words) > 3):
        return ""
    if english == vietnamese:
        return ""
    return "en" if english > vietnamese else "vi"


def _score(words: list[str], stop_words: frozenset[str]) -> int:
    return sum(word in stop_words for word in words)


def _fold(word: str) -> str:
    """Lower case without marks; đ is d."""
    if word.isascii():
        return word.lower()
    plain = "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))
    return plain.replace("đ", "d").replace("Đ", "d").lower()


def _is_han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf"


def _is_kana(char: str) -> bool:
    return "\u3041" <= char <= "\u30ff" and char not in "・ー"


def _is_vietnamese(char: str) -> bool:
    """Letters that hardly any other language writes: ơ, ư and the block of stacked marks."""
    return char in "ơư" or "\u1ea0" <= char <= "\u1ef9"
