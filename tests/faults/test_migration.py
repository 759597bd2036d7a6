"""A migration that is killed, or cut off from power, anywhere: another run completes it (fault 53)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from gateway.store.database import schema_revision
from tests.faults.cut_disk import Cut
from tests.faults.migrating import (
    MIGRATIONS,
    check_first,
    check_later,
    crawl,
    later_migrations,
    life_of,
    url_of,
    with_tickets,
)


def test_the_first_schema_is_made_in_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    life, _ = life_of(folder, MIGRATIONS, tmp_path / "power")
    assert crawl(life, tmp_path / "disk", [Cut.NOTHING_LOST, Cut.TORN], 5 / len(life.records), 4, check_first) > 4


def test_a_killed_first_start_never_stands_in_the_way_of_the_next(tmp_path: Path) -> None:
    """Wherever it was killed: also while SQLite had its rollback journal out, which a mere reader cannot take back."""
    folder = tmp_path / "state"
    folder.mkdir()
    life, _ = life_of(folder, MIGRATIONS, tmp_path / "power")
    found = set[str | None]()
    crawl(life, tmp_path / "disk", [Cut.NOTHING_LOST], 1.0, 4, lambda disk: found.add(schema_revision(url_of(disk))))
    assert found == {None, "0001"}


def test_a_later_schema_is_reached_with_all_that_was_there(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    with_tickets(folder)
    migrations = later_migrations(tmp_path)
    life, _ = life_of(folder, migrations, tmp_path / "power")
    check = partial(check_later, migrations=migrations)
    assert crawl(life, tmp_path / "disk", list(Cut), 5 / len(life.records), 4, check) > 8


def test_killed_for_good_at_a_sync_and_run_again(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    with_tickets(folder)
    migrations = later_migrations(tmp_path)
    assert life_of(folder, migrations, tmp_path / "power", die_at_sync=2)[1] == -9
    assert life_of(folder, migrations, tmp_path / "power", die_at_write=30)[1] == -9
    check_later(folder, migrations)
