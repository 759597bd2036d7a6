"""Which rules are worth trying for a mail. A rule that asks for phrases or patterns cannot hold where none is found, so
of hundreds of rules a mail meets few. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.desk.conditions import Seen

if TYPE_CHECKING:
    from gateway.desk.rulebook import CompiledRule


class RuleIndex:
    """Made once for a rulebook. What it leaves out does not hold; what it gives may hold or not."""

    def __init__(self, rules: Sequence[CompiledRule]) -> None:
        self._rules = rules
        self._always: list[int] = []
        self._by_text: dict[tuple[str, str], dict[int, list[int]]] = {}
        for place, rule in enumerate(rules):
            signs = None if rule.last else rule.test.signs()
            if signs is None:
                self._always.append(place)
                continue
            for kind, text, number in signs:
                self._by_text.setdefault((kind, text), {}).setdefault(number, []).append(place)

    def worth_trying(self, seen: Seen) -> list[CompiledRule]:
        """In the order of the rulebook."""
        places = set(self._always)
        for (kind, text), rules in self._by_text.items():
            found = seen.words[text] if kind == "words" else seen.patterns[text]
            for number in rules.keys() & found:
                places.update(rules[number])
        return [self._rules[place] for place in sorted(places)]
