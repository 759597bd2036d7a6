"""PostgreSQL's server crashing under two daemons, or its standby taking over, the long forms: `make torture`."""

from __future__ import annotations

import random
from pathlib import Path

from gateway.build import shipped
from gateway.store.store import migrate, open_store
from tests.faults.postgres_loop import CrashLoop, Plan
from tests.faults.running import eventually
from tests.servers.postgres import Postgres
from tests.servers.replicated import Replicated
from tests.store.desk import kept


def test_four_hundred_mails_forty_crashes_and_ten_kills(tmp_path: Path, postgres: Postgres) -> None:
    CrashLoop(Plan(new=400, crashes=40, kills=10, seed=7), postgres, tmp_path).run()


def test_two_hundred_mails_and_ten_failovers(tmp_path: Path) -> None:
    """Each time the primary is killed and its synchronous standby takes over, and gets a standby of its own."""
    with Replicated() as pair:
        CrashLoop(Plan(new=200, crashes=10, kills=3, seed=11), pair, tmp_path).run()


def test_what_a_standby_costs_that_nobody_waits_for(tmp_path: Path) -> None:
    """Said in docs/postgresql.md: without `synchronous_standby_names` the mails of the last moments before a failover
    were acknowledged and are gone, and what they had brought about may come a second time. The desk goes on."""
    with Replicated(synchronous=False) as pair:
        name = pair.create()
        migrate(pair.url(name), shipped("migrations"))
        store = open_store(pair.url(name), tmp_path)
        first = kept(store, "first")
        eventually(lambda: pair.standby.rows(name, "SELECT id FROM intake") == [(first,)], "the standby has it")
        with pair.behind():
            large = random.Random(1).randbytes(2_000_000).hex()  # more than a socket holds for who does not read
            assert kept(store, large) == first + 1
            pair.primary.kill()
        pair.fail_over()
        again = kept(store, "third")
        assert pair.rows(name, "SELECT count(*) FROM intake") == [(2,)]
        assert again > first
        assert store.check() == []
        store.close()
