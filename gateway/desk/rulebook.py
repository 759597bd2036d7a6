"""The rulebook: every rule file read, checked as a whole and compiled, or all that is wrong with them. Pure.

`rulebook.yaml` is the main file; its `include:` lists the others in order. The rules of the included files come first,
in that order, its own last. A bad file never takes effect (law 9): one problem anywhere means no rulebook.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from gateway.desk.conditions import Compiler, Test, Texts
from gateway.desk.departments import NORMAL, Agent, Department, departments_of, doors_of
from gateway.desk.rule_files import MAIN_FILE, Part, RulebookErrors, RuleFiles, digest_of, place_of, read_files
from gateway.desk.rule_index import RuleIndex
from gateway.desk.rule_models import Effect, Rule
from gateway.model import address_key
from gateway.strictyaml import did_you_mean, quoted

__all__ = ["MAIN_FILE", "Agent", "CompiledRule", "Department", "Rulebook", "RulebookErrors", "load_rulebook"]

ROLES = ("leads", "managers")  # words that `notify` takes beside addresses


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """`last`: the required rule at the end, which sets what no other did and does not overrule the addressed door."""

    name: str
    place: str  # "rules.yaml:12"
    on: str  # "new", "reply", "any"
    test: Test
    effect: Effect
    last: bool = False


@dataclass(frozen=True, eq=False)
class Rulebook:
    """All rules in force. Two rulebooks say the same when their `digest` is the same."""

    departments: Mapping[str, Department]
    general_addresses: tuple[str, ...]  # belong to no department; rules route what comes to them
    priorities: tuple[str, ...]  # classes in declared order, most urgent first
    rules: tuple[CompiledRule, ...]
    lists: Mapping[str, tuple[str, ...]]
    form_senders: tuple[str, ...]  # patterns: contact forms whose Reply-To is the customer
    observers: tuple[str, ...]  # whom rules may notify beside agents, leads and managers
    timezone: str
    digest: str
    texts: Texts = field(repr=False)
    _doors: Mapping[str, str] = field(repr=False)
    _agents: Mapping[str, tuple[Agent, tuple[str, ...]]] = field(repr=False)
    _managers: frozenset[str] = field(repr=False)

    def door_of(self, address: str) -> str | None:
        """The department an address belongs to, "" for a general address, None when it is not ours."""
        return self._doors.get(address_key(address))

    def address_of(self, department: str) -> str:
        """The address a department writes from. KeyError for an unknown one."""
        return self.departments[department].addresses[0]

    def department_of_agent(self, address: str) -> tuple[str, ...]:
        """The departments that list the agent, in the order of the rulebook; empty for anybody else."""
        found = self._agents.get(address_key(address))
        return found[1] if found else ()

    def is_agent(self, address: str) -> bool:
        return address_key(address) in self._agents

    def is_manager(self, address: str) -> bool:
        return address_key(address) in self._managers

    def agent_name(self, address: str) -> str:
        """The agent's shown name; "" when none is given or it is not an agent."""
        found = self._agents.get(address_key(address))
        return found[0].name if found else ""

    def all_addresses(self) -> frozenset[str]:
        """Our own addresses, departments' and general, lower case."""
        return self._ours

    @cached_property
    def index(self) -> RuleIndex:
        return RuleIndex(self.rules)

    @cached_property
    def _ours(self) -> frozenset[str]:
        return frozenset(self._doors)

    def first_response(self, department: str, priority: str) -> tuple[int, str]:
        """(seconds, "office" or "always") promised by a department for a class; an unknown class counts as normal."""
        found = self.departments[department]
        return found.priorities.get(priority, (found.first_response, found.first_response_calendar))


def load_rulebook(files: Mapping[str, str]) -> Rulebook:
    """Relative names ("rules.yaml") and texts → the rulebook. Raises RulebookErrors with every problem found."""
    read = read_files(files)
    main = read.parts[-1]
    timezone = main.content.timezone if main.content and main.content.timezone else "UTC"
    doors = doors_of(read)
    departments = departments_of(read, timezone)
    if not departments and not read.problems:
        read.complain(main, (), "no department; give at least one under 'departments:'")
    priorities = tuple(dict.fromkeys([*read.merged("priorities"), NORMAL]))
    lists = {name: tuple(patterns) for name, (_, patterns) in read.merged("lists").items()}
    observers = tuple(address for _, _, address in read.listed("observers"))
    texts = Texts()
    rules = _Rules(read, texts, departments, priorities, lists, observers).compiled()
    read.raise_problems()
    texts.lexicon.seal()
    texts.patterns.seal()
    return Rulebook(
        departments=departments,
        general_addresses=tuple(address for address, door in doors.items() if not door),
        priorities=priorities,
        rules=rules,
        lists=lists,
        form_senders=tuple(pattern for _, _, pattern in read.listed("form_senders")),
        observers=observers,
        timezone=timezone,
        digest=digest_of(files),
        texts=texts,
        _doors=doors,
        _agents=_agents(departments),
        _managers=frozenset(address for department in departments.values() for address in department.managers),
    )


def _agents(departments: Mapping[str, Department]) -> dict[str, tuple[Agent, tuple[str, ...]]]:
    found: dict[str, tuple[Agent, tuple[str, ...]]] = {}
    for name, department in departments.items():
        for agent in department.agents:
            known, places = found.get(agent.address, (agent, ()))
            found[agent.address] = (known if known.name else agent, (*places, name))
    return found


@dataclass
class _Rules:
    """The rules of all files, compiled and checked against the rest of the rulebook."""

    files: RuleFiles
    texts: Texts
    departments: Mapping[str, Department]
    priorities: tuple[str, ...]
    lists: Mapping[str, tuple[str, ...]]
    observers: tuple[str, ...]

    def compiled(self) -> tuple[CompiledRule, ...]:
        written = [(part, i, rule) for part, rules in self.files.each("rules") for i, rule in enumerate(rules)]
        names: dict[str, str] = {}
        compiled = []
        for number, (part, i, rule) in enumerate(written, 1):
            place = place_of(part, ("rules", i))
            if rule.name in names:
                message = f"another rule at {names[rule.name]} has this name, got {quoted(rule.name)}"
                self.files.complain(part, ("rules", i, "name"), message)
            names.setdefault(rule.name, place)
            compiled.append(self._compile(part, i, rule, place, last=number == len(written)))
        self._check_last(written)
        return tuple(compiled)

    def _compile(self, part: Part, i: int, rule: Rule, place: str, *, last: bool) -> CompiledRule:
        compiler = Compiler(
            self.texts,
            self.lists,
            frozenset(self.departments),
            frozenset(self.priorities),
            lambda path, message: self.files.complain(part, path, message),
        )
        test = compiler.compile(rule.when, ("rules", i, "when"))
        self._check_effect(part, i, rule)
        return CompiledRule(rule.name, place, rule.on, test, rule.then, last)

    def _check_effect(self, part: Part, i: int, rule: Rule) -> None:
        path, effect = ("rules", i, "then"), rule.then
        for key, value, known in (
            ("department", effect.department, tuple(self.departments)),
            ("priority", effect.priority, self.priorities),
        ):
            if value is not None and value not in known:
                self.files.complain(part, (*path, key), f"unknown {key}{did_you_mean(value, known)}")
        if rule.on == "reply" and effect.department is not None:
            message = "a mail on a ticket stays with the ticket's department; 'on: new' or 'on: any' can set one"
            self.files.complain(part, (*path, "department"), message)
        staff = self._staff()
        for place, word in enumerate(effect.notify):
            if word not in ROLES and address_key(word) not in staff:
                message = (
                    f"must be an agent, a management address, one of 'observers:', 'leads' or 'managers'"
                    f"{did_you_mean(word, [*staff, *ROLES])}"
                )
                self.files.complain(part, (*path, "notify", place), message)

    def _staff(self) -> dict[str, None]:
        people = [*self.observers]
        for department in self.departments.values():
            people += [agent.address for agent in department.agents] + [*department.managers]
        return dict.fromkeys(people)

    def _check_last(self, written: list[tuple[Part, int, Rule]]) -> None:
        wanted = "the last rule must be 'when: always' and set a department, so that every mail finds one"
        if not written:
            if not self.files.problems:
                self.files.complain(self.files.parts[-1], (), f"no rules; {wanted}")
            return
        part, i, rule = written[-1]
        if not rule.when.always or rule.when.model_fields_set != {"always"} or rule.then.department is None:
            self.files.complain(part, ("rules", i), f"{wanted}, got {quoted(rule.name)}")
