"""What the store asks of a database engine. SQLite is one process on one file; PostgreSQL may be several daemons."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy.engine import Connection, Engine

from gateway.store.errors import StoreVersion

DECIDING = frozenset({"commit"})  # the kinds of jobs that rest on facts: one daemon at a time writes such


class Database:
    """An opened database. `writer` None: for reading only. What is said here is how one process alone behaves."""

    files: bool  # large octets are kept in files beside it
    readers: Engine  # a connection of it is one snapshot
    writer: Engine | None

    def begin(self, connection: Connection, kinds: Collection[str]) -> None:
        """The first statements of a write transaction that holds jobs of these kinds."""

    def committed(self) -> None:
        """That transaction was committed."""

    def again(self, error: BaseException) -> bool:  # noqa: ARG002 - for those that have such errors
        """Whether the same transaction may well succeed when it is tried again at once: nothing of it was written."""
        return False

    def came_through(self, error: BaseException) -> bool:  # noqa: ARG002 - as above
        """Whether the transaction whose COMMIT brought this error was written all the same. Raises StoreUnavailable
        where that cannot be found out."""
        return False

    def held_up(self, error: BaseException) -> bool:  # noqa: ARG002 - as above
        """Whether only the decisions of a group had to wait too long, for another daemon's."""
        return False

    def start(self, beat: Callable[[], object]) -> None:
        """The writer runs: `beat` is a write of nothing, for whoever has to be seen alive."""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot."""
        with self.readers.connect() as connection:
            yield connection

    # --- what several daemons need ----------------------------------------------------------------------------------

    @contextmanager
    def claiming(self, *, durable: bool) -> Iterator[Connection]:  # noqa: ARG002 - as above
        """For a claim: what is chosen in it is the caller's when it ends. `durable`: also when the server crashes."""
        with self.reading() as connection:
            yield connection

    @property
    def shared(self) -> bool:
        """Whether other daemons may work on it at the same time."""
        return False

    def sure(self) -> bool:
        """Whether what this daemon has claimed is sure to stay its own for as long as a mail takes to be sent."""
        return True

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """From facts to commit: at most one daemon at a time, as far as that can be had. No promise: the commit
        checks. Gives whether there may be others, so that the commit is to be waited for inside."""
        yield False

    def sole(self, task: str) -> bool:  # noqa: ARG002 - as above
        """Whether this daemon, and no other, has this task from now on until it ends or loses its connection."""
        return True

    # --- what it says of itself -------------------------------------------------------------------------------------

    def size(self, connection: Connection) -> int:
        """Octets on disk."""
        raise NotImplementedError

    def faults(self, connection: Connection) -> list[str]:
        """What the engine finds wrong with its pages, its references and its settings."""
        raise NotImplementedError

    def look_over(self, connection: Connection) -> None:
        """What can be seen of damage in a moment, at every start, however large the database is: StoreBroken."""

    def parts_to_check(self, connection: Connection) -> list[str]:  # noqa: ARG002 - for those that have such parts
        """What `faults_of` can be asked of, one by one."""
        return []

    def faults_of(self, connection: Connection, part: str) -> list[str]:
        """What is wrong with the pages of one part; takes as long as reading it."""
        raise NotImplementedError

    def close(self) -> None:
        """Lets go of every connection and lock."""
        self.readers.dispose()
        if self.writer is not None:
            self.writer.dispose()


def run_migrations(connection: Connection, migrations_dir: Path) -> None:
    """Brings the schema to the newest revision in the transaction that is open. StoreVersion if they do not fit."""
    config = Config()
    config.set_main_option("script_location", str(migrations_dir).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreVersion(str(error)) from error
