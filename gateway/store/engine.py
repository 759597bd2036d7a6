"""What the store asks of a database engine. SQLite is one process on one file; PostgreSQL may be several daemons."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy.engine import Connection, Engine

from gateway.store.errors import StoreVersion


class Database:
    """An opened database. `writer` None: for reading only. What is said here is how one process alone behaves."""

    files: bool  # large octets are kept in files beside it
    readers: Engine  # a connection of it is one snapshot
    writer: Engine | None

    def begin(self, connection: Connection, kinds: Collection[str]) -> None:
        """The first statements of a write transaction that holds jobs of these kinds."""

    def again(self, error: BaseException) -> bool:  # noqa: ARG002 - for those that have such errors
        """Whether the same transaction may well succeed when it is tried again at once: nothing of it was written."""
        return False

    def came_through(self, error: BaseException) -> bool:  # noqa: ARG002 - as above
        """Whether the transaction whose COMMIT brought this error was written all the same. Raises StoreUnavailable
        where that cannot be found out."""
        return False

    def size(self, connection: Connection) -> int:
        """Octets on disk."""
        raise NotImplementedError

    def faults(self, connection: Connection) -> list[str]:
        """What the engine finds wrong with its pages, its references and its settings."""
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
