"""What a rule asks of a mail, compiled: each condition can say quickly whether it holds, and slowly why. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import re2

from gateway.desk.patterns import PatternBook, compile_glob, glob_matches
from gateway.desk.rule_models import AddressTest, AttachmentTest, Condition, HeaderTest, TextTest
from gateway.desk.words import Lexicon
from gateway.model import Attachment, Envelope, Evidence, Reading, address_key
from gateway.strictyaml import Path, did_you_mean

SHOWN = 80  # characters of a value in a reason
WHY = 400  # characters of a whole reason

Complain = Callable[[Path, str], None]
Sign = tuple[str, str, int]
"""("words" or "patterns", name of a text of the mail, number of what is found in it)."""


@dataclass
class Texts:
    """What all rules of a rulebook look for in texts."""

    lexicon: Lexicon = field(default_factory=Lexicon)
    patterns: PatternBook = field(default_factory=PatternBook)


class _Once(dict[str, frozenset[int]]):
    """What is found in a text of the mail by its name: looked for when first asked for."""

    def __init__(self, find: Callable[[str], frozenset[int]]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, name: str) -> frozenset[int]:
        found = self[name] = self._find(name)
        return found


class Seen:
    """One mail as the conditions see it; each of its texts is gone through once. `department`, `priority` and `tags`
    are what earlier rules have set."""

    def __init__(self, texts: Texts, reading: Reading, envelope: Envelope) -> None:
        self.reading = reading
        self.department = ""
        self.priority = ""
        self.tags: list[str] = []
        author = reading.message.author or reading.message.shown_from
        self.author = author.key if author else ""
        self._envelope = envelope
        self._recipients: tuple[str, ...] | None = None
        # of the reading, not of ourselves: that would be a circle, and the whole mail stays in memory with it
        self.words = _Once(lambda name: texts.lexicon.found(_text(reading, name), reading.language))
        self.patterns = _Once(lambda name: texts.patterns.found(name, _text(reading, name)))

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everyone the mail was sent to, as written and without a `+token`."""
        if self._recipients is None:
            boxes = (box.address for box in (*self.reading.message.to, *self.reading.message.cc))
            keys = [address_key(address) for address in (*self._envelope.rcpt_to, *boxes)]
            self._recipients = tuple(dict.fromkeys([*keys, *map(_without_token, keys)]))
        return self._recipients

    def text(self, name: str) -> str:
        """`subject`, `body` (what the author added), or a header field: all its values, one a line."""
        return _text(self.reading, name)


def _text(reading: Reading, name: str) -> str:
    if name == "subject":
        return reading.message.subject
    if name == "body":
        return reading.new_text
    return "\n".join(reading.message.header_all(name.removeprefix("header ")))


class Test(ABC):
    """One condition."""

    @abstractmethod
    def holds(self, seen: Seen) -> bool: ...

    @abstractmethod
    def why(self, seen: Seen) -> str:
        """Why it holds or does not, with the value seen; at most a few hundred characters."""

    def signs(self) -> frozenset[Sign] | None:
        """Of which the mail has at least one wherever this holds; None where it may hold without any."""
        return None


class Always(Test):
    def holds(self, seen: Seen) -> bool:  # noqa: ARG002 - every condition is asked the same way
        return True

    def why(self, seen: Seen) -> str:  # noqa: ARG002 - as above
        return "always"


class All(Test):
    def __init__(self, tests: Sequence[Test]) -> None:
        self.tests = tuple(tests)

    def holds(self, seen: Seen) -> bool:
        return all(test.holds(seen) for test in self.tests)

    def signs(self) -> frozenset[Sign] | None:
        known = [signs for test in self.tests if (signs := test.signs()) is not None]
        return min(known, key=len, default=None)

    def why(self, seen: Seen) -> str:
        failed = next((test for test in self.tests if not test.holds(seen)), None)
        return failed.why(seen) if failed else " and ".join(test.why(seen) for test in self.tests)[:WHY]


class AnyOf(Test):
    def __init__(self, tests: Sequence[Test]) -> None:
        self.tests = tuple(tests)

    def holds(self, seen: Seen) -> bool:
        for test in self.tests:  # noqa: SIM110 - a loop costs a third of any() here, and this is asked of every rule
            if test.holds(seen):
                return True
        return False

    def signs(self) -> frozenset[Sign] | None:
        signs = [test.signs() for test in self.tests]
        return None if None in signs else frozenset[Sign]().union(*(each for each in signs if each is not None))

    def why(self, seen: Seen) -> str:
        held = next((test for test in self.tests if test.holds(seen)), None)
        return held.why(seen) if held else " and ".join(test.why(seen) for test in self.tests)[:WHY]


class Not(Test):
    def __init__(self, test: Test) -> None:
        self.test = test

    def holds(self, seen: Seen) -> bool:
        return not self.test.holds(seen)

    def why(self, seen: Seen) -> str:
        return f"not: {self.test.why(seen)}"[:WHY]


class WordsIn(Test):
    def __init__(self, name: str, phrases: Mapping[int, str]) -> None:
        self.name = name
        self.phrases = phrases
        self.numbers = frozenset(phrases)

    def holds(self, seen: Seen) -> bool:
        return not self.numbers.isdisjoint(seen.words[self.name])

    def signs(self) -> frozenset[Sign]:
        return frozenset(("words", self.name, number) for number in self.numbers)

    def why(self, seen: Seen) -> str:
        hits = [self.phrases[number] for number in self.phrases if number in seen.words[self.name]]
        if hits:
            return f"{self.name} has {_listed(hits)}"
        return f"{self.name} {_excerpt(seen, self.name)} has none of {_listed(self.phrases.values())}"


class PatternIn(Test):
    def __init__(self, name: str, patterns: Mapping[int, str]) -> None:
        self.name = name
        self.patterns = patterns
        self.numbers = frozenset(patterns)

    def holds(self, seen: Seen) -> bool:
        return not self.numbers.isdisjoint(seen.patterns[self.name])

    def signs(self) -> frozenset[Sign]:
        return frozenset(("patterns", self.name, number) for number in self.numbers)

    def why(self, seen: Seen) -> str:
        hits = [self.patterns[number] for number in self.patterns if number in seen.patterns[self.name]]
        if hits:
            return f"{self.name} matches {_listed(hits)}"
        return f"{self.name} {_excerpt(seen, self.name)} does not match {_listed(self.patterns.values())}"


class HeaderThere(Test):
    def __init__(self, name: str) -> None:
        self.name = name.lower()

    def holds(self, seen: Seen) -> bool:
        return any(key == self.name for key, _ in seen.reading.message.headers)

    def why(self, seen: Seen) -> str:
        return f"header {self.name} is {'there' if self.holds(seen) else 'not there'}"


class AddressIn(Test):
    """`who`: "from" or "to". Exact addresses and domains by look-up, the rest by pattern."""

    def __init__(self, who: str, patterns: Iterable[str], shown: str) -> None:
        self.who = who
        self.shown = shown
        self.addresses: set[str] = set()
        self.domains: set[str] = set()
        self.globs: list[re2._Regexp] = []
        for pattern in patterns:
            if "*" in pattern or "?" in pattern:
                self.globs.append(compile_glob(pattern))
            elif pattern.startswith("@"):
                self.domains.add(pattern[1:])
            else:
                self.addresses.add(pattern)

    def matches(self, address: str) -> bool:
        if address in self.addresses or address.rpartition("@")[2] in self.domains:
            return True
        return any(glob_matches(glob, address) for glob in self.globs)

    def holds(self, seen: Seen) -> bool:
        if self.who == "from":
            return bool(seen.author) and self.matches(seen.author)
        return any(self.matches(address) for address in seen.recipients)

    def why(self, seen: Seen) -> str:
        values = (seen.author,) if self.who == "from" else seen.recipients
        value = ", ".join(values)[:SHOWN] or "nobody"
        return f"{self.who} {value} is {'' if self.holds(seen) else 'not '}in {self.shown}"


class AttachmentHas(Test):
    def __init__(self, test: AttachmentTest) -> None:
        self.name = compile_glob(test.name) if test.name else None
        self.type = compile_glob(test.type) if test.type else None
        self.larger_than = test.larger_than
        asked = {"name": test.name, "type": test.type, "larger_than": test.larger_than}
        self.shown = ", ".join(f"{key} {value}" for key, value in asked.items() if value not in ("", None))

    def _fits(self, part: Attachment) -> bool:
        return (
            (self.name is None or glob_matches(self.name, part.name))
            and (self.type is None or glob_matches(self.type, part.type))
            and (self.larger_than is None or len(part.content) > self.larger_than)
        )

    def holds(self, seen: Seen) -> bool:
        return any(self._fits(part) for part in seen.reading.message.attachments)

    def why(self, seen: Seen) -> str:
        fitting = next((part.name for part in seen.reading.message.attachments if self._fits(part)), None)
        if fitting is not None:
            return f"attachment '{fitting[:SHOWN]}' has {self.shown}"
        count = len(seen.reading.message.attachments)
        return f"none of {count} attachments has {self.shown}" if count else "no attachments"


class ValueIn(Test):
    """One of a closed set of values."""

    def __init__(self, name: str, wanted: Iterable[str], value: Callable[[Seen], Iterable[str]]) -> None:
        self.name = name
        self.wanted = frozenset(wanted)
        self.value = value

    def holds(self, seen: Seen) -> bool:
        return any(value in self.wanted for value in self.value(seen))

    def why(self, seen: Seen) -> str:
        value = ", ".join(self.value(seen))[:SHOWN] or "not set"
        return f"{self.name} {value} is {'' if self.holds(seen) else 'not '}in {_listed(sorted(self.wanted))}"


class EvidenceIs(Test):
    def __init__(self, least: Evidence) -> None:
        self.least = least

    def holds(self, seen: Seen) -> bool:
        return seen.reading.evidence >= self.least

    def why(self, seen: Seen) -> str:
        sign = "at least" if self.holds(seen) else "below"
        return f"evidence {seen.reading.evidence.name} is {sign} {self.least.name}"


def _without_token(address: str) -> str:
    local, at, domain = address.partition("@")
    return local.partition("+")[0] + at + domain


def _listed(values: Iterable[str]) -> str:
    shown = "[" + ", ".join(values)
    return (shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…") + "]"


def _excerpt(seen: Seen, name: str) -> str:
    text = " ".join(seen.text(name)[: 4 * SHOWN].split())
    return f"'{text}'" if len(text) <= SHOWN else f"'{text[: SHOWN - 1]}…'"


@dataclass
class Compiler:
    """Conditions as written → tests. What is wrong with their meaning goes to `complain` with its path."""

    texts: Texts
    lists: Mapping[str, Sequence[str]]
    departments: frozenset[str]
    priorities: frozenset[str]
    complain: Complain

    def compile(self, condition: Condition, path: Path) -> Test:
        """All keys of the condition must hold, the cheap ones are asked first."""
        tests = [Always()] if condition.always else []
        everything: list[Test] = [*tests, *self._values(condition, path), *self._addresses(condition, path)]
        if condition.attachment is not None:
            everything += self._attachment(condition.attachment, (*path, "attachment"))
        for name, test in (("subject", condition.subject), ("header", condition.header), ("body", condition.body)):
            if test is not None:
                everything.append(self._text(name, test, (*path, name)))
        if condition.all is not None:
            everything += [self.compile(part, (*path, "all", i)) for i, part in enumerate(condition.all)]
        if condition.any is not None:
            everything.append(AnyOf([self.compile(part, (*path, "any", i)) for i, part in enumerate(condition.any)]))
        if condition.not_ is not None:
            everything.append(Not(self.compile(condition.not_, (*path, "not"))))
        return everything[0] if len(everything) == 1 else All(everything)

    def _values(self, condition: Condition, path: Path) -> list[Test]:
        tests: list[Test] = []
        if condition.language is not None:
            tests.append(ValueIn("language", condition.language, lambda seen: (seen.reading.language or "unsure",)))
        if condition.kind is not None:
            tests.append(ValueIn("kind", condition.kind, lambda seen: (seen.reading.kind.value,)))
        if condition.evidence is not None:
            tests.append(EvidenceIs(Evidence[condition.evidence]))
        if condition.department is not None:
            self._known("department", condition.department, self.departments, (*path, "department"))
            tests.append(ValueIn("department", condition.department, lambda seen: (seen.department,)))
        if condition.priority is not None:
            self._known("priority", condition.priority, self.priorities, (*path, "priority"))
            tests.append(ValueIn("priority", condition.priority, lambda seen: (seen.priority,)))
        if condition.tag is not None:
            tests.append(ValueIn("tag", condition.tag, lambda seen: seen.tags))
        return tests

    def _known(self, what: str, names: Sequence[str], known: Iterable[str], path: Path) -> None:
        for place, name in enumerate(names):
            if name not in known:
                self.complain((*path, place), f"unknown {what}{did_you_mean(name, known)}")

    def _addresses(self, condition: Condition, path: Path) -> list[Test]:
        asked = (("from", condition.from_), ("to", condition.to))
        return [self._address(who, test, (*path, who)) for who, test in asked if test is not None]

    def _address(self, who: str, test: AddressTest, path: Path) -> Test:
        if test.in_ is None:
            return AddressIn(who, test.any_of, _listed(test.any_of))
        if test.in_ not in self.lists:
            self.complain((*path, "in"), f"unknown list{did_you_mean(test.in_, self.lists)}")
        return AddressIn(who, self.lists.get(test.in_, ()), f"list {test.in_}")

    def _attachment(self, test: AttachmentTest, path: Path) -> list[Test]:
        try:
            return [AttachmentHas(test)]
        except ValueError as error:
            self.complain(path, str(error))
            return []

    def _text(self, name: str, test: TextTest | HeaderTest, path: Path) -> Test:
        field_name = f"header {test.name.lower()}" if isinstance(test, HeaderTest) else name
        if test.words:
            numbers = {self.texts.lexicon.add(phrase, test.exact): phrase for phrase in test.words}
            return WordsIn(field_name, numbers)
        patterns = {}
        for place, pattern in enumerate(test.regex):
            try:
                patterns[self.texts.patterns.add(field_name, pattern)] = pattern
            except ValueError as error:
                self.complain((*path, "regex", place), str(error))
        if isinstance(test, HeaderTest) and not test.regex:
            return HeaderThere(test.name)
        return PatternIn(field_name, patterns)
