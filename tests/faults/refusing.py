"""A disk that refuses to be written, without root: the daemon runs on `refusing_disk.c`, ordered about from here."""

from __future__ import annotations

import errno
import functools
import mmap
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("refusing_disk.c")
_HEAD = struct.Struct("=qq")
_PATTERN = 512
FULL, READ_ONLY = errno.ENOSPC, errno.EROFS


@functools.cache
def _compiled() -> tuple[Path, tempfile.TemporaryDirectory[str]]:
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.fail("gcc is not installed (apt-get install gcc libc6-dev)", pytrace=False)
    folder = tempfile.TemporaryDirectory(prefix="refusing-disk-")
    made = Path(folder.name) / "refusing_disk.so"
    options = ["-std=gnu11", "-O2", "-U_FORTIFY_SOURCE", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    done = subprocess.run([gcc, *options, "-o", made, SOURCE, "-ldl"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made, folder


class RefusingDisk:
    """Run a process with `environ`; `refusing(errno, pattern)` while the files of that pattern (fnmatch of the whole
    path) cannot be changed."""

    def __init__(self, workplace: Path) -> None:
        control = workplace / "refusing-control"
        control.write_bytes(bytes(_HEAD.size + _PATTERN))
        with control.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), _HEAD.size + _PATTERN)
        self.environ = {"LD_PRELOAD": str(_compiled()[0]), "REFUSING_CONTROL": str(control)}

    @property
    def refused(self) -> int:
        """How often since `begin`."""
        return int(_HEAD.unpack_from(self._control)[1])

    def begin(self, error: int, pattern: str) -> None:
        octets = pattern.encode()
        assert len(octets) < _PATTERN
        self._control[_HEAD.size :] = octets.ljust(_PATTERN, b"\0")
        self._control[: _HEAD.size] = _HEAD.pack(error, 0)

    def end(self) -> None:
        self._control[: _HEAD.size] = _HEAD.pack(0, self.refused)

    @contextmanager
    def refusing(self, error: int, pattern: str) -> Iterator[None]:
        """And in the end something was refused, or the fault was none."""
        self.begin(error, pattern)
        try:
            yield
        finally:
            self.end()
        assert self.refused, f"nothing that matches {pattern} was written"
