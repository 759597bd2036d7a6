"""The IMAP ledger: what became of each UID, and how far each folder has been read (G2, law 2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from gateway.model import FolderProof, LedgerRow
from gateway.store import schema
from gateway.store.raw import Lookup
from gateway.store.sets import insert_for, or_nothing, upsert

if TYPE_CHECKING:
    from gateway.store.store import Store

_l = schema.imap_ledger.c
_f = schema.imap_folder.c
_KEYS = ["mailbox", "folder", "uidvalidity", "uid"]
_of = [_l[name] == sa.bindparam(name, type_=_l[name].type) for name in _KEYS[:3]]
_OUTCOMES = Lookup(sa.select(_l.uid, _l.outcome).where(*_of), _l.uid)
_MARKS = Lookup(sa.select(_l.uid, _l.mark).where(*_of, _l.outcome == "kept", _l.mark != 0), _l.uid)


@dataclass(frozen=True, slots=True)
class FolderMark:
    """How far a folder has been read. `cutoff` None: only `highest` moves, and only upwards."""

    mailbox: str
    folder: str
    uidvalidity: int
    highest: int
    cutoff: int | None = None
    since: datetime | None = None


class StoreLedger:
    """The ledger as the IMAP edge is given it. A future is done when the commit is; look-ups are immediate."""

    def __init__(self, store: Store) -> None:
        self._parts = store.parts

    def state(self, mailbox: str, folder: str) -> tuple[int, int, int, datetime] | None:
        """(uidvalidity, highest, cutoff, since) as `begin` and `advance` set them."""
        with self._parts.read() as connection:
            return folder_mark(connection, mailbox, folder)

    def begin(
        self, mailbox: str, folder: str, uidvalidity: int, highest: int, cutoff: int, since: datetime
    ) -> Future[None]:
        """Sets the folder's state, replacing one of another UIDVALIDITY; its rows stay."""
        return self._parts.write("folders", FolderMark(mailbox, folder, uidvalidity, highest, cutoff, since))

    def advance(self, mailbox: str, folder: str, uidvalidity: int, highest: int) -> Future[None]:
        """Every UID up to `highest` has its outcome. No effect under another UIDVALIDITY."""
        return self._parts.write("folders", FolderMark(mailbox, folder, uidvalidity, highest))

    def known(self, mailbox: str, folder: str, uidvalidity: int, uids: Sequence[int]) -> Mapping[int, str]:
        """The outcome of each of these UIDs that has one."""
        with self._parts.read() as connection:
            return outcomes(connection, mailbox, folder, uidvalidity, uids)

    def marks(self, mailbox: str, folder: str, uidvalidity: int, uids: Sequence[int]) -> Mapping[int, int]:
        """The mark of each of these UIDs that was kept with one."""
        with self._parts.read() as connection:
            return marks(connection, mailbox, folder, uidvalidity, uids)

    def prove(self, proof: FolderProof) -> Future[None]:
        """Writes down what a comparison of a whole folder found, in place of the last one."""
        return self._parts.write("proofs", proof)

    def proofs(self) -> list[FolderProof]:
        """What the last comparison of each folder found, by mailbox and folder."""
        with self._parts.read() as connection:
            return proofs(connection)

    def put(self, rows: Sequence[LedgerRow]) -> Future[None]:
        """Writes rows that come with no message; a row that is there stays as it is."""
        return self._parts.write("ledger", rows)


def write_kept(connection: Connection, rows: Sequence[LedgerRow]) -> None:
    """Rows in the commit of their message: they say what is now so, but "kept" is for good."""
    upsert(connection, schema.imap_ledger, _keeping, [asdict(row) for row in rows])
    _know_folders(connection, rows)


def _keeping(insert: sqlite.Insert) -> sa.Executable:
    outcome = sa.case((_l.outcome == "kept", _l.outcome), else_=insert.excluded.outcome)
    mark = sa.case((insert.excluded.mark == 0, _l.mark), else_=insert.excluded.mark)
    return insert.on_conflict_do_update(index_elements=_KEYS, set_={"outcome": outcome, "mark": mark})


def write_rows(connection: Connection, jobs: Sequence[Sequence[LedgerRow]]) -> list[None]:
    """Rows without a message; a row that is there stays as it is."""
    rows = [row for job in jobs for row in job]
    upsert(connection, schema.imap_ledger, or_nothing, [asdict(row) for row in rows])
    _know_folders(connection, rows)
    return [None] * len(jobs)


def _know_folders(connection: Connection, rows: Sequence[LedgerRow]) -> None:
    """A folder that has rows has a state, though nobody has said how far it was read."""
    now = datetime.now(UTC)
    folders = {
        (row.mailbox, row.folder): {
            "mailbox": row.mailbox,
            "folder": row.folder,
            "uidvalidity": row.uidvalidity,
            "highest": 0,
            "cutoff": 0,
            "since": now,
        }
        for row in rows
    }
    upsert(connection, schema.imap_folder, or_nothing, list(folders.values()))


def write_marks(connection: Connection, jobs: Sequence[FolderMark]) -> list[None]:
    for mark in jobs:
        if mark.cutoff is None:
            connection.execute(
                sa.update(schema.imap_folder)
                .where(_f.mailbox == mark.mailbox, _f.folder == mark.folder)
                .where(_f.uidvalidity == mark.uidvalidity, _f.highest < mark.highest)
                .values(highest=mark.highest)
            )
        else:
            insert = insert_for(connection.dialect.name, schema.imap_folder).values(**asdict(mark))
            fresh = {name: insert.excluded[name] for name in ("uidvalidity", "highest", "cutoff", "since")}
            connection.execute(insert.on_conflict_do_update(index_elements=["mailbox", "folder"], set_=fresh))
    return [None] * len(jobs)


def write_proofs(connection: Connection, jobs: Sequence[FolderProof]) -> list[None]:
    """The last comparison of each folder."""
    last = {(proof.mailbox, proof.folder): asdict(proof) for proof in jobs}
    upsert(connection, schema.imap_proof, _proving, list(last.values()))
    return [None] * len(jobs)


def _proving(insert: sqlite.Insert) -> sa.Executable:
    counts = ("at", "on_server", "known", "missed", "unmoved", "changed")
    fresh = {name: insert.excluded[name] for name in counts}
    return insert.on_conflict_do_update(index_elements=["mailbox", "folder"], set_=fresh)


def proofs(connection: Connection) -> list[FolderProof]:
    p = schema.imap_proof.c
    rows = connection.execute(sa.select(schema.imap_proof).order_by(p.mailbox, p.folder))
    return [FolderProof(**row._mapping) for row in rows]


def folder_mark(connection: Connection, mailbox: str, folder: str) -> tuple[int, int, int, datetime] | None:
    query = sa.select(_f.uidvalidity, _f.highest, _f.cutoff, _f.since)
    row = connection.execute(query.where(_f.mailbox == mailbox, _f.folder == folder)).one_or_none()
    return None if row is None else (row.uidvalidity, row.highest, row.cutoff, row.since)


def outcomes(
    connection: Connection, mailbox: str, folder: str, uidvalidity: int, uids: Collection[int]
) -> dict[int, str]:
    rows = _OUTCOMES.rows(connection, uids, mailbox=mailbox, folder=folder, uidvalidity=uidvalidity)
    return {int(row.uid): str(row.outcome) for row in rows}


def marks(connection: Connection, mailbox: str, folder: str, uidvalidity: int, uids: Collection[int]) -> dict[int, int]:
    rows = _MARKS.rows(connection, uids, mailbox=mailbox, folder=folder, uidvalidity=uidvalidity)
    return {int(row.uid): int(row.mark) for row in rows}
