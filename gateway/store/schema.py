"""The tables. SQL that SQLite and PostgreSQL both speak; migrations/ makes them, a test compares the two.

Instants are integer microseconds since 1970 UTC. Every look-up has an index.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

REVISION = "0001"
KNOWN_REVISIONS = frozenset({REVISION})

_to_json = json.JSONEncoder(separators=(",", ":")).encode
_EMPTY: dict[type, str] = {list: "[]", dict: "{}", type(None): "null"}  # what most values of most rows are
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(instant: datetime) -> int:
    """Microseconds since 1970 UTC, exact; ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError("a naive datetime is no instant")
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def micros_or_none(instant: datetime | None) -> int | None:
    """What is kept of an instant."""
    return None if instant is None else to_micros(instant)


def instant_or_none(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def json_text(value: Any) -> str:
    """What is kept of a value."""
    return _EMPTY[type(value)] if not value and type(value) in _EMPTY else _to_json(value)


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware datetime, kept as integer microseconds in UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy
        return micros_or_none(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy
        return instant_or_none(value)


class JsonText(sa.types.TypeDecorator[Any]):
    """JSON in ASCII: what a hostile mail puts into a string can never make a row unwritable."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002 - SQLAlchemy
        return json_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy
        return None if value is None else json.loads(value)


def stored_type(column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
    """What the database itself keeps in a column: instants as numbers, JSON as text. Archives are made of it."""
    if isinstance(column.type, Instant):
        return sa.BigInteger()
    return sa.Text() if isinstance(column.type, JsonText) else column.type


metadata = sa.MetaData()
_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite numbers rows by itself only in INTEGER
_UNMET = "met_at IS NULL AND breached_at IS NULL"
_IN_TURN = "state = 'waiting' AND ticket > 0"  # mail of a ticket: what waits for its turn may be behind another
_UNTOLD, _UNTOLD_PG = "state = 'failed' AND told = 0", "state = 'failed' AND NOT told"


def _table(name: str, *columns: sa.schema.SchemaItem, rowid: bool = True) -> sa.Table:
    return sa.Table(name, metadata, *columns, sqlite_with_rowid=rowid)


def _column(name: str, kind: Any, *more: Any, null: bool = False, key: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, *more, nullable=null, primary_key=key)


def _id() -> sa.Column[Any]:
    return _column("id", _Id, key=True)


def _of_ticket(*, key: bool = False) -> sa.Column[Any]:
    return _column("ticket", sa.BigInteger, sa.ForeignKey("ticket.number"), key=key)


blob = _table(
    "blob",
    _column("sha256", sa.LargeBinary, key=True),
    _column("size", sa.BigInteger),  # of the raw octets
    _column("codec", sa.Text),  # "zstd" or "raw"
    _column("content", sa.LargeBinary, null=True),  # NULL: in a file
)
node = _table(
    "node",  # PostgreSQL: the daemons that share this database
    _id(),
    _column("home", sa.Text),  # of its state folder
    _column("batch", sa.BigInteger),  # its last group of writes
    _column("until", sa.BigInteger),  # what it holds is its own until then, in microseconds of the server's clock
)
intake = _table(
    "intake",
    _id(),
    _column("key", sa.Text, null=True),
    _column("source", sa.Text),
    _column("envelope", JsonText),
    _column("sha256", sa.LargeBinary, sa.ForeignKey("blob.sha256")),
    _column("size", sa.BigInteger),
    _column("received_at", Instant),
    _column("quiet", sa.Boolean),
    _column("confirmed", sa.Boolean),
    _column("released", sa.Boolean),
    _column("attempts", sa.Integer),
    _column("state", sa.Text),  # "waiting", "done", "quarantined"
    _column("reason", sa.Text),
    _column("digest", sa.Text),
    _column("done_at", Instant, null=True),
    _column("holder", sa.BigInteger, null=True),  # the node that works on it
    sa.Index("intake_key", "key", unique=True),
    sa.Index("intake_state", "state", "id"),
)
imap_folder = _table(
    "imap_folder",
    _column("mailbox", sa.Text, key=True),
    _column("folder", sa.Text, key=True),
    _column("uidvalidity", sa.BigInteger),
    _column("highest", sa.BigInteger),  # every UID up to here has its outcome
    _column("cutoff", sa.BigInteger),  # UIDs up to here were there at the first contact
    _column("since", Instant),  # the first contact
    rowid=False,
)
imap_ledger = _table(
    "imap_ledger",
    _column("mailbox", sa.Text, key=True),
    _column("folder", sa.Text, key=True),
    _column("uidvalidity", sa.BigInteger, key=True),
    _column("uid", sa.BigInteger, key=True),
    _column("outcome", sa.Text),
    _column("mark", sa.BigInteger),  # of size and date: the same UID with another is another message; 0: unknown
    rowid=False,
)
imap_proof = _table(
    "imap_proof",
    _column("mailbox", sa.Text, key=True),
    _column("folder", sa.Text, key=True),
    _column("at", Instant),  # of the last comparison of the whole folder; the rest counts messages
    _column("on_server", sa.BigInteger),
    _column("known", sa.BigInteger),
    _column("missed", sa.BigInteger),
    _column("unmoved", sa.BigInteger),
    _column("changed", sa.BigInteger),
    rowid=False,
)
ticket_number = _table("ticket_number", _id(), _column("next", sa.BigInteger))
ticket = _table(
    "ticket",
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
    _column("version", sa.BigInteger),
    _column("status", sa.Text),
    _column("door", sa.Text),
    _column("department", sa.Text),
    _column("subject", sa.Text),
    _column("requester", sa.Text, null=True),
    _column("requester_name", sa.Text),
    _column("language", sa.Text),
    _column("priority", sa.Text),
    _column("tags", JsonText),
    _column("assignee", sa.Text),
    _column("answered", sa.Boolean),
    _column("department_fixed", sa.Boolean),
    _column("survey", sa.Boolean),  # whether the requester is asked once it is closed
    _column("survey_open", sa.Boolean),
    _column("flood", sa.Boolean),
    _column("opened_by", sa.Text),  # key of the requester it was opened for; never changes
    _column("created_at", Instant),
    _column("closed_at", Instant, null=True),
    _column("first", JsonText),  # FirstKey as a list, or null
    _column("merged_into", sa.BigInteger, sa.ForeignKey("ticket.number"), null=True),
    _column("related", sa.BigInteger, null=True),
    sa.Index("ticket_opened_by", "opened_by", "created_at"),
    sa.Index("ticket_flood", "opened_by", sqlite_where=sa.text("flood"), postgresql_where=sa.text("flood")),
    sa.Index("ticket_merged_into", "merged_into"),
    sa.Index("ticket_status", "status", "number"),
)
entry = _table(
    "entry",
    _id(),
    _of_ticket(),
    _column("intake_id", sa.BigInteger, null=True),
    _column("direction", sa.Text),
    _column("kind", sa.Text),
    _column("author", sa.Text, null=True),
    _column("author_name", sa.Text),
    _column("public", sa.Boolean),
    _column("held", sa.Boolean),
    _column("unverified", sa.Boolean),
    _column("body", sa.Text),
    _column("message_id", sa.Text),
    _column("at", Instant),
    _column("door", sa.Text),
    _column("digest", sa.Text),
    _column("evidence", sa.Integer),
    _column("subject", sa.Text),
    _column("attachments", JsonText),
    _column("routed", JsonText),
    _column("first", JsonText),
    sa.Index("entry_ticket", "ticket", "at"),
)
thread_id = _table(
    "thread_id",
    _column("message_id", sa.Text, key=True),
    _of_ticket(key=True),
    _column("own", sa.Boolean),
    sa.Index("thread_id_ticket", "ticket"),
    rowid=False,
)
thread_link = _table(
    "thread_link",
    _column("ref", sa.Text, key=True),
    _of_ticket(key=True),
    _column("author", sa.Text, key=True),
    sa.Index("thread_link_ticket", "ticket"),
    rowid=False,
)
participant = _table(
    "participant",
    _of_ticket(key=True),
    _column("key", sa.Text, key=True),
    _column("address", sa.Text),
    _column("name", sa.Text),
    _column("verified", sa.Boolean),
    _column("role", sa.Text),
    rowid=False,
)
event = _table(
    "event",
    _id(),
    _column("ticket", sa.BigInteger),  # 0: of the gateway itself
    _column("intake_id", sa.BigInteger, null=True),
    _column("kind", sa.Text),
    _column("actor", sa.Text),
    _column("data", JsonText),
    _column("at", Instant),
    sa.Index("event_ticket", "ticket"),
)
decision = _table(
    "decision",
    _id(),
    _column("intake_id", sa.BigInteger, null=True),  # NULL: a tick
    _column("door", sa.Text),
    _column("outcome", sa.Text),
    _column("ticket", sa.BigInteger, null=True),
    _column("reasons", JsonText),
    _column("rules", JsonText),
    _column("facts", JsonText),
    _column("rulebook", sa.Text),
    _column("at", Instant),
    sa.Index("decision_ticket", "ticket"),
    sa.Index("decision_intake", "intake_id"),
)
seen = _table(
    "seen",
    _column("digest", sa.Text, key=True),
    _column("door", sa.Text, key=True),
    _column("intake_id", sa.BigInteger),
    _column("source", sa.Text),
    _column("at", Instant),
    rowid=False,
)
target = _table(
    "target",
    _of_ticket(key=True),
    _column("kind", sa.Text, key=True),
    _column("due", Instant),
    _column("met_at", Instant, null=True),
    _column("breached_at", Instant, null=True),
    sa.Index("target_due", "due", sqlite_where=sa.text(_UNMET), postgresql_where=sa.text(_UNMET)),
)
survey = _table(
    "survey",
    _id(),
    _of_ticket(),
    _column("worked", sa.Boolean, null=True),
    _column("more_needed", sa.Boolean, null=True),
    _column("comment", sa.Text),
    _column("at", Instant),
    sa.Index("survey_ticket", "ticket"),
)
outbox = _table(
    "outbox",
    _id(),
    _column("kind", sa.Text),
    _column("ticket", sa.BigInteger),  # 0: of the gateway itself
    _column("cause", sa.Text),
    _column("recipient", sa.Text),
    _column("key", sa.Text),  # of the recipient
    _column("base", sa.Text),  # the key without its plus part: what the caps count
    _column("envelope_from", sa.Text),
    _column("message_id", sa.Text),
    _column("header", sa.LargeBinary),
    _column("body", sa.LargeBinary, sa.ForeignKey("blob.sha256")),
    _column("automatic", sa.Boolean),
    _column("staff", sa.Boolean),
    _column("subject", sa.Text),
    _column("not_after", Instant, null=True),
    _column("state", sa.Text),  # "waiting", "hold", "sent", "failed", "expired", "dropped"
    _column("attempts", sa.Integer),
    _column("next_at", Instant),
    _column("created_at", Instant),
    _column("since", Instant),  # what `give_up` counts from
    _column("reply", sa.Text),
    _column("done_at", Instant, null=True),
    _column("told", sa.Boolean),  # somebody was told that it failed
    _column("holder", sa.BigInteger, null=True),  # the node that sends it
    sa.Index("outbox_once", "ticket", "kind", "cause", "recipient", unique=True),
    sa.Index("outbox_due", "state", "next_at", "id"),
    sa.Index("outbox_base", "base", "created_at"),
    sa.Index(
        "outbox_order", "ticket", "recipient", "id", sqlite_where=sa.text(_IN_TURN), postgresql_where=sa.text(_IN_TURN)
    ),
    sa.Index("outbox_untold", "id", sqlite_where=sa.text(_UNTOLD), postgresql_where=sa.text(_UNTOLD_PG)),
)
desk_hold = _table(  # no row: mail goes out; one row: what is written to the outbox is held
    "desk_hold",
    _id(),  # 1
    _column("since", Instant),
    _column("why", sa.Text),
)
tally = _table("tally", sa.Column("minute", _Id, primary_key=True, autoincrement=False), _column("mails", sa.Integer))
contact = _table(
    "contact",
    _column("address", sa.Text, key=True),  # a key
    _column("name", sa.Text),
    _column("language", sa.Text),
    _column("known", sa.Boolean),  # has been written to by a person of ours
    rowid=False,
)
bounce = _table(
    "bounce",
    _id(),
    _column("address", sa.Text),  # a key
    _column("permanent", sa.Boolean),
    _column("at", Instant),
    sa.Index("bounce_address", "address", "at"),
)
staged = _table(
    "staged",
    sa.Column("intake_id", _Id, primary_key=True, autoincrement=False),
    _column("ticket", sa.BigInteger),
    _column("agent", sa.Text),
    _column("released", sa.Boolean),
    _column("at", Instant),
    sa.Index("staged_ticket", "ticket"),
)
rulebook = _table(
    "rulebook",
    _column("digest", sa.Text, key=True),
    _column("content", JsonText),
    _column("used_at", Instant),
    sa.Index("rulebook_used_at", "used_at"),
)
