"""Row 39: connections cut at an octet of a short conversation, in both directions. Here some octets and every way of
cutting; each octet in `tests/torture/torture_wire.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cuts import cut_in, cut_out, lengths_in, lengths_out
from tests.faults.running import Gateway, desk_in
from tests.servers.octet_proxy import Cut

EXTENSIONS = {"pipelined": ("PIPELINING", "AUTH PLAIN"), "stepwise": ("AUTH PLAIN",)}


def some(lengths: tuple[int, int], step: int) -> Iterator[Cut]:
    """Every `step`th octet, and the last ones: there the 250 is lost."""
    for direction, length in zip(("up", "down"), lengths, strict=True):
        for after in sorted({*range(0, length, step), *range(length - 3, length + 1)}):
            yield Cut(direction, after, ("reset", "close")[after % 2])


@pytest.mark.parametrize("name", EXTENSIONS)
def test_smtp_out(name: str) -> None:
    lengths = lengths_out(EXTENSIONS[name])
    stalls = [Cut("up", 90, "stall"), Cut("down", 30, "stall"), Cut("down", lengths[1] - 9, "stall")]
    cuts = [*some(lengths, 7), *stalls, Cut("up", 20, "drip"), Cut("down", 20, "drip")]
    seen = cut_out(cuts, EXTENSIONS[name])
    assert all(seen[sent] for sent in ("delivered", "trouble", "unclear")), seen


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = desk_in(tmp_path / "desk")
    made.start()
    yield made
    made.close()


def test_smtp_in(gateway: Gateway) -> None:
    lengths = lengths_in(gateway)
    heard = cut_in(gateway, [*some(lengths, 23), Cut("up", 40, "drip"), Cut("down", 40, "drip")])
    assert heard[True]
    assert heard[False] > 20
