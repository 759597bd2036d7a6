"""The language of a short text, for choosing the language of an answer and nothing else. Abstains when unsure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from operator import mul

from gateway.mail.stop_words import ENGLISH, OTHERS, VIETNAMESE, VIETNAMESE_PAIRS

_LONGEST = 1200  # characters looked at
_MOST_WORDS = 150
_SKIPPED = re.compile(r"https?://\S{1,2000}|www\.\S{1,2000}|[^\s<>@]{1,64}@[^\s<>@]{1,255}")
_WORDS = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_MARKS = re.compile(r"[\u0300-\u036f]+")
_DRAWN = re.compile(r"^[ *]{0,3}(?:-{2,}|_{5,})", re.MULTILINE)
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[A-Za-z\u00aa-\u024f\u1e00-\u1eff]")
_VIETNAMESE = re.compile(r"[ơưƠƯ\u1ea0-\u1ef9]")  # hardly any other language writes these
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_KANA = re.compile(r"[\u3041-\u30fa\u30fd-\u30ff]")  # without the dot and the dash that Chinese uses too
# characters and words that only Japanese has, for what is written without kana: 見積依頼
_JAPANESE = re.compile(
    r"[頼変込働畑円済図対応価発売読続駅観権実総検験県両広労拝払択黒単戻収処仮伝悪囲営栄衛駆圧縄様桜掲庁弐辺]"
    r"|見積|請求書|納期|御社|弊社|予約|不具合|問合|返品|取扱|宛先|株式会社"
)
_HANGUL = re.compile(r"[\u1100-\u11ff\uac00-\ud7a3]")
_ASCII = bytes(range(128))
_NO_PLAIN_LETTER = bytes(octet for octet in range(256) if not (octet < 128 and chr(octet).isalpha()))
_PLACES = range(0, 6 * 32, 32)
_FIELD = (1 << 32) - 1
_HAN_WORTH = 3  # one Chinese character says about as much as three Latin letters

_SENTENCE, _BESIDE = 8, 8  # so many Chinese characters are a sentence, and count beside a log in English


def guess_author(text: str) -> str:
    """`guess` of what stands above the first drawn line (a signature, a mail passed on), or else of the whole."""
    cut = _DRAWN.search(text) if "--" in text or "__" in text else None
    return (guess(text[: cut.start()]) if cut else "") or guess(text)


def guess(text: str) -> str:
    """ "vi", "zh" or "en" when the text is clearly that, else "". Japanese, Korean and other languages give ""."""
    sample = text[:_LONGEST]
    if "@" in sample or "://" in sample or "www." in sample:
        sample = _SKIPPED.sub(" ", sample)
    if not sample.isascii():
        sample = unicodedata.normalize("NFC", sample)
    if not sample:
        return ""
    letters, latin, marked, han, kana, hangul = _counts(sample)
    if kana + hangul > 1 and (kana * 10 > han or hangul * 3 > latin):
        return ""
    if (han >= 2 and han * _HAN_WORTH >= latin) or (han >= _SENTENCE and han * _BESIDE >= latin):
        return "" if len(_JAPANESE.findall(sample)) * _SENTENCE >= han else "zh"
    if latin * 2 < letters or latin < 2:
        return ""
    if marked and marked * 40 >= latin:
        return "vi"
    return _latin(sample)


def _counts(sample: str) -> list[int]:
    """How many characters of a sample are of each of the kinds that `_kinds` names. Those of ASCII, most of them in
    most mail, are counted as octets: the first two kinds are all that they can be."""
    octets = sample.encode("utf-8", "surrogatepass")
    plain = len(octets.translate(None, _NO_PLAIN_LETTER))
    others = Counter(octets.translate(None, _ASCII).decode("utf-8", "surrogatepass"))
    total = sum(map(mul, map(_ones, others), others.values()))
    found = [total >> place & _FIELD for place in _PLACES]
    return [plain + found[0], plain + found[1], *found[2:]]


@lru_cache(maxsize=8192)
def _ones(character: str) -> int:
    """A one in the field of each kind that a character is of: all kinds are counted by one sum."""
    return sum(1 << place for place, is_one in zip(_PLACES, _kinds(character), strict=True) if is_one)


def _kinds(character: str) -> tuple[bool, ...]:
    return tuple(form.match(character) is not None for form in (_LETTER, _LATIN, _VIETNAMESE, _HAN, _KANA, _HANGUL))


def _latin(sample: str) -> str:
    words = _WORDS.findall(_fold(sample))[:_MOST_WORDS]
    if not words:
        return ""
    counts = Counter(words)
    pairs = sum(map(VIETNAMESE_PAIRS.__contains__, map(" ".join, pairwise(words))))
    english, vietnamese = _score(counts, ENGLISH), _score(counts, VIETNAMESE) + 2 * pairs
    foreign = max(_score(counts, stop_words) for stop_words in OTHERS)
    best = max(english, vietnamese)
    if best <= foreign or best * (8 if len(words) > 6 else 3) < len(words) or (best < 2 and len(words) > 3):
        return ""
    if english == vietnamese:
        return ""
    return "en" if english > vietnamese else "vi"


def _score(counts: Counter[str], stop_words: frozenset[str]) -> int:
    return sum(counts[word] for word in counts.keys() & stop_words)


def _fold(text: str) -> str:
    """Lower case without marks; đ is d."""
    lower = text.lower().replace("’", "'")
    return lower if lower.isascii() else _MARKS.sub("", unicodedata.normalize("NFD", lower)).replace("đ", "d")
