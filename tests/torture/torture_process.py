"""The long forms of what happens to the process: stopped for two minutes, a database held for one."""

from __future__ import annotations

from pathlib import Path

from tests.faults.running import desk_in
from tests.faults.test_locked import hold
from tests.faults.test_stopped import stopped_between_dot_and_250


def test_stopped_for_two_minutes(tmp_path: Path) -> None:
    stopped_between_dot_and_250(tmp_path, 120)


def test_the_database_is_held_for_a_minute(tmp_path: Path) -> None:
    """With the patience of a real desk: ten seconds, then 451."""
    gateway = desk_in(tmp_path / "desk")
    try:
        gateway.start()
        hold(gateway, 1.0, 60.0)
    finally:
        gateway.close()
