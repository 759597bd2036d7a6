"""Two real daemons on one PostgreSQL database whose server crashes under load again and again, or dies and has its
standby take over; and what must hold in the end. `test_postgres.py` runs a short one, `make torture` long ones.
"""

from __future__ import annotations

import email
import random
import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass
from email.message import Message
from itertools import cycle
from pathlib import Path
from threading import Event, Lock

from gateway.demo.letters import plain_text
from tests.faults.load import Load, customer, is_acknowledgement
from tests.faults.running import AGENT, Gateway, desk_in, eventually, id_of, places
from tests.servers.faulty_relay import FaultyRelay
from tests.servers.postgres import Postgres
from tests.servers.replicated import Replicated

_AWAY = "what=StoreUnavailable"
CAPS = "caps: {tickets_hour: 100000, breaker_hour: 100000}"


@dataclass(frozen=True)
class Plan:
    """How many first mails, how often the server crashes, and how often a daemon is killed as well."""

    new: int
    crashes: int
    kills: int
    seed: int

    @property
    def replied(self) -> range:
        return range(0, self.new, 3)

    @property
    def answered(self) -> range:
        return range(1, self.new, 5)


class Pair:
    """Both daemons, as people see them: one address, whoever answers."""

    def __init__(self, desks: list[Gateway]) -> None:
        self.desks = desks
        self._turns, self._lock = cycle(desks), Lock()

    def send(self, raw: bytes, to: str, mail_from: str, login: bool = False) -> str:
        with self._lock:
            desk = next(self._turns)
        return desk.send(raw, to, mail_from, login)


class CrashLoop:
    """A desk of two machines."""

    def __init__(self, plan: Plan, server: Postgres | Replicated, folder: Path) -> None:
        self.plan, self._server = plan, server
        self._chance = random.Random(plan.seed)
        self.database = server.create()
        self.relay = FaultyRelay()
        more = f"database_url: {server.url(self.database)}\n{CAPS}"
        self.desks = [desk_in(folder / name, relay=self.relay.port, more=more) for name in ("one", "two")]
        self.load = Load(Pair(self.desks), self.relay, set(plan.answered), set(plan.replied))  # type: ignore[arg-type]

    def run(self) -> None:
        """All crashes, then an end in peace. AssertionError says what was lost or was there twice."""
        with self.relay:
            try:
                one, two = self.desks
                one.start()
                two.state.mkdir(mode=0o700)
                shutil.copy(one.state / "keys", two.state / "keys")  # two machines, one desk
                two.start()
                with self.load.running():
                    self._crashes()
                    eventually(lambda: self.load.idle and self._settled(), "all is kept and settled", 120)
                self._check()
                for desk in self.desks:
                    assert desk.stop() == 0, desk.log()[-3000:]
                assert self._server.rows(self.database, "SELECT count(*) FROM node") == [(0,)]
            finally:
                for desk in self.desks:
                    desk.close()
                self._server.drop(self.database)

    def _settled(self) -> bool:
        return all(desk.settled() for desk in self.desks)

    def _crashes(self) -> None:
        numbers = iter(range(self.plan.new))
        killed = {self.plan.crashes * (turn + 1) // (self.plan.kills + 1) for turn in range(self.plan.kills)}
        for turn in range(self.plan.crashes):
            for number in [next(numbers) for _ in range(self.plan.new // self.plan.crashes)]:
                self.load.release(number)
            Event().wait(self._chance.uniform(0.1, 0.7))  # a moment in the middle of it
            if turn in killed:
                doomed = self._chance.choice(self.desks)
                doomed.kill()
                doomed.start()
            self._server.crash()
        for number in numbers:
            self.load.release(number)

    # --- what must hold ---

    def _check(self) -> None:
        plan, kept = self.plan, self.load.kept
        tickets = self.desks[0].tickets()
        where = places(tickets)
        assert len(kept) == plan.new + len(plan.replied) + len(plan.answered)
        assert {name: where.get(name) for name in kept if len(where.get(name, ())) != 1} == {}
        assert sorted(ticket["number"] for ticket in tickets) == list(range(1, plan.new + 1))
        assert [n for n in plan.replied if where[id_of(f"r{n}")] != where[id_of(n)]] == []
        assert [n for n in plan.answered if where[id_of(f"a{n}")] != where[id_of(n)]] == []
        assert self.desks[1].tickets() == tickets
        status = self.desks[1].json("status")["status"]
        assert (status["waiting"], status["outbox_depth"], status["intake"].get("quarantined", 0)) == (0, 0, 0)
        for desk in self.desks:  # that the store is away is a fault by its name, and there is no other
            others = [line for line in desk.log().splitlines() if "Traceback" in line and _AWAY not in line]
            assert others == [], others[0]
        self._check_mail()
        self._check_shares()

    def _check_mail(self) -> None:
        """Each mail once, but for what a killed daemon had handed over and not yet marked."""
        times = Counter((one.recipient, one.data) for one in self.relay.taken)
        doubled = {name: many for name, many in times.items() if many > 1}
        assert not doubled or self.plan.kills, doubled
        assert len(doubled) <= 40 * self.plan.kills
        came: dict[str, list[Message]] = defaultdict(list)
        for recipient, data in times:
            came[recipient].append(email.message_from_bytes(data))
        for number in range(self.plan.new):
            mails = came[customer(number)]
            assert sum(map(is_acknowledgement, mails)) == 1, f"customer {number}"
            answers = [mail for mail in mails if f"The answer to number {number}: done." in plain_text(mail)]
            assert len(answers) == (number in self.plan.answered), f"customer {number}"
            assert len(mails) == 1 + len(answers), f"customer {number}"
        told = {str(mail["In-Reply-To"]) for mail in came[AGENT]}
        assert {id_of(number) for number in range(self.plan.new)} <= told

    def _check_shares(self) -> None:
        """Both have worked: otherwise this shows nothing of two."""
        for desk in self.desks:
            assert "event=decided" in desk.log()
            assert "event=sent" in desk.log()
