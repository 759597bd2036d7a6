"""A disk that fails to sync and to write (faults 9 and 10): 451 while it does, never 250 for what is not on disk, and
nothing lost or doubled when it is well again, nor when the power is cut then."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.crawl import Life, disks, faults_of
from tests.faults.cut_disk import Cut
from tests.faults.power import ALL, DATABASE, FILES, FOLDERS, WAL, Power
from tests.faults.running import Gateway, NotKept, desk_in, eventually, id_of, letter, mailbox, places

LARGE = "x" * 70 + "\n"

# what fails → which mails are refused meanwhile ("small" ones are kept in the database, "large" ones in a file)
FAULTS: dict[str, tuple[dict[str, int], str]] = {
    "every sync of the log fails": ({"sync_error": errno.EIO, "sync_kinds": WAL, "sync_faults": -1}, "small large"),
    "syncs of files fail": ({"sync_error": errno.EIO, "sync_kinds": FILES, "sync_faults": -1}, "large"),
    "syncs of folders fail": ({"sync_error": errno.EIO, "sync_kinds": FOLDERS, "sync_faults": -1}, "large"),
    "writes of the log fail": ({"write_error": errno.EIO, "write_kinds": WAL, "write_faults": -1}, "small large"),
    "writes of files fail": ({"write_error": errno.EIO, "write_kinds": FILES, "write_faults": -1}, "large"),
    "all writes fall short, then fail": (
        {"write_error": errno.EIO, "write_kinds": ALL, "write_faults": -1, "write_short": 1},
        "small large",
    ),
    "all writes fall short": ({"write_kinds": ALL, "write_faults": -1, "write_short": 1}, ""),
}
CHECKPOINTS = {  # the log is to be moved into the database, after the COMMIT: mail is kept, and goes on being worked on
    "writes of the database fail": {"write_error": errno.EIO, "write_kinds": DATABASE, "write_faults": -1},
    "syncs of the database fail": {"sync_error": errno.EIO, "sync_kinds": DATABASE, "sync_faults": -1},
    "writes of the database fall short, then fail": (
        {"write_error": errno.EIO, "write_kinds": DATABASE, "write_faults": -1, "write_short": 1}
    ),
}
OFTEN = ("-m", "tests.faults.altered", "gateway.store.sqlite:WAL_PAGES=8", "--")  # a checkpoint with nearly each COMMIT
WELL = dict.fromkeys(("sync_error", "sync_faults", "write_error", "write_faults", "write_short"), 0)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = desk_in(tmp_path / "desk")
    yield made
    made.close()


@pytest.fixture
def power(gateway: Gateway, tmp_path: Path) -> Power:
    return Power(gateway.root, tmp_path / "power")


def customer(name: str) -> str:
    return f"customer{name}@customer.example"


def mail(name: str) -> bytes:
    return letter(name, f"mail {name}\n" + LARGE * (2500 if name.endswith("large") else 1))


def refusal(gateway: Gateway, name: str) -> str:
    """What is said instead of 250; "" if the mail is kept."""
    try:
        gateway.send(mail(name), mail_from=customer(name))
    except NotKept as error:
        return str(error)
    return ""


@pytest.mark.timeout(180)
def test_each_way_to_fail_is_451_and_nothing_is_lost(gateway: Gateway, power: Power, tmp_path: Path) -> None:
    gateway.start(environ=power.environ, program=OFTEN)
    names: list[str] = []
    for number, (what, (fault, refused)) in enumerate(FAULTS.items()):
        sizes = {size: f"{number}{size}" for size in ("small", "large")}
        gateway.send(letter(f"before{number}"), mail_from=customer(f"before{number}"))  # is at work when it begins
        power.set(**fault)
        for size, name in sizes.items():
            said = refusal(gateway, name)
            assert said.startswith("451 4.3.0") if size in refused else said == "", (what, size, said)
        assert power.get("given") > 0, what
        power.set(**WELL, given=0)
        for name in sizes.values():
            eventually(lambda name=name: not refusal(gateway, name), f"{name} is kept after: {what}")
        names += [f"before{number}", *sizes.values()]
    names += under_load(gateway, power)
    gateway.settle(60)
    check(gateway, names)
    gateway.kill()
    life = Life(power.before, list(power.records()))
    moments = disks(life, tmp_path / "disk", [Cut.ALL_LOST, Cut.TORN], random.Random(5), 25 / len(life.records))
    assert [found for found in (faults_of(tmp_path / "disk" / "state", told) for _, told in moments) if found] == []
    power.cut(Cut.ALL_LOST, random.Random(1))
    check_the_end_and_the_start(gateway, power, names)


def under_load(gateway: Gateway, power: Power) -> list[str]:
    """Mails sent while no checkpoint comes to an end; their names."""
    names: list[str] = []
    for number, (what, fault) in enumerate(CHECKPOINTS.items()):
        some = [f"c{number}-{place}{'large' if place == 3 else ''}" for place in range(8)]
        power.set(**fault)
        with ThreadPoolExecutor(4) as senders:
            assert list(senders.map(lambda name: refusal(gateway, name), some)) == [""] * len(some), what
        eventually(lambda: power.get("given") > 3, what)
        gateway.settle(60)  # also what comes of them is written
        power.set(**WELL, given=0)
        names += some
    return names


def check_the_end_and_the_start(gateway: Gateway, power: Power, names: list[str]) -> None:
    """The last connection brings the log into the database: if that fails, the log stays. A disk that fails at the
    start is told, and is the end."""
    power.begin()
    gateway.start(environ=power.environ)
    check(gateway, names)
    power.set(sync_error=errno.EIO, sync_kinds=DATABASE, sync_faults=-1)
    assert gateway.stop() == 0
    assert power.get("given") > 0
    power.cut(Cut.ALL_LOST, random.Random(2))
    power.begin(sync_error=errno.EIO, sync_kinds=ALL, sync_faults=-1)
    gateway.launch(environ=power.environ)
    assert gateway.end() == 2
    assert "Traceback" not in gateway.log().rpartition("stopping")[2]
    power.cut(Cut.ALL_LOST, random.Random(3))
    gateway.start()
    check(gateway, names)
    assert gateway.stop() == 0
    assert gateway.sound()


def check(gateway: Gateway, names: list[str]) -> None:
    where = places(gateway.tickets())
    assert {name: len(where.get(id_of(name), [])) for name in names} == dict.fromkeys(names, 1)
    assert len(where) == len(names)
    assert {name: len(mailbox(gateway, customer(name))) for name in names} == dict.fromkeys(names, 1)
    assert gateway.quarantined() == []
