"""A PostgreSQL primary and its standby, which takes over when the primary dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from tests.servers.postgres import Postgres


class Replicated:
    """Both running, as a context manager. With `synchronous` no COMMIT is answered before the standby has it on disk.

    Databases are made before anybody uses them: `create` and `drop` are for the primary of that moment.
    """

    def __init__(self, *, synchronous: bool = True) -> None:
        self._synchronous = synchronous
        self.primary = Postgres()
        self.standby = self.primary  # until there is one

    def __enter__(self) -> Self:
        self.primary.__enter__()
        try:
            self._follow(0)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for server in {self.standby, self.primary}:
            server.kill()  # a primary waits for its standby when it is stopped; nobody needs them any more
            server.__exit__(kind, error, at)

    def _follow(self, port: int) -> None:
        self.standby = Postgres(port=port, standby_of=self.primary)
        self.standby.__enter__()
        if self._synchronous:
            self.primary.wait_for_standby()

    def fail_over(self) -> int:
        """SIGKILL to the primary and all its processes; the standby takes its place. The port that is free now."""
        old, new = self.primary, self.standby
        old.kill()
        new.promote()
        old.__exit__(None, None, None)
        self.primary = new
        return old.port

    def crash(self) -> None:
        """As `fail_over`; then the new primary gets a standby of its own, at the address of the old one."""
        self._follow(self.fail_over())

    @contextmanager
    def behind(self) -> Iterator[None]:
        """The standby receives nothing meanwhile."""
        (found,) = self.standby.rows("postgres", "SELECT pid FROM pg_stat_wal_receiver")
        os.kill(found[0], signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(found[0], signal.SIGCONT)

    def url(self, database: str) -> str:
        """Whichever of the two takes writes."""
        address, _, name = self.primary.url(database).rpartition("/")
        login = address.rpartition("@")[0]
        hosts = "&".join(f"host=127.0.0.1:{port}" for port in sorted({self.primary.port, self.standby.port}))
        return f"{login}@/{name}?{hosts}&target_session_attrs=read-write"

    def create(self) -> str:
        return self.primary.create()

    def drop(self, name: str) -> None:
        self.primary.drop(name)

    def rows(self, database: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self.primary.rows(database, query, *values)
