"""The floors of a round: the bare pipeline, spoken to as the gateway is, and parsers alone."""

from __future__ import annotations

import email
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mailparser

from bench.counted import Counter
from bench.letters import Letter, Writer
from bench.measure import Bench, Figures, measure
from bench.processes import Beside
from bench.readings import cpu_seconds
from bench.records import Job

Found = dict[str, Figures]
_WARM_UP = 500
PARSED = {"text": 200, "page": 50, "attachment": 6}  # mails of each kind that are parsed in one round


@dataclass
class BareFloor:
    """The running floor, as `measure` sees it."""

    beside: Beside
    port: int
    statements: Counter | None = None

    @property
    def cpu(self) -> float:
        return cpu_seconds(self.beside.process.pid)

    def settle(self) -> None:
        """Nothing it was given brings about more than has come."""

    def log(self) -> str:
        return ""


def measured_floors(bench: Bench, connections: tuple[int, ...], seconds: float) -> Found:
    """ "floor-cN" and "working-floor-cN" for each number of connections."""
    bare = _measured(bench, "bare", connections, seconds)
    working = _measured(bench, "working", connections, seconds)
    return bare | {f"working-{name}": figures for name, figures in working.items()}


def _measured(bench: Bench, what: str, connections: tuple[int, ...], seconds: float) -> Found:
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    environ = bench.syncs.environ if bench.syncs else {}
    try:
        with Beside(
            "bench.floor", str(folder / "floor.sqlite"), str(bench.relay.port), what, environ=environ
        ) as beside:
            floor = BareFloor(beside, int(beside.heard().split()[1]))
            warm = measure(bench, floor, Job(floor.port, Writer(f"fw{time.monotonic_ns()}").texts(_WARM_UP), 20), 1)
            found = {}
            for number in connections:
                count = max(100, round(warm.figures["rate"] * seconds / (1 if number > 1 else 3)))
                letters = Writer(f"f{number}").texts(count)
                found[f"floor-c{number}"] = measure(bench, floor, Job(floor.port, letters, number), 1).figures
            return found
    finally:
        shutil.rmtree(folder)


def parsed_alone(series: str) -> Found:
    """CPU a mail of each kind costs the parsers by themselves, in this process: "parse-text" and so on."""
    writer = Writer(series)
    kinds = {"text": writer.texts, "page": writer.pages, "attachment": writer.attachments}
    found: Found = {}
    for kind, make in kinds.items():
        raws = [_raw(letter) for letter in make(PARSED[kind])]
        found[f"parse-{kind}"] = {
            "stdlib_us": _cpu_each(email.message_from_bytes, raws),
            "mail_parser_us": _cpu_each(mailparser.parse_from_bytes, raws),
        }
    return found


def _raw(letter: Letter) -> bytes:
    return letter.head + letter.tail


def _cpu_each(work: Callable[[bytes], object], raws: list[bytes]) -> float:
    began = time.process_time()
    for raw in raws:
        work(raw)
    return (time.process_time() - began) / len(raws) * 1e6
