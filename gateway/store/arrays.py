"""On PostgreSQL a statement for many rows is one statement: each parameter is given as an array.

So a group of mails costs the same number of statements, and of waits for a distant server, whatever its size.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

Values = Mapping[str, Any]

_PARAMETER = re.compile(r"%\((\w+)\)s(?:::[A-Z]+)?")
_INSERT = re.compile(r"(INSERT INTO \w+ \([^)]*\)) VALUES \((.*?)\)( ON CONFLICT (?:DO NOTHING|\(.*))?", re.DOTALL)
_UPSERT = re.compile(r" ON CONFLICT \(([^)]*)\) DO UPDATE ")
_UPDATE = re.compile(r"(UPDATE \w+ SET .*?)( FROM \w+ AS \w+)?( WHERE .*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AtOnce:
    """The text for all rows. `single`: the parameters that are no arrays. `key`: the columns by which an upsert finds
    the row that is there."""

    sql: str
    single: frozenset[str] = frozenset()
    key: tuple[str, ...] = ()

    def turns(self, rows: Sequence[Values]) -> list[Sequence[Values]]:
        """PostgreSQL refuses an upsert that meets a row twice. So of rows with the same key the second comes in a
        second statement, and so on: they take effect in the order in which they were given."""
        if not self.key:
            return [rows]
        turns: list[list[Values]] = []
        met: dict[tuple[Any, ...], int] = {}
        for row in rows:
            key = tuple([row[name] for name in self.key])
            turn = met[key] = met.get(key, -1) + 1
            if turn == len(turns):
                turns.append([])
            turns[turn].append(row)
        return [*turns]


def at_once(compiled: Any, dialect: Dialect) -> AtOnce | None:
    """The statement, compiled for one row, for all rows at once; None where that is not to be had. An UPDATE is one
    because no two rows of ours name the same; where it looks at a second row of the table, one of several counts."""
    sql = str(compiled)
    kinds = {name: compiled.binds[name].type for name in compiled.params}
    if not kinds or "RETURNING" in sql or any(isinstance(kind, sa.types.NullType) for kind in kinds.values()):
        return None
    if found := _INSERT.fullmatch(sql):
        into, values, rest = found.groups(default="")
        single, upsert = frozenset(_PARAMETER.findall(rest)), _UPSERT.match(rest)
        made = f"{into} SELECT {_of_each(values)} FROM {_rows(kinds, single, dialect)}{rest}"  # noqa: S608 - our own statement, compiled
        return AtOnce(made, single, tuple(upsert[1].split(", ")) if upsert else ())
    found = _UPDATE.fullmatch(sql)
    if found is None or " FROM " in found[1]:
        return None
    what, beside, where = found.groups(default="")
    rows = _rows(kinds, frozenset(), dialect)
    return AtOnce(f"{_of_each(what)}{f'{beside}, ' if beside else ' FROM '}{rows}{_of_each(where)}")


def _rows(kinds: Mapping[str, Any], single: frozenset[str], dialect: Dialect) -> str:
    """The arrays as a table: a column for each parameter."""
    many = {name: kind.compile(dialect=dialect) for name, kind in kinds.items() if name not in single}
    arrays = ", ".join(f"%({name})s::{kind}[]" for name, kind in many.items())
    columns = ", ".join(f'"{name}"' for name in many)
    return f"unnest({arrays}) AS each_row ({columns})"


def _of_each(sql: str) -> str:
    return _PARAMETER.sub(lambda name: f'each_row."{name[1]}"', sql)
