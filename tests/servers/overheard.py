"""What a PostgreSQL server was told and how it went about it, by its own log: nothing that a library does beside is
missed, BEGIN and COMMIT included."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.postgres import Postgres

_ENTRY = re.compile(r"^\d{4}-\d\d-\d\d [\d:.]+ \w+ \[\d+\] \w+:  (.*(?:\n\t.*)*)", re.MULTILINE)
_SAID = re.compile(r"(?:statement|execute [^:]+): (.*)", re.DOTALL)
_PLAN = re.compile(r"duration: [\d.]+ ms  plan:\s*(\{.*)", re.DOTALL)
_SETTINGS = {
    "log_statement": "'all'",
    "log_parameter_max_length": "0",
    "session_preload_libraries": "'auto_explain'",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "'json'",
    "auto_explain.log_nested_statements": "on",  # what it asks itself for foreign keys
}
_TOLD = ("Relation Name", "Index Name", "Index Cond", "Hash Cond", "Filter")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a statement was really carried out."""

    sql: str
    root: dict[str, Any]

    def __str__(self) -> str:
        lines: list[str] = []
        rest = [(self.root, 0)]
        while rest:
            node, depth = rest.pop()
            rest += [(one, depth + 1) for one in reversed(node.get("Plans", ()))]
            told = [str(node[name]) for name in _TOLD if name in node]
            lines.append(f"{'  ' * depth}{node['Node Type']} {', '.join(told)}: {node['Actual Rows']} rows")
        return "\n".join(lines)

    def nodes(self) -> Iterator[dict[str, Any]]:
        rest = [self.root]
        while rest:
            node = rest.pop()
            rest += node.get("Plans", ())
            yield node

    def touched(self) -> dict[str, int]:
        """The rows that were read of each table, also those that were thrown away again."""
        found: dict[str, int] = {}
        for node in self.nodes():
            if (table := node.get("Relation Name")) and "Scan" in node["Node Type"]:
                removed = sum(rows for name, rows in node.items() if name.startswith("Rows Removed by"))
                found[table] = found.get(table, 0) + round(node["Actual Loops"] * (node["Actual Rows"] + removed))
        return found


class Overheard:
    """What was said to one database. `statements`: since they were last asked for; `plans`: from the beginning."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = log.stat().st_size
        self._statements: list[str] = []
        self._plans: list[Plan] = []

    def _look(self) -> None:
        with self._log.open("rb") as file:
            file.seek(self._read)
            octets = file.read()
        self._read += len(octets)
        for entry in _ENTRY.findall(octets.decode()):
            text = entry.replace("\n\t", "\n")
            if found := _SAID.match(text):
                self._statements.append(found[1])
            elif found := _PLAN.match(text):
                made = json.loads(found[1])
                self._plans.append(Plan(made["Query Text"], made["Plan"]))

    def statements(self) -> list[str]:
        self._look()
        said, self._statements = self._statements, []
        return said

    def plans(self) -> list[Plan]:
        self._look()
        return self._plans


@contextmanager
def overheard(server: Postgres, database: str, **settings: str) -> Iterator[Overheard]:
    """For connections that are made inside. Nobody else may use the server meanwhile. More `settings` of the database
    may be given."""
    wanted = {**_SETTINGS, **settings}
    with server.admin() as connection:
        for name, value in wanted.items():
            connection.execute(f"ALTER DATABASE {database} SET {name} = {value}")  # type: ignore[arg-type]  # our own words
    try:
        yield Overheard(server.log_file)
    finally:
        with server.admin() as connection:
            connection.execute(f"ALTER DATABASE {database} RESET ALL")  # type: ignore[arg-type]  # as above
