"""What may be on disk after the power is cut, from the record that `power_cut.c` makes.

The model is strict POSIX, harder than any one file system: an fsync makes the octets and the size of that file certain,
and an fsync of a folder the names in it; nothing else is certain. Of what was written and not synced, any pages or
sectors may have reached the disk; of the names made, changed and removed, any first part (file systems keep their
order). After a sync that failed, what it was to write is never certain by a later one: the system may have dropped it.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

_HEAD = struct.Struct("<IIQqq")
IGNORED = ("-shm", ".log")  # the wal-index is built anew at every start; logs are nobody's mail


class Cut(Enum):
    """What is left of that which was written and not synced."""

    NOTHING_LOST = "nothing lost"  # only the process died
    ALL_LOST = "all lost"
    PAGES = "pages"  # any 4 KiB pages are there
    TORN = "torn"  # any sectors of 512 octets are there


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the record. `kind` is the letter that power_cut.c wrote."""

    kind: str
    inode: int
    at: int
    more: int
    octets: bytes

    @property
    def names(self) -> list[str]:
        return [os.fsdecode(name) for name in self.octets.split(b"\0")]


def read_records(journal: Path) -> Iterator[Record]:
    """In order; what a killed process left half written at the end is left out."""
    octets = memoryview(journal.read_bytes())
    place = 0
    while place + _HEAD.size <= len(octets):
        length, kind, inode, at, more = _HEAD.unpack_from(octets, place)
        end = place + _HEAD.size + length
        if end > len(octets):
            return
        yield Record(chr(kind), inode, at, more, bytes(octets[place + _HEAD.size : end]))
        place = end


@dataclass(slots=True)
class _Change:
    """A write, or with `octets` None a new size. `dropped`: a sync that was to write it has failed."""

    number: int
    at: int
    octets: bytes | None
    dropped: bool = False


@dataclass(slots=True, eq=False)
class _File:
    certain: bytearray
    now: bytearray
    pending: list[_Change] = field(default_factory=list)

    def change(self, change: _Change) -> None:
        self.pending.append(change)
        _apply(self.now, change.at, change.octets)

    def synced(self, before: int) -> None:
        """All changes before this number are certain, save those that were dropped."""
        left: list[_Change] = []
        for change in self.pending:
            if change.number < before and not change.dropped:
                _apply(self.certain, change.at, change.octets)
                left = [piece for old in left for piece in _without(old, change)]
            else:
                left.append(change)
        self.pending = left

    def failed(self, before: int) -> None:
        for change in self.pending:
            change.dropped |= change.number < before

    def after(self, cut: Cut, chance: random.Random) -> bytes:
        if cut is Cut.NOTHING_LOST:
            return bytes(self.now)
        made = bytearray(self.certain)
        if cut is Cut.ALL_LOST or not self.pending:
            return bytes(made)
        unit, share = (4096 if cut is Cut.PAGES else 512), chance.choice((0.1, 0.5, 0.9))
        for change in self.pending:
            for at, octets in _units(change, unit):
                if chance.random() < share:
                    _apply(made, at, octets)
        return bytes(made)


@dataclass(slots=True, eq=False)
class _Folder:
    certain: dict[str, _File | _Folder]
    now: dict[str, _File | _Folder]


_Names = tuple[tuple[_Folder, str, "_File | _Folder | None"], ...]


@dataclass(slots=True)
class _Naming:
    """Names that are set, or removed (None), together."""

    number: int
    names: _Names


class CutDisk:
    """The files below `root` as they are, all of it certain; then `apply` what was recorded since."""

    def __init__(self, root: Path) -> None:
        self._inodes: dict[int, _File | _Folder] = {}
        self._namings: list[_Naming] = []
        self._syncs: dict[int, int] = {}
        self._number = 0
        self._root = self._read(root)

    def _read(self, folder: Path) -> _Folder:
        made = _Folder({}, {})
        self._inodes[folder.stat().st_ino] = made
        for path in folder.iterdir():
            if path.is_dir():
                made.certain[path.name] = self._read(path)
            elif path.is_file() and not path.name.endswith(IGNORED):
                octets = path.read_bytes()
                made.certain[path.name] = self._inodes[path.stat().st_ino] = _File(bytearray(octets), bytearray(octets))
        made.now.update(made.certain)
        return made

    # --- what is recorded ---

    def apply(self, record: Record) -> None:
        self._number += 1
        doing = {
            "C": self._create,
            "D": self._create,
            "W": self._write,
            "T": self._write,
            "L": self._name,
            "R": self._name,
            "U": self._remove,
            "b": self._sync_begins,
            "e": self._sync_ends,
            "X": self._unmodelled,
        }.get(record.kind)
        if doing is not None:
            doing(record)

    def _create(self, record: Record) -> None:
        made = _Folder({}, {}) if record.kind == "D" else _File(bytearray(), bytearray())
        self._inodes[record.inode] = made
        self._set((self._place(record.names[0]), made))

    def _write(self, record: Record) -> None:
        self._file(record).change(_Change(self._number, record.at, record.octets if record.kind == "W" else None))

    def _name(self, record: Record) -> None:
        old, new = record.names
        file = self._file(record)
        gone = [(self._place(old), None)] if record.kind == "R" else []
        self._set(*gone, (self._place(new), file))

    def _remove(self, record: Record) -> None:
        self._set((self._place(record.names[0]), None))

    def _sync_begins(self, record: Record) -> None:
        self._syncs[record.at] = self._number

    def _sync_ends(self, record: Record) -> None:
        before, node = self._syncs.pop(record.at), self._inodes[record.inode]
        if isinstance(node, _File):
            (node.failed if record.more else node.synced)(before)
        elif not record.more:
            self._folder_synced(node, before)

    def _folder_synced(self, folder: _Folder, before: int) -> None:
        """The names in it are certain, and what came earlier of the same names elsewhere."""
        chosen: list[_Naming] = []
        touched: set[tuple[int, str]] = set()
        for naming in reversed(self._namings):
            keys = {(id(place), name) for place, name, _ in naming.names}
            inside = naming.number < before and any(place is folder for place, _, _ in naming.names)
            if inside or keys & touched:
                touched |= keys
                chosen.append(naming)
        for naming in reversed(chosen):
            for place, name, node in naming.names:
                _set_name(place.certain, name, node)
        self._namings = [naming for naming in self._namings if not any(naming is one for one in chosen)]

    def _unmodelled(self, record: Record) -> None:
        raise AssertionError(f"the record cannot be trusted: {record.octets.decode()} is not modelled")

    def _set(self, *names: tuple[tuple[_Folder, str], _File | _Folder | None]) -> None:
        made = tuple((folder, name, node) for (folder, name), node in names)
        for folder, name, node in made:
            _set_name(folder.now, name, node)
        self._namings.append(_Naming(self._number, made))

    def _place(self, name: str) -> tuple[_Folder, str]:
        *above, last = name.split("/")
        folder = self._root
        for part in above:
            inner = folder.now[part]
            assert isinstance(inner, _Folder)
            folder = inner
        return folder, last

    def _file(self, record: Record) -> _File:
        found = self._inodes[record.inode]
        assert isinstance(found, _File)
        return found

    # --- what is left ---

    def after(self, cut: Cut, chance: random.Random) -> dict[str, bytes | None]:
        """Name → octets, None for a folder: one possible disk after a cut now."""
        kept = 0 if cut is Cut.ALL_LOST else chance.randint(0, len(self._namings))
        names: dict[int, dict[str, _File | _Folder]] = {}
        for naming in self._namings[:kept]:
            for folder, name, node in naming.names:
                _set_name(names.setdefault(id(folder), dict(folder.certain)), name, node)

        def walk(folder: _Folder, above: str) -> Iterator[tuple[str, bytes | None]]:
            inside = folder.now if cut is Cut.NOTHING_LOST else names.get(id(folder), folder.certain)
            for name, node in inside.items():
                if isinstance(node, _Folder):
                    yield above + name, None
                    yield from walk(node, f"{above}{name}/")
                else:
                    yield above + name, node.after(cut, chance)

        return dict(walk(self._root, ""))


def write_image(image: Mapping[str, bytes | None], root: Path) -> None:
    """Makes the files below `root` those of the image, without any wal-index; sockets and logs stay."""
    root.mkdir(exist_ok=True)
    for path in sorted(root.rglob("*"), reverse=True):
        name = str(path.relative_to(root))
        if name not in image and path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif name not in image and path.is_file() and not path.name.endswith(".log"):
            path.unlink()
    for name, octets in image.items():
        path = root / name
        if octets is None:
            path.mkdir(mode=0o700, exist_ok=True)
        elif not path.is_file() or path.read_bytes() != octets:
            path.touch(mode=0o600)
            path.write_bytes(octets)


def _apply(octets: bytearray, at: int, change: bytes | None) -> None:
    if change is None:
        del octets[at:]
        octets.extend(bytes(at - len(octets)))
        return
    if at > len(octets):
        octets.extend(bytes(at - len(octets)))
    octets[at : at + len(change)] = change


def _units(change: _Change, unit: int) -> Iterator[tuple[int, bytes | None]]:
    """A write in pieces that do not cross the unit's borders; a new size is one piece."""
    if change.octets is None:
        yield change.at, None
        return
    place = 0
    while place < len(change.octets):
        end = place + unit - (change.at + place) % unit
        yield change.at + place, change.octets[place:end]
        place = end


def _without(old: _Change, new: _Change) -> Iterator[_Change]:
    """What of a dropped write is not covered by a newer one."""
    if old.octets is None or new.octets is None:
        yield old
        return
    start, end = old.at, old.at + len(old.octets)
    for first, last in ((start, min(end, new.at)), (max(start, new.at + len(new.octets)), end)):
        if first < last:
            yield _Change(old.number, first, old.octets[first - start : last - start], old.dropped)


def _set_name(names: dict[str, _File | _Folder], name: str, node: _File | _Folder | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node
