"""Values with their place in the file, and problems told with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BeforeValidator

MAX_PROBLEMS = 100

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
Path = Sequence[str | int]


class WrittenInt(int):
    """An integer that remembers how it was written, for fields that want text."""

    written: str


class WrittenFloat(float):
    """A decimal that remembers how it was written (`1.10`)."""

    written: str


def _as_written(value: object) -> object:
    return value.written if isinstance(value, WrittenInt | WrittenFloat) else value


Text = Annotated[str, BeforeValidator(_as_written)]
"""A text field of a model: an unquoted number is taken as it was written (`404`, `1.10`)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file. `line` and `column` count from 1; 0 where the file as a whole is meant."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: "
        return f"{where}{self.path}: {self.message}" if self.path else where + self.message


class StrictYamlError(ValueError):
    """All problems found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Node:
    """One value and where it stands. Maps keep the order of the file; `keys` has the marks of their keys."""

    file: str
    line: int
    column: int
    value: bool | int | float | str | tuple[Node, ...] | Mapping[str, Node] | None
    keys: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def plain(self) -> Plain:
        """The bare value: dict, list, text, number, bool or None."""
        if isinstance(self.value, Mapping):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, tuple):
            return [child.plain() for child in self.value]
        return self.value

    def child(self, step: str | int) -> Node | None:
        """The value under a key or at an index (from 0), or None."""
        if isinstance(self.value, Mapping) and isinstance(step, str):
            return self.value.get(step)
        if isinstance(self.value, tuple) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None

    def walk(self, path: Path) -> Iterator[tuple[str | int, Node]]:
        """The steps of `path` that exist. Steps that do not (a validator's own names) are passed over."""
        node = self
        for step in path:
            child = node.child(step)
            if child is not None:
                yield step, child
                node = child

    def find(self, path: Path) -> Node:
        """The deepest value on `path`."""
        return next((node for _, node in reversed(list(self.walk(path)))), self)

    def problem(self, path: Path, message: str, key: str | None = None) -> Problem:
        """A problem at the value under `path`, or, with `key`, at that key of it."""
        node = self.find(path)
        line, column = node.keys.get(key, (node.line, node.column)) if key is not None else (node.line, node.column)
        return Problem(self.file, line, column, self.shown_path(path, key), message)

    def shown_path(self, path: Path, key: str | None = None) -> str:
        """`rules[Khiếu nại].then.tags[2]`: list items by their `name`, else by number from 1."""
        shown = ""
        for step, child in self.walk(path):
            if isinstance(step, int):
                name = child.child("name")
                shown += f"[{name.value}]" if name is not None and isinstance(name.value, str) else f"[{step + 1}]"
            else:
                shown += f".{step}" if shown else step
        return f"{shown}.{key}" if key and shown else shown or key or ""


def quoted(value: object) -> str:
    """A value as messages show it: `'text'`, bounded to 60 characters."""
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return "'" + (shown if len(shown) <= 60 else shown[:57] + "...") + "'"


def did_you_mean(value: object, known: Iterable[str]) -> str:
    """`, got 'x', did you mean 'y'?`, or, when nothing is near, `, got 'x' (known: a, b)`."""
    words = list(dict.fromkeys(known))
    by_fold = {word.casefold(): word for word in words}
    near = difflib.get_close_matches(str(value).casefold(), by_fold, n=1, cutoff=0.6) if isinstance(value, str) else []
    if near:
        return f", got {quoted(value)}, did you mean {quoted(by_fold[near[0]])}?"
    shown = ", ".join(words[:12]) + (", …" if len(words) > 12 else "")
    return f", got {quoted(value)} (known: {shown or 'none'})"
