"""The outbox: in order, at least once, bounded retry, loud end (G6, G7)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.model import Outgoing, SendResult, Sent
from gateway.options import Retry
from gateway.store import at_hand, outbox
from gateway.store.blobs import FILE_FROM
from gateway.store.store import Store
from tests.store.desk import ANNA, NOW, commit, kept, make_ticket, notice, opened

RETRY = Retry()


def queue(store: Store, *mails: object, at: datetime = NOW) -> list[int]:
    refs = store.commit(commit(None, mails=mails, at=at)).result(10)  # type: ignore[arg-type]
    return [ref.id for ref in refs]


def mark(store: Store, ids: Sequence[int], sent: Sent, now: datetime = NOW, spread: float = 0.0) -> list[int]:
    results = [SendResult(number, sent, "some reply") for number in ids]
    return store.mark_sent(results, now, RETRY, lambda: spread).result(10)


def claimed(store: Store, now: datetime = NOW) -> list[int]:
    return [mail.id for mail in store.claim_outbox(50, now)]


def kinds(store: Store, number: int = 1) -> list[str]:
    shown = store.ticket(number)
    assert shown is not None
    return [event["kind"] for event in shown["events"]]


def octets(mail: Outgoing) -> bytes:
    return mail.data if isinstance(mail.data, bytes) else b"".join(mail.data.blocks())


def test_a_mail_goes_out_whole_and_once(tmp_path: Path, engine: str) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        body = b"body\r\n" * FILE_FROM
        ids = queue(store, *(notice(1, "c", f"{n}@x", body=body) for n in range(3)))
        mails = store.claim_outbox(50, NOW)
        assert [mail.id for mail in mails] == ids
        assert {octets(mail) for mail in mails} == {b"Subject: received\r\n\r\n" + body}
        assert {len(mail.data) for mail in mails} == {len(octets(mails[0]))}
        assert all(isinstance(mail.data, bytes) == (engine != "sqlite") for mail in mails)  # else read from its file
        files = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
        assert len(files) == (engine == "sqlite")  # stored once for all
        assert claimed(store) == []
        assert mark(store, ids, Sent.DELIVERED) == []
        assert claimed(store, NOW + timedelta(days=9)) == []
        assert mark(store, ids, Sent.REFUSED) == []  # a late second result changes nothing
        assert kinds(store) == ["sent"] * 3
        assert store.outbox_depth() == 0


def test_what_is_at_hand_is_what_is_kept(tmp_path: Path) -> None:
    """A mail goes to the sender from memory; what its row gives is the same to the octet."""
    twins = [notice(1, cause, "b@x", message_id="<b@x>", header=b"X: %b" % cause.encode()) for cause in ("1", "2")]
    mails = (notice(1, "c", body=b"a\r\n" * 999), notice(1, "d", "d@x", hold=True), *twins)
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        queue(store, *mails)
        store.release(NOW).result(10)
        found = store.claim_outbox(50, NOW)
        assert len(found) == 3  # the second of the twins waits for the first
    with opened(tmp_path) as store:
        assert store.claim_outbox(50, NOW) == found


def test_what_is_at_hand_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_hand, "MOST_OCTETS", 3000)
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        ids = queue(store, *(notice(1, f"{n}", f"{n}@x", body=b"x" * 1000 + b"%d" % n) for n in range(9)))
        mails = store.claim_outbox(50, NOW)
        assert [mail.id for mail in mails] == ids
        assert [mail.data[-1:] for mail in mails] == [b"%d" % n for n in range(9)]


def test_a_crash_while_sending_sends_again_with_the_same_octets(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        queue(store, notice(1, "c"))
        before = store.claim_outbox(9, NOW)
    with opened(tmp_path) as store:
        assert store.claim_outbox(9, NOW) == before


def test_retries_back_off_and_give_up_loudly(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        (number,) = queue(store, notice(1, "c"))
        now, waits = NOW, []
        while claimed(store, now) == [number]:
            failed = mark(store, [number], Sent.LATER, now)
            if failed:
                break
            due = store.next_due(now)
            assert due is not None
            waits.append((due - now).total_seconds())
            assert claimed(store, due - timedelta(microseconds=1)) == []
            now = due
        assert waits[:6] == [60, 300, 900, 1800, 3600, 3600]
        assert failed == [number]
        assert RETRY.give_up <= (now - NOW).total_seconds() < RETRY.give_up + 3600
        (told,) = store.failed_untold()
        assert (told.outbox_id, told.ticket, told.recipient, told.reply) == (number, 1, ANNA, "some reply")
        assert (told.attempts, told.failed_at) == (len(waits) + 1, now)
        assert kinds(store) == ["undelivered"]
        assert store.next_due(NOW) is None


@pytest.mark.parametrize(("spread", "seconds"), [(-1.0, 48), (0.5, 66), (1.0, 72), (99.0, 72)])
def test_the_wait_is_spread(tmp_path: Path, spread: float, seconds: float) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        ids = queue(store, notice(1, "c"))
        mark(store, ids, Sent.LATER, spread=spread)
        assert store.next_due(NOW) == NOW + timedelta(seconds=seconds)


def test_a_failure_is_told_once(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        one, two = queue(store, notice(1, "a"), notice(1, "b", "ben@x"))
        assert mark(store, [one, two], Sent.REFUSED) == [one, two]
        first, second = store.failed_untold()
        (notice_id,) = queue(store, notice(1, first.cause, "kim@desk.example", kind="undelivered", staff=True))
        assert store.failed_untold() == [second]
        assert queue(store, notice(1, first.cause, "kim@desk.example", kind="undelivered", staff=True)) == []
        mark(store, [notice_id], Sent.REFUSED)
        assert store.failed_untold() == [second]  # a notice of a failure that fails is told to nobody: no loop
        store.mark_told([two]).result(10)
        assert store.failed_untold() == []


def test_mails_of_one_ticket_to_one_person_go_in_order(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        make_ticket(store, 2)
        first, second, other, elsewhere = queue(
            store, notice(1, "a"), notice(1, "b"), notice(1, "c", "ben@x"), notice(2, "d")
        )
        assert claimed(store) == [first, other, elsewhere]
        mark(store, [first], Sent.LATER)
        assert claimed(store) == []  # the second waits though it is due itself
        later = NOW + timedelta(minutes=2)
        assert claimed(store, later) == [first]
        mark(store, [first], Sent.REFUSED, later)
        assert claimed(store, later) == [second]


def test_a_stale_promise_is_not_sent(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        _, second = queue(store, notice(1, "a", not_after=NOW + timedelta(hours=1)), notice(1, "b"))
        assert claimed(store, NOW + timedelta(hours=2)) == [second]
        assert claimed(store, NOW + timedelta(hours=2)) == []
        assert kinds(store) == ["expired"]
        assert store.status()["outbox"] == {"expired": 1, "waiting": 1}


def test_hold_and_release(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        ids = queue(store, notice(1, "a", "a@x"), notice(1, "b", "b@x", hold=True), notice(1, "c", "c@x"))
        assert store.hold(ids[:1]).result(10) == ids[:1]
        assert claimed(store) == ids[2:]
        later = NOW + timedelta(days=30)
        assert store.release(later).result(10) == ids[:2]
        assert claimed(store, later) == ids[:2]
        assert mark(store, ids[:1], Sent.LATER, later) == []  # the time to give up counts from the release


@pytest.mark.sqlite
def test_a_body_that_cannot_be_read_fails_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        bodies = [b"%d" % n + b"x" * (FILE_FROM * n) for n in (2, 9, 10, 11)]
        ids = queue(store, *(notice(1, f"{n}", f"{n}@x", body=body) for n, body in enumerate(bodies)))
        files = {sha256(body).digest().hex(): body for body in bodies}
        for path in [path for path in (tmp_path / "blobs").rglob("*") if path.name in files]:
            if len(files[path.name]) < len(bodies[2]):  # one that is read whole, and one that is not
                path.unlink()
            elif files[path.name] == bodies[2]:
                path.write_bytes(path.read_bytes()[:-9] + b"different")
    with opened(tmp_path) as store:  # nothing is at hand any more
        assert claimed(store) == ids[3:]
        assert [one.outbox_id for one in store.failed_untold()] == ids[:3]


@pytest.mark.sqlite
def test_a_large_body_that_is_not_ascii_says_so(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        bodies = [random.Random(n).randbytes(700_000) for n in range(2)]
        bodies[0] = bodies[0].translate(bytes(range(128)) * 2)
        queue(store, *(notice(1, f"{n}", f"{n}@x", body=body) for n, body in enumerate(bodies)))
        mails = store.claim_outbox(50, NOW)
        assert [mail.data.isascii() for mail in mails] == [True, False]
        assert [octets(mail).partition(b"\r\n\r\n")[2] for mail in mails] == bodies


# --- mail that waits for what is not its own fault ---


def state_of(store: Store, number: int) -> tuple[str, int, str]:
    (row,) = [row for shown in (store.ticket(1),) if shown for row in shown["outbox"] if row["id"] == number]
    return row["state"], row["attempts"], row["reply"]


def test_trouble_with_the_relay_is_no_try_and_moves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        (number,) = queue(store, notice(1, "c"))
        for minutes in range(60):
            now = NOW + timedelta(minutes=minutes)
            assert claimed(store, now) == [number]
            assert mark(store, [number], Sent.TROUBLE, now) == []
        assert state_of(store, number) == ("waiting", 0, "some reply")
        assert kinds(store) == []
        mark(store, [number], Sent.UNCLEAR, NOW)
        assert state_of(store, number)[:2] == ("waiting", 1)
        assert store.next_due(NOW) == NOW + timedelta(minutes=1)
        over = NOW + timedelta(seconds=RETRY.give_up)
        assert mark(store, [number], Sent.TROUBLE, over) == [number]  # five days are five days
        assert kinds(store) == ["undelivered"]


def test_what_waited_five_days_for_the_relay_is_given_up_and_nothing_else(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        old = queue(store, *(notice(1, f"a{n}", f"{n}@x") for n in range(250)), at=NOW - timedelta(days=6))
        young = queue(store, notice(1, "b", "b@x"), at=NOW - timedelta(days=4))
        over = NOW - timedelta(days=5)
        found = [store.give_up(over, NOW, "no connection").result(10) for _ in range(4)]
        assert [len(ids) for ids in found] == [100, 100, 50, 0]
        assert sorted(number for ids in found for number in ids) == old
        assert claimed(store) == young
        pages = [store.failed_untold(0), store.failed_untold(old[99]), store.failed_untold(old[199])]
        assert [one.outbox_id for page in pages for one in page] == old
        assert {one.reply for page in pages for one in page} == {"no connection"}
        assert kinds(store) == ["undelivered"] * 250


def test_a_mail_that_is_being_sent_is_not_given_up(tmp_path: Path) -> None:
    """One sender meets a relay in trouble while another is handing over a mail that is five days old."""
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        ids = queue(store, *(notice(1, f"a{n}", f"{n}@x") for n in range(150)), at=NOW - timedelta(days=6))
        over = NOW - timedelta(days=5)
        sending = claimed(store)
        assert sending == ids[:50]
        found = [store.give_up(over, NOW, "no connection").result(10) for _ in range(2)]
        assert sorted(number for part in found for number in part) == ids[50:]
        assert mark(store, sending[:1], Sent.DELIVERED) == []
        assert state_of(store, sending[0])[0] == "sent"
        store.unclaim_outbox(sending[1:])
        kept(store)  # what was given back is written
        assert sorted(store.give_up(over, NOW, "no connection").result(10)) == sending[1:]
        assert kinds(store).count("undelivered") == 149
        assert store.give_up(over, NOW, "no connection").result(10) == []


def test_what_is_put_off_comes_again_at_its_time_with_what_is_behind_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        make_ticket(store, 2)
        first, second, other, elsewhere = queue(
            store, notice(1, "a"), notice(1, "b"), notice(1, "c", "ben@x"), notice(2, "d")
        )
        assert claimed(store) == [first, other, elsewhere]
        later = NOW + timedelta(seconds=30)
        store.put_off({first: later, other: NOW}).result(10)
        assert claimed(store) == [other]
        assert claimed(store, later - timedelta(microseconds=1)) == []
        assert store.next_due(NOW) == later
        assert claimed(store, later) == [first]
        assert state_of(store, first)[:2] == ("waiting", 0)
        mark(store, [first], Sent.DELIVERED, later)
        assert claimed(store, later) == [second]
        mark(store, [second], Sent.DELIVERED, later)
        store.put_off({second: later}).result(10)  # it is out: it stays out
        assert claimed(store, later + timedelta(days=1)) == []


def test_a_claim_is_bounded_in_octets(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        sizes = [20, 7, 7, 1, 7]
        ids = queue(
            store, *(notice(1, f"{n}", f"{n}@x", body=bytes([n]) * (size << 20)) for n, size in enumerate(sizes))
        )
        assert [claimed(store), claimed(store), claimed(store)] == [ids[:1], ids[1:4], ids[4:]]


@pytest.mark.sqlite
def test_a_claim_costs_the_same_however_long_the_queue_is(tmp_path: Path) -> None:
    """Measured in steps of SQLite's machine: no clock, no luck."""
    costs = [_claim_costs(tmp_path / str(size), size) for size in (100, 3000)]
    assert all(many <= 1.3 * few + 200 for few, many in zip(*costs, strict=True)), costs


def _claim_costs(folder: Path, tickets: int) -> list[int]:
    """With everything due; with the first mail of each ticket put off; with all but the last refused for now."""
    folder.mkdir()
    with opened(folder) as store:
        make_ticket(store, 1)
        mails = [notice(1, f"{n}-{turn}", f"{n}@x") for n in range(tickets) for turn in range(3)]
        ids = queue(store, *mails)
        costs = [_steps(store)]
        store.put_off(dict.fromkeys(ids[: 3 * tickets - 30 : 3], NOW + timedelta(hours=1))).result(60)
        costs.append(_steps(store))
        mark(store, ids[3 * tickets - 30 :: 3], Sent.LATER)
        costs.append(_steps(store))
        return costs


def _steps(store: Store) -> int:
    counted = [0]

    def step() -> int:
        counted[0] += 1
        return 0

    with store._parts.read() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.set_progress_handler(step, 1)
        outbox.due_ids(connection, NOW, frozenset(), 20)
        raw.set_progress_handler(None, 0)
    return counted[0]


def test_no_mail_waits_for_an_instant_of_a_clock_that_was_wrong(tmp_path: Path) -> None:
    """Written while the clock was a month ahead; then it is set. What waits for its next try goes on waiting."""
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        (ahead,) = queue(store, notice(1, "a", "a@x"), at=NOW + timedelta(days=30))
        (again,) = queue(store, notice(1, "b", "b@x"))
        assert claimed(store) == [again]
        mark(store, [again], Sent.LATER)
        assert claimed(store) == []
        assert store.bring_forward(NOW, 7200).result(10) == [ahead]
        assert claimed(store) == [ahead]
