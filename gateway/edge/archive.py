"""The file of a backup: a gzipped tar that `tar tzf` lists, written in one go and checked whole before it is believed.

    about.json               what this is: format, schema, program, moment, prefix, tables with their columns and rows
    state/<name>             files of the state folder
    tables/<table>/<number>  lines of JSON, in an order in which no row names one that comes later
    blobs/<sha256>           large octets, as they are stored
    manifest.json            `about` again, and size and SHA-256 of every member above
    manifest.sha256          SHA-256 of manifest.json: the end

A file without its end is no backup. Memory: one member at a time.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from gateway.edge.files import sync_folder

FORMAT = 1
ABOUT, MANIFEST, END = "about.json", "manifest.json", "manifest.sha256"
_LEVEL = 1  # most of it is compressed already
_MOST = 1024**3  # octets of one member: far more than any has


class ArchiveProblem(Exception):
    """The file is no backup that can be used; the text says which file and why."""


class ArchiveWriter:
    """Writes `path` whole or not at all: to a temporary file (0600) beside it, synced, renamed, the folder synced.

    Use as a context; without `finish` nothing is left. OSError for a disk that is full, a folder that is not there.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self._path = path
        self._about = {"format": FORMAT, **about}
        self._members: list[dict[str, Any]] = []

    def __enter__(self) -> ArchiveWriter:
        fd, name = tempfile.mkstemp(prefix=f".{self._path.name}.", suffix=".part", dir=self._path.parent)
        self._temporary = Path(name)
        self._file = os.fdopen(fd, "wb")
        self._gzip = gzip.GzipFile("", "wb", _LEVEL, self._file)
        self._tar = tarfile.open(fileobj=self._gzip, mode="w", format=tarfile.PAX_FORMAT)
        self.add(ABOUT, _json(self._about))
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    def add(self, name: str, octets: bytes) -> None:
        """One more member."""
        self._members.append({"name": name, "size": len(octets), "sha256": hashlib.sha256(octets).hexdigest()})
        self._put(name, octets)

    def finish(self, **more: Any) -> int:
        """Ends the archive with its manifest, which holds `more` as well, and puts the file in place; its size."""
        manifest = _json({**self._about, **more, "members": self._members})
        self._put(MANIFEST, manifest)
        self._put(END, f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode())
        self._tar.close()
        self._gzip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self._file.close()
        self._temporary.replace(self._path)
        sync_folder(self._path.parent)
        return size

    def _put(self, name: str, octets: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(octets), 0o600
        member.mtime = self._about.get("taken", 0)
        self._tar.addfile(member, io.BytesIO(octets))
        self._tar.members.clear()  # type: ignore[attr-defined]  # it would remember them all


class Archive:
    """An archive that was checked from its first octet to its last on opening. Raises ArchiveProblem, OSError.

    The file stays open: what is read later is the file that was checked, though its name may have another by then.
    """

    def __init__(self, path: Path, seen: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        self._path = path
        self._file = path.open("rb")
        self._seen = seen
        try:
            self.about, self.manifest = self._check()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._file.close()

    def members(self) -> Iterator[tuple[str, bytes]]:
        """Name and octets of everything between the first and the last, checked again on the way."""
        known = {member["name"]: member["sha256"] for member in self.manifest["members"]}
        for name, octets in self._read():
            if name in (ABOUT, MANIFEST, END):
                continue
            if known.pop(name, "") != hashlib.sha256(octets).hexdigest():
                raise self._problem(f"{name} has changed while it was read")
            yield name, octets
        if known.keys() - {ABOUT}:
            raise self._problem("it has changed while it was read")

    def _check(self) -> tuple[dict[str, Any], dict[str, Any]]:
        found: list[dict[str, Any]] = []
        about: dict[str, Any] = {}
        manifest, end = b"", b""
        for name, octets in self._read():
            if not found and not about:
                about = self._about(name, octets)
            if end:
                raise self._problem(f"{name} comes after the end")
            if name == MANIFEST:
                manifest = octets
            elif name == END:
                end = octets
            elif manifest:
                raise self._problem(f"{name} comes after the manifest")
            else:
                found.append({"name": name, "size": len(octets), "sha256": hashlib.sha256(octets).hexdigest()})
        if not end:
            raise self._problem("it has no end: it was cut short")
        if end.split()[:1] != [hashlib.sha256(manifest).hexdigest().encode()]:
            raise self._problem("the manifest was altered")
        told = json.loads(manifest)
        _compare(self._problem, told, about, found)
        return about, told

    def _about(self, name: str, octets: bytes) -> dict[str, Any]:
        """What it says of itself: asked before anything else is read."""
        if name != ABOUT:
            raise self._problem(f"it begins with {name}; a backup of this program begins with {ABOUT}")
        try:
            about = dict(json.loads(octets))
        except (ValueError, TypeError):
            raise self._problem(f"{ABOUT} cannot be read") from None
        if about.get("format") != FORMAT:
            raise self._problem(f"its format is {about.get('format')!r}; this program knows {FORMAT}")
        return about

    def _read(self) -> Iterator[tuple[str, bytes]]:
        """Every member, and then whatever else is in the file: its checksum is at its end."""
        self._file.seek(0)
        size = os.fstat(self._file.fileno()).st_size
        try:
            with gzip.GzipFile(fileobj=self._file, mode="rb") as unzipped:
                with tarfile.open(fileobj=unzipped, mode="r|") as tar:
                    while member := tar.next():
                        yield member.name, self._octets(tar, member)
                        tar.members.clear()  # type: ignore[attr-defined]  # it would remember them all
                        self._seen(min(self._file.tell(), size), size)
                while unzipped.read(64 * 1024):
                    pass
        except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise self._problem(f"it is cut short, altered or no backup at all ({error})") from error

    def _octets(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
        stream: BinaryIO | Any = tar.extractfile(member) if member.isreg() and member.size <= _MOST else None
        if stream is None:
            raise self._problem(f"{member.name} is not a file that a backup holds")
        octets = bytes(stream.read())
        if len(octets) != member.size:
            raise self._problem(f"{member.name} is cut short")
        return octets

    def _problem(self, text: str) -> ArchiveProblem:
        return ArchiveProblem(f"{self._path}: {text}")


def _compare(
    problem: Callable[[str], ArchiveProblem], told: Mapping[str, Any], about: Mapping[str, Any], found: list[Any]
) -> None:
    if any(told.get(name) != value for name, value in about.items()):
        raise problem(f"{ABOUT} and {MANIFEST} differ")
    listed = told.get("members")
    if listed == found:
        return
    by_name = {member["name"]: member for member in listed or ()}
    wrong = [member["name"] for member in found if by_name.get(member["name"]) != member]
    lost = sorted(by_name.keys() - {member["name"] for member in found})
    raise problem(f"altered: {', '.join([*wrong, *lost][:5]) or 'the order of its members'}")


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"
