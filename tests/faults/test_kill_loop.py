"""kill -9 of the whole tree before, in and after commits and between relay and mark (laws 1 to 3): nothing is lost,
nothing is there twice, each customer is acknowledged once and answered once."""

from __future__ import annotations

import email
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from email.message import Message
from itertools import islice
from pathlib import Path

import pytest

from gateway.demo.letters import plain_text
from tests.faults.load import Load, customer, is_acknowledgement
from tests.faults.running import AGENT, Gateway, desk_in, eventually, id_of, places
from tests.servers.faulty_relay import FaultyRelay

NEW = 150  # first mails of customers
REPLIED, ANSWERED = range(0, NEW, 3), range(1, NEW, 5)
LONGEST = 8.0  # seconds until a moment that is not reached becomes a kill at any moment

MOMENTS = [(moment, kind) for moment in ("begin", "written", "committed") for kind in ("keep", "commit", "sent")]
KILLS = 24


class World:
    """The relay that sometimes loses its 250, and that can pull the plug while it has a mail and has not said so."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.doomed: Gateway | None = None
        self.left = 0
        self._lock = threading.Lock()

    def dot(self, relay: FaultyRelay) -> str:
        with self._lock:
            if self.doomed is not None:
                self.left -= 1
                if self.left == 0:
                    doomed, self.doomed = self.doomed, None
                    doomed.kill()
                    return "!keep-drop"
            return "!keep-drop" if self.chance.random() < 0.06 else ""


def traced(call: str, number: int) -> list[str]:
    """strace that kills at the Nth such call of a thread: in the middle of SQLite's writing and syncing."""
    strace = shutil.which("strace")
    usable = strace and subprocess.run([strace, "-f", "-o", os.devnull, "true"], capture_output=True).returncode == 0
    inject = ["-f", "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
    return [str(strace), *inject] if usable else []


def plan(gateway: Gateway, world: World) -> list[Callable[[], bool]]:
    """One way to launch and to die for each kill; a way says whether a kill at any moment is to follow soon."""

    def dying(moment: str, kind: str, number: int) -> Callable[[], bool]:
        def launch() -> bool:
            gateway.launch(program=("-m", "tests.faults.dying", moment, kind, str(number)))
            return False

        return launch

    def tracing(call: str, number: int) -> Callable[[], bool]:
        def launch() -> bool:
            before = traced(call, number)
            gateway.launch(before=before)
            return not before

        return launch

    def relayed(number: int) -> Callable[[], bool]:
        def launch() -> bool:
            gateway.launch()
            world.left, world.doomed = number, gateway
            return False

        return launch

    def any_moment() -> bool:
        gateway.launch()
        return True

    ways = [dying(moment, kind, 1 + place % 3) for place, (moment, kind) in enumerate(MOMENTS)]
    ways += [dying("handed", "-", 1), dying("handed", "-", 3), relayed(1), relayed(4), relayed(7)]
    ways += [tracing("pwrite64", 25), tracing("fdatasync", 6)]
    ways += [any_moment] * (KILLS - len(ways))
    world.chance.shuffle(ways)
    return ways


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_hundred_mails_and_two_dozen_kills(tmp_path: Path) -> None:
    chance = random.Random(20)
    world = World(chance)
    with FaultyRelay({"DOT": world.dot}) as relay:
        gateway = desk_in(tmp_path / "desk", relay=relay.port)
        load = Load(gateway, relay, ANSWERED, REPLIED)  # type: ignore[arg-type]  # ranges of numbers
        numbers = iter(range(NEW))
        try:
            with load.running():
                for launch in plan(gateway, world):
                    soon = launch()
                    for number in islice(numbers, NEW // KILLS + 1):
                        load.release(number)
                    wait_for_the_kill(gateway, chance, soon)
                    world.doomed = None
                for number in numbers:
                    load.release(number)
                gateway.start()
                eventually(lambda: load.idle and gateway.settled(), "all is kept and settled", 60)
            check(gateway, load, relay)
            assert gateway.stop() == 0
            assert gateway.sound()
        finally:
            gateway.close()


def wait_for_the_kill(gateway: Gateway, chance: random.Random, soon: bool) -> None:
    """A chosen moment comes by itself; otherwise, or if it does not come, any moment while there is work."""
    if gateway.ready():
        end = time.monotonic() + (chance.uniform(0.0, 0.5) if soon else LONGEST)
        while gateway.returncode is None and time.monotonic() < end:
            time.sleep(0.005)
    gateway.kill()
    assert gateway.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), gateway.log()[-2000:]


def check(gateway: Gateway, load: Load, relay: FaultyRelay) -> None:
    tickets = gateway.tickets()
    where = places(tickets)
    assert len(load.kept) == NEW + len(REPLIED) + len(ANSWERED) >= 200
    assert load.tries > len(load.kept), "no kill hit a mail on its way"
    assert {name: found for name in load.kept if len(found := where.get(name, [])) != 1} == {}
    assert len(tickets) == NEW
    assert [n for n in REPLIED if where[id_of(f"r{n}")] != where[id_of(n)]] == []
    assert [n for n in ANSWERED if where[id_of(f"a{n}")] != where[id_of(n)]] == []
    assert gateway.quarantined() == []
    status = gateway.json("status")
    assert (status["status"]["waiting"], status["status"]["outbox_depth"]) == (0, 0)
    assert status["health"]["reasons"] == []
    assert gateway.health()[0] == 200
    check_mail(relay)


def check_mail(relay: FaultyRelay) -> None:
    """A mail that went out again is the same mail, octet for octet; without repeats each has come once."""
    distinct: dict[tuple[str, str], bytes] = {}
    for taken in relay.taken:
        name = (taken.recipient, str(email.message_from_bytes(taken.data)["Message-ID"]))
        assert distinct.setdefault(name, taken.data) == taken.data
    assert len(relay.taken) > len(distinct), "no 250 of the relay was lost"
    came: dict[str, list[Message]] = defaultdict(list)
    for (recipient, _), raw in distinct.items():
        came[recipient].append(email.message_from_bytes(raw))
    for number in range(NEW):
        mails = came[customer(number)]
        assert sum(map(is_acknowledgement, mails)) == 1, f"customer {number}"
        answers = [mail for mail in mails if f"The answer to number {number}: done." in plain_text(mail)]
        assert len(answers) == (number in ANSWERED), f"customer {number}"
        assert len(mails) == 1 + len(answers), f"customer {number}"
        assert is_acknowledgement(mails[0])  # people read in order
    told = [mail for mail in came[AGENT] if str(mail["In-Reply-To"]) in {id_of(n) for n in range(NEW)}]
    assert {str(mail["In-Reply-To"]) for mail in told} == {id_of(n) for n in range(NEW)}
