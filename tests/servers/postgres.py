"""A private PostgreSQL: a cluster of its own, on loopback, with every durability setting on."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tests.servers import MissingServer, need
from tests.servers.ports import free_port

if TYPE_CHECKING:
    import psycopg

PACKAGES = "postgresql"
USER, PASSWORD = "desk", "p@ss:/word%"  # what a URL must quote
ADMIN = "postgres"
TEMPLATE = "desk_template"
STANDBY = "standby"  # by which a primary knows it


def program(name: str) -> str:
    """A program of the newest PostgreSQL that is installed; Debian keeps them out of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(found[-1]) if found else need(name, PACKAGES)


class Postgres:
    """A running server, as a context manager. Started by root it runs as nobody, else as who started it.

    `settings` are written into its configuration. Only initdb is spared its syncs: the server itself syncs.
    `standby_of`: it follows that server, by streaming replication, until `promote`.
    """

    def __init__(self, *, port: int = 0, standby_of: Postgres | None = None, **settings: str) -> None:
        self.port = port or free_port()
        self._primary = standby_of
        self._programs = {name: program(name) for name in ("initdb", "postgres", "pg_basebackup")}
        self.directory = Path(tempfile.mkdtemp(prefix="gw-pg-"))  # short: the UNIX socket is in it
        self.directory.chmod(0o755)
        self.cluster = self.directory / "cluster"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._idle: list[str] = []
        self._templates: set[str] = set()

    # --- its life ---------------------------------------------------------------------------------------------------

    def _command(self, *words: str) -> list[str]:
        if os.geteuid() != 0:
            return list(words)
        group = str(pwd.getpwnam("nobody").pw_gid)
        return [need("setpriv", "util-linux"), "--reuid", "nobody", "--regid", group, "--clear-groups", *words]

    def _make(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.directory, "nobody")
        words = ["initdb", "-D", str(self.cluster), "-U", ADMIN, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        if self._primary is not None:
            where = ["-h", str(self._primary.directory), "-p", str(self._primary.port), "-U", ADMIN]
            words = ["pg_basebackup", "-D", str(self.cluster), *where, "--checkpoint=fast", "--wal-method=stream"]
        run = self._command(self._programs[words[0]], *words[1:], "--no-sync")
        done = subprocess.run(run, capture_output=True, cwd="/")
        if done.returncode:
            raise RuntimeError(f"{words[0]}: {done.stderr.decode(errors='replace')}")
        self._configure_anew()

    def _configure_anew(self) -> None:
        settings = {
            "port": str(self.port),
            "listen_addresses": "'127.0.0.1'",
            "unix_socket_directories": f"'{self.directory}'",
            "shared_buffers": "32MB",
            "max_connections": "200",
            "password_encryption": "'scram-sha-256'",
            "log_min_messages": "warning",
            "recovery_init_sync_method": "syncfs",  # recovery syncs by file system, not by each of thousands of files
            "synchronous_standby_names": "''",
            **self._settings,
        }
        if self._primary is not None:
            (self.cluster / "standby.signal").touch()
            where = f"host={self._primary.directory} port={self._primary.port} user={ADMIN}"
            settings["primary_conninfo"] = f"'{where} application_name={STANDBY}'"
        self._write(settings)
        # the administrator by the socket; everybody else with a password
        known = f"local all,replication {ADMIN} trust\nlocal all all scram-sha-256\n"
        (self.cluster / "pg_hba.conf").write_text(f"{known}host all all 127.0.0.1/32 scram-sha-256\n")

    def _write(self, settings: dict[str, str]) -> None:
        with (self.cluster / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def configure(self, **settings: str) -> None:
        """New settings for a server that runs."""
        self._write(settings)
        with self.admin() as connection:
            connection.execute("SELECT pg_reload_conf()")

    def wait_for_standby(self) -> None:
        """No COMMIT is answered from now on before the standby has it on disk, once this returns."""
        self.configure(synchronous_standby_names=f"'{STANDBY}'")
        end = time.monotonic() + 60
        while self.rows("postgres", "SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
            assert time.monotonic() < end, f"the standby does not follow\n{self.log()}"
            time.sleep(0.02)

    def promote(self) -> None:
        """The standby takes writes when this returns."""
        with self.admin() as connection:
            connection.execute("SELECT pg_promote(true, 60)")
        self._primary = None

    def start(self) -> None:
        """Starts, and waits until it takes connections. What was committed before is still there."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(self._programs["postgres"], "-D", str(self.cluster)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        self.wait()

    def wait(self, seconds: float = 60.0) -> None:
        """Until it takes connections."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.admin().close()
                return
            except OSError as error:
                if time.monotonic() > end or (self._process is not None and self._process.poll() is not None):
                    raise RuntimeError(f"PostgreSQL does not start: {error}\n{self.log()}") from error
            time.sleep(0.02)

    def crash(self) -> None:
        """What `pg_ctl restart -m immediate` does: every process is told to quit at once, without a checkpoint, and
        killed if it does not; then it starts again and recovers."""
        self._end(signal.SIGQUIT, 0.5)
        self.start()

    def kill(self) -> None:
        """SIGKILL to all its processes, now."""
        process, self._process = self._process, None
        if process is not None:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait(30)

    def stop(self) -> None:
        """Ends every connection and stops; SIGKILL after 20 s."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals, patience: float = 20.0) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)  # the postmaster alone: it tells the others
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            pass
        _signal_group(process.pid, signal.SIGKILL)
        process.wait(20)

    @property
    def log_file(self) -> Path:
        return self.directory / "start.log"

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")[-4000:] if self.log_file.exists() else ""

    def __enter__(self) -> Self:
        try:
            self._make()
            self.start()
            if self._primary is None:
                with self.admin() as connection:
                    connection.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- what tests do with it --------------------------------------------------------------------------------------

    def admin(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection of the administrator, in autocommit; the caller closes it. OSError where there is none."""
        import psycopg  # here, so that whoever runs other tests alone needs no driver

        where = {"host": str(self.directory), "port": self.port, "user": ADMIN, "dbname": database}
        try:
            return psycopg.connect(**where, autocommit=True, connect_timeout=10)  # type: ignore[arg-type]  # a mixed map
        except psycopg.OperationalError as error:
            raise OSError(str(error)) from error

    def url(self, database: str, port: int | None = None) -> str:
        """For `database_url`: by TCP, with the password quoted."""
        return f"postgresql://{USER}:p%40ss%3A%2Fword%25@127.0.0.1:{port or self.port}/{database}"

    def create(self, template: str = "template0") -> str:
        """A new database; its name. Empty, unless made from another."""
        name = f"desk_{next(self._numbers)}"
        with self.admin() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE {template}")
        return name

    def migrated(self) -> str:
        """A database with the schema and no rows; its name. One that was given back is emptied: quicker than a new
        one."""
        if self._idle:
            name = self._idle.pop()
            self._empty(name)
            return name
        if TEMPLATE not in self._templates:
            self._make_template()
        return self.create(TEMPLATE)

    def give_back(self, name: str) -> None:
        """The caller has closed every connection to it."""
        self._idle.append(name)

    def _make_template(self) -> None:
        from gateway.build import shipped
        from gateway.store.store import migrate

        with self.admin() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {TEMPLATE}")
            connection.execute(f"CREATE DATABASE {TEMPLATE} OWNER {USER} TEMPLATE template0")
        migrate(self.url(TEMPLATE), shipped("migrations"))
        self._templates.add(TEMPLATE)

    def _empty(self, name: str) -> None:
        from gateway.store.schema import metadata

        with self.admin(name) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            with connection.transaction():
                connection.execute("SET LOCAL session_replication_role = replica")  # foreign keys rest
                for table in metadata.tables:
                    if table != "ticket_number":
                        connection.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]  # names of our own
                connection.execute("UPDATE ticket_number SET next = 1")
                connection.execute(
                    "SELECT setval(seqrelid::regclass, 1, false) FROM pg_sequence WHERE seqrelid IN"
                    " (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
                )

    def drop(self, name: str) -> None:
        """Ends every connection to a database and drops it."""
        with self.admin() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def empty(self, name: str) -> None:
        """As `drop`, and makes it anew with nothing in it."""
        self.drop(name)
        with self.admin() as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE template0")

    def rows(self, database: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Asked by the administrator."""
        with self.admin(database) as connection:
            return connection.execute(query, values or None).fetchall()  # type: ignore[arg-type]  # SQL of the tests

    @contextmanager
    def down(self) -> Iterator[None]:
        """Stopped for the length of the block."""
        self.stop()
        try:
            yield
        finally:
            self.start()


def _signal_group(pid: int, how: signal.Signals) -> None:
    try:
        os.killpg(pid, how)
    except ProcessLookupError:
        pass


__all__ = ["MissingServer", "Postgres"]
