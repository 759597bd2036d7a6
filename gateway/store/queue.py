"""Intake: kept mail that waits for its outcome, and the IMAP ledger written in the same commit (G1–G4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from gateway.model import Envelope, Intake, Outcome, Received, Source
from gateway.store import schema
from gateway.store.blobs import BlobDamaged, Blobs, Packed, put
from gateway.store.claims import Waiting, hold
from gateway.store.ledger import write_kept
from gateway.store.raw import Lookup
from gateway.store.sets import insert_rows, next_ids

CLAIM_OCTETS = 8 * 1024 * 1024  # raw mail handed out at once; at least one message
ANY_SIZE = 1 << 62  # octets

_ENVELOPE = tuple(field.name for field in fields(Envelope))

_i = schema.intake.c
_b = schema.blob.c

_BY_KEY = Lookup(sa.select(_i.id, _i.key, _i.sha256), _i.key)
_ATTEMPTS = Lookup(sa.select(_i.id, _i.attempts), _i.id)
_QUARANTINED = Lookup(sa.select(_i.id).where(_i.state == "quarantined"), _i.id)
_MESSAGES = Lookup(
    sa.select(schema.intake, _b.codec, _b.content).join(schema.blob, _b.sha256 == _i.sha256).order_by(_i.id), _i.id
)
_most = sa.bindparam("most", type_=sa.Integer)
_is_waiting = _i.state == sa.literal_column("'waiting'")  # no parameter: the planner of PostgreSQL is to know its index
_WAITING = Waiting(sa.select(_i.id, _i.size).where(_is_waiting).order_by(_i.id).limit(_most), schema.intake)


@dataclass(frozen=True, slots=True)
class Kept:
    """One message on its way in; its octets are packed already."""

    received: Received
    packed: Packed


@dataclass(frozen=True, slots=True)
class Mishap:
    """A reading try that failed, or a message to be set aside."""

    intake_id: int
    reason: str


# --- writing: handlers of the group commit --------------------------------------------------------------------------


def keep(connection: Connection, jobs: Sequence[Kept]) -> list[int]:
    """Intake rows, blobs and ledger rows. A known key gives the id it has; the same key with other octets is other
    mail and gets a row of its own."""
    put(connection, [job.packed for job in jobs])
    wanted = [key for job in jobs for key in _keys(job)]
    rows = _BY_KEY.rows(connection, wanted)
    known: dict[str, tuple[bytes, int]] = {row.key: (row.sha256, row.id) for row in rows}
    ids: list[int] = [0] * len(jobs)
    fresh: list[tuple[int, str | None]] = []
    for place, job in enumerate(jobs):
        key, found = _place_of(job, known)
        ids[place] = found
        if not found:
            fresh.append((place, key))
            if key is not None:
                known[key] = (job.packed.sha256, -1 - place)
    made = _insert(connection, [(jobs[place], key) for place, key in fresh])
    for (place, _), number in zip(fresh, made, strict=True):
        ids[place] = number
    write_kept(connection, [job.received.ledger for job in jobs if job.received.ledger is not None])
    return [ids[-1 - number] if number < 0 else number for number in ids]


def _keys(job: Kept) -> list[str]:
    key = job.received.key
    return [] if key is None else [key, f"{key}#{job.packed.sha256.hex()}"]


def _place_of(job: Kept, known: Mapping[str, tuple[bytes, int]]) -> tuple[str | None, int]:
    """The key to store under, and the id of the row that is there already (negative: in this very group) or 0."""
    keys = _keys(job)
    for key in keys:
        if key not in known:
            return key, 0
        sha256, number = known[key]
        if sha256 == job.packed.sha256:
            return key, number
    return None, 0


def _insert(connection: Connection, jobs: Sequence[tuple[Kept, str | None]]) -> list[int]:
    """Gives the numbers of the new rows."""
    if not jobs:
        return []
    ids = next_ids(connection, schema.intake, len(jobs))
    insert_rows(connection, schema.intake, [_row(number, *job) for number, job in zip(ids, jobs, strict=True)])
    return ids


def _row(number: int, job: Kept, key: str | None) -> dict[str, Any]:
    received = job.received
    return {
        "id": number,
        "key": key,
        "source": received.source.value,
        "envelope": {name: getattr(received.envelope, name) for name in _ENVELOPE},
        "sha256": job.packed.sha256,
        "size": job.packed.size,
        "received_at": received.at,
        "quiet": received.quiet,
        "confirmed": False,
        "released": False,
        "attempts": 0,
        "state": "waiting",
        "reason": "",
        "digest": "",
    }


def note_attempts(connection: Connection, jobs: Sequence[Mishap]) -> list[int]:
    """Counts a failed try for each; gives the counts."""
    connection.execute(
        sa.update(schema.intake)
        .where(_i.id == sa.bindparam("of"))
        .values(attempts=_i.attempts + 1, reason=sa.bindparam("why")),
        [{"of": job.intake_id, "why": printable(job.reason)} for job in jobs],
    )
    rows = _ATTEMPTS.rows(connection, [job.intake_id for job in jobs])
    counts = {row.id: int(row.attempts) for row in rows}
    return [counts.get(job.intake_id, 0) for job in jobs]


def quarantine(connection: Connection, jobs: Sequence[Mishap]) -> list[None]:
    """Sets waiting mail aside: the outcome is on record, the octets stay (law 2)."""
    now = datetime.now(UTC)
    connection.execute(
        sa.update(schema.intake)
        .where(_i.id == sa.bindparam("of"), _i.state == "waiting")
        .values(state="quarantined", reason=sa.bindparam("why"), done_at=now, holder=None),
        [{"of": job.intake_id, "why": printable(job.reason)} for job in jobs],
    )
    insert_rows(
        connection,
        schema.decision,
        [
            {
                "intake_id": job.intake_id,
                "door": "",
                "outcome": Outcome.QUARANTINED.value,
                "ticket": None,
                "reasons": [job.reason],
                "rules": [],
                "facts": {},
                "rulebook": "",
                "at": now,
            }
            for job in jobs
        ],
    )
    return [None] * len(jobs)


def let_out(connection: Connection, jobs: Sequence[int]) -> list[bool]:
    """Puts quarantined mail back into the queue, tries forgotten; False where there is none of that id."""
    rows = _QUARANTINED.rows(connection, jobs)
    held = {row.id for row in rows}
    if held:
        connection.execute(
            sa.update(schema.intake)
            .where(_i.id == sa.bindparam("of"))
            .values(state="waiting", released=True, attempts=0, done_at=None, holder=None),
            [{"of": number} for number in held],
        )
    return [number in held for number in jobs]


def printable(text: str) -> str:
    """Bounded text that any database takes."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "�")[:1000]


# --- reading --------------------------------------------------------------------------------------------------------


def waiting_ids(connection: Connection, passed: Collection[int], limit: int, largest: int) -> list[int]:
    """The oldest waiting rows that are not in `passed`, as many as may be handed out at once; those larger than
    `largest` without their octets. Held by nobody else."""
    ids: list[int] = []
    octets = 0
    for row in _WAITING.rows(connection, most=limit + len(passed)):
        if row.id in passed:
            continue
        octets += row.size if row.size <= largest else 0
        if len(ids) == limit or (ids and octets > CLAIM_OCTETS):
            break
        ids.append(row.id)
    hold(connection, schema.intake, ids)
    return ids


def load(
    connection: Connection, blobs: Blobs, ids: Collection[int], largest: int = ANY_SIZE
) -> tuple[list[Intake], list[Mishap]]:
    """The messages in order of arrival, those larger than `largest` without their octets; and those whose kept octets
    cannot be read."""
    found: list[Intake] = []
    damaged: list[Mishap] = []
    for row in sorted(_MESSAGES.rows(connection, ids), key=lambda row: row.id):
        if row.size > largest:
            found.append(_intake(row, b""))
            continue
        try:
            found.append(_intake(row, blobs.unpack(row.sha256, row.codec, row.content)))
        except BlobDamaged as error:
            damaged.append(Mishap(row.id, f"the kept octets cannot be read: {error}"))
    return found, damaged


def _intake(row: Row[Any], raw: bytes) -> Intake:
    envelope = {**row.envelope, "rcpt_to": tuple(row.envelope["rcpt_to"])}
    return Intake(
        id=row.id,
        source=Source(row.source),
        envelope=Envelope(**envelope),
        raw=raw,
        at=row.received_at,
        quiet=row.quiet,
        attempts=row.attempts,
        confirmed=row.confirmed,
        released=row.released,
        size=row.size,
    )


def last_at(connection: Connection) -> datetime | None:
    """When the newest message was kept."""
    return connection.execute(sa.select(_i.received_at).order_by(_i.id.desc()).limit(1)).scalar()


def waiting(connection: Connection) -> tuple[int, datetime | None]:
    """How many wait, and since when the oldest of them."""
    query = sa.select(sa.func.count(), sa.func.min(_i.received_at)).where(_i.state == "waiting")
    count, oldest = connection.execute(query).one()
    return int(count), oldest
