"""The kill loop: a real daemon between people who write and a relay that fails, killed whole again and again, its disk
cut off each time; and what must hold in the end (laws 1 to 3).

`test_kill_loop.py` runs a short one, `tests/torture/torture_kills.py` long ones.
"""

from __future__ import annotations

import email
import random
import re
import signal
import sqlite3
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.message import Message
from itertools import islice, pairwise
from pathlib import Path

from gateway.demo.letters import plain_text
from gateway.flow.send import BATCH, MARKING
from tests.faults.crawl import Told, faults_of
from tests.faults.cut_disk import Cut, write_image
from tests.faults.load import Load, customer, is_acknowledgement
from tests.faults.power import Power
from tests.faults.running import AGENT, Gateway, desk_in, eventually, id_of, places
from tests.servers.faulty_relay import FaultyRelay, Step

LONGEST = 8.0  # seconds until a moment that is not reached becomes a kill at any moment
STILL = 1.2  # seconds without a write after which it will not be reached: there is nothing to do
MOMENTS = [(moment, kind) for moment in ("begin", "written", "committed") for kind in ("keep", "commit", "sent")]
AT_HAND = 2 * (MARKING + 1) * BATCH  # mails that two senders may have handed over and not marked when they die
_TAG = re.compile(r"\[FLT-(\d+)\]")

Launch = Callable[[], bool]
"""Starts the daemon so that it dies somewhere; True if a kill at any moment is to follow soon."""


@dataclass(frozen=True)
class Plan:
    """How much, how often, how bad. Shares are of mails."""

    new: int
    kills: int
    seed: int
    cuts: Sequence[Cut] = tuple(Cut)
    lost_250: float = 0.06  # the relay takes the mail and drops the connection
    refused: float = 0.0  # it says 451 after the data
    dropped: float = 0.0  # it drops the connection in the middle of the data
    greylisting: bool = False
    no_such_user: int = 0  # every so manieth customer's address is refused for good

    @property
    def replied(self) -> range:
        return range(0, self.new, 3)

    @property
    def answered(self) -> range:
        return range(1, self.new, 5)

    def unknown(self, number: int) -> bool:
        """Whether the relay does not know this customer; one of those who neither reply nor are answered."""
        of_interest = number not in self.replied and number not in self.answered
        return bool(self.no_such_user) and of_interest and number % self.no_such_user == 2


@dataclass
class Figures:
    """What the loop did and found."""

    mails: int = 0
    tries: int = 0
    kills: int = 0
    chosen: int = 0  # of them at the chosen moment
    cuts: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    doubled: int = 0
    most_doubled: int = 0  # because of one death
    undelivered: int = 0
    lost: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        cuts = ", ".join(f"{times} {name}" for name, times in sorted(self.cuts.items()))
        return (
            f"{self.mails} mails kept, {self.kills} kills, {self.chosen} of them at the chosen moment ({cuts}): "
            f"{len(self.lost)} lost; {self.sent} mails sent, {self.doubled} sent again, "
            f"at most {self.most_doubled} because of one death, "
            f"{self.undelivered} told as undelivered; {self.seconds:.0f} s"
        )


class Relay(FaultyRelay):
    """Fails as planned, and can pull the plug while it has a mail and has not said so."""

    def __init__(self, plan: Plan, chance: random.Random) -> None:
        script: dict[str, Step] = {"DOT": Relay.dot, "DATA": Relay.data}  # type: ignore[dict-item]  # given itself
        if plan.greylisting:
            script["RCPT"] = "!grey"
        for number in filter(plan.unknown, range(plan.new)):
            script[f"RCPT {customer(number)}"] = "550 5.1.1 no such user"
        super().__init__(script)
        self._plan, self._chance = plan, chance
        self.doomed: Gateway | None = None
        self.left = 0
        self.ends = [0]  # how many mails had been taken when each life ended
        self._deciding = threading.Lock()

    def dot(self) -> str:
        with self._deciding:
            if self.doomed is not None:
                self.left -= 1
                if self.left == 0:
                    doomed, self.doomed = self.doomed, None
                    doomed.kill()
                    return "!keep-drop"
            luck = self._chance.random()
            if luck < self._plan.lost_250:
                return "!keep-drop"
            return "451 4.3.0 later" if luck < self._plan.lost_250 + self._plan.refused else ""

    def data(self) -> str:
        with self._deciding:
            return "!mid-drop" if self._chance.random() < self._plan.dropped else ""

    def life_ended(self) -> None:
        """Call it once the daemon is dead: what it had sent has then been taken."""
        self.doomed = None
        eventually(lambda: self.present == 0, "the relay is left alone")
        self.ends.append(len(self.taken))

    def life_of(self, place: int) -> int:
        """In which of the daemon's lives the mail at this place was taken."""
        return sum(end <= place for end in self.ends)


class KillLoop:
    """One desk, killed as often as planned."""

    def __init__(self, plan: Plan, folder: Path, told: Callable[[str], None] = lambda _: None) -> None:
        self.plan, self._folder, self._told = plan, folder, told
        self.figures = Figures()
        self._chance = random.Random(plan.seed)
        self.relay = Relay(plan, random.Random(plan.seed + 1))
        self.gateway = desk_in(folder / "desk", relay=self.relay.port)
        self.power = Power(self.gateway.root, folder / "power")
        self.load = Load(self.gateway, self.relay, set(plan.answered), set(plan.replied))

    def run(self) -> Figures:
        """All kills, then an end in peace. AssertionError says what was lost or was there twice."""
        began, numbers = time.monotonic(), iter(range(self.plan.new))
        with self.relay:
            try:
                with self.load.running():
                    for launch in self._ways():
                        self._life(launch, islice(numbers, self.plan.new // self.plan.kills + 1))
                    for number in numbers:
                        self.load.release(number)
                    self.power.begin()
                    self.gateway.start(environ=self.power.environ)
                    eventually(lambda: self.load.idle and self.gateway.settled(), "all is kept and settled", 300)
                Check(self).everything()
                assert self.gateway.stop() == 0
                assert self.gateway.sound()
            finally:
                self.gateway.close()
        self.figures.seconds = time.monotonic() - began
        return self.figures

    def _life(self, launch: Launch, numbers: islice[int]) -> None:
        soon = launch()
        for number in numbers:
            self.load.release(number)
        self._wait_for_the_kill(soon)
        self.relay.life_ended()
        self._cut()
        self.figures.kills += 1
        self._told(f"kill {self.figures.kills} of {self.plan.kills}, {len(self.load.kept)} mails kept")

    def _wait_for_the_kill(self, soon: bool) -> None:
        """A chosen moment comes by itself; otherwise, or if it does not come, any moment while there is work."""
        if self.gateway.ready():
            began = moved = time.monotonic()
            longest, writes = (self._chance.uniform(0.0, 0.5) if soon else LONGEST), -1
            while self.gateway.returncode is None and (now := time.monotonic()) < min(began + longest, moved + STILL):
                if (count := self.power.get("writes")) != writes:
                    moved, writes = now, count
                time.sleep(0.005)
        self.figures.chosen += self.gateway.returncode is not None
        self.gateway.kill()
        assert self.gateway.returncode == -signal.SIGKILL, self.gateway.log()[-2000:]

    def _cut(self) -> None:
        """The disk as a cut leaves it; what was told is looked for at once, on a copy, so that the daemon finds the
        disk as it is."""
        kept = {int(said.rpartition(" ")[2]) for said in list(self.load.kept.values())}
        tickets = {int(tag) for taken in self.relay.taken for tag in _TAG.findall(taken.data[:4096].decode("latin-1"))}
        how = self._chance.choice(self.plan.cuts)
        image = self.power.cut(how, self._chance)
        self.figures.cuts[how.value] += 1
        write_image(image, self._folder / "copy")
        found = faults_of(self._folder / "copy" / "state", Told(kept, tickets))
        assert found == [], f"after kill {self.figures.kills + 1}, {how.value}: {found}"

    # --- ways to die ---

    def _ways(self) -> list[Launch]:
        chance = self._chance
        ways = [self._dying(moment, kind, 1 + place % 3) for place, (moment, kind) in enumerate(MOMENTS)]
        ways += [self._dying("handed", "-", 1), self._dying("handed", "-", 3), self._relayed(1), self._relayed(5)]
        while len(ways) < self.plan.kills:
            way = len(ways) % 6
            if way < 3:
                ways.append(self._at(die_at_sync=chance.randint(1, 30), die_after=chance.randrange(2)))
            elif way < 5:
                ways.append(self._at(die_at_write=chance.randint(1, 120)))
            else:
                ways.append(self._at_any_moment)
        chance.shuffle(ways)
        return ways

    def _dying(self, moment: str, kind: str, number: int) -> Launch:
        def launch() -> bool:
            self._launch(program=("-m", "tests.faults.dying", moment, kind, str(number)))
            return False

        return launch

    def _relayed(self, number: int) -> Launch:
        def launch() -> bool:
            self._launch()
            self.relay.left, self.relay.doomed = number, self.gateway
            return False

        return launch

    def _at(self, **moment: int) -> Launch:
        def launch() -> bool:
            self._launch(**moment)
            return False

        return launch

    def _at_any_moment(self) -> bool:
        self._launch()
        return True

    def _launch(self, program: Sequence[str] = (), **moment: int) -> None:
        self.power.begin(**moment)
        self.gateway.launch(environ=self.power.environ, program=program)


class Check:
    """What must hold when all is over."""

    def __init__(self, loop: KillLoop) -> None:
        self._loop, self._plan, self._figures = loop, loop.plan, loop.figures
        self._gateway, self._relay, self._kept = loop.gateway, loop.relay, loop.load.kept

    def everything(self) -> None:
        self._figures.mails, self._figures.tries = len(self._kept), self._loop.load.tries
        self._tickets()
        self._state()
        self._doubles()
        self._mail()
        self._undelivered()

    def _tickets(self) -> None:
        plan, tickets = self._plan, self._gateway.tickets()
        where = places(tickets)
        assert len(self._kept) == plan.new + len(plan.replied) + len(plan.answered)
        assert self._figures.tries > self._figures.mails, "no kill hit a mail on its way"
        self._figures.lost = [name for name in self._kept if not where.get(name)]
        assert self._figures.lost == []
        assert {name: where[name] for name in self._kept if len(where[name]) != 1} == {}
        assert len(tickets) == plan.new
        assert [n for n in plan.replied if where[id_of(f"r{n}")] != where[id_of(n)]] == []
        assert [n for n in plan.answered if where[id_of(f"a{n}")] != where[id_of(n)]] == []

    def _state(self) -> None:
        assert self._gateway.quarantined() == []
        status = self._gateway.json("status")
        assert (status["status"]["waiting"], status["status"]["outbox_depth"]) == (0, 0)
        assert status["health"]["reasons"] == []
        assert self._gateway.health()[0] == 200
        assert "Traceback" not in self._gateway.log()

    def _doubles(self) -> None:
        """A mail goes out again only where its 250 was lost or the daemon died, and is then the same, octet for
        octet; a ticket's number is given once."""
        takes: dict[tuple[str, str], list[int]] = defaultdict(list)
        given: dict[str, set[str]] = defaultdict(set)
        taken = list(self._relay.taken)
        for place, one in enumerate(taken):
            mail = email.message_from_bytes(one.data)
            takes[one.recipient, str(mail["Message-ID"])].append(place)
            if is_acknowledgement(mail):
                for tag in _TAG.findall(" ".join(str(mail["Subject"]).split())):
                    given[tag].add(str(mail["In-Reply-To"]))
        assert {tag: ids for tag, ids in given.items() if len(ids) != 1} == {}
        again = Counter[int]()
        for name, at in takes.items():
            assert len({taken[place].data for place in at}) == 1, name
            for before, after in pairwise(at):
                died = self._relay.life_of(before) < self._relay.life_of(after)
                assert died or not taken[before].answered, f"{name} went out twice for no reason"
                again[self._relay.life_of(before)] += died and taken[before].answered
        self._figures.most_doubled = max(again.values(), default=0)
        assert self._figures.most_doubled <= AT_HAND
        self._figures.sent, self._figures.doubled = len(takes), len(taken) - len(takes)
        assert self._figures.doubled > 0, "no 250 of the relay was lost"

    def _mail(self) -> None:
        came: dict[str, list[Message]] = defaultdict(list)
        for one in {(one.recipient, one.data): one for one in self._relay.taken}.values():
            came[one.recipient].append(email.message_from_bytes(one.data))
        for number in range(self._plan.new):
            mails, known = came[customer(number)], not self._plan.unknown(number)
            assert sum(map(is_acknowledgement, mails)) == known, f"customer {number}"
            answers = [mail for mail in mails if f"The answer to number {number}: done." in plain_text(mail)]
            assert len(answers) == (number in self._plan.answered), f"customer {number}"
            assert len(mails) == known + len(answers), f"customer {number}"
            assert not mails or is_acknowledgement(mails[0])  # people read in order
        told = {str(mail["In-Reply-To"]) for mail in came[AGENT]}
        assert {id_of(number) for number in range(self._plan.new)} <= told

    def _undelivered(self) -> None:
        """Each customer whom the relay does not know is told of once, and nobody else."""
        made = sqlite3.connect(f"{self._gateway.database.as_uri()}?mode=ro", uri=True)
        asked = "SELECT t.requester, o.state FROM outbox o JOIN ticket t ON t.number = o.ticket WHERE o.kind = ?"
        rows = made.execute(asked, ("undelivered",)).fetchall()
        made.close()
        unknown = [customer(number) for number in range(self._plan.new) if self._plan.unknown(number)]
        assert sorted(rows) == sorted((address, "sent") for address in unknown)
        self._figures.undelivered = len(rows)
