"""The import law of docs/architecture.md, read from its table of rooms, and the size of what is in them.

The checker is tried on small offences of its own below, so that its silence means something.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EVERYTHING = "everything"
PURE = {"model", "mail", "desk", "options", "strictyaml"}
# the one module in a pure room that does I/O: the reading child's way in, a process of its own
IMPURE_BY_NAME = {"gateway/mail/child_main.py"}
MAX_LINES, MAX_FUNCTION = 400, 60

# What reads a clock, randomness, the environment, a file or a socket. `zoneinfo` is let in: the time-zone database
# is a table, like those of `unicodedata`. So is `pathlib` for the type of a setting; its methods that do I/O are not.
IMPURE_MODULES = {
    "asyncio", "ctypes", "fileinput", "ftplib", "getpass", "glob", "http", "imaplib", "imapclient", "importlib",
    "linecache", "logging", "mmap", "multiprocessing", "os", "pkgutil", "platform", "random", "resource", "runpy",
    "secrets", "select", "selectors", "shelve", "shutil", "signal", "smtplib", "socket", "sqlite3", "sqlalchemy", "ssl",
    "subprocess", "sys", "tempfile", "threading", "time", "urllib.request", "uuid",
}  # fmt: skip
IMPURE_CALLS = {"open", "input", "print", "breakpoint"}
IMPURE_METHODS = {
    "now", "utcnow", "today",  # datetime, date
    "open", "read_text", "read_bytes", "write_text", "write_bytes", "exists", "is_file", "is_dir", "iterdir", "glob",
    "rglob", "resolve", "absolute", "cwd", "home", "stat", "mkdir", "unlink", "expanduser",  # Path
    "make_msgid", "localtime",  # email.utils
}  # fmt: skip
WORDS_NOT_USED = {"manager", "helper", "helpers", "util", "utils", "common", "data", "info", "service", "processor"}
SMTP_VERB = {"smtp_data", "DataReader"}  # DATA is what RFC 5321 calls it


def law() -> dict[str, set[str]]:
    """Room → rooms it may import, as the table in docs/architecture.md says."""
    table = (
        (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## Rooms")[2].partition("\n## ")[0]
    )
    allowed: dict[str, set[str]] = {}
    for row in re.findall(r"^\| (.+?) \| .+? \| (.+?) \|$", table, re.M):
        rooms = re.findall(r"`([^`]+)`", row[0])
        words = row[1].partition("(")[0]
        may = {EVERYTHING} if words.strip() == EVERYTHING else set(" ".join(re.findall(r"`([^`]+)`", words)).split())
        for room in (name for group in rooms for name in group.split()):
            allowed[room.removeprefix("gateway/").removesuffix("/").removesuffix(".py")] = may
    return allowed


LAW = law()
ROOMS = {room for room, may in LAW.items() if may != {EVERYTHING}}
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "gateway").rglob("*.py"))


def room_of(path: str) -> str:
    return path.split("/")[1].removesuffix(".py")


def imported(tree: ast.AST, path: str) -> Iterator[tuple[int, str]]:
    """Every imported module by its full name; `from a import b` counts as `a.b`, which may be a module."""
    package = path.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def import_offences(tree: ast.AST, path: str) -> Iterator[str]:
    room = room_of(path)
    may = LAW.get(room, {EVERYTHING}) | {room}
    for line, name in imported(tree, path):
        parts = name.split(".")
        if parts[0] == "gateway" and EVERYTHING not in may and (parts[1:2] or ["gateway"])[0] not in may:
            yield f"{path}:{line} {room} imports {name}"


def impurities(tree: ast.AST, path: str) -> Iterator[str]:
    if room_of(path) not in PURE or path in IMPURE_BY_NAME:
        return
    for line, name in imported(tree, path):
        if any(name == impure or name.startswith(impure + ".") for impure in IMPURE_MODULES):
            yield f"{path}:{line} a pure room imports {name}"
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        call = node.func
        if isinstance(call, ast.Name) and call.id in IMPURE_CALLS | {"make_msgid", "localtime"}:
            yield f"{path}:{node.lineno} a pure room calls {call.id}()"
        if isinstance(call, ast.Attribute) and call.attr in IMPURE_METHODS:
            yield f"{path}:{node.lineno} a pure room calls .{call.attr}()"
        if getattr(call, "id", getattr(call, "attr", "")) == "formatdate" and not node.args:
            yield f"{path}:{node.lineno} a pure room calls formatdate() without a time"


def sizes(tree: ast.AST, path: str, lines: int) -> Iterator[str]:
    if lines > MAX_LINES:
        yield f"{path} has {lines} lines, more than {MAX_LINES}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION:
                yield f"{path}:{node.lineno} {node.name} has {length} lines, more than {MAX_FUNCTION}"


def names(tree: ast.AST, path: str) -> Iterator[str]:
    stem = Path(path).stem
    if stem not in SMTP_VERB and WORDS_NOT_USED & set(stem.split("_")):
        yield f"{path} is named with a word that says nothing"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            words = {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", node.name)}
            if WORDS_NOT_USED & words and node.name not in SMTP_VERB:
                yield f"{path}:{node.lineno} class {node.name} is named with a word that says nothing"


def offences(text: str, path: str) -> list[str]:
    tree = ast.parse(text)
    lines = text.count("\n") + (not text.endswith("\n") and bool(text))
    return [*import_offences(tree, path), *impurities(tree, path), *sizes(tree, path, lines), *names(tree, path)]


@pytest.mark.parametrize("path", MODULES)
def test_a_module_keeps_the_law(path: str) -> None:
    assert offences((ROOT / path).read_text(encoding="utf-8"), path) == []


def test_every_module_is_in_a_room_of_the_table() -> None:
    assert {"model", "options", "mail", "desk", "store", "edge", "flow"} <= ROOMS
    rooms = {room_of(path) for path in MODULES} - {"__init__", "__main__"}
    assert rooms - set(LAW) == set(), "docs/architecture.md, Rooms, does not know these"


@pytest.mark.parametrize(
    ("room", "never"),
    [
        ("model", {"options", "mail", "desk", "store", "edge", "flow"}),
        ("mail", {"desk", "store", "edge", "flow"}),
        ("desk", {"mail", "store", "edge", "flow"}),
        ("store", {"mail", "desk", "edge", "flow"}),
        ("edge", {"mail", "desk", "store", "flow"}),
        ("flow", {"edge", "daemon", "cli"}),
    ],
)
def test_no_chain_of_imports_leads_where_a_room_may_not_go(room: str, never: set[str]) -> None:
    reached, ahead = set(LAW[room]), list(LAW[room])
    while ahead:
        new = LAW[ahead.pop()] - reached
        reached |= new
        ahead += new
    assert reached & (never | {EVERYTHING}) == set()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("gateway/mail/x.py", "import gateway.desk.route"),
        ("gateway/mail/x.py", "from gateway.desk import route"),
        ("gateway/mail/x.py", "from gateway import desk"),
        ("gateway/mail/x.py", "from ..desk import route"),
        ("gateway/mail/x.py", "from .. import desk"),
        ("gateway/mail/x.py", "def f():\n    from gateway.store import queue"),
        ("gateway/desk/x.py", "from gateway.mail.parse import read"),
        ("gateway/model/x.py", "from gateway.options import Desk"),
        ("gateway/store/x.py", "from gateway.edge.files import write"),
        ("gateway/edge/x.py", "from gateway.store import queue"),
        ("gateway/flow/x.py", "from gateway.edge import smtp_out"),
        ("gateway/flow/x.py", "import gateway.daemon"),
        ("gateway/options.py", "from gateway.model import Mailbox"),
        ("gateway/mail/x.py", "import os.path"),
        ("gateway/mail/x.py", "from os import environ"),
        ("gateway/mail/x.py", "import time"),
        ("gateway/mail/x.py", "from random import random"),
        ("gateway/desk/x.py", "import secrets"),
        ("gateway/desk/x.py", "from datetime import datetime\nat = datetime.now()"),
        ("gateway/desk/x.py", "import datetime\nat = datetime.date.today()"),
        ("gateway/desk/x.py", "text = open('x').read()"),
        ("gateway/desk/x.py", "from pathlib import Path\ntext = Path('x').read_text()"),
        ("gateway/mail/x.py", "from email.utils import make_msgid\nx = make_msgid()"),
        ("gateway/mail/x.py", "from email.utils import formatdate\nx = formatdate()"),
        ("gateway/strictyaml/x.py", "import socket"),
        ("gateway/edge/x.py", "x = 1\n" * 401),
        ("gateway/edge/x.py", "def f():\n" + "    x = 1\n" * 60),
        ("gateway/edge/mail_utils.py", ""),
        ("gateway/edge/x.py", "class QueueManager: pass"),
        ("gateway/edge/x.py", "class SMTPInfo: pass"),
    ],
)
def test_the_checker_sees_an_offence(path: str, text: str) -> None:
    assert len(offences(text, path)) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("gateway/flow/x.py", "from gateway.mail import parse\nfrom gateway.desk import route\nimport time"),
        ("gateway/mail/x.py", "from datetime import time, datetime\nimport io\nfrom pathlib import Path"),
        ("gateway/mail/x.py", "from email.utils import formatdate\nx = formatdate(0)"),
        ("gateway/mail/child_main.py", "import sys, os\nfrom gateway.mail import parse"),
        ("gateway/daemon.py", "import gateway.edge.smtp_in, gateway.flow.receive, os"),
        ("gateway/edge/x.py", "x = 1\n" * 400),
        ("gateway/edge/x.py", "def f():\n" + "    x = 1\n" * 59),
        ("gateway/edge/x.py", "class Database: pass"),
    ],
)
def test_the_checker_lets_pass_what_is_allowed(path: str, text: str) -> None:
    assert offences(text, path) == []
