"""The machine and the programs that figures belong to."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import statistics
import time
from pathlib import Path

_SYNCS = 200


def machine(folder: Path) -> dict[str, str]:
    """What to print above a table. `folder` is on the disk that was measured."""
    processor = _first("/proc/cpuinfo", r"model name\s*: (.+)")
    kib = int(_first("/proc/meminfo", r"MemTotal:\s*(\d+)"))
    system = _first("/etc/os-release", r'PRETTY_NAME="(.+)"')
    return {
        "processor": f"{len(os.sched_getaffinity(0))} x {processor}",
        "memory": f"{kib / 2**20:.0f} GiB",
        "disk": f"{_file_system(folder)}, fdatasync of 4 KB {_sync_us(folder):.0f} µs",
        "system": f"{system}, Linux {platform.release()}",
        "programs": f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def _first(path: str, pattern: str) -> str:
    try:
        found = re.search(pattern, Path(path).read_text("utf-8", "replace"))
    except OSError:
        found = None
    return found[1].strip() if found else "0"


def _file_system(folder: Path) -> str:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    over = [one for one in mounts if folder.resolve().is_relative_to(one[1])]
    return max(over, key=lambda one: len(one[1]))[2] if over else "unknown"


def _sync_us(folder: Path) -> float:
    """Median of appending 4 KB and syncing it."""
    path, taken = folder / "sync", []
    with path.open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    path.unlink()
    return statistics.median(taken) * 1e6
