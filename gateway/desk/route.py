"""Which department, which class, and what else the rules say of one mail, with every reason. Pure.

Rules are tried from top to bottom. Tags and notify are unions; of every other field the first rule that sets it wins;
later rules see what earlier ones have set. Mail at a department's own address goes to that department
unless a rule sets another; the last rule of the rulebook fills in what is still open and does not overrule that.
A mail on a ticket stays with the ticket's department.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from gateway.desk.conditions import WHY, Seen
from gateway.desk.departments import NORMAL
from gateway.desk.rulebook import ROLES, CompiledRule, Rulebook
from gateway.model import Envelope, Json, Reading, TicketFacts, address_key

_FIRST_WINS = ("department", "priority", "survey", "quarantine", "language")
DOOR = "door"  # in `set_by`: the mail was addressed to the department
TICKET = "ticket"  # … the mail is on a ticket of the department
DEPARTMENT = "department"  # … it is the department's own setting


class RuleTrace(NamedTuple):
    """One rule tried: whether it held, and the condition that decided it with the value seen (bounded)."""

    name: str
    place: str  # "rules.yaml:12"
    held: bool
    why: str


@dataclass(frozen=True)
class Routed:
    """What the rules say. `language` is "" where no rule sets one."""

    department: str
    priority: str
    tags: tuple[str, ...]
    notify: tuple[str, ...]  # addresses, lower case
    language: str
    survey: bool
    quarantine: bool
    stopped_by: str  # "rules.yaml:12 name" of the rule that ended the search, or ""
    set_by: Mapping[str, str]  # field → "rules.yaml:12 name", "door", "ticket", or "department" for its own setting
    fired: Json  # the rules that held and what each set, for storage
    _tried: Callable[[], tuple[RuleTrace, ...]] = field(repr=False, compare=False)

    @cached_property
    def trace(self) -> tuple[RuleTrace, ...]:
        """Every rule tried, in order. Computed when asked for; always the same."""
        return self._tried()


def route(
    rulebook: Rulebook, reading: Reading, envelope: Envelope, door: str, on: str, ticket: TicketFacts | None = None
) -> Routed:
    """Decides one mail at one door ("" for a general address). `on`: "new" or "reply". `ticket` is the one it replies
    on: the rules see its department, class and tags, its department stays, `tags` are all it then has."""
    run = _Run(rulebook, reading, envelope, door, on, ticket)
    run.decide()

    def tried() -> tuple[RuleTrace, ...]:
        again = _Run(rulebook, reading, envelope, door, on, ticket)
        again.trace = []
        again.decide()
        return tuple(again.trace)

    department = rulebook.departments[run.fields["department"]]
    if "survey" not in run.fields:
        run.fields["survey"] = department.survey
        run.set_by["survey"] = DEPARTMENT
    return Routed(
        department=department.name,
        priority=run.seen.priority or NORMAL,
        tags=tuple(run.seen.tags),
        notify=tuple(
            dict.fromkeys(address for word in run.notify for address in _people(rulebook, department.name, word))
        ),
        language=run.fields.get("language", ""),
        survey=run.fields["survey"],
        quarantine=run.fields.get("quarantine", False),
        stopped_by=run.stopped_by,
        set_by=run.set_by,
        fired=run.fired,
        _tried=tried,
    )


def _people(rulebook: Rulebook, department: str, word: str) -> tuple[str, ...]:
    """`leads` and `managers` are those of the department that was found."""
    found = rulebook.departments[department]
    if word in ROLES:
        return found.leads if word == "leads" else found.managers
    return (address_key(word),)


class _Run:
    """One pass over the rules."""

    def __init__(
        self,
        rulebook: Rulebook,
        reading: Reading,
        envelope: Envelope,
        door: str,
        on: str,
        ticket: TicketFacts | None = None,
    ) -> None:
        self.rulebook = rulebook
        self.door = door if door in rulebook.departments else ""
        self.on = on
        self.seen = Seen(rulebook.texts, reading, envelope)
        self.fields: dict[str, Any] = {}
        self.notify: list[str] = []
        self.set_by: dict[str, str] = {}
        self.fired: list[Json] = []
        self.stopped_by = ""
        self.trace: list[RuleTrace] | None = None
        if ticket is not None:
            self._begin_at(ticket)

    def _begin_at(self, ticket: TicketFacts) -> None:
        self.seen.department, self.seen.priority = ticket.department, ticket.priority
        self.seen.tags = list(ticket.tags)
        if ticket.department in self.rulebook.departments:
            self.fields["department"], self.set_by["department"] = ticket.department, TICKET

    def decide(self) -> None:
        tracing = self.trace is not None  # then each rule has its reason
        for rule in self.rulebook.rules if tracing else self.rulebook.index.worth_trying(self.seen):
            if rule.last:
                self._close(rule)
            elif self.stopped_by:
                self._note(rule, False, f"not tried: {self.stopped_by} said stop")
            elif rule.on not in ("any", self.on):
                self._note(rule, False, f"for mail of kind '{rule.on}', this is '{self.on}'")
            else:
                held = rule.test.holds(self.seen)
                self._note(rule, held)
                if held:
                    self._apply(rule)

    def _close(self, rule: CompiledRule) -> None:
        """The last rule: the door, where no rule has set a department, then what is still open."""
        if "department" not in self.fields and self.door:
            self.fields["department"] = self.seen.department = self.door
            self.set_by["department"] = DOOR
        applies = rule.on in ("any", self.on) or "department" not in self.fields
        self._note(rule, applies, "always" if applies else f"for mail of kind '{rule.on}', this is '{self.on}'")
        if applies:
            self._apply(rule)

    def _note(self, rule: CompiledRule, held: bool, why: str = "") -> None:
        if self.trace is not None:
            self.trace.append(RuleTrace(rule.name, rule.place, held, (why or rule.test.why(self.seen))[:WHY]))

    def _apply(self, rule: CompiledRule) -> None:
        effect, by = rule.effect, f"{rule.place} {rule.name}"
        did: dict[str, Json] = {}
        for name in _FIRST_WINS:
            value = getattr(effect, name)
            if value is not None and name not in self.fields:
                self.fields[name] = did[name] = value
                self.set_by[name] = by
        self.seen.department = self.fields.get("department", self.seen.department)
        self.seen.priority = self.fields.get("priority", self.seen.priority)
        for name, words, have in (("tags", effect.tags, self.seen.tags), ("notify", effect.notify, self.notify)):
            fresh = [word for word in dict.fromkeys(words) if word not in have]
            if fresh:
                have += fresh
                did[name] = list[Json](fresh)
                self.set_by[name] = f"{self.set_by[name]}, {by}" if name in self.set_by else by
        if effect.stop and not rule.last:
            self.stopped_by = by
        self.fired.append({"rule": rule.name, "place": rule.place, "set": did})
