"""Statements in the words of the driver give what SQLAlchemy gives: the same rows, types, transactions and errors."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.store import raw, schema
from gateway.store.raw import Change, Lookup, Query
from gateway.store.sets import execute_many
from tests.store.desk import NOW, opened

_s = schema.seen.c
_BY_DIGEST = sa.select(schema.seen).order_by(_s.digest)
_LATER = Lookup(_BY_DIGEST.where(_s.at > sa.bindparam("since", type_=schema.Instant)), _s.digest)
_ADD = sa.insert(schema.seen)
_JSON = sa.insert(schema.rulebook)


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {"digest": f"d{n:04}", "door": "sales", "intake_id": n, "source": "smtp", "at": NOW + timedelta(seconds=n)}
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 3, 16, 17, 500, 501, 1200])
def test_a_look_up_gives_the_rows_of_all_its_keys(tmp_path: Path, count: int) -> None:
    """Whatever their number, and each once, though a key is given twice or is not there."""
    with opened(tmp_path) as store:
        engine = store._parts.engine
        assert engine is not None
        made = rows(1300)
        keys = [row["digest"] for row in made[:count]]
        with engine.begin() as connection:
            execute_many(connection, _ADD, made)
            found = Lookup(_BY_DIGEST, _s.digest).rows(connection, [*keys, *keys[:1], "not there"])
            assert sorted(row.digest for row in found) == keys
            for row, given in zip(sorted(found), made, strict=False):
                assert row._asdict() == given
            later = _LATER.rows(connection, keys, since=NOW)
            assert sorted(row.intake_id for row in later) == list(range(1, count))


def test_values_come_back_as_their_types_say(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        engine = store._parts.engine
        assert engine is not None
        content = {"rules.yaml": "ä \x00 \ud800 漢", "empty": []}
        with engine.begin() as connection:
            execute_many(connection, _JSON, [{"digest": "a", "content": content, "used_at": NOW}])
            query = sa.select(schema.rulebook, sa.null().label("no_value"))
            (row,) = Query(query).rows(connection)
            assert (row.digest, row.content, row.used_at, row.no_value) == ("a", content, NOW, None)
            assert row == tuple(connection.execute(query).one())
            assert Query(query.where(schema.rulebook.c.digest == "b")).scalar(connection) is None


def test_a_change_by_keys_leaves_the_others_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        engine = store._parts.engine
        assert engine is not None
        moving = sa.update(schema.seen).values(source=sa.bindparam("to", type_=sa.Text))
        with engine.begin() as connection:
            execute_many(connection, _ADD, rows(700))
            Change(moving, _s.digest).run(connection, [f"d{n:04}" for n in range(0, 700, 2)], to="imap")
            Change(sa.delete(schema.seen).where(_s.source == "smtp"), _s.digest).run(connection, ["d0001", "d0002"])
            left = connection.execute(sa.select(_s.intake_id, _s.source).order_by(_s.intake_id)).all()
        assert [tuple(row) for row in left] == [(n, "smtp" if n % 2 else "imap") for n in range(700) if n != 1]


def test_the_first_statement_begins_a_transaction_and_an_error_ends_in_none(tmp_path: Path) -> None:
    """As SQLAlchemy does it, and with its errors: what is told apart by them goes on being told apart."""
    with opened(tmp_path) as store:
        engine = store._parts.engine
        assert engine is not None
        with engine.connect() as connection:
            assert not connection.in_transaction()
            execute_many(connection, _ADD, rows(2))
            assert connection.in_transaction()
            with pytest.raises(sa.exc.IntegrityError) as failed:
                execute_many(connection, _ADD, rows(1))
            assert "d0000" not in str(failed.value) or engine.name == "postgresql"
            assert failed.value.orig is not None
        with engine.connect() as connection:
            assert Query(sa.select(sa.func.count().label("many")).select_from(schema.seen)).scalar(connection) == 0
            with pytest.raises(sa.exc.DBAPIError):
                raw.execute(connection, "SELECT nothing FROM nowhere", ())


@pytest.mark.postgresql
def test_a_connection_that_the_server_has_ended_is_thrown_away(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        engine = store._parts.engine
        assert engine is not None
        with engine.connect() as connection, engine.connect() as other:
            (me,) = raw.execute(connection, "SELECT pg_backend_pid()", None, fetch=True)[0]
            other.exec_driver_sql(f"SELECT pg_terminate_backend({me})")
            with pytest.raises(sa.exc.OperationalError) as failed:
                raw.execute(connection, "SELECT 1", None, fetch=True)
            assert failed.value.connection_invalidated
            assert connection.invalidated
        with engine.connect() as connection:
            assert raw.execute(connection, "SELECT 1", None, fetch=True) == [(1,)]
