"""Words as people write them, found in one pass over a text.

A phrase of a rule holds where its words stand in a row, whatever the case, the Unicode form (NFC = NFD), the place of
the tone mark (hoà = hòa) or a line break between them. Accents: an accent in the mail must agree with the rule. A bare
letter in the mail agrees with any accent of the rule only where the text around it is written without accents, as many
people type Vietnamese; so `hủy` is found in "toi muon huy don" and not in "anh Huy đã nhận được hàng". Alphabets match
whole words (`refund*`: beginning of a word), scripts without spaces match as part of the text. Time is linear in the
length of the text; a phrase costs nothing unless its first word occurs. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, compress, count, islice, pairwise
from typing import TypeVar

_TONES = "\u0300\u0301\u0303\u0309\u0323"
_LETTERS = str.maketrans({"đ": "d", "ð": "d", "ł": "l", "ø": "o", "ı": "i"})
_ETH = str.maketrans({"ð": "đ"})  # old fonts wrote Ð (eth) for Đ
_SHORT_PIECE = 40
_MOST_KEPT = 16_384
_DIGIT = re.compile(r"[0-9]")
_MARKS = "".join(char for char in map(chr, range(0x300, 0x1F000)) if unicodedata.combining(char))
_MARK_RUN = re.compile(f"([{_MARKS}]{{8}})[{_MARKS}]+")
_NO_WORD_RUN = re.compile(r"\W{9,}")  # found quickly; a run of marks is one
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+")
# Thai, Lao, Burmese, Khmer, kana, bopomofo, Han, Hangul: written without spaces, or with endings joined on
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
                       "\U00020000-\U0003ffff]")  # fmt: skip
_HAN = "[\u3040-\u31ff\u3400-\u4dbf\u4e00-\u9fff]"
_BREAK_INSIDE = re.compile(f"(?<={_HAN})(?: {{1,3}}| {{0,3}}\r?\n {{0,3}})(?={_HAN})")
# a word, punctuation that ends a run of words, or a line break
_TOKEN = re.compile(r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]*)*|[.,;:!?()<>@=\[\]\"“”…|/]|\n")
# English words that are not also Vietnamese syllables written without accents
_ENGLISH_TEXT = (
    "is are was were you your we our they their this that these those with from for and or if as of have has "
    "had will would could should please does did which where who there here thanks thank hello dear regards "
    "need want invoice received been just by his her its order about when any some all good best send sent "
)
_STOPS = frozenset(".,;:!?")
_LINE_ENDS = frozenset("\n.!?…")
Made = TypeVar("Made")
_ENGLISH = frozenset(_ENGLISH_TEXT.split())


class _Kept(dict[str, Made]):
    """What `make` makes of short strings, each made once: mail has few different words, but any number of numbers. So
    what has a digit is not kept. Emptied when it is full."""

    def __init__(self, make: Callable[[str], Made]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, text: str) -> Made:
        made = self._make(text)
        if len(text) <= _SHORT_PIECE and not _DIGIT.search(text):  # long ones would fill the memory
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[text] = made
        return made


def normal(text: str) -> str:
    """NFKC, case folded, invisible characters gone: the form that words are compared in."""
    if len(text) > _SHORT_PIECE:  # sorting a long run of combining marks takes quadratic time
        text = _NO_WORD_RUN.sub(lambda run: _MARK_RUN.sub(r"\1", run[0]), text)
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text).casefold())


def forms(word: str) -> tuple[str, str]:
    """(strict, bare) of one normal word: strict has its tone marks moved to the end, bare has no marks at all."""
    return (word, word) if word.isascii() else _forms[word]


def _forms_of(word: str) -> tuple[str, str]:
    if _UNSPACED.search(word):
        return word, word
    parts = unicodedata.normalize("NFD", word.translate(_ETH))
    tones = "".join(char for char in parts if char in _TONES)
    letters = "".join(char for char in parts if char not in _TONES)
    bare = "".join(char for char in letters.translate(_LETTERS) if not unicodedata.combining(char))
    return unicodedata.normalize("NFC", letters) + tones, bare


def tokens(piece: str) -> tuple[str, ...]:
    """The words (in strict form), punctuation marks and line breaks of a piece of text without blanks."""
    return _tokens[piece]


def _tokens_of(piece: str) -> tuple[str, ...]:
    if piece.isascii():
        if piece.isalnum():
            return (piece.lower(),)
        if piece[:-1].isalnum() and piece[-1] in _STOPS:
            return piece[:-1].lower(), piece[-1]
        return tuple(_TOKEN.findall(piece.lower()))
    return _normal_tokens(normal(piece))


def _normal_tokens(piece: str) -> tuple[str, ...]:
    return tuple(forms(word)[0] for word in _TOKEN.findall(piece))


_forms = _Kept(_forms_of)
_tokens = _Kept(_tokens_of)  # of pieces as they stand in the text
_tokens_of_normal = _Kept(_normal_tokens)  # … of normal ones
_bare = _Kept(lambda word: forms(word)[1])


@dataclass(frozen=True, slots=True)
class _Phrase:
    """`strict` and `bare` forms of its words in order; `prefix`: the last one may go on."""

    number: int
    strict: tuple[str, ...]
    bare: tuple[str, ...]
    exact: bool
    prefix: bool
    key: int = 0  # the word, or the first of the two words, it is looked up by: what fewest phrases have

    @property
    def whole(self) -> int:
        """How many of its words must be there as they are."""
        return len(self.strict) - self.prefix

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The bare forms of each two words in a row that must be there as they are."""
        if any(forms(strict)[1] != bare for strict, bare in zip(self.strict, self.bare, strict=True)):
            return []  # what is asked of a text could not be told from its strict forms
        return list(pairwise(self.bare[: self.whole]))


class Lexicon:
    """All phrases of a rulebook under numbers, prepared so that one pass over a text finds those that hold."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, bool], int] = {}
        self._phrases: list[_Phrase] = []
        self._unspaced: list[tuple[str, int]] = []
        self._prefixes: dict[str, list[int]] = {}  # phrases of one word that may go on
        self._lengths: tuple[int, ...] = ()
        self._heads: frozenset[str] = frozenset()  # their beginnings, as long as the shortest of them
        self._sealed = True
        self._strict_keys: dict[str, list[_Phrase]] = {}
        self._bare_keys: dict[str, list[_Phrase]] = {}  # of phrases with accents
        self._pairs: dict[tuple[str, str], list[_Phrase]] = {}  # phrases of two words or more
        self._rare_chars: dict[str, list[tuple[str, int]]] = {}

    def add(self, phrase: str, exact: bool = False) -> int:
        """Takes a phrase in and returns its number. Raises ValueError for one without any letter or digit."""
        key = (unicodedata.normalize("NFC", phrase), exact)
        if key in self._numbers:
            return self._numbers[key]
        text = normal(phrase).strip()
        number = len(self._numbers)
        if _UNSPACED.search(text):
            self._unspaced.append((_joined(text), number))
        else:
            self._add_words(text, exact, number)
        self._numbers[key] = number
        self._sealed = False
        return number

    def _add_words(self, text: str, exact: bool, number: int) -> None:
        prefix = text.endswith("*")
        words = [word for word in _TOKEN.findall(text) if word != "\n"]
        if not any(word[0].isalnum() for word in words):
            raise ValueError(f"has no letter or digit, got '{text[:60]}'")
        pairs = [forms(word) for word in words]
        if prefix and len(words) == 1:
            self._prefixes.setdefault(pairs[0][0], []).append(number)
        else:
            self._phrases.append(_Phrase(number, tuple(s for s, _ in pairs), tuple(b for _, b in pairs), exact, prefix))

    def seal(self) -> None:
        """Builds the look-ups; done by itself before the first search."""
        self._lengths = tuple(sorted({len(head) for head in self._prefixes}))
        self._heads = frozenset(head[: self._lengths[0]] for head in self._prefixes)
        often = Counter(word for phrase in self._phrases for word in phrase.bare)
        often_pairs = Counter(pair for phrase in self._phrases for pair in phrase.pairs)
        self._strict_keys, self._bare_keys, self._pairs, self._rare_chars = {}, {}, {}, {}
        for phrase in self._phrases:
            if pairs := phrase.pairs:
                key = min(range(len(pairs)), key=lambda place: often_pairs[pairs[place]])
                self._pairs.setdefault(pairs[key], []).append(replace(phrase, key=key))
                continue
            ranks = [(often[word], -len(word), place) for place, word in enumerate(phrase.bare[: phrase.whole])]
            key = min(ranks)[2]
            keyed = replace(phrase, key=key)
            self._strict_keys.setdefault(phrase.strict[key], []).append(keyed)
            if phrase.strict != phrase.bare and not phrase.exact:
                self._bare_keys.setdefault(phrase.bare[key], []).append(keyed)
        chars = Counter(char for text, _ in self._unspaced for char in text)
        for text, number in self._unspaced:
            rarest = min(_UNSPACED.findall(text), key=lambda char: chars[char])
            self._rare_chars.setdefault(rarest, []).append((text, number))
        self._sealed = True

    def found(self, text: str, language: str = "") -> frozenset[int]:
        """The numbers of all phrases that hold in `text`. `language` is what the text was taken for, "" if unsure:
        in English or Chinese text a bare letter is just that."""
        if not self._sealed:
            self.seal()
        hits: set[int] = set()
        early = _UNSPACED.search(text, 0, 400) is not None  # then its pieces are lines: normalise all of it at once
        if early:
            text = normal(text)
        kept = _tokens_of_normal if early else _tokens
        words = list(chain.from_iterable(map(kept.__getitem__, text.split())))
        present = set(words)
        if self._unspaced and (early or _UNSPACED.search("".join(present))):
            self._find_unspaced(_joined(text if early else normal(text)), hits)
        if self._prefixes:
            self._find_prefixes(present, hits)
        bare_too = language not in ("en", "zh")
        writing = _Writing(text, kept, words)
        if left := self._candidates(present, bare_too, hits):
            places = writing.places(left)
            hits.update(phrase.number for phrase in left if writing.has(phrase, places))
        for phrase, start in self._paired(words, present, bare_too):
            if phrase.number not in hits and writing.holds(phrase, start):
                hits.add(phrase.number)
        return frozenset(hits)

    def _find_unspaced(self, text: str, hits: set[int]) -> None:
        for char in self._rare_chars.keys() & set(text):
            hits.update(number for phrase, number in self._rare_chars[char] if phrase in text)

    def _find_prefixes(self, strict: Iterable[str], hits: set[int]) -> None:
        heads, shortest = self._heads, self._lengths[0]
        some = [word for word in strict if word[:shortest] in heads]
        for length in self._lengths if some else ():
            for head in self._prefixes.keys() & {word[:length] for word in some}:
                hits.update(self._prefixes[head])

    def _candidates(self, present: set[str], bare_too: bool, hits: set[int]) -> list[_Phrase]:
        """The phrases all of whose words occur; those that need nothing but that go straight to `hits`."""
        left: dict[int, _Phrase] = {}
        for key in self._strict_keys.keys() & present:
            for phrase in self._strict_keys[key]:
                if len(phrase.strict) == 1:
                    hits.add(phrase.number)
                elif _possible(phrase, present, bare_too):
                    left[phrase.number] = phrase
        for key in self._bare_keys.keys() & present if bare_too else ():
            for phrase in self._bare_keys[key]:
                if phrase.number not in hits and _possible(phrase, present, bare_too):
                    left[phrase.number] = phrase
        return list(left.values())

    def _paired(self, words: list[str], present: set[str], bare_too: bool) -> Iterator[tuple[_Phrase, int]]:
        """The phrases that have two words in a row which stand so in the text, whatever their accents, and where each
        would begin."""
        if not self._pairs:
            return
        bare = {word: _bare[word] for word in present if not word.isascii()}
        line = list(map(bare.get, words, words)) if bare else words
        there = map(self._pairs.__contains__, zip(line, islice(line, 1, None), strict=False))
        for place in compress(count(), there):
            for phrase in self._pairs[line[place], line[place + 1]]:
                if bare_too or _possible(phrase, present, bare_too):  # the words in place say more, where they may
                    yield phrase, place - phrase.key


def _joined(text: str) -> str:
    """Blanks and a line break between two characters of an unspaced script are layout, not text."""
    return _BREAK_INSIDE.sub("", text)


def _possible(phrase: _Phrase, present: set[str], bare_too: bool) -> bool:
    """Whether every word of the phrase occurs somewhere at all."""
    strict = phrase.strict[: phrase.whole]
    if phrase.exact or not bare_too:
        return present.issuperset(strict)
    for word, bare in zip(strict, phrase.bare, strict=False):
        if word not in present and bare not in present:
            return False
    return True


class _Writing:
    """The words of a text in order, and where it is written without accents."""

    SHORT = 5  # a line of fewer words (a name, a greeting) is judged by what stands around it
    AROUND = 12

    def __init__(self, text: str, kept: _Kept[tuple[str, ...]], words: list[str]) -> None:
        self._text, self._kept = text, kept
        self.words = words

    def places(self, wanted: Iterable[_Phrase]) -> dict[str, list[int]]:
        """Where the words stand by which these phrases are looked up."""
        keys = {form for phrase in wanted for form in (phrase.strict[phrase.key], phrase.bare[phrase.key])}
        found: dict[str, list[int]] = {}
        for place in compress(count(), map(keys.__contains__, self.words)):
            found.setdefault(self.words[place], []).append(place)
        return found

    @cached_property
    def counts(self) -> tuple[list[int], list[int], list[int]]:
        """Before each place: words with an accent, words at all, English words."""
        accented = {word for word in set(self.words) if not word.isascii() and forms(word)[1] != word}
        return (
            _running(word in accented for word in self.words),
            _running(word[0].isalpha() for word in self.words),
            _running(word in _ENGLISH for word in self.words),
        )

    @cached_property
    def lines(self) -> list[tuple[int, int]]:
        """For each word the bounds of its line or sentence."""
        lines: list[tuple[int, int]] = []
        start = place = 0
        pieces = self._text.replace("\n", " \n ").split(" ")
        for word in chain.from_iterable(map(self._kept.__getitem__, pieces)):
            place += word != "\n"
            if word in _LINE_ENDS and place > start:
                lines += [(start, place)] * (place - start)
                start = place
        return lines + [(start, place)] * (place - start)

    def has(self, phrase: _Phrase, places: dict[str, list[int]]) -> bool:
        """Whether the phrase stands somewhere, its accents agreeing."""
        keys = dict.fromkeys((phrase.strict[phrase.key], phrase.bare[phrase.key]))
        return any(self.holds(phrase, place - phrase.key) for key in keys for place in places.get(key, ()))

    def holds(self, phrase: _Phrase, start: int) -> bool:
        """Whether it stands there."""
        last = len(phrase.strict) - 1
        if start < 0 or start + last >= len(self.words):
            return False
        bare_at = []
        for step, (strict, bare) in enumerate(zip(phrase.strict, phrase.bare, strict=True)):
            word = self.words[start + step]
            if word == strict or (phrase.prefix and step == last and word.startswith(strict)):
                continue
            if phrase.exact or word != bare:
                return False
            bare_at.append(start + step)
        return all(map(self._without_accents, bare_at))

    def _without_accents(self, place: int) -> bool:
        accented, spoken, english = self.counts
        start, end = self.lines[place]
        if spoken[end] - spoken[start] < self.SHORT:
            start, end = max(0, place - self.AROUND), min(len(self.words), place + self.AROUND + 1)
        length = spoken[end] - spoken[start]
        return (accented[end] - accented[start]) * 5 < length and (english[end] - english[start]) * 6 < length


def _running(flags: Iterable[bool]) -> list[int]:
    """Running counts: the number of set flags before each place."""
    counts = [0]
    for flag in flags:
        counts.append(counts[-1] + flag)
    return counts
