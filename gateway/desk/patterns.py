"""Regular expressions and globs of rules: RE2, checked and warmed up at load, decided in linear time (law 9). Pure."""

from __future__ import annotations

import re
import unicodedata

import re2

MAX_MEMORY = 2 * 1024 * 1024  # octets for one pattern
SET_MEMORY = 64 * 1024 * 1024
SET_FROM = 4  # patterns on one field from which one pass for all pays

_WARM_UP = (
    "",
    "Kính gửi quý công ty, đơn hàng DH-20261122 bị lỗi",
    "投诉：产品质量问题，请退款。",
    "a" * 64 + "!",
    " " * 64 + "x",
)
_LOOK_AROUND = re.compile(r"\(\?(?:<?[=!]|>)")
_BACK_REFERENCE = re.compile(r"\\[1-9]|\(\?P=")
_EDGE_BESIDE_LETTER = re.compile(r"\\b(?=[^\W\d_])[^\x00-\x7f]|(?:[^\x00-\x7f])(?<=[^\W\d_])\\b")


def _options(memory: int) -> re2.Options:
    options = re2.Options()
    options.max_mem = memory
    options.log_errors = False
    return options


def compile_pattern(pattern: str) -> re2._Regexp:
    """A pattern over UTF-8 octets. Raises ValueError saying what is wrong with it and what would be right."""
    pattern = unicodedata.normalize("NFC", pattern)
    shown = f", got '{pattern[:60]}'"
    if not pattern:
        raise ValueError("an empty pattern matches every mail; write 'when: always'")
    bare = pattern.replace("\\\\", "")
    if found := _LOOK_AROUND.search(bare):
        raise ValueError(
            f"look-around '{found[0]}' is not possible, since rules are decided in linear time; "
            f"use two conditions with 'all' and 'not'{shown}"
        )
    if found := _BACK_REFERENCE.search(bare):
        raise ValueError(
            f"the back-reference '{found[0]}' is not possible, since rules are decided in linear time{shown}"
        )
    if _EDGE_BESIDE_LETTER.search(bare):
        raise ValueError(
            f"'\\b' knows the letters A-Z only and never matches beside an accented or Chinese one; "
            f"use 'words', or '(?:^|[^\\pL])'{shown}"
        )
    try:
        compiled = re2.compile(pattern.encode("utf-8", "surrogatepass"), _options(MAX_MEMORY))
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"not a pattern that RE2 can read: {reason[:120]}{shown}") from None
    for text in _WARM_UP:
        compiled.search(text.encode())
    return compiled


def compile_glob(glob: str) -> re2._Regexp:
    """`*.{ai,psd}` as a pattern for a whole lower-case name: `*`, `?` and one level of `{a,b}`. Raises ValueError."""
    glob = unicodedata.normalize("NFC", glob).casefold()
    parts = re.split(r"(\*|\?|\{|\}|,)", glob)
    pattern, depth = "", 0
    for part in parts:
        if part == "{":
            depth += 1
        elif part == "}":
            depth -= 1
        if depth not in (0, 1):
            raise ValueError(f"braces must be closed and not nested, such as '*.{{ai,psd}}', got '{glob[:60]}'")
        special = {"*": ".*", "?": ".", "{": "(?:", "}": ")", ",": "|" if depth else ","}
        pattern += special.get(part) or re2.escape(part)
    if depth:
        raise ValueError(f"'{{' is not closed, got '{glob[:60]}'")
    return re2.compile(f"(?s)^(?:{pattern})$".encode(), _options(MAX_MEMORY))


def glob_matches(compiled: re2._Regexp, text: str) -> bool:
    return compiled.search(unicodedata.normalize("NFC", text).casefold().encode("utf-8", "replace")) is not None


class PatternBook:
    """The patterns of a rulebook by the field they look at. `seal` once after the last `add`."""

    def __init__(self) -> None:
        self._patterns: dict[str, list[re2._Regexp]] = {}
        self._sources: dict[str, list[str]] = {}
        self._sets: dict[str, re2.Set] = {}

    def add(self, field: str, pattern: str) -> int:
        """Takes a pattern in and returns its number within the field. Raises ValueError for a bad one."""
        sources, patterns = self._sources.setdefault(field, []), self._patterns.setdefault(field, [])
        if pattern in sources:
            return sources.index(pattern)
        patterns.append(compile_pattern(pattern))
        sources.append(pattern)
        return len(patterns) - 1

    def seal(self) -> None:
        """Joins the patterns of each field into one set, where there are enough of them, and warms it up."""
        for field, sources in self._sources.items():
            if len(sources) < SET_FROM:
                continue
            joined = re2.Set.SearchSet(_options(SET_MEMORY))
            for source in sources:
                joined.Add(unicodedata.normalize("NFC", source).encode("utf-8", "surrogatepass"))
            joined.Add(b"")  # matches everything: its absence from an answer shows that the set ran out of memory
            joined.Compile()
            self._sets[field] = joined
            for text in _WARM_UP:
                joined.Match(text.encode())

    def found(self, field: str, text: str) -> frozenset[int]:
        """The numbers of the field's patterns that occur in the text."""
        patterns = self._patterns.get(field, [])
        octets = unicodedata.normalize("NFC", text).encode("utf-8", "replace")
        joined = self._sets.get(field)
        if joined is not None:
            numbers = frozenset(joined.Match(octets))
            if len(patterns) in numbers:
                return numbers - {len(patterns)}
        return frozenset(number for number, pattern in enumerate(patterns) if pattern.search(octets))
