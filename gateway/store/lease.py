"""One daemon's lease on what it has claimed, where several daemons share a database.

A daemon is a row of `node`. What it claims carries the number of that row (`holder`), until when is the row's `until`,
by the server's clock alone. Each group of writes renews it, and a heartbeat when there are none. A lease that has run
out twice in a row is swept by whoever sees it: the row goes, and what it held is free. The old holder finds its row
gone at its next write, takes a new number, and is told that what it held is another's.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from gateway.store import schema
from gateway.store.errors import StoreUnavailable, store_error
from gateway.store.folders import sync_folder

LEASE = 60  # seconds
BEAT = 10.0  # seconds between heartbeats, and between sweeps
SAFE = 35.0  # seconds after a renewal in which a mail may still be handed to a relay: it has 25 more to be answered

_n = schema.node.c
_server_time = sa.func.extract("epoch", sa.func.clock_timestamp())
_until = sa.cast((_server_time + LEASE) * 1_000_000, sa.BigInteger)
_me = sa.bindparam("me", type_=sa.BigInteger)

_REGISTER = sa.insert(schema.node).values(home=sa.bindparam("at"), batch=0, until=_until).returning(_n.id)
_FORGET_HOME = sa.delete(schema.node).where(_n.home == sa.bindparam("at"))
_FORGET = sa.delete(schema.node).where(_n.id == _me)
_RENEW = (
    sa.update(schema.node).where(_n.id == _me).values(batch=sa.bindparam("group", type_=sa.BigInteger), until=_until)
)
_BATCH = sa.select(_n.batch).where(_n.id == _me).with_for_update()
_EXPIRED = sa.select(_n.id, _n.until).where(_n.until < sa.cast(_server_time * 1_000_000, sa.BigInteger))
_SWEEP = sa.delete(schema.node).where(
    _n.id == _me, _n.until == sa.bindparam("seen", type_=sa.BigInteger)
)  # renewed meanwhile: alive
_HELD = (schema.intake, schema.outbox)


def others(connection: Connection, me: int | None) -> int:
    """How many daemons but the one with this number live on the database."""
    live = sa.select(sa.func.count()).where(
        _n.id != (me or 0), _n.until > sa.cast(_server_time * 1_000_000, sa.BigInteger)
    )
    return int(connection.execute(live).scalar_one())


class Fenced(StoreUnavailable):
    """The lease was swept. Nothing was written; under the new number the same may be tried again."""


class Lease:
    """`number` is what claims carry. Registers at once; what an earlier run with the same `home` held is free again,
    since only one process at a time has that folder."""

    def __init__(self, engine: Engine, home: str) -> None:
        self._engine = engine
        self._home = home
        self._group = 0
        self._renewed = 0.0
        self._expired: dict[int, int] = {}
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.number = self._register(anew=False)

    def _register(self, *, anew: bool) -> int:
        began = _now()
        with self._engine.begin() as connection:
            if not anew and self._home:
                connection.execute(_FORGET_HOME, {"at": self._home})
            number = int(connection.execute(_REGISTER, {"at": self._home}).scalar_one())
            _free_orphans(connection)
        self._renewed = began
        return number

    def renew(self, connection: Connection) -> None:
        """First in each write transaction; a number of its own marks it (`committed`). Fenced if the lease is lost."""
        self._group += 1
        self._asked = _now()
        if not connection.execute(_RENEW, {"me": self.number, "group": self._group}).rowcount:
            raise Fenced("another daemon has taken over: this one did not answer for too long")

    def renewed(self) -> None:
        """That transaction was committed."""
        self._renewed = self._asked

    def anew(self) -> None:
        """Takes a new number after `Fenced`."""
        self.number = self._register(anew=True)

    def committed(self, connection: Connection) -> bool:
        """Whether the transaction of the last `renew` was written. Waits for one that is still under way.
        StoreUnavailable if the lease was swept since, so that nobody knows."""
        found = connection.execute(_BATCH, {"me": self.number}).scalar()
        if found is None:
            raise StoreUnavailable("whether the last transaction was written cannot be found out")
        return int(found) == self._group

    @property
    def safe(self) -> bool:
        """Whether what is held is sure to stay so for as long as a mail takes to be handed over."""
        return _now() - self._renewed < SAFE

    # --- the heartbeat ----------------------------------------------------------------------------------------------

    def start(self, beat: Callable[[], object]) -> None:
        """Calls `beat` (a write, which renews) and sweeps, until `close`."""
        self._thread = threading.Thread(target=self._run, args=(beat,), name="store-lease", daemon=True)
        self._thread.start()

    def _run(self, beat: Callable[[], object]) -> None:
        while not self._over.wait(BEAT):
            beat()
            try:
                self.sweep()
            except Exception as error:  # noqa: BLE001 - the server is away; what uses the store says so
                del error

    def sweep(self) -> int:
        """Ends leases that had run out at the last sweep too and have not been renewed since: after a standstill of
        the server everybody has the time to renew. Gives how many."""
        with self._engine.begin() as connection:
            found = {int(row.id): int(row.until) for row in connection.execute(_EXPIRED)}
            over = {number: until for number, until in found.items() if self._expired.get(number) == until}
            ended = sum(
                connection.execute(_SWEEP, {"me": number, "seen": until}).rowcount for number, until in over.items()
            )
            _free_orphans(connection)
        self._expired = found
        return ended

    def stop(self) -> None:
        """Ends the heartbeat."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def give_back(self) -> None:
        """Frees all that is held: at an orderly end."""
        try:
            with self._engine.begin() as connection:
                connection.execute(_FORGET, {"me": self.number})
                _free_orphans(connection)
        except (sa.exc.SQLAlchemyError, StoreUnavailable) as error:
            del error  # the server is away; the lease runs out


def _free_orphans(connection: Connection) -> None:
    """Frees what nobody holds any more who is there."""
    for table in _HELD:
        held = table.c
        gone = sa.not_(sa.exists().where(_n.id == held.holder))
        waiting = held.state == sa.literal_column("'waiting'")
        connection.execute(sa.update(table).where(waiting, held.holder.is_not(None), gone).values(holder=None))


def _now() -> float:
    """Seconds that also pass while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def home_of(folder: Path) -> str:
    """The name of a state folder, made when it has none: a process that starts there follows the one before it."""
    path = folder / "node"
    try:
        found = path.read_text("ascii").strip()
        if found:
            return found
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as error:
        raise store_error(error) from error
    made = secrets.token_hex(16)
    try:
        scratch = path.with_suffix(".new")
        scratch.write_text(f"{made}\n", "ascii")
        scratch.replace(path)
        sync_folder(folder)
    except OSError as error:
        raise store_error(error) from error
    return made
