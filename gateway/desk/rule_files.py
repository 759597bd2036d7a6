"""The rule files as one: which there are, in which order, each read and checked for its shape. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.desk.rule_models import RuleFile
from gateway.strictyaml import Node, Path, Problem, StrictYamlError, did_you_mean, load, quoted, validate

MAIN_FILE = "rulebook.yaml"
LIST_ENDING = ".txt"  # a list on its own, one entry a line, named like the file
MAX_PROBLEMS = 200


class RulebookErrors(StrictYamlError):
    """Everything wrong with a set of rule files; `problems` file by file, from top to bottom."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file, read. `content` is None where its shape is wrong."""

    name: str
    node: Node
    content: RuleFile | None
    parsed: bool = True


@dataclass
class RuleFiles:
    """All files in order, the main file last; `problems` grows while they are checked."""

    parts: list[Part] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def complain(self, part: Part, path: Path, message: str, key: str | None = None) -> None:
        self.problems.append(part.node.problem(path, message, key))

    def each(self, section: str) -> Iterator[tuple[Part, Any]]:
        """A section of every file that has it, in order."""
        for part in self.parts:
            value = getattr(part.content, section) if part.content is not None else None
            if value:
                yield part, value

    def merged(self, section: str) -> dict[str, tuple[Part, Any]]:
        """A section of named things over all files; a name given twice is a problem."""
        found: dict[str, tuple[Part, Any]] = {}
        for part, value in self.each(section):
            for name, thing in value.items():
                if name in found:
                    first = place_of(found[name][0], (section, name))
                    self.complain(part, (section,), f"{quoted(name)} was already given in {first}", name)
                else:
                    found[name] = (part, thing)
        return found

    def listed(self, section: str) -> list[tuple[Part, Path, str]]:
        """Every entry of a list section, with where it stands."""
        return [(part, (section, i), entry) for part, value in self.each(section) for i, entry in enumerate(value)]

    def raise_problems(self) -> None:
        """Raises RulebookErrors when there is any problem."""
        if self.problems:
            order = {part.name: place for place, part in enumerate(self.parts)}
            unique = dict.fromkeys(self.problems)
            ranked = sorted(unique, key=lambda p: (order.get(p.file, -1), p.file, p.line, p.column))
            raise RulebookErrors(ranked[:MAX_PROBLEMS])


def place_of(part: Part, path: Path) -> str:
    """`rules.yaml:12`, the line at which the value under a path begins."""
    return f"{part.name}:{part.node.find(path).line}"


def digest_of(files: Mapping[str, str]) -> str:
    """Hex sha256 over names and texts, whatever the order given."""
    digest = hashlib.sha256()
    for name in sorted(files):
        for octets in (name.encode(), files[name].encode("utf-8", "surrogatepass")):
            digest.update(len(octets).to_bytes(8, "big") + octets)
    return digest.hexdigest()


def read_files(files: Mapping[str, str]) -> RuleFiles:
    """Reads every file, also those after a bad one, so that all problems are told at once."""
    read = RuleFiles()
    if MAIN_FILE not in files:
        read.problems.append(
            Problem(MAIN_FILE, 0, 0, "", "the file is missing; it lists the other rule files under 'include:'")
        )
        read.raise_problems()
    main = _read(MAIN_FILE, files[MAIN_FILE], read.problems)
    others = [name for name in sorted(files) if name != MAIN_FILE and name.endswith((".yaml", ".yml", LIST_ENDING))]
    included = _included(main, others, read)
    for name in (*included, *(name for name in others if name not in included)):
        part = _read(name, files[name], read.problems)
        read.parts.append(part)
        _refuse_main_keys(part, read)
    read.parts.append(main)
    return read


def _read(name: str, text: str, problems: list[Problem]) -> Part:
    try:
        node = _list_node(name, text) if name.endswith(LIST_ENDING) else load(text, name)
    except StrictYamlError as error:
        problems += error.problems
        return Part(name, Node(name, 1, 1, {}), None, parsed=False)
    if node.value is None:
        node = Node(name, 1, 1, {})
    try:
        return Part(name, node, validate(RuleFile, node))
    except StrictYamlError as error:
        problems += error.problems
        return Part(name, node, None)


def _list_node(name: str, text: str) -> Node:
    """`vip.txt`, an entry a line, `#` before a comment, as `lists: {vip: [...]}` would read."""
    entries = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        entry = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
        if entry:
            entries.append(Node(name, number, line.index(entry) + 1, entry))
    title = name.rpartition("/")[2].removesuffix(LIST_ENDING)
    lists = Node(name, 1, 1, {title: Node(name, 1, 1, tuple(entries))})
    return Node(name, 1, 1, {"lists": lists})


def _included(main: Part, others: Sequence[str], read: RuleFiles) -> list[str]:
    """The listed files that exist, in order. Complains of missing, repeated and unlisted ones."""
    listed = _names(main.node.child("include"))
    unlisted = [name for name in others if name not in listed]
    order: list[str] = []
    for place, name in enumerate(listed):
        if name in order or name == MAIN_FILE:
            read.complain(main, ("include", place), f"the file is included twice, got {quoted(name)}")
        elif name in others:
            order.append(name)
        else:
            read.complain(main, ("include", place), "there is no such file" + did_you_mean(name, unlisted))
    for name in unlisted if main.parsed else ():
        message = f"the file is not listed under 'include:' in {MAIN_FILE}; add it there or remove the file"
        read.problems.append(Problem(name, 1, 1, "", message))
    return order


def _names(written: Node | None) -> list[str]:
    """The texts of a list or of a single value; anything else is told with the shape of the file."""
    nodes = written.value if written is not None and isinstance(written.value, tuple) else (written,)
    return [node.value for node in nodes if node is not None and isinstance(node.value, str)]


def _refuse_main_keys(part: Part, read: RuleFiles) -> None:
    for key in ("version", "timezone", "include"):
        if part.content is not None and key in part.content.model_fields_set:
            read.complain(part, (), f"'{key}' belongs in {MAIN_FILE} only", key)
