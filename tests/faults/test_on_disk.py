"""Each part that says "it is on disk" is killed at once after it said so, and the power is cut: it is on disk."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.cut_disk import Cut
from tests.faults.power import Power
from tests.faults.running import ROOT

HEAD = """
import os, random, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from gateway.edge.files import LastGood
from gateway.edge.maildir_out import MaildirSender
from gateway.keyring import add_key, load_keys
from gateway.model import Outgoing
from gateway.store.blobs import Blobs
from gateway.store.folders import make_folder, sync_folder

def blob():
    blobs = Blobs(Path('state/blobs'))
    blobs.prepare()
    return blobs.pack(b'x' * 200_000)

def spooled(octets):
    blobs = Blobs(Path('state/blobs'))
    blobs.prepare()
    spool = blobs.spool()
    spool.write(octets)
    return blobs.pack(spool.end())

def keys():
    make_folder(Path('state').absolute())
    load_keys(Path('state'))

def mail(number):
    return Outgoing(number, 1, 'answer', 'kim@customer.example', 'b@desk.example', f'<{number}@desk.example>',
                    b'Subject: x\\r\\n\\r\\nx\\r\\n', 0, datetime.now(UTC))
"""

PARTS = {
    "a folder and all above it": ("make_folder(Path('a/b/c').absolute())", "a/b/c"),
    "a large mail": ("blob()", "state/blobs/*/*"),
    "the same large mail a second time": ("blob(); blob()", "state/blobs/*/*"),
    "a large mail that came in through a file": ("spooled(random.randbytes(200_000))", "state/blobs/*/*"),
    "one that is squeezed": ("spooled(b'x' * 200_000)", "state/blobs/*/*"),
    "the same one that was there": ("blob(); spooled(b'x' * 200_000)", "state/blobs/*/*"),
    "the signing keys": ("keys()", "state/keys"),
    "a new signing key": (
        "make_folder(Path('state').absolute()); load_keys(Path('state')); add_key(Path('state'))",
        "state/keys",
    ),
    "the last good rules": ("LastGood(Path('good')).save({'a': 'b'}, {})", "good"),
    "a mail in a Maildir": ("MaildirSender(Path('boxes').absolute()).send([mail(1)])", "boxes/*/new/*"),
}


@pytest.fixture
def power(tmp_path: Path) -> Power:
    root = tmp_path / "root"
    root.mkdir()
    return Power(root, tmp_path / "power")


def run(power: Power, program: str) -> None:
    environ = power.environ | {"PYTHONPATH": str(ROOT)}
    ending = "\nos.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run(
        [sys.executable, "-c", HEAD + program + ending], cwd=power.root, env=environ, capture_output=True, text=True
    )
    assert done.returncode == -9, done.stderr


def test_what_is_said_to_be_on_disk_is(power: Power) -> None:
    """Each part in a folder of its own, all in one process."""
    run(
        power,
        "".join(
            f"os.mkdir('{n}'); sync_folder(Path('.'))\nos.chdir('{n}')\n{program}\nos.chdir('..')\n"
            for n, (program, _) in enumerate(PARTS.values())
        ),
    )
    there = {part: sorted(power.root.glob(f"{n}/{where}")) for n, (part, (_, where)) in enumerate(PARTS.items())}
    assert {part: len(found) for part, found in there.items()} == dict.fromkeys(PARTS, 1)
    octets = {path: path.read_bytes() for found in there.values() for path in found if path.is_file()}
    power.cut(Cut.ALL_LOST, random.Random(1))
    assert [part for part, found in there.items() if not found[0].exists()] == []
    assert {path: path.read_bytes() for path in octets} == octets


def test_a_folder_that_a_killed_run_left_is_not_taken_for_certain(power: Power) -> None:
    begun = "Blobs(Path('state/blobs')).prepare()\n"
    run(power, begun + "for n in range(256): os.mkdir(f'state/blobs/{n:02x}')")  # and dies before it is synced
    run(power, PARTS["a large mail"][0])
    power.cut(Cut.ALL_LOST, random.Random(1))
    assert len(list(power.root.glob("state/blobs/*/*"))) == 1
