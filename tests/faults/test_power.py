"""The disk that can be cut off is itself put to the test: it loses what was not synced and keeps what was; with it,
SQLite loses answered rows where it does not sync (so the tests that stand on it can fail) and none where it does."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.faults.cut_disk import Cut
from tests.faults.power import ALL, FILES, FOLDERS, WAL, Power

DIED = -9
HELPERS = """
import os, signal, sqlite3, sys
def write(name, octets, flags=os.O_CREAT, at=None, sync=False):
    fd = os.open(name, os.O_WRONLY | flags, 0o600)
    os.write(fd, octets) if at is None else os.pwrite(fd, octets, at)
    if sync: os.fsync(fd)
    os.close(fd)
def sync(name):
    fd = os.open(name, os.O_RDONLY)
    try: os.fsync(fd)
    finally: os.close(fd)
def die(): os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def power(tmp_path: Path) -> Power:
    root = tmp_path / "root"
    root.mkdir()
    return Power(root, tmp_path / "power")


def run(power: Power, program: str, status: int = DIED) -> list[str]:
    """What the program said; it runs with the root as its folder."""
    done = subprocess.run(
        [sys.executable, "-u", "-c", HELPERS + program],
        cwd=power.root,
        env=power.environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr
    return done.stdout.splitlines()


def files(power: Power) -> dict[str, bytes]:
    return {
        str(path.relative_to(power.root)): path.read_bytes()
        for path in power.root.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }


def cut(power: Power, how: Cut, seed: int = 1) -> dict[str, bytes]:
    power.cut(how, random.Random(seed))
    return files(power)


# --- what is certain ---


def test_only_what_was_synced_is_certain(power: Power) -> None:
    program = """
write('synced', b'all of it', sync=True); write('unsynced', b'nothing'); os.mkdir('folder'); sync('.')
write('nameless', b'octets without a name', sync=True)
write('folder/inner', b'in a folder', sync=True); sync('folder')
write('synced', b'+more', os.O_APPEND)
die()
"""
    run(power, program)
    everything = files(power)
    assert everything["synced"] == b"all of it+more"
    assert everything["nameless"] == b"octets without a name"
    assert cut(power, Cut.ALL_LOST) == {"synced": b"all of it", "unsynced": b"", "folder/inner": b"in a folder"}


def test_names_are_certain_when_their_folder_is_synced(power: Power) -> None:
    for name in ("old", "doomed", "moved"):
        (power.root / name).write_bytes(name.encode())
    (power.root / "folder").mkdir()
    program = """
write('fresh', b'fresh', sync=True); os.rename('fresh', 'old'); os.unlink('doomed')
write('folder/x', b'x', sync=True); os.rename('folder/x', 'folder/y'); os.link('folder/y', 'folder/z')
os.rename('moved', 'folder/moved')
if len(sys.argv) > 1: sync(sys.argv[1])
die()
"""
    before = {"old": b"old", "doomed": b"doomed", "moved": b"moved"}
    after = {"folder/y": b"x", "folder/z": b"x", "folder/moved": b"moved"}
    power.begin()
    run(power, program)
    assert cut(power, Cut.ALL_LOST) == before
    power.begin()
    run(power, program.replace("if len(sys.argv) > 1: sync(sys.argv[1])", "sync('folder')"))
    assert cut(power, Cut.ALL_LOST) == {"old": b"old", "doomed": b"doomed"} | after
    for name, octets in before.items():
        (power.root / name).write_bytes(octets)
    for name in after:
        (power.root / name).unlink(missing_ok=True)
    power.begin()
    run(power, program.replace("if len(sys.argv) > 1: sync(sys.argv[1])", "sync('.')"))
    assert cut(power, Cut.ALL_LOST) == {"old": b"fresh", "folder/moved": b"moved"}


@pytest.mark.parametrize(("how", "unit"), [(Cut.PAGES, 4096), (Cut.TORN, 512)])
def test_any_part_of_what_was_not_synced_may_be_there(power: Power, how: Cut, unit: int) -> None:
    (power.root / "file").write_bytes(b"o" * 64 * 4096)
    power.begin()
    run(power, "write('file', b'n' * 64 * 4096, 0); die()")
    octets = cut(power, how)["file"]
    units = [octets[place : place + unit] for place in range(0, len(octets), unit)]
    assert {bytes(each) for each in units} == {b"o" * unit, b"n" * unit}
    changes = sum(a != b for a, b in pairwise(units))
    assert changes > 5


def test_after_a_sync_that_failed_a_later_one_makes_nothing_certain(power: Power) -> None:
    (power.root / "file").write_bytes(b"old old ")
    power.begin(sync_error=5, sync_kinds=FILES, sync_faults=1)
    program = """
fd = os.open('file', os.O_WRONLY)
os.pwrite(fd, b'NEW NEW ', 0)
try: os.fsync(fd)
except OSError as error: print(error.errno)
os.pwrite(fd, b'new ', 4); os.fsync(fd); os.pwrite(fd, b'+', 8)
print(os.pread(os.open('file', os.O_RDONLY), 99, 0))
die()
"""
    assert run(power, program) == ["5", "b'NEW new +'"]
    assert power.get("given") == 1
    disk = power.disk()
    assert disk.after(Cut.ALL_LOST, random.Random(1)) == {"file": b"old new "}
    assert disk.after(Cut.NOTHING_LOST, random.Random(1)) == {"file": b"NEW new +"}


# --- the record is the disk ---

LIFE = """
import random, tempfile
chance = random.Random(int(sys.argv[1]))
names = [f'{a}/{b}' for a in 'pqr' for b in 'xyz']
for folder in 'pqr': os.mkdir(folder)
for _ in range(400):
    name, other, octets = chance.choice(names), chance.choice(names), chance.randbytes(chance.randrange(1, 9000))
    there = os.path.exists(name)
    what = chance.randrange(9)
    if what == 0: write(name, octets, os.O_CREAT | os.O_TRUNC)
    elif what == 1: write(name, octets, os.O_CREAT | os.O_APPEND)
    elif what == 2: write(name, octets, os.O_CREAT, at=chance.randrange(20000))
    elif what == 3 and there: os.truncate(os.open(name, os.O_WRONLY), chance.randrange(20000))
    elif what == 4 and there and name != other: os.replace(name, other)
    elif what == 5 and there: os.unlink(name)
    elif what == 6 and there and not os.path.exists(other): os.link(name, other)
    elif what == 7 and there: sync(chance.choice([name, name[0], '.']))
    else:
        with open(name, 'ab') as file: file.write(octets)
made = sqlite3.connect('some.db', isolation_level=None)
made.execute('PRAGMA journal_mode=WAL'); made.execute('PRAGMA wal_autocheckpoint=20')
made.execute('CREATE TABLE t (a)')
for _ in range(60): made.execute('INSERT INTO t VALUES (?)', (chance.randbytes(3000),))
"""


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_record_makes_the_same_disk(power: Power, seed: int) -> None:
    """Every way in which Python and SQLite change files is seen, or the record would differ from the disk."""
    run(power, LIFE.replace("sys.argv[1]", repr(seed)) + "die()")
    image = power.disk().after(Cut.NOTHING_LOST, random.Random(1))
    assert {name: octets for name, octets in image.items() if octets is not None} == files(power)
    assert len(image) > 5


@pytest.mark.parametrize(
    "call",
    [
        "import mmap; write('f', b'x' * 9); mmap.mmap(os.open('f', os.O_RDWR), 9)",
        "os.writev(os.open('f', os.O_WRONLY | os.O_CREAT), [b'x'])",
        "os.mkdir('d'); os.rename('d', 'e')",
        "os.symlink('a', 'b')",
        "write('f', b'x'); os.copy_file_range(os.open('f', os.O_RDONLY), os.open('g', os.O_WRONLY | os.O_CREAT), 1)",
    ],
)
def test_what_is_not_modelled_is_not_passed_over(power: Power, call: str) -> None:
    run(power, call + "; die()")
    with pytest.raises(AssertionError, match="not modelled"):
        power.disk()


# --- SQLite on it ---

ROWS = """
made = sqlite3.connect('some.db', isolation_level=None)
made.execute('PRAGMA journal_mode=WAL'); made.execute('PRAGMA synchronous=MODE')
made.execute('PRAGMA wal_autocheckpoint=50')
made.execute('CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b)')
for number in range(150):
    made.execute('INSERT INTO t (b) VALUES (?)', (os.urandom(700).hex(),))
    print(made.execute('SELECT max(a) FROM t').fetchone()[0], flush=True)
die()
"""


def rows(power: Power) -> list[int]:
    made = sqlite3.connect(power.root / "some.db")
    assert made.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    has = made.execute("SELECT 1 FROM sqlite_master WHERE name = 't'").fetchone()
    found = [row[0] for row in made.execute("SELECT a FROM t ORDER BY a")] if has else []
    made.close()
    return found


def test_sqlite_that_does_not_sync_loses_what_it_answered(power: Power) -> None:
    said = [int(line) for line in run(power, ROWS.replace("MODE", "NORMAL"))]
    power.cut(Cut.ALL_LOST, random.Random(1))
    assert len(said) == 150
    assert len(rows(power)) < 150


def test_sqlite_that_syncs_loses_nothing(power: Power) -> None:
    for seed, how in enumerate(Cut):
        power.begin()
        said = [int(line) for line in run(power, ROWS.replace("MODE", "FULL"))]
        power.cut(how, random.Random(seed))
        assert rows(power) == list(range(1, said[-1] + 1))


def test_sqlite_loses_what_it_answered_on_a_disk_that_lies(power: Power) -> None:
    power.begin(lies=WAL)
    said = [int(line) for line in run(power, ROWS.replace("MODE", "FULL"))]
    power.cut(Cut.ALL_LOST, random.Random(1))
    assert len(rows(power)) < len(said)


# --- death and faults ---


@pytest.mark.parametrize(("after", "left"), [(0, b"1"), (1, b"12")])
def test_death_at_a_sync(power: Power, after: int, left: bytes) -> None:
    power.begin(die_at_sync=4, die_after=after)
    run(
        power,
        "write('f', b'', sync=True); sync('.')\nfor n in (b'1', b'2', b'3'): write('f', n, os.O_APPEND, sync=True)",
    )
    assert power.get("syncs") == 4
    assert files(power) == {"f": b"12"}
    assert cut(power, Cut.ALL_LOST) == {"f": left}


def test_death_in_a_write_leaves_half_of_it(power: Power) -> None:
    power.begin(die_at_write=2)
    run(power, "for _ in range(9): write('f', b'1234', os.O_CREAT | os.O_APPEND)")
    assert files(power) == {"f": b"123412"}
    assert cut(power, Cut.NOTHING_LOST) == {"f": b"123412"}


def test_writes_fail_and_fall_short(power: Power) -> None:
    power.begin(write_error=28, write_kinds=ALL, write_faults=1, write_short=1)
    program = """
fd = os.open('f', os.O_WRONLY | os.O_CREAT)
print(os.write(fd, b'123456'))
try: os.write(fd, b'456')
except OSError as error: print(error.errno)
print(os.write(fd, b'456'))
"""
    assert run(power, program, 0) == ["3", "28", "3"]
    assert files(power) == {"f": b"123456"}
    power.begin(write_kinds=ALL, write_faults=1, write_short=1)
    assert run(power, "print(os.write(os.open('f', os.O_WRONLY), b'123456'))", 0) == ["3"]
    assert power.get("given") == 1


def test_kinds_of_files_are_told_apart(power: Power) -> None:
    power.begin(sync_error=5, sync_kinds=FOLDERS, sync_faults=-1)
    program = """
write('f', b'x', sync=True)
try: sync('.')
except OSError as error: print(error.errno)
"""
    assert run(power, program, 0) == ["5"]
