"""A schema that moves on while it is killed: from nothing to the first, and from the first with mail in it to a later
one that rebuilds a table on which others rest."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.store import database, schema
from gateway.store.store import open_store
from tests.faults.crawl import Life, disks
from tests.faults.cut_disk import Cut
from tests.faults.power import Power
from tests.faults.running import ROOT
from tests.store.desk import MIGRATIONS, make_ticket, opened, url_of

TICKETS = 20
LATER = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "later", "0001", None, None


def upgrade() -> None:
    with op.batch_alter_table("ticket", recreate="always") as ticket:
        ticket.add_column(sa.Column("words", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE ticket SET words = 'words of ' || subject")
    op.create_index("ticket_words", "ticket", ["words"])
"""


@contextmanager
def later_program() -> Iterator[None]:
    """This process is a program that knows the later schema."""
    revision, known = database.REVISION, database.KNOWN_REVISIONS
    database.REVISION, database.KNOWN_REVISIONS = "later", known | {"later"}  # type: ignore[misc]  # a later program
    try:
        yield
    finally:
        database.REVISION, database.KNOWN_REVISIONS = revision, known  # type: ignore[misc]  # as above


def later_migrations(folder: Path) -> Path:
    made = shutil.copytree(MIGRATIONS, folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    (made / "versions" / "later.py").write_text(LATER)
    return made


def move_on(url: str, migrations: Path) -> None:
    """To the later schema where there is one in the folder, else to the first."""
    if (migrations / "versions" / "later.py").exists():
        with later_program():
            database.migrate(url, migrations)
    else:
        database.migrate(url, migrations)


def life_of(folder: Path, migrations: Path, place: Path, **moment: int) -> tuple[Life, int]:
    """Moves on in a process of its own, on the disk that can be cut off; its record and exit status."""
    power = Power(folder, place)
    power.set(**moment)
    call = f"from tests.faults.migrating import Path, move_on; move_on({url_of(folder)!r}, Path({str(migrations)!r}))"
    done = subprocess.run([sys.executable, "-c", call], cwd=ROOT, env=power.environ, capture_output=True, text=True)
    assert done.returncode in (0, -9), done.stderr
    return Life(power.before, list(power.records())), done.returncode


def with_tickets(folder: Path) -> None:
    with opened(folder) as store:
        for number in range(1, TICKETS + 1):
            make_ticket(store, number)


def check_first(folder: Path) -> None:
    """The first schema, whole and fit for work; nothing was in it."""
    move_on(url_of(folder), MIGRATIONS)
    store = open_store(url_of(folder), folder)
    try:
        assert store.check() == []
        make_ticket(store, 1)
    finally:
        store.close()


def check_later(folder: Path, migrations: Path) -> None:
    """One schema or the other, whole; after another run the later one, with all that was in it."""
    assert words_of(folder) in (None, sorted(f"words of subject {number}" for number in range(1, TICKETS + 1)))
    move_on(url_of(folder), migrations)
    assert words_of(folder) == sorted(f"words of subject {number}" for number in range(1, TICKETS + 1))


def words_of(folder: Path) -> list[str] | None:
    """What the later schema adds; None in the first one."""
    made = sqlite3.connect(folder / "gateway.db")
    try:
        assert made.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert made.execute("PRAGMA foreign_key_check").fetchall() == []
        (revision,) = made.execute("SELECT version_num FROM alembic_version").fetchone()
        for table in ("ticket", "entry", "participant"):
            assert made.execute(f"SELECT count(*) FROM {table}").fetchone() == (TICKETS,)
        names = [row[1] for row in made.execute("PRAGMA table_info(ticket)")]
        assert ("words" in names) == (revision == "later") == (revision != schema.REVISION)
        if "words" not in names:
            return None
        return sorted(row[0] for row in made.execute("SELECT words FROM ticket"))
    finally:
        made.close()


def crawl(
    life: Life,
    root: Path,
    cuts: Sequence[Cut],
    share: float,
    seed: int,
    check: Callable[[Path], None],
    told: Callable[[str], None] = lambda _: None,
) -> int:
    """How many disks were looked at."""
    seen = 0
    for what, _ in disks(life, root, cuts, random.Random(seed), share):
        try:
            check(root)
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}") from error
        seen += 1
        told(f"{seen} disks")
    return seen
