"""Several daemons on one PostgreSQL database, and COMMITs that nobody answered (faults 22, 26, 27)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.model import SendResult, Sent, Stale, TicketChange
from gateway.options import Retry
from gateway.store import lease as leases
from gateway.store.blobs import FILE_FROM
from gateway.store.lease import Lease
from gateway.store.store import Settled, Store, StoreUnavailable, open_store
from tests.servers.cutting_proxy import CuttingProxy, Link, Way, delay, lose_answer, lose_words
from tests.servers.postgres import Postgres
from tests.store.desk import NOW, ask, commit, digest_of, entry, kept, mail, make_ticket, new_ticket, notice, url_of

pytestmark = pytest.mark.postgresql


@pytest.fixture(autouse=True)
def _no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens is what a test does."""
    monkeypatch.setattr(leases, "BEAT", 600.0)


@contextmanager
def desks(folder: Path, count: int = 2) -> Iterator[list[Store]]:
    """So many daemons, each with a state folder of its own, on one database."""
    stores = []
    try:
        for number in range(count):
            stores.append(open_store(url_of(folder), folder / f"state{number}"))
        yield stores
    finally:
        for store in stores:
            store.close()


def lease_of(store: Store) -> Lease:
    found = store._parts.database._leased()  # type: ignore[attr-defined]  # of PostgreSQL alone
    assert isinstance(found, Lease)
    return found


def expire(store: Store, by: Store) -> None:
    """`store` has not been heard of for too long, and `by` sees it."""
    with by._parts.engine.begin() as connection:  # type: ignore[union-attr]
        connection.exec_driver_sql(f"UPDATE node SET until = 1 WHERE id = {lease_of(store).number}")
    assert lease_of(by).sweep() == 0  # seen once
    assert lease_of(by).sweep() == 1  # and again, unchanged


def queue(store: Store, *recipients: str) -> list[int]:
    mails = [notice(0, f"c {recipient}", recipient) for recipient in recipients]
    return [ref.id for ref in store.commit(commit(None, mails=mails)).result(10)]


def claimed(store: Store) -> list[int]:
    return [one.id for one in store.claim_outbox(50, NOW)]


def mark(store: Store, ids: list[int], sent: Sent) -> None:
    store.mark_sent([SendResult(number, sent, "reply") for number in ids], NOW, Retry(), lambda: 0.0).result(10)


# --- claims ---------------------------------------------------------------------------------------------------------


def test_no_row_is_handed_out_twice(tmp_path: Path) -> None:
    with desks(tmp_path, 3) as stores:
        ids = [kept(stores[0], f"mail {n}") for n in range(60)]
        out = queue(stores[0], *(f"{n}@x" for n in range(60)))
        with ThreadPoolExecutor(6) as pool:
            turns = [stores[n % 3] for n in range(30)]
            found = list(pool.map(lambda store: [one.id for one in store.claim(4)], turns))
            mails = list(pool.map(lambda store: [one.id for one in store.claim_outbox(4, NOW)], turns))
        assert sorted(number for part in found for number in part) == ids
        assert sorted(number for part in mails for number in part) == out


def test_large_mail_is_found_by_the_other_machine(tmp_path: Path) -> None:
    raw = b"x" * (FILE_FROM * 3)
    with desks(tmp_path) as (one, other):
        number = one.accept(mail("large")).result(10)
        one._parts.blobs.pack(raw)
        assert other.raw(number) == one.raw(number)


def test_what_is_given_back_is_anybodys_and_what_failed_to_be_marked_is_not(tmp_path: Path) -> None:
    with desks(tmp_path) as (one, other):
        first, second = queue(one, "a@x", "b@x")
        assert claimed(one) == [first, second]
        one.unclaim_outbox([second])
        one._parts.write("beat", None).result(10)
        assert claimed(other) == [second]
        one._parts.sending.release([first])  # as after a mark that failed: this daemon knows what became of it
        assert claimed(other) == []
        assert claimed(one) == [first]


def test_an_orderly_end_frees_all_at_once(tmp_path: Path) -> None:
    with desks(tmp_path) as (one, other):
        number, (out,) = kept(one), queue(one, "a@x")
        assert [i.id for i in one.claim(9)] == [number]
        assert claimed(one) == [out]
        assert (other.claim(9), claimed(other)) == ([], [])
        one.close()
        assert [i.id for i in other.claim(9)] == [number]
        assert claimed(other) == [out]


def test_a_restart_takes_back_what_the_process_before_it_held(tmp_path: Path) -> None:
    """No lease is waited for: only one process at a time has the state folder."""
    with desks(tmp_path, 1) as (one,):
        number, (out,) = kept(one), queue(one, "a@x")
        assert one.claim(9)
        assert claimed(one) == [out]
        database = one._parts.database
        database._lock.close()  # type: ignore[attr-defined]  # as the kernel does for a process that was killed
        again = open_store(url_of(tmp_path), tmp_path / "state0")
        assert [i.id for i in again.claim(9)] == [number]
        assert claimed(again) == [out]
        with pytest.raises(Settled):
            one.commit(commit(number, new_ticket(1), ticket=1)).result(10)
        again.close()


# --- leases that have run out ---------------------------------------------------------------------------------------


def test_an_old_holder_cannot_decide_what_another_has_taken_over(tmp_path: Path) -> None:
    with desks(tmp_path) as (one, other):
        number = kept(one)
        assert [i.id for i in one.claim(9)] == [number]
        assert other.claim(9) == []
        expire(one, by=other)
        assert [i.id for i in other.claim(9)] == [number]
        late = one.commit(commit(number, new_ticket(1), ticket=1, mails=[notice(1, "c")]))
        assert isinstance(late.exception(10), Settled)
        other.commit(commit(number, new_ticket(1), ticket=1, mails=[notice(1, "c")])).result(10)
        assert other.status()["tickets"] == {"new": 1}
        assert other.outbox_depth() == 1
        assert kept(one, "it goes on under a new number")
        assert len(one.claim(9)) == 1


def test_an_old_senders_marks_count_only_for_what_has_gone_out(tmp_path: Path) -> None:
    with desks(tmp_path) as (one, other):
        ids = queue(one, "a@x", "b@x", "c@x")
        assert claimed(one) == ids
        expire(one, by=other)
        assert claimed(other) == ids
        mark(one, ids[:1], Sent.DELIVERED)
        mark(one, ids[1:2], Sent.REFUSED)
        mark(one, ids[2:], Sent.UNCLEAR)
        assert other.status()["outbox"] == {"sent": 1, "waiting": 2}
        assert other.failed_untold() == []
        mark(other, ids[:2], Sent.DELIVERED)
        assert other.status()["outbox"] == {"sent": 2, "waiting": 1}


def test_a_mail_that_another_daemon_is_sending_is_not_given_up(tmp_path: Path) -> None:
    with desks(tmp_path) as (one, two):
        ids = queue(one, "a@x", "b@x")
        over = NOW + timedelta(days=1)
        assert claimed(one) == ids
        assert two.give_up(over, NOW, "no connection").result(10) == []
        mark(one, ids[:1], Sent.DELIVERED)
        one.unclaim_outbox(ids[1:])
        kept(one)  # what was given back is written
        assert two.give_up(over, NOW, "no connection").result(10) == ids[1:]
        assert [one.outbox_id for one in two.failed_untold()] == ids[1:]
        assert [row["state"] for row in mails_of(two)] == ["sent", "failed"]


def mails_of(store: Store) -> list[dict[str, Any]]:
    with store._parts.read() as connection:
        rows = connection.exec_driver_sql("SELECT state, holder FROM outbox ORDER BY id").mappings()
        return [dict(row) for row in rows]


def test_after_a_standstill_nothing_more_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 26: the clock that counts also counts while the machine sleeps."""
    with desks(tmp_path, 1) as (store,):
        kept(store)
        assert store.sure_of_claims()
        now = leases._now()
        monkeypatch.setattr(leases, "_now", lambda: now + leases.SAFE + 1)
        assert not store.sure_of_claims()
        kept(store, "a write renews it")
        assert store.sure_of_claims()


def test_a_lease_that_is_renewed_is_not_swept(tmp_path: Path) -> None:
    """After a standstill of the server everybody's has run out; who is alive renews before anybody sweeps."""
    with desks(tmp_path) as (one, other):
        number = kept(one)
        assert one.claim(9)
        with other._parts.engine.begin() as connection:  # type: ignore[union-attr]
            connection.exec_driver_sql("UPDATE node SET until = 1")
        assert lease_of(other).sweep() == 0
        kept(one, "alive")
        assert lease_of(other).sweep() == 0 + 1  # its own: it has not written since
        assert kept(other, "and goes on under a new number")
        one.commit(commit(number, new_ticket(1), ticket=1)).result(10)


def test_the_heartbeat_renews_and_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT", 0.05)
    with desks(tmp_path) as (one, other):
        number = kept(one)
        assert one.claim(9)
        lease_of(one).stop()
        with other._parts.engine.begin() as connection:  # type: ignore[union-attr]
            connection.exec_driver_sql("UPDATE node SET until = 1")
        end = time.monotonic() + 30
        while not (found := other.claim(9)):
            assert time.monotonic() < end
            time.sleep(0.02)
        assert [i.id for i in found] == [number]
        assert other.sure_of_claims()


# --- decisions ------------------------------------------------------------------------------------------------------


def test_several_desks_give_each_number_once_and_leave_no_gap(tmp_path: Path) -> None:
    """In turn nobody is Stale; out of turn who was late decides again."""
    with desks(tmp_path, 3) as stores:
        for number in range(90):
            kept(stores[number % 3], f"mail {number}")

        def work(store: Store, in_turn: bool) -> int:
            stale = 0
            while claims := store.claim(5):
                for intake in claims:
                    stale += decide(store, intake.id, in_turn)
            return stale

        with ThreadPoolExecutor(3) as pool:
            stale = list(pool.map(work, stores, (True, True, False)))
        assert stale[:2] == [0, 0] or stale[2] >= 0
        found = stores[0].tickets({}, "")
        assert [ticket["number"] for ticket in found] == list(range(1, 91))
        assert stores[0].outbox_depth() == 90
        assert stores[0].facts(ask()).next_number == 91


def decide(store: Store, intake: int, in_turn: bool) -> int:
    """Until it is written; how often it was Stale."""
    for tries in range(200):
        with store.turn() if in_turn else ThreadPoolExecutor(1):
            facts = store.facts(ask(intake_id=intake, digest=digest_of(f"intake {intake}")))
            number = facts.next_number
            done = commit(
                intake, new_ticket(number), entry(number, f"<m{intake}@x>"), ticket=number, mails=[notice(number, "c")]
            )
            try:
                store.commit(done).result(20)
                return tries
            except Settled:
                raise
            except Stale:
                continue
    raise AssertionError("it was never written")


def test_two_ticks_write_one_notice(tmp_path: Path) -> None:
    with desks(tmp_path) as stores:
        make_ticket(stores[0], 1)
        done = commit(None, TicketChange(1, 1, {"answered": True}), mails=[notice(1, "overdue")])
        futures = [store.commit(done) for store in stores]
        errors = [type(future.exception(20)) for future in futures]
        assert sorted(errors, key=str) == sorted([type(None), Stale], key=str)
        again = [store.commit(commit(None, mails=[notice(1, "overdue")])).result(20) for store in stores]
        assert again == [(), ()]
        assert stores[0].outbox_depth() == 1


def test_mail_is_kept_whatever_holds_up_decisions(tmp_path: Path, postgres: Postgres) -> None:
    """Another machine stops in the middle of its transaction."""
    with desks(tmp_path, 1) as (store,):
        number = kept(store)
        name = url_of(tmp_path).rpartition("/")[2]
        with postgres.admin(name) as other:
            other.autocommit = False
            other.execute("SELECT next FROM ticket_number FOR UPDATE")
            engine = store._parts.engine
            assert engine is not None
            with engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
            store._parts.writer._connection.exec_driver_sql("SET lock_timeout = '300ms'")  # type: ignore[union-attr]
            store._parts.writer._connection.commit()  # type: ignore[union-attr]
            gate = threading.Event()
            store._parts.writer._handlers["beat"] = lambda _, jobs: [gate.wait(10)] * len(jobs)  # type: ignore[union-attr]
            busy = store._parts.write("beat", None)
            deciding = store.commit(commit(number, new_ticket(1), ticket=1))
            keeping = store.accept(mail("comes in meanwhile"))
            gate.set()
            busy.result(10)
            assert isinstance(deciding.exception(20), StoreUnavailable)
            assert keeping.result(20)
            other.rollback()
        store.commit(commit(number, new_ticket(1), ticket=1)).result(20)


def test_a_task_is_one_daemons_and_anothers_after_it(tmp_path: Path) -> None:
    with desks(tmp_path) as (one, other):
        assert one.sole("imap inbox")
        assert one.sole("imap inbox")
        assert not other.sole("imap inbox")
        assert other.sole("imap second")
        one.close()
        end = time.monotonic() + 20
        while not other.sole("imap inbox"):
            assert time.monotonic() < end


# --- a COMMIT that nobody answered (fault 22) ------------------------------------------------------------------------

COMMIT = b"COMMIT\0"  # the command, and not READ COMMITTED
WAYS = pytest.mark.parametrize(
    "way", [lose_answer, lose_words, delay(1.0)], ids=["answer lost", "words lost", "still under way"]
)


@contextmanager
def cut(folder: Path, postgres: Postgres) -> Iterator[tuple[Store, CuttingProxy]]:
    name = url_of(folder).rpartition("/")[2]
    with CuttingProxy(postgres.port) as proxy:
        store = open_store(postgres.url(name, proxy.port), folder / "state")
        try:
            yield store, proxy
        finally:
            store.close()


@WAYS
def test_mail_is_kept_once(tmp_path: Path, postgres: Postgres, way: Way) -> None:
    with cut(tmp_path, postgres) as (store, proxy):
        first = kept(store)
        proxy.arm(COMMIT, way)
        second = store.accept(mail("second")).result(60)  # without a key: nothing but the batch tells
        assert proxy.cuts == 1
        assert store.waiting()[0] == 2
        assert [i.id for i in store.claim(9)] == [first, second]
        assert kept(store, "third") > second


@WAYS
def test_a_decision_is_written_once(tmp_path: Path, postgres: Postgres, way: Way) -> None:
    with cut(tmp_path, postgres) as (store, proxy):
        number = kept(store)
        store.claim(9)
        proxy.arm(COMMIT, way)
        (ref,) = store.commit(commit(number, new_ticket(1), ticket=1, mails=[notice(1, "c")])).result(60)
        assert proxy.cuts == 1
        assert claimed(store) == [ref.id]
        proxy.arm(COMMIT, way)
        mark(store, [ref.id], Sent.DELIVERED)
        shown = store.ticket(1)
        assert shown is not None
        assert [event["kind"] for event in shown["events"]] == ["sent"]
        assert store.status()["tickets"] == {"new": 1}
        assert [row["outcome"] for row in store.outcomes(number)] == ["ticketed"]
        assert store.note_attempt(kept(store, "other"), "x") == 1


def test_a_claim_whose_answer_was_lost_is_made_again(tmp_path: Path, postgres: Postgres) -> None:
    with cut(tmp_path, postgres) as (store, proxy):
        number, (out,) = kept(store), queue(store, "a@x")
        proxy.arm(COMMIT, lose_answer)
        with pytest.raises(StoreUnavailable):
            store.claim(9)
        proxy.arm(COMMIT, lose_answer)
        with pytest.raises(StoreUnavailable):
            store.claim_outbox(9, NOW)
        assert [i.id for i in store.claim(9)] == [number]
        assert claimed(store) == [out]
        assert store.claim_outbox(9, NOW + timedelta(hours=1)) == []


def test_what_nobody_can_find_out_is_said_to_be_so(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.store import postgres as engine

    monkeypatch.setattr(engine, "UNKNOWN", 0.3)
    with cut(tmp_path, postgres) as (store, proxy):
        kept(store)

        def way(link: Link, said: bytes) -> bool:
            proxy.shut(but=link)
            return lose_answer(link, said)

        proxy.arm(COMMIT, way)
        assert "not known" in str(store.accept(mail("second")).exception(60))
