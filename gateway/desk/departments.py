"""Departments and the people in them: frozen values, made and checked from the rule files. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from gateway.desk.rule_files import Part, RuleFiles, place_of
from gateway.desk.rule_models import DepartmentEntry, Target, holiday, week
from gateway.strictyaml import Path, did_you_mean, quoted

Spans = tuple[tuple[int, int], ...]
LANGUAGES = ("vi", "zh", "en")
NORMAL = "normal"
DEFAULT_TARGET = (24 * 3600, "office")


@dataclass(frozen=True, slots=True)
class Agent:
    address: str  # lower case
    name: str = ""


@dataclass(frozen=True, slots=True)
class Department:
    """One department. Addresses are lower case, the first of `addresses` is the one it writes from.

    `hours`: weekday (0 = Monday) → spans in minutes of the day, in `timezone`; a span that ends below its beginning
    runs over midnight; empty means always open. Durations in seconds; calendars are "office" or "always".
    """

    name: str
    label: Mapping[str, str]  # language → shown name; every language is there
    addresses: tuple[str, ...]
    agents: tuple[Agent, ...]
    leads: tuple[str, ...]
    managers: tuple[str, ...]  # management inboxes: where escalations go
    language: str
    staff_language: str
    timezone: str
    hours: Mapping[int, Spans]
    holidays: frozenset[date]
    first_response: int  # of the class "normal"
    first_response_calendar: str
    priorities: Mapping[str, tuple[int, str]]  # every class → (seconds, calendar)
    accept_e2: bool = False
    reply_address: str = "plus"  # or "none"
    survey: bool = True

    def __hash__(self) -> int:
        return hash((self.name, self.addresses, self.timezone, self.holidays, tuple(self.hours.items())))


def departments_of(files: RuleFiles, timezone: str) -> dict[str, Department]:
    """All departments in the order of the files. Complains of what does not fit together."""
    classes = {name: _target(target) for name, (_, target) in files.merged("priorities").items()}
    holidays = frozenset(holiday(day) for _, _, day in files.listed("holidays"))
    found = {}
    for name, (part, entry) in files.merged("departments").items():
        _check_people(files, part, name, entry)
        for key in entry.priorities:
            if key not in classes and key != NORMAL:
                path = ("departments", name, "priorities")
                files.complain(part, path, f"unknown priority{did_you_mean(key, [*classes, NORMAL])}", key)
        found[name] = _department(name, entry, timezone, holidays, classes)
    return found


def _target(target: Target) -> tuple[int, str]:
    return target.first_response, target.calendar


def _department(
    name: str,
    entry: DepartmentEntry,
    timezone: str,
    holidays: frozenset[date],
    classes: Mapping[str, tuple[int, str]],
) -> Department:
    targets = {NORMAL: DEFAULT_TARGET, **classes}
    if entry.first_response is not None:
        targets[NORMAL] = (entry.first_response, entry.first_response_calendar)
    targets |= {key: _target(target) for key, target in entry.priorities.items()}
    return Department(
        name=name,
        label={language: entry.label.get(language, name) for language in LANGUAGES},  # type: ignore[call-overload]
        addresses=tuple(dict.fromkeys(entry.addresses)),
        agents=tuple(Agent(agent.address, agent.name) for agent in entry.agents),
        leads=tuple(entry.leads),
        managers=tuple(entry.escalate_to),
        language=entry.language,
        staff_language=entry.staff_language,
        timezone=entry.timezone or timezone,
        hours=week(entry.hours or {}),
        holidays=holidays | {holiday(day) for day in entry.holidays},
        first_response=targets[NORMAL][0],
        first_response_calendar=targets[NORMAL][1],
        priorities=targets,
        accept_e2=entry.accept_e2,
        reply_address=entry.reply_address,
        survey=entry.survey,
    )


def _check_people(files: RuleFiles, part: Part, name: str, entry: DepartmentEntry) -> None:
    path = ("departments", name)
    known: set[str] = set()
    for place, agent in enumerate(entry.agents):
        if agent.address in known:
            files.complain(part, (*path, "agents", place), f"the agent is listed twice, got {quoted(agent.address)}")
        known.add(agent.address)
    for place, lead in enumerate(entry.leads):
        if lead not in known:
            message = f"a lead must be one of the department's agents{did_you_mean(lead, known)}"
            files.complain(part, (*path, "leads", place), message)


def doors_of(files: RuleFiles) -> dict[str, str]:
    """Our own addresses → department, or "" for a general one. Complains of addresses given twice, and of people
    reachable only at one of our own addresses, to whom mail would come back as a new ticket."""
    doors: dict[str, str] = {}
    places: dict[str, str] = {}

    def claim(part: Part, path: Path, address: str, door: str) -> None:
        if address in places:
            files.complain(part, path, f"the address is already in use at {places[address]}, got {quoted(address)}")
            return
        doors[address] = door
        places[address] = f"{place_of(part, path)} ({door or 'general'})"

    for part, path, address in files.listed("general_addresses"):
        claim(part, path, address, "")
    departments = files.merged("departments")
    for name, (part, entry) in departments.items():
        for place, address in enumerate(entry.addresses):
            claim(part, ("departments", name, "addresses", place), address, name)
    for name, (part, entry) in departments.items():
        people = [(("agents", i), agent.address) for i, agent in enumerate(entry.agents)]
        people += [(("escalate_to", i), address) for i, address in enumerate(entry.escalate_to)]
        for where, address in people:
            if address in doors:
                message = f"must be a person's own address, not one of the desk's, got {quoted(address)}"
                files.complain(part, ("departments", name, *where), message)
    return doors
