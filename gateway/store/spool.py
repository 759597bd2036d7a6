"""Large octets on their way in: written to a file of the store as they come, so that memory holds none of them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from threading import Lock

from gateway.model import Spooled
from gateway.store.errors import StoreUnavailable, store_error

SYNC = 4 * 1024 * 1024  # octets after which the disk is waited for: else every commit would wait for gigabytes one day


class Spool:
    """One file among the scratch files of the blobs. Nothing in it is certain before it has become a blob.

    For any thread, one call at a time but for `drop`, which may come in the middle of another.
    """

    def __init__(self, folder: Path) -> None:
        """Raises StoreUnavailable."""
        try:
            self._fd, self._path = tempfile.mkstemp(dir=folder)
        except OSError as error:
            raise store_error(error) from error
        self._lock = Lock()
        self._sha256 = hashlib.sha256()
        self._size = self._unsynced = 0

    def write(self, octets: bytes) -> None:
        """Raises StoreUnavailable, also when it was dropped."""
        with self._lock:
            if self._fd < 0:
                raise StoreUnavailable("what was spooled is given up")
            self._sha256.update(octets)
            self._size += len(octets)
            view = memoryview(octets)
            try:
                while view:
                    view = view[os.write(self._fd, view) :]
                self._unsynced += len(octets)
                if self._unsynced > SYNC:
                    os.fdatasync(self._fd)
                    self._unsynced = 0
            except OSError as error:
                raise store_error(error) from error

    def end(self) -> Spooled:
        """What was written; whoever gets it sees to the file from now on. Raises StoreUnavailable."""
        with self._lock:
            if self._fd < 0:
                raise StoreUnavailable("what was spooled is given up")
            fd, self._fd = self._fd, -1
            try:
                os.close(fd)
            except OSError as error:
                Path(self._path).unlink(missing_ok=True)
                raise store_error(error) from error
            return Spooled(self._path, self._size, self._sha256.digest())

    def drop(self) -> None:
        """Removes the file unless it has ended; safe to call twice."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
                Path(self._path).unlink(missing_ok=True)
