"""The primary dies and its standby takes over: what was said to be kept is there, with all that stands on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.model import SendResult, Sent
from gateway.options import Retry
from gateway.store import lease as leases
from gateway.store.store import Settled, StoreUnavailable, migrate, open_store
from tests.faults.running import eventually
from tests.servers.replicated import Replicated
from tests.store.desk import MIGRATIONS, NOW, commit, kept, mail, new_ticket, notice
from tests.store.test_postgres_shared import expire, lease_of

pytestmark = pytest.mark.postgresql


@pytest.fixture
def pair() -> Iterator[Replicated]:
    with Replicated() as made:
        yield made


def test_a_standby_takes_over_with_all_that_was_said(
    pair: Replicated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 20. The standby is not taken for the primary. While it has not got a mail, that is not said to be kept.
    When it takes over, each daemon finds its claims, its lease and its outbox as they were, and a COMMIT that nobody
    answered is found out or said to have failed."""
    monkeypatch.setattr(leases, "BEAT", 600.0)  # what happens is what the test does
    name = pair.create()
    url = pair.url(name)
    migrate(url, MIGRATIONS)
    eventually(
        lambda: pair.standby.rows("postgres", "SELECT 1 FROM pg_database WHERE datname = %s", name), "it is there"
    )
    with pytest.raises(StoreUnavailable, match="standby"):
        open_store(pair.standby.url(name), tmp_path)
    one, two = (open_store(url, tmp_path / part) for part in ("one", "two"))
    try:
        first, second = kept(one, "first"), kept(one, "second")
        assert [intake.id for intake in one.claim(9)] == [first, second]
        one.commit(commit(first, new_ticket(1), ticket=1, mails=[notice(1, "a", "a@x"), notice(1, "b", "b@x")])).result(
            10
        )
        out = [mail.id for mail in one.claim_outbox(9, NOW)]
        one.mark_sent([SendResult(out[0], Sent.DELIVERED, "ok")], NOW, Retry(), lambda: 0.0).result(10)
        held = {store: lease_of(store).number for store in (one, two)}
        with pair.behind():
            late = two.accept(mail("late", key="late"))
            waits = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'gateway'"
            )
            eventually(lambda: pair.rows(name, waits) == [(1,)], "its COMMIT waits for the standby")
            assert not late.done()
            pair.primary.kill()
        pair.fail_over()
        try:
            number = late.result(60)
        except StoreUnavailable:
            number = two.accept(mail("late", key="late")).result(30)
        assert pair.rows(name, "SELECT id FROM intake WHERE key = 'late'") == [(number,)]
        assert {store: lease_of(store).number for store in (one, two)} == held
        assert [intake.id for intake in two.claim(9)] == [number]  # the second is the first daemon's still
        assert two.claim_outbox(9, NOW) == []  # and so is the mail that it was handing over
        assert pair.rows(name, "SELECT state FROM outbox ORDER BY id") == [("sent",), ("waiting",)]
        one.commit(commit(second, new_ticket(2), ticket=2)).result(30)
        expire(one, by=two)
        two.claim(9)
        with pytest.raises(Settled):
            one.commit(commit(second, new_ticket(3), ticket=3)).result(30)
        with two.turn():
            assert two.commit(commit(number, new_ticket(3), ticket=3)).result(30) == ()
        assert two.check() == []
    finally:
        one.close()
        two.close()
