"""One life of the real daemon on the disk that can be cut off, and what must hold on every disk that a cut at any
moment of it may leave: what the world had been told is there, whole; nothing is there twice; nothing is half there."""

from __future__ import annotations

import random
import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.store.blobs import BlobDamaged, Blobs
from tests.faults.cut_disk import Cut, CutDisk, Record, write_image
from tests.faults.load import Load
from tests.faults.power import Power
from tests.faults.running import desk_in, eventually
from tests.servers.faulty_relay import FaultyRelay

_KEPT = re.compile(rb"250 2\.0\.0 kept as (\d+)\r\n")
_TAG = re.compile(rb"\[FLT-(\d+)\]")
_OWN = re.compile(rb"(?:\A|\r\n)Message-ID: (<[^>\r\n]+@desk\.example>)\r\n")


@dataclass
class Told:
    """What has gone out until a moment: nobody can take it back."""

    intakes: set[int] = field(default_factory=set)
    tickets: set[int] = field(default_factory=set)
    mails: set[str] = field(default_factory=set)

    def hear(self, octets: bytes) -> None:
        self.intakes.update(int(number) for number in _KEPT.findall(octets))
        own = _OWN.findall(octets)
        self.mails.update(name.decode() for name in own)
        if own:
            self.tickets.update(int(number) for number in _TAG.findall(octets.partition(b"\r\n\r\n")[0]))


@dataclass
class Life:
    """What was on disk before, and the record of all that was done."""

    before: CutDisk
    records: list[Record]


def live(folder: Path, mails: int) -> Life:
    """A daemon from its first start to its end, with mail in and out, large mail, answers and replies; the log is
    brought into the database, and begun anew, many times."""
    relay = FaultyRelay()
    with relay:
        gateway = desk_in(folder / "desk", relay=relay.port)
        power = Power(gateway.root, folder / "power")
        load = Load(gateway, relay, range(1, mails, 5), range(0, mails, 3))
        try:
            gateway.start(environ=power.environ, program=("-m", "tests.faults.small_log"))
            with load.running():
                for number in range(mails):
                    load.release(number)
                eventually(lambda: load.idle and gateway.settled(), "all is kept and settled", 60)
            assert gateway.stop() == 0
        finally:
            gateway.close()
    return Life(power.before, list(power.records()))


def without_syncs(life: Life, names: str) -> Life:
    """The same life on a disk that lies: whose syncs of files and folders ("…/") with such names did nothing."""
    doubtful, kept = set[int](), list[Record]()
    for record in life.records:
        if record.kind in "CDR":
            name = record.names[-1] + ("/" if record.kind == "D" else "")
            (doubtful.add if re.search(names, name) else doubtful.discard)(record.inode)
        if record.kind not in "be" or record.inode not in doubtful:
            kept.append(record)
    return Life(life.before, kept)


def disks(
    life: Life, root: Path, cuts: Sequence[Cut], chance: random.Random, share: float
) -> Iterator[tuple[str, Told]]:
    """Makes `root` one disk after another that a cut may leave: at that share of all moments, in each of the ways."""
    disk, told = deepcopy(life.before), Told()
    for number, record in enumerate(life.records):
        if record.kind == "S":
            told.hear(record.octets)
            continue
        disk.apply(record)
        if chance.random() < share:
            for cut in cuts:
                write_image(disk.after(cut, chance), root)
                yield f"cut at record {number} ({record.kind}), {cut.value}", told


# --- what must hold ---


def faults_of(state: Path, told: Told) -> list[str]:
    """What is wrong with the state folder, given what the world has been told; opens the database as a start would."""
    database = state / "gateway.sqlite"
    if not database.is_file():
        return [f"no database, and told of {told}"] if told.intakes else []
    made = sqlite3.connect(database)
    try:
        found = [row[0] for row in made.execute("PRAGMA integrity_check")]
        if found != ["ok"]:
            return found
        if not made.execute("SELECT 1 FROM sqlite_master WHERE name = 'intake'").fetchone():
            return [f"no table, and told of {told}"] if told.intakes else []
        return list(_faults(made, Blobs(state / "blobs"), told))
    except sqlite3.Error as error:
        return [f"{type(error).__name__}: {error}"]
    finally:
        made.close()


def _faults(made: sqlite3.Connection, blobs: Blobs, told: Told) -> Iterator[str]:
    def ask(query: str) -> list[Any]:
        return made.execute(query).fetchall()

    states = dict(ask("SELECT id, state FROM intake"))
    tickets = {number for (number,) in ask("SELECT number FROM ticket")}
    mails = ask("SELECT message_id, cause, recipient, kind FROM outbox")
    (following,) = ask("SELECT next FROM ticket_number")[0]
    yield from (f"foreign key: {row}" for row in ask("PRAGMA foreign_key_check"))
    yield from _missing("intake", told.intakes, states)
    yield from _missing("ticket", told.tickets, tickets)
    yield from _missing("mail", told.mails, {name for name, *_ in mails})
    if following <= max(tickets | told.tickets, default=0):
        yield f"the next ticket is {following}, and {max(tickets | told.tickets)} has been given"
    done = {number for number, state in states.items() if state == "done"}
    repeats = {number for (number,) in ask("SELECT intake_id FROM decision WHERE outcome = 'duplicate'")}
    for table, wanted in (("decision", done), ("entry", done - repeats), ("seen", done - repeats)):
        counts = Counter(number for (number,) in ask(f"SELECT intake_id FROM {table} WHERE intake_id IS NOT NULL"))
        if counts != Counter(wanted):
            yield f"{table}: missing {Counter(wanted) - counts}, too many {counts - Counter(wanted)}"
    yield from (f"twice: {mail}" for mail, times in Counter(mail[1:] for mail in mails).items() if times > 1)
    for sha256, codec, content in ask("SELECT sha256, codec, content FROM blob"):
        try:
            blobs.unpack(sha256, codec, content)
        except BlobDamaged as error:
            yield f"octets: {error}"


def _missing(what: str, told: Collection[Any], there: Collection[Any]) -> Iterator[str]:
    lost = sorted(set(told) - set(there))
    if lost:
        yield f"{what} told of and lost: {lost}"
