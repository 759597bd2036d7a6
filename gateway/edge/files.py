"""Folders of rules and templates: read whole, only when they hold still."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MAX_FILE = 10 * 1024 * 1024


class FolderProblem(Exception):
    """A folder or file that cannot be read; the text says which and why."""


def read_folder(root: Path, endings: tuple[str, ...]) -> dict[str, str]:
    """Every file below `root` with one of `endings`: relative name with "/" → text. Hidden files are left out."""
    if not root.is_dir():
        raise FolderProblem(f"{root}: no such folder")
    texts: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if any(part.startswith(".") for part in name.split("/")) or not name.endswith(endings) or not path.is_file():
            continue
        texts[name] = _text(path)
    return texts


def _text(path: Path) -> str:
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise FolderProblem(f"{path}: cannot be read: {error.strerror}") from error
    if len(octets) > MAX_FILE:
        raise FolderProblem(f"{path}: {len(octets)} octets, more than the {MAX_FILE} a file may have")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        what = f"not UTF-8 (octet {octets[error.start]:#04x}); save the file as UTF-8"
        raise FolderProblem(f"{path}:{line}: {what}") from error


def read_still(root: Path, endings: tuple[str, ...], wait: float = 1.0) -> dict[str, str]:
    """As `read_folder`, once two readings `wait` seconds apart agree; raises FolderProblem if they never do."""
    before = read_folder(root, endings)
    for _ in range(10):
        time.sleep(wait)
        after = read_folder(root, endings)
        if after == before:
            return after
        before = after
    raise FolderProblem(f"{root}: its files keep changing; try again when they are complete")


def digest(texts: Mapping[str, str]) -> str:
    """One digest over names and texts."""
    return hashlib.sha256(json.dumps(sorted(texts.items())).encode()).hexdigest()


def write_atomic(path: Path, octets: bytes, mode: int = 0o600) -> None:
    """Replaces `path` whole: written, synced, renamed, the folder synced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(octets)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A new name in it is on disk on return."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class LastGood:
    """The last good rules and templates, kept in the state folder: a bad file plus a reboot never means no mail."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, rules: Mapping[str, str], templates: Mapping[str, str]) -> None:
        octets = json.dumps({"rules": dict(rules), "templates": dict(templates)}, ensure_ascii=False).encode()
        if not self._path.exists() or self._path.read_bytes() != octets:
            write_atomic(self._path, octets)

    def load(self) -> tuple[dict[str, str], dict[str, str]] | None:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            return dict(kept["rules"]), dict(kept["templates"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


class JsonFile:
    """One JSON value in the state folder, replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, value: Mapping[str, Any]) -> None:
        """Raises OSError; then the former value stays."""
        write_atomic(self._path, json.dumps(value, ensure_ascii=False).encode())

    def load(self) -> Any:
        """None if there is none, or none that can be read."""
        try:
            return json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return None
