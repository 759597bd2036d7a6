"""The power is cut at moments of a whole life of the real daemon, from its first start to its end (faults 1 to 8): on
every disk that may be left, what the world had been told is there."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.crawl import Life, disks, faults_of, live, without_syncs
from tests.faults.cut_disk import Cut

MAILS = 24


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Life:
    return live(tmp_path_factory.mktemp("life"), MAILS)


def test_a_cut_at_any_moment_loses_nothing_that_was_told(life: Life, tmp_path: Path) -> None:
    kinds = Counter(record.kind for record in life.records)
    assert kinds["b"] > 60
    seen = 0
    for what, told in disks(life, tmp_path / "disk", list(Cut), random.Random(3), 40 / len(life.records)):
        assert faults_of(tmp_path / "disk" / "state", told) == [], what
        seen += 1
    assert seen > 100
    assert len(told.intakes) >= MAILS
    assert len(told.tickets) == MAILS
    assert len(told.mails) > 2 * MAILS


@pytest.mark.parametrize("names", ["-wal$", "/blobs/../$", "/blobs/tmp/[^/]+$", "^state/$"])
def test_a_disk_that_lies_is_found_out(life: Life, tmp_path: Path, names: str) -> None:
    """What the test above stands on: without these syncs it would fail."""
    moments = disks(without_syncs(life, names), tmp_path / "disk", [Cut.ALL_LOST], random.Random(3), 0.05)
    assert any(faults_of(tmp_path / "disk" / "state", told) for _, told in moments)


def test_the_log_was_begun_anew_in_between(life: Life) -> None:
    """Of this the first test is to know: a commit while the log's older part goes into the database."""
    inodes, rounds, syncs = dict[int, str](), 0, 0
    for record in life.records:
        if record.kind == "C" and record.names[0].endswith(("-wal", ".sqlite")):
            inodes[record.inode] = record.names[0]
        name = inodes.get(record.inode, "")
        rounds += record.kind == "W" and name.endswith("-wal") and record.at == 0
        syncs += record.kind == "e" and name.endswith(".sqlite")
    assert rounds > 3
    assert syncs > 3
