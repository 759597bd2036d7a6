"""Which mails are being read in this very process: a note on disk for the next start.

A mail that ends the process (a fault in a C library, memory, a reader that stands still until the watchdog comes)
would end it again and again, and nothing behind it would ever be read. After such an end the mails of the note are read
in the child. The note is not synced: it has to outlive the process, not the machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path


class AtWork:
    """`left` are the intake ids that were being read when the last process ended; empty after an orderly end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.left = _read(path)
        self._noted = tuple(sorted(self.left))
        self._descriptor = -1
        self._length = 0  # octets of the note on disk

    def note(self, ids: Collection[int]) -> None:
        """Replaces the note; with none, all is done, and what was left from the last process as well. A disk that
        cannot be written costs the note, no mail."""
        noted = tuple(sorted({*ids, *self.left})) if ids else ()
        if noted == self._noted:
            return
        try:
            self._write(json.dumps(noted).encode("ascii"))
        except OSError:
            return
        self._noted = noted

    def _write(self, octets: bytes) -> None:
        """In one write over the old note, which blanks make up for: opening a file costs more than a mail may."""
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._length = os.fstat(self._descriptor).st_size
        os.pwrite(self._descriptor, octets.ljust(self._length), 0)
        self._length = max(self._length, len(octets))


def _read(path: Path) -> frozenset[int]:
    try:
        found = json.loads(path.read_text("ascii"))
    except (OSError, ValueError):
        return frozenset()
    return frozenset(each for each in found if isinstance(each, int)) if isinstance(found, list) else frozenset()
