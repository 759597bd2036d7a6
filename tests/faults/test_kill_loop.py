"""kill -9 of the whole tree at syncs and writes, before, in and after commits and between relay and mark, each time
with the disk cut off (laws 1 to 3): nothing is lost, nothing is there twice, each customer is acknowledged once and
answered once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.kill_loop import KillLoop, Plan


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_two_hundred_mails_and_two_dozen_kills(tmp_path: Path) -> None:
    plan = Plan(new=150, kills=24, seed=20, lost_250=0.05, refused=0.02, dropped=0.02, no_such_user=35)
    figures = KillLoop(plan, tmp_path).run()
    assert figures.kills == 24
    assert len(figures.cuts) == 4
    assert figures.mails >= 200
    assert figures.undelivered > 0
