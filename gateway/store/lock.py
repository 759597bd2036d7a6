"""One daemon on one SQLite file: an flock that dies with its holder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gateway.store.errors import StoreLocked, store_error


class FileLock:
    """Holds `<path>.lock` until `close` or the end of the process. The file names the holder's pid.

    Raises StoreLocked when another open file holds it, in this process or another; StoreUnavailable on a disk that
    cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise store_error(error) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise StoreLocked(f"{path} is in use by process {holder}") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)

    def close(self) -> None:
        """Lets go. The file stays: unlinking it would let two holders lock two inodes."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
