"""Which rows are being worked on. In memory: a process that dies lets go of them by itself.

Where several daemons share a database, the row says too which of them holds it (`lease`). Memory then says what of that
is being worked on now; what is given back in memory alone stays this daemon's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.store import schema
from gateway.store.raw import Change, Query, chunks
from gateway.store.sets import holder_of

_me = sa.bindparam("me", type_=sa.BigInteger)


class Claims:
    """A set of row ids.

    `taking` holds the lock over the read that finds candidates: a row whose work ends meanwhile is let go only
    after that read was filtered, so a stale snapshot never hands out a finished row.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[int] = set()

    @contextmanager
    def taking(self) -> Iterator[tuple[frozenset[int], Callable[[Iterable[int]], None]]]:
        """Gives (the ids that are held, a function that takes more)."""
        with self._lock:
            yield frozenset(self._held), self._held.update

    def release(self, ids: Iterable[int]) -> None:
        with self._lock:
            self._held.difference_update(ids)


class Waiting:
    """What waits to be claimed. Where there are other daemons: less what they hold, the rows locked; those that another
    is about to hold are passed over, not waited for."""

    def __init__(self, query: sa.Select[Any], table: sa.Table) -> None:
        free = sa.or_(table.c.holder.is_(None), table.c.holder == _me)
        self._alone = Query(query)
        self._shared = Query(query.where(free).with_for_update(skip_locked=True, of=table))

    def rows(self, connection: Connection, **values: Any) -> list[Any]:
        """`values` fill the parameters of the query."""
        me = holder_of(connection)
        if me is None:
            return self._alone.rows(connection, **values)
        return self._shared.rows(connection, me=me, **values)


def hold(connection: Connection, table: sa.Table, ids: Sequence[int]) -> None:
    """They are this daemon's."""
    me = holder_of(connection)
    if me is not None:
        _holding(table).run(connection, ids, me=me)


@cache
def _holding(table: sa.Table) -> Change:
    return Change(sa.update(table).values(holder=_me), table.c.id)


def let_go(connection: Connection, jobs: Sequence[Iterable[int]]) -> list[None]:
    """Mails that were given back are anybody's, if they are still ours."""
    me = holder_of(connection)
    o = schema.outbox.c
    for portion in chunks(number for job in jobs for number in job) if me is not None else ():
        connection.execute(sa.update(schema.outbox).where(o.id.in_(portion), o.holder == me).values(holder=None))
    return [None] * len(jobs)
