"""Interleaved rounds: in each, every desk is made anew and every case measured once, floors among them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.backlog import measured_backlog
from bench.cases import CASES, DEARER, HOMES, WARM_UP, Case, Home, Kind, letters_of
from bench.desk import BenchDesk, desk_at
from bench.floors import measured_floors, parsed_alone
from bench.letters import Acknowledged, Writer, customers_of
from bench.measure import Bench, Figures, measure
from bench.prepare import NoRoom, tickets
from bench.records import Job

Found = dict[str, Figures]  # by the name of the case


@dataclass
class Plan:
    """What is to be run."""

    cases: Sequence[Case]
    rounds: int
    seconds: float  # about how long one measurement lasts
    told: Callable[[str], None] = lambda _: None  # progress, for people

    @property
    def steps(self) -> int:
        """How often `told` is called, about."""
        in_all = sum(1 if case.mails else self.rounds for case in self.cases)
        return in_all + self.rounds * (1 + len({case.home for case in self.cases}))


@dataclass
class Rounds:
    bench: Bench
    plan: Plan
    found: list[Found] = field(default_factory=list)
    _number: int = 0
    _kept: dict[str, BenchDesk] = field(default_factory=dict)

    def run(self) -> list[Found]:
        """One `Found` for each round."""
        for number in range(1, self.plan.rounds + 1):
            self._number = number
            self.plan.told(f"round {number}: the floors")
            found: Found = {**measured_floors(self.bench, (1, 20), self.plan.seconds / 2), **parsed_alone(f"p{number}")}
            for home in HOMES:
                cases = [case for case in self.plan.cases if case.home == home.name and (number == 1 or not case.mails)]
                if cases:
                    found |= self._where_there_is_room(home, cases)
            self.found.append(found)
        return self.found

    def _where_there_is_room(self, home: Home, cases: Sequence[Case]) -> Found:
        try:
            return self._at(home, cases)
        except NoRoom as error:
            self.plan.told(f"left out: {', '.join(case.name for case in cases)}: {error}")
            return {}

    def _at(self, home: Home, cases: Sequence[Case]) -> Found:
        if cases[0].kind is Kind.MAILBOX:
            self.plan.told(f"round {self._number}: {cases[0].title}")
            prepared = tickets(home.tickets, self.plan.told)
            return {cases[0].name: measured_backlog(self.bench, prepared, f"{cases[0].name}-{self._number}")}
        desk = self._desk(home)
        try:
            desk.start()
            memory = desk.memory
            found: Found = {f"start, {home.name}": {"pss_mb": memory.pss, "rss_mb": memory.rss}}
            warm, acknowledged = self._warm_up(desk, home)
            for case in cases:
                self.plan.told(f"round {self._number}: {case.title}")
                found[case.name], now = self._case(desk, home, case, warm, acknowledged)
                acknowledged = now or acknowledged
            desk.stop()
        finally:
            desk.gateway.close()
            if home.anew:
                shutil.rmtree(desk.gateway.root)
        return found

    def _desk(self, home: Home) -> BenchDesk:
        if home.name in self._kept:
            return self._kept[home.name]
        self.plan.told(f"round {self._number}: a desk with {home.tickets:,} tickets")
        prepared = tickets(home.tickets, self.plan.told)
        desk = desk_at(
            self.bench.folder / home.name,
            self.bench.relay.port,
            database=prepared,
            agents=home.agents,
            environ=self.bench.syncs.environ if self.bench.syncs else {},
        )
        if home.counted:
            desk.count_statements()
        if not home.anew:
            self._kept[home.name] = desk
        return desk

    def _warm_up(self, desk: BenchDesk, home: Home) -> tuple[float, list[Acknowledged]]:
        """(mails a second, what was acknowledged)"""
        letters = Writer(f"warm{time.monotonic_ns()}", customers_of(home.tickets)).texts(WARM_UP)
        done = measure(self.bench, desk, Job(desk.port, letters, 20), 1 + home.agents)
        return done.figures["rate"], done.acknowledged

    def _case(
        self, desk: BenchDesk, home: Home, case: Case, warm: float, acknowledged: Sequence[Acknowledged]
    ) -> tuple[Figures, list[Acknowledged]]:
        rate = case.rate or warm / DEARER[case.kind]
        count = case.mails or max(40, round(rate * self.plan.seconds))
        letters = letters_of(case, home, f"{case.name}-{self._number}", count, acknowledged)
        job = Job(desk.port, letters, case.connections, case.rate, case.one_each)
        if case.slow and self.bench.syncs:
            self.bench.syncs.slow_by(case.slow)
        try:
            done = measure(self.bench, desk, job, case.out + home.agents - 1)
        finally:
            if self.bench.syncs:
                self.bench.syncs.slow_by(0)
        memory = desk.memory
        figures = {**done.figures, "mails": len(letters), "pss_mb": memory.pss, "rss_mb": memory.rss}
        return figures, [] if case.out == 1 else done.acknowledged


def chosen(names: Sequence[str], quick: bool) -> list[Case]:
    """The cases of these names, of --quick, or all. ValueError for a name that is none."""
    known = {case.name: case for case in CASES}
    if wrong := [name for name in names if name not in known]:
        raise ValueError(f"no case {', '.join(wrong)}; there are {', '.join(known)}")
    return [known[name] for name in names] or [case for case in CASES if case.quick or not quick]
