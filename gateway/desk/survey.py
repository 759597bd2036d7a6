"""Answers to the two-question survey: (1) did it work? (2) is more explanation needed?

People answer with digits ("1" yes, "2" no, "1 2" for both questions), with numbered lines ("1) có 2) không"), or with
words of three languages. What is not clearly an answer is none: a wrong "yes" closes a customer's matter, an answer not
understood is read by a person.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.desk.survey_words import LEXICON, LONGEST, Says, is_han

_LINES = 10
_WIDTH = 300  # characters of a line that count
_TOKEN = re.compile(r"\d+|[\u3400-\u9fff]|[^\W\d_\u3400-\u9fff]+(?:'[a-z]+)?|[👍👎✅❌]|[.,;!?:()/|、。…=+–—-]")
_NUMBERED_ZH = re.compile(r"(?:问题|第)([一二])(?:个问题|个|题|问)?")  # "问题一：是"
_WORKED, _MORE = 1, 2
_SAFE = {_WORKED: False, _MORE: True}  # the answer that makes a person look
_STEMS = {Says.GOOD, Says.BAD, Says.TROUBLE, Says.NEED, Says.ENOUGH, Says.GRASP}
_GENERIC = {Says.YES, Says.NO, Says.NOT, Says.FILL, Says.BREAK}
_ANSWERING = _STEMS | {Says.YES, Says.NO, Says.NOT}


@dataclass(frozen=True, slots=True)
class Answer:
    """`worked` and `more_needed` are None where that question was not (clearly) answered; `understood` is False where
    neither was. `comment` is what else was written; the whole text where nothing was understood."""

    worked: bool | None
    more_needed: bool | None
    comment: str
    understood: bool


class _Item(NamedTuple):
    """A phrase (`says`), an unknown word (`says` None), a digit or a punctuation mark."""

    text: str
    says: Says | None = None
    mark: bool = False

    @property
    def choice(self) -> int:
        return int(self.text) if self.text in ("1", "2") else 0


@dataclass
class _Tally:
    """What has been said to each question: (value, clearly?)."""

    said: dict[int, tuple[bool, bool]] = field(default_factory=dict)
    doubtful: set[int] = field(default_factory=set)

    def put(self, question: int, value: bool, *, clearly: bool = True) -> None:
        old = self.said.get(question)
        if old is None or (old[0] != value == _SAFE[question] and clearly and not old[1]):
            self.said[question] = (value, clearly)
        elif old[0] != value:
            self.doubtful.add(question)

    def next(self, value: bool) -> None:
        """A bare yes or no: to the first question without an answer."""
        question = next((number for number in (_WORKED, _MORE) if number not in self.said), 0)
        if question:
            self.put(question, value, clearly=False)

    def answer(self, question: int) -> bool | None:
        return None if question in self.doubtful or question not in self.said else self.said[question][0]


@dataclass(frozen=True)
class _Clause:
    """What one clause says: bare answers in order, and what it says to a question by name. An `echo` only stresses the
    clause before it ("no, not really")."""

    bare: tuple[bool, ...] = ()
    named: tuple[tuple[int, bool], ...] = ()
    echo: bool = False


def read_answer(text: str) -> Answer:
    """Reads a reply to the survey; only its first ten lines that are neither blank nor quoted count. Never raises."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(">")]
    read = [_items(line[:_WIDTH]) for line in lines[:_LINES]]
    tally = _Tally()
    numbered = _numbered_digits(read)
    answered: set[int] = set()
    for at, items in enumerate(read):
        before = dict(tally.said)
        if numbered and (pair := _digits(items)) and len(pair) == 2:
            tally.put(pair[0], pair[1] == 1)
        else:
            _read_line(items, tally)
        if tally.said != before and all(item.mark or item.says in _GENERIC or item.choice for item in items):
            answered.add(at)
    worked, more = tally.answer(_WORKED), tally.answer(_MORE)
    if worked is None and more is None:
        return Answer(None, None, text.strip(), understood=False)
    comment = "\n".join(line for at, line in enumerate(lines) if at not in answered)
    return Answer(worked, more, comment.strip(), understood=True)


def _items(line: str) -> list[_Item]:
    """The line as phrases (longest first), unknown words, digits and marks."""
    folded = unicodedata.normalize("NFKC", line).casefold().replace("’", "'").replace("\u20e3", "")
    tokens = _TOKEN.findall(unicodedata.normalize("NFC", _NUMBERED_ZH.sub(_number_zh, folded)))
    items: list[_Item] = []
    at = 0
    while at < len(tokens):
        for length in range(min(LONGEST, len(tokens) - at), 0, -1):
            says = LEXICON.get(tuple(tokens[at : at + length]))
            if says:
                items.extend(_Item(" ".join(tokens[at : at + length]), one) for one in says)
                at += length
                break
        else:
            token = tokens[at]
            says_not = Says.NOT if token.endswith("n't") else None
            mark = not (token[0].isalnum() or says_not)
            items.extend(_glued(tokens) if len(tokens) == 1 else [_Item(token, says_not, mark)])
            at += 1
    return items


def _number_zh(found: re.Match[str]) -> str:
    return "1 " if found[1] == "一" else "2 "


def _glued(tokens: list[str]) -> list[_Item]:
    """ "12" alone on its line is "1 2"."""
    token = tokens[0]
    if len(token) == 2 and set(token) <= {"1", "2"}:
        return [_Item(token[0]), _Item(token[1])]
    return [_Item(token, None, not token[0].isalnum())]


def _digits(items: list[_Item]) -> list[int]:
    """The choices of a line that holds nothing else but marks and empty words; else none."""
    if any(not (item.choice or item.mark or item.says is Says.FILL) for item in items):
        return []
    return [item.choice for item in items if item.choice]


def _numbered_digits(read: list[list[_Item]]) -> bool:
    """Is it "1. 2" above "2. 1": the first digit of each line its number?"""
    pairs = [pair for items in read if len(pair := _digits(items)) == 2]
    return [pair[0] for pair in pairs] == [_WORKED, _MORE]


def _read_line(items: list[_Item], tally: _Tally) -> None:
    digits = _digits(items)
    if digits:
        _read_digits(items, digits, tally)
        return
    label, part = 0, list[_Item]()
    glue = ""
    for at, item in enumerate(items):
        started = label or all(earlier.mark or earlier.says is Says.FILL for earlier in items[:at])
        if item.choice and started:
            _read_part(part, label, glue, tally)
            part, label = [], item.choice
            glue = items[at + 1].text if at + 1 < len(items) and items[at + 1].mark else ""
        else:
            part.append(item)
    _read_part(part, label, glue, tally)


def _read_digits(items: list[_Item], digits: list[int], tally: _Tally) -> None:
    if len(digits) == 4 and digits[::2] == [_WORKED, _MORE]:  # "1) 1 2) 2"
        tally.put(_WORKED, digits[1] == 1)
        tally.put(_MORE, digits[3] == 1)
    elif len(digits) == 2 and any(item.text in "):=" for item in items if item.mark):  # "1: 2"
        tally.put(digits[0], digits[1] == 1)
    elif len(digits) == 2:
        tally.put(_WORKED, digits[0] == 1)
        tally.put(_MORE, digits[1] == 1)
    elif len(digits) == 1:
        tally.next(digits[0] == 1)


def _read_part(items: list[_Item], label: int, glue: str, tally: _Tally) -> None:
    """One run of words after an optional number. After a number they answer that question; where they plainly speak of
    the other one, or say nothing and no list mark follows the number, the number itself was a choice."""
    clauses = [_clause(clause, asked=asked) for clause, asked in _clauses(items)]
    spoken = [clause for clause in clauses if clause.bare or clause.named]
    if label:
        about = {question for clause in spoken for question, _ in clause.named}
        bare = next((clause.bare[0] for clause in spoken if clause.bare and not clause.named), None)
        listed = glue in (".", ")", ":", "=", "-", "–", "—") and bool(glue)
        if glue != "," and label in about:
            pass
        elif glue != "," and bare is not None:
            tally.put(label, bare)
            spoken = [_Clause((), clause.named) for clause in spoken]
        elif not listed and (spoken or glue or not items or items[0].says in (Says.FILL, Says.BREAK)):
            tally.next(label == 1)
    _count(spoken, tally)


def _count(spoken: list[_Clause], tally: _Tally) -> None:
    named_before = False
    last: bool | None = None
    for clause in spoken:
        if clause.echo and clause.bare == (last,):
            continue
        for question, value in clause.named:
            tally.put(question, value)
        for value in clause.bare:
            # "được rồi, vâng cảm ơn": a yes that follows a full answer is politeness
            if not (value and named_before):
                tally.next(value)
        named_before = named_before or bool(clause.named)
        last = clause.bare[-1] if clause.bare else None


def _clauses(items: list[_Item]) -> list[tuple[list[_Item], bool]]:
    """Runs of words between marks and conjunctions; True where the mark after it is a question mark."""
    clauses: list[tuple[list[_Item], bool]] = [([], False)]
    for item in items:
        if item.mark or item.says is Says.BREAK:
            clauses[-1] = (clauses[-1][0], item.text == "?")
            clauses.append(([], False))
        else:
            clauses[-1][0].append(item)
    return [clause for clause in clauses if clause[0]]


def _clause(items: list[_Item], *, asked: bool) -> _Clause:
    kinds = [item.says for item in items]
    if asked or Says.UNSURE in kinds:
        return _Clause()
    unknown = sum(0.5 if is_han(item.text[0]) else 1.0 for item in items if item.says is None)
    stems = [at for at, kind in enumerate(kinds) if kind in _STEMS]
    if not stems:
        return _Clause(_bare(items, unknown), echo=any(item.text in _ECHOES for item in items))
    if Says.NOT in kinds[stems[-1] :]:  # "dùng được không", "解决了没有": a question without its mark
        return _Clause()
    named = _named(kinds)
    if named is None or unknown > (5 if any(question == _WORKED for question, _ in named) else 3):
        return _Clause()
    return _merge(_bare([item for item in items if item.says in (Says.YES, Says.NO)], 0), named)


def _named(kinds: list[Says | None]) -> tuple[tuple[int, bool], ...] | None:
    """What the stems of a clause say, each negated by a "not" before it; None if they contradict each other."""
    found: dict[int, bool] = {}
    negated, about = False, 0
    for kind in kinds:
        if kind is Says.NOT:
            negated, about = True, 0
            continue
        if kind not in _STEMS or (kind is Says.TROUBLE and {Says.GOOD, Says.BAD} & set(kinds)):
            continue
        question = _WORKED if kind in (Says.GOOD, Says.BAD, Says.TROUBLE) else _MORE
        if about and question != about:
            negated = False  # "chưa được cần giải thích thêm": the "not" belongs to the first
        about = question
        value = negated != (kind in (Says.GOOD, Says.NEED))
        if kind is Says.ENOUGH:
            negated = not negated  # "no more explanation needed"
        if found.setdefault(question, value) != value:
            return None
    return tuple(found.items())


def _merge(bare: tuple[bool, ...], named: tuple[tuple[int, bool], ...]) -> _Clause:
    """A yes or no within a clause that also names its answer: "yes it works" says one thing."""
    if not bare or len(named) > 1:
        return _Clause(named=named)
    question, value = named[0]
    if bare[0] == value or question == _WORKED:
        contradiction = bare[0] is False and value is True  # "no it works"
        return _Clause() if contradiction and question == _WORKED else _Clause(named=named)
    return _Clause(named=((_WORKED, bare[0]), *named))  # "yes no more needed"


def _bare(items: list[_Item], unknown: float) -> tuple[bool, ...]:
    """The yes and no of a clause that has no other meaning. Among unknown words only a leading yes or "no I …" counts:
    "có một câu hỏi khác" and "no one answered" are no answers."""
    if unknown:
        if unknown > 6 or len(items) < 2 or any(item.says is Says.NOT for item in items):
            return ()
        if items[0].text in _FIRM_YES:
            return (True,)
        return (False,) if items[0].text in ("no", "nope") and items[1].says is Says.FILL else ()
    spoken = [item for item in items if item.says in (Says.YES, Says.NO, Says.NOT)]
    values: list[bool] = []
    for at, item in enumerate(spoken):
        value = item.says is Says.YES
        doubled = at > 0 and values and values[-1] == value and item.text != spoken[at - 1].text
        if not doubled:  # "vâng đúng rồi" is one yes, "có có" are two
            values.append(value)
    return tuple(values)


_ECHOES = {"not", "chưa", "chua", "vẫn chưa", "van chua", "还 没", "还 没 有", "đúng", "đúng rồi", "dung roi", "indeed"}
_ECHOES |= {
    "correct",
    "sure",
    "of course",
    "definitely",
    "absolutely",
    "it did",
    "it does",
    "it did not",
    "it does not",
}
_FIRM_YES = ("yes", "yep", "yeah", "vâng", "vang", "dạ vâng", "da vang", "是 的", "对 的")
