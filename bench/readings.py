"""What a tree of processes has used, from /proc."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_KIB = re.compile(r"^(Rss|Pss):\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB of the whole tree."""

    pss: float  # shared pages counted once
    rss: float


def tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(word) for word in task.read_text().split()]
            except OSError:
                continue
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of the tree, of children that have ended as well; in steps of one clock tick."""
    ticks = 0
    for one in tree(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(word) for word in fields[11:15])  # utime stime cutime cstime, proc(5)
    return ticks / _TICK


def memory(pid: int) -> Memory:
    sums = {"Rss": 0, "Pss": 0}
    for one in tree(pid):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        for name, kib in _KIB.findall(text):
            sums[name] += int(kib)
    return Memory(round(sums["Pss"] / 1024, 1), round(sums["Rss"] / 1024, 1))
