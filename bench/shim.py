"""Syncs to disk, counted and slowed by a few lines of C that are compiled at run time and preloaded."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
_PAGE = 4096


class NoCompiler(Exception):
    """There is no C compiler; says what to install."""


class Syncs:
    """Counts the syncs of every process that is started with `environ`, and slows them. NoCompiler without gcc."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        library, page = folder / "shim.so", folder / "shim.page"
        if shutil.which("gcc") is None:
            raise NoCompiler("gcc is not installed (Debian: apt-get install gcc libc6-dev)")
        command = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoCompiler(f"gcc cannot compile {SOURCE.name} (Debian: apt-get install libc6-dev):\n{done.stderr}")
        page.write_bytes(b"\0" * _PAGE)
        with page.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), _PAGE)
        self.environ = {"LD_PRELOAD": str(library), "BENCH_SHIM": str(page)}

    @property
    def count(self) -> int:
        """Since the beginning; fsync and fdatasync."""
        return int(struct.unpack_from("q", self._page, 0)[0])

    def slow_by(self, seconds: float) -> None:
        """Every sync from now on takes so much longer."""
        struct.pack_into("q", self._page, 8, round(seconds * 1e6))
