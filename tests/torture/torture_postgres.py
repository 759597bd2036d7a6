"""PostgreSQL's server crashing under two daemons, the long form: `make torture`."""

from __future__ import annotations

from pathlib import Path

from tests.faults.postgres_loop import CrashLoop, Plan
from tests.servers.postgres import Postgres


def test_four_hundred_mails_forty_crashes_and_ten_kills(tmp_path: Path, postgres: Postgres) -> None:
    CrashLoop(Plan(new=400, crashes=40, kills=10, seed=7), postgres, tmp_path).run()
