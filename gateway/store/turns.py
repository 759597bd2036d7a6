"""Whose turn it is, where several daemons share a database: session locks of PostgreSQL, which end with their session.

Nothing is promised by them: a session that breaks has lost its locks before anybody knows. They keep daemons from
getting in each other's way; what must not happen twice is kept from it by the commit and by unique keys.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from gateway.store.errors import StoreUnavailable

DECIDE = 0x6465736B  # the key of the turn to decide
PATIENCE = 3.0  # seconds after which it is decided out of turn
LOOK = 5.0  # seconds between looks at whether the session of a task is still there

_AWAY = (sa.exc.SQLAlchemyError, StoreUnavailable)
_LOCK = sa.text("SELECT pg_advisory_lock(:key)")
_UNLOCK = sa.text("SELECT pg_advisory_unlock(:key)")
_TRY = sa.text("SELECT pg_try_advisory_lock(:key)")
_TASKS = 0x7461736B << 32  # the keys of tasks lie above this


class _Session:
    """A connection kept for its locks, in autocommit; made again when it breaks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def get(self) -> Connection:
        if self._connection is None:
            made = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            made.exec_driver_sql(f"SET lock_timeout = {int(PATIENCE * 1000)}")
            self._connection = made
        return self._connection

    def drop(self) -> None:
        """Ends the session and with it all its locks."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


class Turns:
    """One daemon's. Never raises for a server that is away: whatever comes next will say so."""

    def __init__(self, engine: Engine) -> None:
        self._deciding, self._tasks = _Session(engine), _Session(engine)
        self._lane, self._lock = threading.Lock(), threading.Lock()
        self._mine: set[str] = set()
        self._looked = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """From facts to commit. Out of turn after `PATIENCE`: another daemon may have stopped in the middle of its."""
        mine = self._lane.acquire(timeout=PATIENCE)
        held = mine and self._take()
        try:
            yield
        finally:
            if held:
                self._leave()
            if mine:
                self._lane.release()

    def _take(self) -> bool:
        try:
            self._deciding.get().execute(_LOCK, {"key": DECIDE})
        except _AWAY:
            self._deciding.drop()
            return False
        return True

    def _leave(self) -> None:
        try:
            self._deciding.get().execute(_UNLOCK, {"key": DECIDE})
        except _AWAY:
            self._deciding.drop()

    def sole(self, task: str) -> bool:
        """Whether the task is this daemon's. Looks every `LOOK` seconds; a session that broke has to win it again."""
        with self._lock:
            try:
                if monotonic() - self._looked > LOOK:
                    self._tasks.get().exec_driver_sql("SELECT 1")
                    self._looked = monotonic()
                if task not in self._mine and self._tasks.get().execute(_TRY, _key_of(task)).scalar():
                    self._mine.add(task)
            except _AWAY:
                self._mine.clear()
                self._tasks.drop()
            return task in self._mine

    def close(self) -> None:
        with self._lock:
            self._mine.clear()
            self._tasks.drop()
        self._deciding.drop()


def _key_of(task: str) -> dict[str, int]:
    return {"key": _TASKS | zlib.crc32(task.encode())}
