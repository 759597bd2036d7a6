"""Backup and restore: one file that is the whole desk, whatever its engine; see `edge/archive` for what is in it.

Not in it: gateway.yaml, secrets, the folders of rules and templates (the last good ones are). `about` names them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from gateway.build import only_one, prepared_store
from gateway.edge.archive import ABOUT, Archive, ArchiveProblem, ArchiveWriter
from gateway.edge.files import write_atomic
from gateway.settings import Settings
from gateway.store.dump import Snapshot, snapshot
from gateway.store.errors import StoreRefused
from gateway.store.refill import Refill, Refilled, not_empty, tables
from gateway.store.schema import KNOWN_REVISIONS, REVISION
from gateway.store.store import Store, open_store

KEYS = "keys"
STATE_FILES = (KEYS, "rules.last-good.json")  # of the state folder; the keys first: without them no reply finds home
_MOVE = "a backup is restored into nothing: stop the daemon and move {} (and a PostgreSQL database) out of the way"
Tell = Callable[[str, int, int], None]
"""Progress: what is being done, how much of it, of how much."""


class NotRestored(Exception):
    """Why nothing was restored. What was there is as it was."""


@dataclass(frozen=True, slots=True)
class Made:
    """A finished backup. `damage`: what could not be saved, for people; empty is what it should be."""

    size: int
    taken: datetime
    rows: Mapping[str, int]
    files: int
    damage: Sequence[str]


def back_up(settings: Settings, config: Path, path: Path, tell: Tell) -> Made:
    """Writes the archive beside a running daemon or without one. Damage is told and does not end it: half a mail less
    is better than no backup. Raises what `open_store` raises, and OSError."""
    store = open_store(settings.database_url, settings.state_dir, lock=False, read_only=True)
    with closing(store), snapshot(store) as moment:
        taken, counts = datetime.now(UTC), moment.counts()
        about = {
            "program": version("mail-ticket-gateway"),
            "schema": REVISION,
            "taken": int(taken.timestamp()),
            "taken_at": taken.isoformat(timespec="seconds"),
            "prefix": settings.desk.prefix,
            "engine": settings.database_url.partition(":")[0],
            "not_included": [str(config.absolute()), str(settings.rules_dir), str(settings.templates_dir)],
            "tables": {t.name: {"columns": list(t.c.keys()), "rows": counts[t.name]} for t in tables()},
        }
        with ArchiveWriter(path, about) as archive:
            damage = _add_state(archive, settings.state_dir)
            _add_tables(archive, moment, counts, tell)
            files, lost = _add_large(archive, moment, tell)
            damage += [*moment.damaged, *lost]
            size = archive.finish(damage=damage)
    return Made(size, taken, counts, files, damage)


def _add_state(archive: ArchiveWriter, folder: Path) -> list[str]:
    damage: list[str] = []
    for name in STATE_FILES:
        try:
            archive.add(f"state/{name}", (folder / name).read_bytes())
        except FileNotFoundError:
            if name == KEYS:
                damage.append(f"{folder / name} is missing: without it no reply to mail sent so far finds its ticket")
    return damage


def _add_tables(archive: ArchiveWriter, moment: Snapshot, counts: Mapping[str, int], tell: Tell) -> None:
    for table in tables():
        done = 0
        tell(table.name, done, counts[table.name])
        for number, part in enumerate(moment.parts(table), 1):
            archive.add(f"tables/{table.name}/{number:06}", part.octets)
            done += part.rows
            tell(table.name, done, counts[table.name])


def _add_large(archive: ArchiveWriter, moment: Snapshot, tell: Tell) -> tuple[int, list[str]]:
    """How many were added, and what is lost."""
    files, lost, total = 0, list[str](), moment.large_count()
    for large in moment.large():
        if large.content is None:
            mails = ", ".join(map(str, moment.named_by(large.sha256))) or "of the outbox"
            lost.append(f"large mail {mails}: {large.damage}")
            continue
        archive.add(f"blobs/{large.sha256.hex()}", large.content)
        files += 1
        tell("large mail", files, total)
    return files, lost


# --- the way back ---------------------------------------------------------------------------------------------------


def verify(path: Path, tell: Tell) -> dict[str, Any]:
    """Reads the archive from end to end and gives what it says of itself. Raises ArchiveProblem, OSError."""
    with closing(Archive(path, lambda done, size: tell("checking", done, size))) as archive:
        contents = _Contents(archive, path, tell)
        for _, octets in contents.lines():
            for line in octets.splitlines():
                json.loads(line)
        files = sum(1 for _ in contents.large())
        return {**{name: value for name, value in archive.manifest.items() if name != "members"}, "files": files}


def restore(settings: Settings, path: Path, tell: Tell) -> tuple[Refilled, dict[str, Any]]:
    """Fills an empty database and state folder of either engine; the desk is on hold from then on. The archive is
    checked whole before anything is written, and the database has all of it or nothing. What `restore` gives: what
    came of it, and what the archive says of itself. Raises ArchiveProblem, NotRestored, OSError, the store's errors."""
    with closing(Archive(path, lambda done, size: tell("checking", done, size))) as archive:
        _fits(archive.about, settings, path)
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _become_owner(settings.state_dir)
        with closing(only_one(settings.state_dir)):
            return _restore(settings, archive, path, tell), dict(archive.manifest)


def _fits(about: Mapping[str, Any], settings: Settings, path: Path) -> None:
    if about["schema"] not in KNOWN_REVISIONS:
        raise NotRestored(
            f"{path}: its schema is {about['schema']}, this program's is {REVISION}; it was made by version "
            f"{about['program']}: restore it with that one or a later one"
        )
    if about["prefix"] != settings.desk.prefix:
        raise NotRestored(
            f"{path}: it is of the desk {about['prefix']}, gateway.yaml says desk.prefix: {settings.desk.prefix}; with "
            f"another prefix no mail that is out finds its ticket"
        )


def _become_owner(folder: Path) -> None:
    """Root goes on as the user whose folder it is: what is restored must be the daemon's to write."""
    owner = folder.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.setgroups([])
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)


def _restore(settings: Settings, archive: Archive, path: Path, tell: Tell) -> Refilled:
    kept = {name: octets for name, octets in _state_files(archive) if name in STATE_FILES}
    keys = settings.state_dir / KEYS
    if keys.exists() and keys.read_bytes() != kept.get(KEYS):
        raise NotRestored(f"{keys} holds other signing keys than the backup; {_MOVE.format(settings.state_dir)}")
    store = prepared_store(settings)
    with closing(store):
        with store.parts.read() as connection:
            found = not_empty(connection)
        if found:
            told = f"the database is not empty (rows in {', '.join(found)})"
            raise NotRestored(f"{told}; {_MOVE.format(settings.state_dir)}")
        for name, octets in kept.items():  # before the database: a desk with rows and without its keys must never start
            write_atomic(settings.state_dir / name, octets)
        return _refill(store, archive, path, tell)


def _state_files(archive: Archive) -> Iterator[tuple[str, bytes]]:
    """They come first."""
    for name, octets in archive.members():
        kind, _, file = name.partition("/")
        if kind != "state":
            return
        yield file, octets


def _refill(store: Store, archive: Archive, path: Path, tell: Tell) -> Refilled:
    taken, now = datetime.fromtimestamp(archive.about["taken"], UTC), datetime.now(UTC)
    job = Refill(_Contents(archive, path, tell), store.parts.blobs, taken, now, _record(archive.about, now))
    try:
        done: Refilled = store.parts.write("refill", job).result()
    except StoreRefused as error:
        raise NotRestored(f"{path}: {error}") from error
    return done


def _record(about: Mapping[str, Any], now: datetime) -> bytes:
    """What stands in the intake as the restore itself."""
    lines = [
        "Subject: This desk was restored from a backup",
        f"Date: {now.strftime('%a, %d %b %Y %H:%M:%S +0000')}",
        "",
        f"Backup of {about['taken_at']} by version {about['program']} ({about['engine']}), restored {now.isoformat()}.",
        "",
    ]
    return "\r\n".join(lines).encode()


class _Contents:
    """The archive as the store is given it; the rows are counted on the way."""

    def __init__(self, archive: Archive, path: Path, tell: Tell) -> None:
        self._tables: Mapping[str, Any] = archive.about["tables"]
        self._archive, self._members = archive, archive.members()
        self._path, self._tell = path, tell
        self._ahead: list[tuple[str, bytes]] = []

    def columns(self) -> dict[str, list[str]]:
        return {name: list(table["columns"]) for name, table in self._tables.items()}

    def lines(self) -> Iterator[tuple[str, bytes]]:
        counted = dict.fromkeys(self._tables, 0)
        self._members, self._ahead = self._archive.members(), []  # from the beginning: a transaction may be tried again
        for name, octets in self._members:
            kind, _, rest = name.partition("/")
            if kind == "blobs":
                self._ahead.append((name, octets))
                break
            table = rest.partition("/")[0]
            if kind == "tables":
                yield table, octets
                counted[table] = counted.get(table, 0) + octets.count(b"\n")
                self._tell(table, counted[table], self._tables.get(table, {}).get("rows", 0))
        wrong = [name for name, table in self._tables.items() if counted[name] != table["rows"]]
        if wrong or counted.keys() - self._tables.keys():
            raise ArchiveProblem(f"{self._path}: other numbers of rows than {ABOUT} says in {', '.join(wrong)}")

    def large(self) -> Iterator[tuple[bytes, bytes]]:
        for number, (name, octets) in enumerate(chain(self._ahead, self._members), 1):
            yield bytes.fromhex(name.removeprefix("blobs/")), octets
            self._tell("large mail", number, 0)
