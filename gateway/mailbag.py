"""Where mail lies in files: a single mail, a folder of them, a Maildir, an mbox. Found first, read one by one."""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_CHUNK = 1 << 20
_OVERLAP = 2000  # octets: more than such a line can have
# a "From " line after a blank one, with a time in it, or one that is wholly of the form (text may begin a line with the
# word too, and some writers leave the blank line out)
_BETWEEN = re.compile(
    rb"(?:\A|\n\r?\n)(From [^\r\n]{0,900}\d{1,2}:\d{2}[^\r\n]{0,90}\r?\n)"
    rb"|\n(From [^\s]{1,320} +[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d(?::\d\d)?(?: \S{1,9})? \d{4}\r?\n)"
)
_QUOTED_FROM = re.compile(rb"(?m)^>(>*From )")
_NOTES = frozenset(
    [".csv", ".html", ".json", ".jsonl", ".log", ".md", ".py", ".rst", ".sh", ".toml", ".yaml", ".yml", ".zip", ".gz"]
)  # what lies beside mails


@dataclass(frozen=True, slots=True)
class Place:
    """Where one mail is. `index` counts from 0 in an mbox, None for a file of its own; `size` in octets."""

    path: Path
    index: int | None = None
    start: int = 0
    size: int = field(default=0, compare=False)

    def read(self, most: int) -> bytes:
        """At most `most` octets of the mail. Lines that an mbox had to quote (">From ") are as they were sent.

        Raises OSError."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            raw = file.read(min(self.size, most))
        if self.index is None:
            return raw
        return _QUOTED_FROM.sub(rb"\1", raw) if b">From " in raw else raw


@dataclass(frozen=True, slots=True)
class Mailbag:
    """Mails found under some paths, in a fixed order, and how many they are. Takes some octets of memory for each."""

    _files: Sequence[tuple[Path, array[int] | None]]

    def __len__(self) -> int:
        return sum(1 if ends is None else len(ends) for _, ends in self._files)

    def __iter__(self) -> Iterator[Place]:
        for path, ends in self._files:
            if ends is None:
                yield single(path)
                continue
            start = 0
            for index, end in enumerate(ends):
                yield Place(path, index, start, end - start)
                start = end


def find_mails(paths: Sequence[Path]) -> Mailbag:
    """The mails under `paths`: files and folders, these with all folders below, by name.

    A file that begins like an mbox (see `is_mbox`) is one. In folders, hidden files and files that are no mail by
    their ending (.toml, .json, .md and the like) are passed over. Raises OSError for a path that cannot be read.
    """
    files: list[tuple[Path, array[int] | None]] = []
    for path in paths:
        for one in _walk(path) if path.is_dir() else [path]:
            files.append((one, _ends(one) if is_mbox(one) else None))
    return Mailbag(files)


def single(path: Path) -> Place:
    """A file as one mail, whatever it looks like."""
    return Place(path, size=_size(path))


def is_mbox(path: Path) -> bool:
    """Whether a file begins with an mbox `From ` line and is called .mbox or .mbx, or holds a second such line.

    A file that cannot be opened is none: what reads it says why.
    """
    try:
        with path.open("rb") as file:
            begin = file.read(_CHUNK)
    except OSError:
        return False
    first = _BETWEEN.match(begin)
    return first is not None and (
        path.suffix.lower() in (".mbox", ".mbx") or _BETWEEN.search(begin, first.end()) is not None
    )


def _walk(folder: Path) -> list[Path]:
    return sorted(
        Path(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if not name.startswith(".") and Path(name).suffix.lower() not in _NOTES
    )


def _ends(path: Path) -> array[int]:
    """Where each mail of an mbox ends: at the next `From ` line, or with the file. Reads it once, in pieces."""
    ends = array("Q")
    with path.open("rb") as file:
        kept, offset = b"", 0
        while chunk := file.read(_CHUNK):
            window = kept + chunk
            last = ends[-1] if ends else 0
            for found in _BETWEEN.finditer(window):
                begin = found.start(found.lastindex or 0)
                at = offset + begin
                if at > last and begin:
                    ends.append(at)
                    last = at
            kept = window[-_OVERLAP:]
            offset += len(window) - len(kept)
        size = file.tell()
    if size > (ends[-1] if ends else 0):
        ends.append(size)
    return ends


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
