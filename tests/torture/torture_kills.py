"""The long forms of the kill and power tests: every sync, every moment of the record, a thousand mails and sixty
kills. `make torture` runs them; one alone with

    .venv/bin/python -m pytest -o python_files='torture_*.py' tests/torture/torture_kills.py -k sixty
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults.crawl import disks, faults_of, live
from tests.faults.cut_disk import Cut
from tests.faults.kill_loop import KillLoop, Plan
from tests.faults.migrating import MIGRATIONS, check_first, check_later, crawl, later_migrations, life_of, with_tickets
from tests.faults.power import Power
from tests.faults.restarts import Restarts
from tests.faults.running import Gateway, NotKept, desk_in, eventually, id_of, letter, mailbox, places
from tests.torture.progress import Progress

Told = Callable[[str], Progress]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """Progress under a title."""
    return partial(Progress, capsys)


LARGE = ("x" * 70 + "\n") * 2500
FAULTS_OF_THE_RELAY = {"lost_250": 0.04, "refused": 0.04, "dropped": 0.04, "no_such_user": 40}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("cut", Cut, ids=lambda cut: cut.value.replace(" ", "-"))
def test_a_thousand_mails_and_sixty_kills(tmp_path: Path, told: Told, cut: Cut, seed: int) -> None:
    """Law 1 to 3 with every kind of cut and a relay that loses its 250s, refuses, hangs up, greylists, and does not
    know some people."""
    plan = Plan(new=660, kills=60, seed=seed, cuts=[cut], greylisting=seed % 2 == 0, **FAULTS_OF_THE_RELAY)  # type: ignore[arg-type]  # as named
    progress = told(f"kills, {cut.value}, seed {seed}")
    figures = KillLoop(plan, tmp_path, progress.tell).run()
    progress.result(str(figures))
    assert figures.mails >= 1000
    assert figures.kills == 60
    assert figures.undelivered > 0


@pytest.mark.timeout(3600)
def test_a_cut_at_every_moment_of_a_life(tmp_path: Path, told: Told) -> None:
    """Every line of the record, and of each every kind of cut."""
    progress = told("cuts at every moment")
    life = live(tmp_path, 36)
    seen = 0
    for seen, (what, world) in enumerate(disks(life, tmp_path / "disk", list(Cut), random.Random(8), 1.0), 1):
        assert faults_of(tmp_path / "disk" / "state", world) == [], what
        if seen % 50 == 0:
            progress.tell(f"{seen} of {4 * len(life.records)} disks")
    progress.result(f"{seen} disks that a cut may leave, {len(life.records)} lines of record, nothing lost")
    assert seen > 1000


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("after", [0, 1], ids=["before", "after"])
def test_killed_at_every_sync(tmp_path: Path, told: Told, after: int) -> None:
    """The daemon dies at its first sync, then at its second, and so on, from the very first start of a desk on; until
    a life comes to its end in peace. Each time the disk is cut off and the next life makes all good."""
    progress = told(f"kill {'after' if after else 'before'} each sync")
    number, deaths, chance = 0, 0, random.Random(after)
    while True:
        number += 1
        root = tmp_path / str(number)
        gateway = desk_in(root / "desk")
        power = Power(gateway.root, root / "power")
        power.set(die_at_sync=number, die_after=after)
        try:
            gateway.launch(environ=power.environ)
            said = gateway.ready() and _sent_and_settled(gateway)
            died = gateway.returncode is not None
            gateway.kill()
            power.cut(chance.choice(list(Cut)), chance)
            gateway.start()
            if not said:
                eventually(partial(_kept, gateway), "the sender's retry is kept")
            gateway.settle()
            assert {name: len(found) for name, found in places(gateway.tickets()).items()} == {id_of(1): 1}
            assert len(mailbox(gateway, "customer1@customer.example")) == 1
            assert gateway.stop() == 0
            assert gateway.sound()
        finally:
            gateway.close()
        progress.tell(f"sync {number}")
        if not died:
            break
        deaths += 1
    progress.result(f"{deaths} deaths, one at each sync, nothing lost and nothing twice")
    assert deaths > 25


def _kept(gateway: Gateway) -> bool:
    try:
        return bool(gateway.send(letter(1, LARGE), mail_from="customer1@customer.example"))
    except NotKept:
        return False


def _sent_and_settled(gateway: Gateway) -> bool:
    """Whether the mail was kept before the daemon died; waits until it has died or nothing is left to do."""
    said = _kept(gateway)

    def over() -> bool:
        if gateway.returncode is not None:
            return True
        try:
            return bool(gateway.settled())
        except OSError:
            return False

    eventually(over, "it dies or all is done")
    return said


@pytest.mark.timeout(3600)
def test_term_a_hundred_times(tmp_path: Path, told: Told) -> None:
    progress = told("SIGTERM")
    gateway = desk_in(tmp_path / "desk")
    restarts = Restarts(gateway, tmp_path / "power", 100)
    try:
        restarts.run(progress.tell)
    finally:
        gateway.close()
    progress.result(f"100 ends under load, {len(restarts.kept)} mails kept, none lost, none twice")


@pytest.mark.timeout(3600)
def test_a_migration_cut_at_every_moment(tmp_path: Path, told: Told) -> None:
    progress, state = told("migration"), tmp_path / "state"
    state.mkdir()
    life, _ = life_of(state, MIGRATIONS, tmp_path / "power")
    first = crawl(
        life, tmp_path / "disk", [Cut.NOTHING_LOST, Cut.ALL_LOST, Cut.TORN], 1.0, 1, check_first, progress.tell
    )
    progress.tell(f"{first} disks, to the first schema")
    later = tmp_path / "later"
    later.mkdir()
    with_tickets(later)
    migrations = later_migrations(tmp_path)
    life, _ = life_of(later, migrations, tmp_path / "power")
    check = partial(check_later, migrations=migrations)
    second = crawl(life, tmp_path / "disk", list(Cut), 1.0, 1, check, progress.tell)
    progress.result(f"{first} disks to the first schema, {second} to a later one with mail in it, each reached")
    assert first > 200
    assert second > 100


@pytest.mark.timeout(3600)
def test_a_migration_killed_at_every_sync(tmp_path: Path, told: Told) -> None:
    progress = told("migration killed")
    migrations, number, died = later_migrations(tmp_path), 0, True
    while died:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        with_tickets(folder)
        _, status = life_of(folder, migrations, tmp_path / "power", die_at_sync=number)
        check_later(folder, migrations)
        died = status != 0
        progress.tell(f"sync {number}")
    progress.result(f"killed at each of {number - 1} syncs, completed each time")
    assert number > 2
