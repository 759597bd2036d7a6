"""SMTP conversations cut at each octet in both directions (row 39); `torture_imap.py` has those of IMAP.

.venv/bin/python -m pytest -o python_files='torture_*.py' tests/torture/torture_wire.py
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.faults.cuts import cut_in, cut_out, lengths_in, lengths_out
from tests.faults.running import desk_in
from tests.faults.test_cuts import EXTENSIONS
from tests.servers.octet_proxy import Cut
from tests.torture.progress import Progress


def every(lengths: tuple[int, int]) -> Iterator[Cut]:
    for how in ("reset", "close", "drip"):
        for direction, length in zip(("up", "down"), lengths, strict=True):
            for after in range(length + 1):
                yield Cut(direction, after, how)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", EXTENSIONS)
def test_smtp_out_at_each_octet(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(capsys, f"SMTP out, {name}")
    lengths = lengths_out(EXTENSIONS[name])
    progress.result(f"{lengths[0]} octets up, {lengths[1]} down: {cut_out(every(lengths), EXTENSIONS[name])}")
    stalls = [Cut(direction, after, "stall") for direction, _, after in _each(lengths, 5)]
    progress.result(f"stalled: {cut_out(stalls, EXTENSIONS[name])}")


def _each(lengths: tuple[int, int], step: int) -> Iterator[tuple[str, int, int]]:
    for direction, length in zip(("up", "down"), lengths, strict=True):
        for after in range(0, length, step):
            yield direction, length, after


@pytest.mark.timeout(7200)
def test_smtp_in_at_each_octet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(capsys, "SMTP in")
    gateway = desk_in(tmp_path / "desk")
    try:
        gateway.start()
        lengths = lengths_in(gateway)
        cuts = every(lengths)
        cuts = islice(cuts, 2 * (sum(lengths) + 2))  # resets and closes
        progress.result(f"{lengths[0]} octets up, {lengths[1]} down; heard a 250: {cut_in(gateway, cuts)}")
    finally:
        gateway.close()
