"""Text → nodes, by PyYAML's event stream and an explicit stack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from gateway.strictyaml.marks import MAX_PROBLEMS, Node, Problem, StrictYamlError, WrittenFloat, WrittenInt, quoted

MAX_DEPTH = 32
MAX_SIZE = 10 * 1024 * 1024  # octets of UTF-8
MAX_VALUES = 500_000


def decode(octets: bytes, file: str) -> str:
    """A file's octets as text. Raises StrictYamlError unless they are UTF-8 (with or without a BOM)."""
    if octets[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise StrictYamlError([Problem(file, 1, 1, "", "the file is UTF-16; save it as UTF-8")])
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = octets[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        what = (
            f"not UTF-8 (octet 0x{octets[error.start]:02X}); save the file as UTF-8, not Latin-1 or a Windows code page"
        )
        raise StrictYamlError([Problem(file, line, column, "", what)]) from error


def load(text: str, file: str) -> Node:
    """Reads one document. An empty file is a `null` node. Raises StrictYamlError with every problem it could find."""
    text = text.removeprefix("\ufeff")
    _check_characters(text, file)
    builder = _Builder(file)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
            if builder.stopped:
                break
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = _explain_syntax(error, text, line, column)
        builder.problems.append(Problem(file, line, column, "", message))
    except yaml.YAMLError as error:  # the reader's own errors carry no mark
        builder.problems.append(Problem(file, 1, 1, "", f"not readable as YAML: {str(error)[:200]}"))
    if builder.problems:
        raise StrictYamlError(builder.problems[:MAX_PROBLEMS])
    return builder.root or Node(file, 1, 1, None)


# U+0085, U+2028 and U+2029 would count as line breaks for YAML and for no editor
_UNPRINTABLE = re.compile("[^\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def _check_characters(text: str, file: str) -> None:
    if len(text) > MAX_SIZE or len(text.encode("utf-8", "surrogatepass")) > MAX_SIZE:
        raise StrictYamlError([Problem(file, 0, 0, "", f"the file is larger than {MAX_SIZE // 1024 // 1024} MB")])
    problems = []
    for match in _UNPRINTABLE.finditer(text):
        start = match.start()
        line = text.count("\n", 0, start) + 1
        column = start - text.rfind("\n", 0, start)
        problems.append(Problem(file, line, column, "", f"invisible character U+{ord(match[0]):04X}; delete it"))
        if len(problems) == 20:
            break
    if problems:
        raise StrictYamlError(problems)


_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}\Z")
_CONSTANTS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


def _scalar(written: str) -> bool | int | float | str | None:
    """What an unquoted scalar stands for."""
    if written in _CONSTANTS:
        return _CONSTANTS[written]
    if _INTEGER.match(written):
        whole = WrittenInt(written)
        whole.written = written
        return whole
    if _DECIMAL.match(written):
        decimal = WrittenFloat(written)
        decimal.written = written
        return decimal
    return written


def _spot(event: yaml.Event) -> tuple[int, int]:
    """Line and column of an event, from 1."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


@dataclass(slots=True)
class _Open:
    """A map or list being read."""

    line: int
    column: int
    items: list[Node] | None  # None: a map
    pairs: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    key: str | None = None


class _Builder:
    """Events → nodes, with an explicit stack."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self.stopped = False
        self.stack: list[_Open] = []
        self.values = 0
        self.documents = 0

    def complain(self, event: yaml.Event, message: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(self.file, *_spot(event), self._path(), message))

    def stop(self, event: yaml.Event, message: str) -> None:
        self.complain(event, message)
        self.stopped = True

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.NodeEvent):
            self._node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.DocumentStartEvent):
            self._document(event)

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            self.stop(event, "a second document begins here; one file holds one (delete the line '---')")
        elif event.version or event.tags:
            self.complain(event, "directives (%YAML, %TAG) are not used here; delete them")

    def _node(self, event: yaml.NodeEvent) -> None:
        self.values += 1
        if self.values > MAX_VALUES:
            self.stop(event, f"more than {MAX_VALUES:,} values in one file")
            return
        if self._in_key():
            self._take_key(event)
            return
        self._refuse_decoration(event)
        if isinstance(event, yaml.ScalarEvent):
            if hidden := _UNPRINTABLE.search(event.value):
                self.complain(event, f"an escape stands for the invisible character U+{ord(hidden[0]):04X}; delete it")
            self._put(Node(self.file, *_spot(event), event.value if event.style else _scalar(event.value)))
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(self.stack) >= MAX_DEPTH:
                self.stop(event, f"nested deeper than {MAX_DEPTH} levels")
                return
            items: list[Node] | None = [] if isinstance(event, yaml.SequenceStartEvent) else None
            self.stack.append(_Open(*_spot(event), items))
        else:
            self._put(Node(self.file, *_spot(event), None))  # an alias, already complained of

    def _refuse_decoration(self, event: yaml.NodeEvent) -> None:
        if isinstance(event, yaml.AliasEvent):
            self.complain(event, f"aliases are not used here, got '*{event.anchor}' (quote it if text is meant)")
            return
        if event.anchor:
            self.complain(event, f"anchors are not used here, got '&{event.anchor}' (quote it if text is meant)")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.complain(event, f"tags are not used here, got {quoted(tag)} (quote it if text is meant)")

    def _in_key(self) -> bool:
        return bool(self.stack) and self.stack[-1].items is None and self.stack[-1].key is None

    def _take_key(self, event: yaml.NodeEvent) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            self.stop(event, "a key must be plain text, not a list, a map or an alias (quote '{…}', '[…]' and '*…')")
            return
        self._refuse_decoration(event)
        top, key = self.stack[-1], event.value
        if key == "<<" and not event.style:
            self.complain(event, "merge keys are not used here, got '<<'")
        elif key != key.strip(" \t\xa0\u3000\u200b"):
            self.complain(event, f"the key {quoted(key)} has an unusual blank at its edge; delete it")
        elif key in top.keys:
            self.complain(event, f"the key {quoted(key)} was already given in line {top.keys[key][0]}")
        top.key = key
        top.keys.setdefault(key, _spot(event))

    def _put(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if top.items is not None:
            top.items.append(node)
        elif top.key is not None:
            top.pairs.setdefault(top.key, node)
            top.key = None

    def _close(self) -> None:
        done = self.stack.pop()
        value: tuple[Node, ...] | dict[str, Node] = done.pairs if done.items is None else tuple(done.items)
        self._put(Node(self.file, done.line, done.column, value, done.keys))

    def _path(self) -> str:
        shown = ""
        for level in self.stack:
            if level.items is not None:
                shown += f"[{len(level.items) + 1}]"
            elif level.key is not None:
                shown += f".{level.key}" if shown else level.key
        return shown


# YAML's own messages, by a part of their text, in words for people who do not know YAML's grammar
_SYNTAX = (
    ("maximum nesting depth", f"nested deeper than {MAX_DEPTH} levels"),  # libyaml 0.2.6 says so before any event
    (
        "mapping values are not allowed",
        "':' where no key can stand; quote a value with ': ' in it, check the indentation",
    ),
    ("scanning an alias", "a value that begins with '*' must be quoted"),
    ("scanning an anchor", "a value that begins with '&' must be quoted"),
    ("scanning a tag", "a value that begins with '!' must be quoted"),
    ("parsing a tag", "a value that begins with '!' must be quoted"),
    ("undefined tag handle", "a value that begins with '!' must be quoted"),
    ("unknown escape", "in double quotes a backslash begins an escape; write the text in single quotes"),
    ("a quoted scalar", "the quote that opens here or above is not closed"),
    ("flow sequence", "the list in [...] lacks a ',' or its ']'"),
    ("flow mapping", "the map in {...} lacks a ',' or its '}'"),
    ("could not find expected ':'", "a key without ':'"),
    ("sequence entries are not allowed", "'-' where no list item can stand; begin the list on a line of its own"),
    ("scanning a directive", "a line that begins with '%' must be quoted"),
    ("block collection", "the list items do not line up; give each '-' the same indentation"),
    ("block mapping", "the keys do not line up with those above, or text follows a closing quote"),
    ("node content", "a value is missing here, or begins with ',', ']' or '}' and must be quoted"),
    ("document start", "text after the end of the value; only one value or map can stand here"),
)


def _explain_syntax(error: yaml.MarkedYAMLError, text: str, line: int, column: int) -> str:
    lines = text.splitlines()
    here = lines[line - 1] if line <= len(lines) else ""
    if "\t" in here[: len(here) - len(here.lstrip())] or here[column - 1 : column] == "\t":
        return "a tab used to indent; use blanks"
    problem = f"{error.context or ''} {error.problem or ''}"
    if "cannot start any token" in problem and column <= len(here):
        return f"a value that begins with '{here[column - 1]}' must be quoted"
    found = next((words for part, words in _SYNTAX if part in problem), None)
    return found or f"not readable as YAML: {' '.join(problem.split())[:200]}"
