"""The note of what is being read: what the next process makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.edge.at_work import AtWork


def test_an_orderly_end_leaves_nothing(tmp_path: Path) -> None:
    note = AtWork(tmp_path / "at-work")
    assert note.left == frozenset()
    note.note([3, 1])
    note.note([])
    assert AtWork(tmp_path / "at-work").left == frozenset()


def test_what_was_left_is_kept_until_all_is_done(tmp_path: Path) -> None:
    AtWork(tmp_path / "at-work").note([1, 2])
    second = AtWork(tmp_path / "at-work")
    assert second.left == {1, 2}
    second.note([7])
    third = AtWork(tmp_path / "at-work")
    assert third.left == {1, 2, 7}
    third.note([])
    assert AtWork(tmp_path / "at-work").left == frozenset()


@pytest.mark.parametrize("octets", [b"", b"[1, 2", b"{}", b'["x", 5]', b"\xff", b"null", b"7"])
def test_a_torn_note_is_none(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "at-work").write_bytes(octets)
    assert AtWork(tmp_path / "at-work").left <= {5}


def test_a_disk_that_cannot_be_written_costs_only_the_note(tmp_path: Path) -> None:
    note = AtWork(tmp_path / "nowhere" / "at-work")
    note.note([1])
    (tmp_path / "nowhere").mkdir()
    note.note([1])
    assert AtWork(tmp_path / "nowhere" / "at-work").left == {1}


def test_the_note_holds_the_last_group_whatever_was_longer_before(tmp_path: Path) -> None:
    path = tmp_path / "at-work"
    work = AtWork(path)
    for ids in ([1000000, 2000000, 3000000], [7], [8, 9], ()):
        work.note(ids)
        assert AtWork(path).left == frozenset(ids)
    path.write_bytes(b"\xff not json")
    assert AtWork(path).left == frozenset()
