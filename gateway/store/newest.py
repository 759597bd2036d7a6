"""The newest few rows of each of many keys, along one index, whatever the number of older ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from gateway.store.raw import Lookup


def newest_of_each(
    key: sa.Column[Any], few: sa.Select[Any], of: sa.FromClause, columns: Sequence[str], order: Sequence[str]
) -> Lookup:
    """Of the table that the alias `of` stands for these columns, in this order, for the keys in the column `key` of
    another table. `few` selects the ids of one key, of which only so many are taken: it names `of` and `key`.

    SQLite reads the rows of those ids. PostgreSQL would go through the whole table for that; it has LATERAL.
    """
    table, beside = of.element, key.table  # type: ignore[attr-defined]  # of an alias
    of_ids = sa.select(*(table.c[name] for name in columns)).select_from(beside)
    of_ids = of_ids.join(table, table.c.id.in_(few.correlate(beside))).order_by(*(table.c[name] for name in order))
    names = dict.fromkeys([*columns, *order])
    rows = few.with_only_columns(*(of.c[name] for name in names)).lateral("few")
    lateral = sa.select(*(rows.c[name] for name in columns)).select_from(beside).join(rows, sa.true())
    return Lookup(of_ids, key, lateral.order_by(*(rows.c[name] for name in order)))
