"""How well mail is read: records of `gateway.reading` against what people say of the same mails.

A mail `x.eml` with `x.toml` beside it is a pair; docs/reading.md has the keys. Each key is a question,
and its answer a list of items, so that recall and precision can be told of every question alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway.reading import Record

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]|\w+|[^\w\s]")
OTHER_KEYS = frozenset({"contents", "html_has", "report", "report_has"})  # looked at by this project's tests alone
WRONG = "wrong"  # key: the questions that are known to be answered wrongly today
TEXTS = ("text", "new_text", "quoted_text")  # what must not be lost


class BadExpectation(ValueError):
    """A .toml file asks what is no question."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question about one mail. `hits` of the `wanted` items are among the `given` ones; `found` is for people."""

    question: str
    right: bool
    wanted: int
    given: int
    hits: int
    expected: Any
    found: Any


@dataclass(slots=True)
class Row:
    """A question over all mails that ask it."""

    asked: int = 0
    right: int = 0
    wanted: int = 0
    given: int = 0
    hits: int = 0

    def add(self, answer: Answer) -> None:
        self.asked += 1
        self.right += answer.right
        self.wanted += answer.wanted
        self.given += answer.given
        self.hits += answer.hits

    @property
    def recall(self) -> float:
        return self.hits / self.wanted if self.wanted else 1.0

    @property
    def precision(self) -> float:
        return self.hits / self.given if self.given else 1.0


@dataclass(slots=True)
class Score:
    """All questions over all mails."""

    mails: int = 0
    rows: dict[str, Row] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)  # mails of which words are missing
    misses: list[tuple[str, Answer]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, name: str, record: Record, wanted: Mapping[str, Any]) -> None:
        """Count one mail. Raises BadExpectation."""
        answers = judge(record, wanted)
        self.mails += 1
        self.seconds.append(record.get("seconds") or 0.0)
        for answer in answers:
            self.rows.setdefault(answer.question, Row()).add(answer)
            if not answer.right:
                self.misses.append((name, answer))
        if any(answer.question in TEXTS and answer.hits < answer.wanted for answer in answers):
            self.lost.append(name)

    def as_json(self) -> dict[str, Any]:
        times = sorted(self.seconds) or [0.0]
        return {
            "mails": self.mails,
            "questions": {
                name: {
                    "asked": row.asked,
                    "right": row.right,
                    "share": round(row.right / row.asked, 4),
                    "recall": round(row.recall, 4),
                    "precision": round(row.precision, 4),
                }
                for name, row in sorted(self.rows.items())
            },
            "text_lost": self.lost,
            "milliseconds": {
                "median": round(times[len(times) // 2] * 1e3, 3),
                "99th": round(times[min(len(times) - 1, len(times) * 99 // 100)] * 1e3, 3),
                "most": round(times[-1] * 1e3, 3),
            },
            "misses": [
                {"mail": name, "question": one.question, "expected": one.expected, "found": one.found}
                for name, one in self.misses
            ],
        }


def judge(record: Record, wanted: Mapping[str, Any]) -> list[Answer]:
    """The answers to all questions that `wanted` asks of one mail. Raises BadExpectation."""
    answers: list[Answer] = []
    phrases: dict[str, list[Sequence[str]]] = {}
    for key, value in wanted.items():
        base, _, form = key.rpartition("_")
        if key in OTHER_KEYS or key == WRONG:
            continue
        if form in ("has", "not") and base in _TEXTS:
            phrases.setdefault(base, [(), ()])[form == "not"] = value
        elif key in _TABLES:
            answers += _table(key, record[key], value)
        elif key in _QUESTIONS:
            answers.append(_QUESTIONS[key](key, record, value))
        else:
            raise BadExpectation(f"{key!r} is no question; docs/reading.md has them")
    return answers + [_phrases(name, record[name] or "", *has_and_not) for name, has_and_not in phrases.items()]


def _items(question: str, wanted: Sequence[Any], given: Sequence[Any]) -> Answer:
    hits = (Counter(map(str, wanted)) & Counter(map(str, given))).total()
    return Answer(question, list(wanted) == list(given), len(wanted), len(given), hits, wanted, given)


def _phrases(question: str, text: str, has: Iterable[str], has_not: Iterable[str]) -> Answer:
    """Phrases that stand in a text, and phrases that must not. What is missing or too much is what was found."""
    has, has_not = list(has), list(has_not)
    missing = [one for one in has if one not in text]
    too_much = [one for one in has_not if one in text]
    hits = len(has) - len(missing)
    found = {"missing": missing, "too much": too_much}
    right = not missing and not too_much
    return Answer(question, right, len(has), hits + len(too_much), hits, {"has": has, "not": has_not}, found)


def _whole(key: str, record: Record, wanted: str) -> Answer:
    """A text as a whole: right when it differs in blanks alone; its items are its words."""
    found = record[key] or ""
    ours, theirs = _WORD.findall(found), _WORD.findall(wanted)
    hits = (Counter(ours) & Counter(theirs)).total()
    return Answer(key, ours == theirs, len(theirs), len(ours), hits, wanted, found)


def _scalar(key: str, record: Record, wanted: Any) -> Answer:
    """A single value; "" where there is none."""
    found = record[key]
    given = [] if found is None or found == "" else [found]
    return _items(key, [] if wanted == "" else [wanted], given)


def _list(key: str, record: Record, wanted: Sequence[str]) -> Answer:
    return _items(key, wanted, record[key])


def _date(key: str, record: Record, wanted: Any) -> Answer:
    """An instant, in whichever zone it is written."""
    expected, given = ([_instant(one)] if one else [] for one in (wanted, record[key]))
    return _items(key, expected, given)


def _instant(written: object) -> str:
    return datetime.fromisoformat(str(written)).astimezone(UTC).isoformat()


def _boxes(key: str, record: Record, wanted: Sequence[str]) -> Answer:
    """Mailboxes by their addresses, or with their names where the expectation has them."""
    named = any("<" in one for one in wanted)
    return _items(key, wanted, [_shown(box, named) for box in record[key]])


def _shown(box: Mapping[str, str], named: bool) -> str:
    return f"{box['name']} <{box['address']}>" if named and box["name"] else box["address"]


def _from(key: str, record: Record, wanted: str) -> Answer:
    box = record["from"] or {"address": "", "name": ""}
    found = box["name" if key in ("from_name", "author_name") else "address"]
    return _items(key, [wanted] if wanted else [], [found] if found else [])


def _attachments(key: str, record: Record, wanted: Sequence[str]) -> Answer:
    """As "1.2 image/png name.png inline"."""
    given = [
        f"{part['path']} {part['type']} {part['name']}" + (" inline" if part["inline"] else "") for part in record[key]
    ]
    return _items(key, wanted, given)


def _evidence(key: str, record: Record, wanted: str) -> Answer:
    found = record[key]
    return _items(key, [wanted], [found["level"]] if found else [])


def _quarantine(key: str, record: Record, wanted: bool) -> Answer:
    return _items(key, [True] if wanted else [], [True] if record[key] else [])


def _defects_have(key: str, record: Record, wanted: Sequence[str]) -> Answer:
    return _phrases(key, "\n".join(record["defects"]), wanted, ())


def _table(key: str, found: Mapping[str, Any] | None, wanted: Any) -> list[Answer]:
    """The fields of `bounce` or `forwarded` that are asked for; `false`: there must be none."""
    if wanted is False:
        return [_items(key, [], [True] if found else [])]
    if not isinstance(wanted, Mapping) or not set(wanted) <= _TABLES[key]:
        raise BadExpectation(f"{key!r} has the fields {', '.join(sorted(_TABLES[key]))}")
    return [_field(f"{key}.{name}", (found or {}).get(name), value) for name, value in wanted.items()]


def _field(question: str, found: Any, wanted: Any) -> Answer:
    if isinstance(wanted, list):
        return _items(question, wanted, found or [])
    given = [] if found is None or found == "" else [found]
    return _items(question, [] if wanted == "" else [wanted], given)


_TEXTS = frozenset({"text", "html_text", "new_text", "quoted_text", "signature"})
_TABLES = {
    "bounce": frozenset({"recipients", "status", "permanent", "our_message_id"}),
    "forwarded": frozenset({"from", "date", "subject"}),
}
_SCALARS = (
    "message_id",
    "thread_index",
    "author",
    "subject",
    "language",
    "kind",
    "protection",
    "may_answer",
    "is_work",
)
_QUESTIONS: dict[str, Callable[[str, Record, Any], Answer]] = {
    **dict.fromkeys(_SCALARS, _scalar),
    **dict.fromkeys(("in_reply_to", "references", "defects"), _list),
    **dict.fromkeys(("reply_to", "to", "cc"), _boxes),
    **dict.fromkeys(("from", "from_name", "author_name"), _from),
    **dict.fromkeys(_TEXTS, _whole),
    "date": _date,
    "attachments": _attachments,
    "sender_evidence": _evidence,
    "quarantine": _quarantine,
    "defects_have": _defects_have,
}
