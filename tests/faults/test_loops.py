"""The desk, the senders and the clock when something of ours or of the machine fails: no claim is lost, nothing that is
wrong with one mail holds up another, no loop ends unseen. In one process, on a real store."""

from __future__ import annotations

import gc
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.edge.child import ChildFailed, NoChild
from gateway.flow import loops, receive, send, tick
from gateway.flow.receive import NoReader
from gateway.model import Commit, Intake, Message, Outgoing, SendResult, Sent, Stale
from gateway.store.store import Settled, StoreBroken, StoreUnavailable
from tests.faults.running import eventually, letter
from tests.flow.desk_under_test import DeskUnderTest

TO = "hotro@desk.example"
LARGE = "y" * 70 + "\n"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskUnderTest]:
    made = DeskUnderTest(tmp_path)
    yield made
    made.close()


def keep(desk: DeskUnderTest, number: int | str, body: str = "Please help.", sender: str = "") -> int:
    raw = letter(number, body, sender=sender, to=TO)
    return desk.receive(raw, [TO], mail_from=f"customer{number}@customer.example", settle=False)


def failing(original: Callable[..., Any], times: int, error: Exception) -> Callable[..., Any]:
    """Raises the first so many times."""
    left = [times]

    def wrapped(*args: Any, **named: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise error
        return original(*args, **named)

    return wrapped


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[int]:
    """How often a function of a module is called, in a list of one."""
    original, calls = getattr(module, name), [0]

    def wrapped(*args: Any, **named: Any) -> Any:
        calls[0] += 1
        return original(*args, **named)

    monkeypatch.setattr(module, name, wrapped)
    return calls


# --- the desk ---


@pytest.mark.parametrize("where", ["facts_many", "commit_many", "quarantine"])
def test_no_claim_is_lost_when_the_store_fails(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    for number in range(3):
        keep(desk, number)
    if where == "quarantine":
        keep(desk, "over", sender=f"a@b.example>\r\nX: {'y' * 70_000}\r\nY: <z")
    monkeypatch.setattr(desk.store, where, failing(getattr(desk.store, where), 1, StoreUnavailable("no room")))
    with pytest.raises(StoreUnavailable):
        desk.desk.step()
    desk.settle()
    assert len(desk.tickets()) == 3
    assert desk.store.waiting()[0] == 0


def test_a_mail_that_breaks_the_store_does_not_break_its_neighbours(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [keep(desk, number) for number in range(5)]
    original = desk.store.facts_many

    def facts_many(queries: Sequence[Any]) -> Any:
        if any(query.intake_id == numbers[2] for query in queries):
            raise UnicodeEncodeError("utf-8", "\udcff", 0, 1, "a fault of ours")
        return original(queries)

    monkeypatch.setattr(desk.store, "facts_many", facts_many)
    desk.settle()
    assert len(desk.tickets()) == 4
    (row,) = desk.store.quarantined()
    assert (row["id"], row["attempts"]) == (numbers[2], 3)
    assert "a fault of ours" in row["reason"]


def test_a_burst_of_one_author_is_read_once_each(desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mails that share something follow each other in one group; none is read again for having waited."""
    for number in range(60):
        keep(desk, number, sender="one@customer.example")
    reads = counted(monkeypatch, receive, "read_message")
    desk.settle()
    assert reads == [60]
    assert len(desk.store.outcomes(60)) == 1
    assert desk.store.waiting()[0] == 0


def commits_fail(desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch, times: int, error: Exception) -> None:
    """So often, then no more."""
    original, left = desk.store.commit_many, [times]

    def commit_many(commits: Sequence[Any]) -> Any:
        if not left[0]:
            return original(commits)
        left[0] -= 1
        futures: list[Future[Any]] = [Future() for _ in commits]
        for future in futures:
            future.set_exception(error)
        return futures

    monkeypatch.setattr(desk.store, "commit_many", commit_many)


def test_a_stale_decision_is_made_again_from_the_same_reading(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(desk, 1)
    reads = counted(monkeypatch, receive, "read_message")
    commits_fail(desk, monkeypatch, 2, Stale("somebody was faster"))
    desk.settle()
    assert reads == [1]
    assert len(desk.tickets()) == 1


def mails_held() -> set[int]:
    """What is in memory of mails that were read and of commits: other tests of this process may have left some."""
    if gc.isenabled():
        gc.collect()
    return {id(one) for one in gc.get_objects() if isinstance(one, Message | Commit)}


@pytest.mark.parametrize(
    "error", [Stale("others were faster"), Settled("done"), StoreUnavailable("no room"), ValueError("a fault of ours")]
)
def test_a_mail_whose_commit_failed_is_not_held_in_memory(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """An exception that is raised where it is looked at leads to itself, and all octets of the mail hang on to that
    until the next search for circles, which may be hundreds of megabytes later."""
    keep(desk, 1)
    commits_fail(desk, monkeypatch, 2, error)
    held = mails_held()
    gc.disable()
    try:
        with suppress(StoreUnavailable):
            desk.desk.step()
        assert mails_held() <= held
    finally:
        gc.enable()


def test_a_mail_that_lost_a_race_is_not_held_in_memory(desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, with the store's own word that others were faster; nor is what was written last held by its writer."""
    numbers = [keep(desk, number) for number in range(2)]
    original, left = desk.store.commit_many, [1]

    def commit_many(commits: Sequence[Any]) -> Any:
        if left[0]:
            left[0] = 0
            assert desk.desk.step() == 1  # the other one
        return original(commits)

    (first,) = [one for one in desk.store.claim(2) if one.id == numbers[0]]
    desk.store.unclaim([numbers[1]])
    monkeypatch.setattr(desk.store, "commit_many", commit_many)
    held = mails_held()
    gc.disable()
    try:
        desk.desk._handle([first], desk.desk.apart)
        del first
        eventually(lambda: mails_held() <= held, seconds=10)
    finally:
        gc.enable()
    assert (left, len(desk.tickets())) == ([0], 2)


def test_large_mail_that_waits_its_turn_is_not_held_in_memory(desk: DeskUnderTest) -> None:
    for number in range(20):
        keep(desk, number, LARGE * 5_000)
    while desk.desk.step():
        pass
    assert len(desk.desk._slow) == 20
    assert all(intake.raw == b"" for intake in desk.desk._slow.values())
    desk.settle()
    assert len(desk.tickets()) == 20


def lane(desk: DeskUnderTest, read: Callable[[bytes], Message]) -> None:
    """Another reader for the slow lane."""
    tools = desk.desk._tools
    desk.desk._tools = receive.Tools(tools.store, tools.current, tools.now, read)


def test_no_child_is_not_the_mails_fault(desk: DeskUnderTest) -> None:
    number = keep(desk, 1, LARGE * 5_000)
    lane(desk, failing(desk._in_child, 5, NoChild("the child cannot be started: Cannot allocate memory")))
    for _ in range(5):
        desk.desk.step()
        with pytest.raises(NoReader):
            desk.desk.step_slow()
    desk.settle()
    assert len(desk.tickets()) == 1
    assert desk.store.quarantined() == []
    assert desk.store.outcomes(number)


def test_what_fails_while_the_daemon_ends_is_no_try(desk: DeskUnderTest) -> None:
    keep(desk, 1, LARGE * 5_000)
    lane(desk, failing(desk._in_child, 9, ChildFailed("the child was killed by signal 9")))
    desk.desk.step()
    desk.desk.end()
    desk.desk.step_slow()
    assert desk.desk.step() == 0  # it stays where it is: no turning round until the end
    with desk.store._parts.read() as connection:
        assert [tuple(row) for row in connection.exec_driver_sql("SELECT state, attempts FROM intake")] == [
            ("waiting", 0)
        ]


def test_a_released_mail_that_nothing_can_read_is_on_the_desk_all_the_same(desk: DeskUnderTest) -> None:
    number = keep(desk, 1, LARGE * 5_000)
    lane(desk, failing(desk._in_child, 99, ChildFailed("the child took too long")))
    desk.settle()
    assert [row["id"] for row in desk.store.quarantined()] == [number]
    assert desk.store.release_quarantined(number)
    desk.settle()
    (ticket,) = desk.tickets()
    assert ticket["subject"] == "Question 1"
    assert desk.store.quarantined() == []


def test_a_kept_mail_whose_octets_rot_is_put_aside_alone(desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    number = keep(desk, 1, LARGE * 5_000)
    desk.desk.step()
    monkeypatch.setattr(desk.store, "raw", failing(desk.store.raw, 1, StoreBroken("the content has changed")))
    desk.settle()
    assert [row["id"] for row in desk.store.quarantined()] == [number]
    keep(desk, 2, LARGE * 5_000)
    desk.settle()
    assert len(desk.tickets()) == 1


def test_wake_is_never_lost(desk: DeskUnderTest) -> None:
    """Mail that comes in any moment of the loop is handled at once, not at the next look of its own accord."""
    stop = threading.Event()
    runner = threading.Thread(target=lambda: desk.desk.run(stop))
    runner.start()
    slowest = 0.0
    try:
        for number in range(60):
            began = time.monotonic()
            kept = keep(desk, number)
            desk.desk.wake()
            while not desk.store.outcomes(kept):
                assert time.monotonic() - began < 20
                time.sleep(0.001)
            slowest = max(slowest, time.monotonic() - began)
            time.sleep((number % 7) / 500)
    finally:
        stop.set()
        desk.desk.wake()
        runner.join(10)
    assert slowest < 0.9 * receive.PAUSE


# --- the senders ---


def test_a_transmit_that_raises_costs_nothing_that_went_out(desk: DeskUnderTest) -> None:
    for number in range(4):
        keep(desk, number)
    while desk.desk.step():
        pass
    out: list[int] = []

    def transmit(batch: Sequence[Outgoing], _then: Outgoing | None) -> list[SendResult]:
        (mail,) = batch
        if len(out) == 3 and not raised:
            raised.append(mail.id)
            raise RuntimeError("against its promise")
        out.append(mail.id)
        return [SendResult(mail.id, Sent.DELIVERED, "250 ok")]

    raised: list[int] = []
    desk.sending._transmit = transmit
    due = desk.store.outbox_depth()
    while desk.sending.step():
        pass
    assert (len(out), desk.store.outbox_depth()) == (due - 1, 1)  # it cost its own mail a try and no other anything
    desk.now += timedelta(minutes=5)
    assert desk.sending.step() == 1
    assert max(Counter(out).values()) == 1
    assert desk.store.outbox_depth() == 0


def test_two_senders_send_nothing_twice_while_marks_fail(desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        keep(desk, number)
    while desk.desk.step():
        pass
    due = desk.store.outbox_depth()
    out: Counter[int] = Counter()

    def transmit(batch: Sequence[Outgoing], _then: Outgoing | None) -> list[SendResult]:
        out.update(mail.id for mail in batch)
        return [SendResult(mail.id, Sent.DELIVERED, "250 ok") for mail in batch]

    shared = send.Unmarked()
    senders = [
        send.Sending(
            desk.store,
            transmit,
            lambda: desk.current,
            lambda: desk.now,
            desk.sending._retry,
            lambda: 0,
            unmarked=shared,
        )
        for _ in range(2)
    ]
    monkeypatch.setattr(desk.store, "mark_sent", _failing_marks(desk, 5))
    for turn in range(5):
        with pytest.raises(StoreUnavailable):
            senders[turn % 2].step()
    for turn in range(4):
        senders[turn % 2].step()
    assert desk.store.outbox_depth() == 0
    assert (len(out), set(out.values())) == (due, {1})


def test_a_mail_put_off_is_tried_again_though_its_sender_is_held_up_meanwhile(desk: DeskUnderTest) -> None:
    """The one that put it off may hang in its next mail for minutes, and look at what became of its marks after it."""
    keep(desk, 1)
    while desk.desk.step():
        pass
    tried: Counter[int] = Counter()
    shared = send.Unmarked()

    def sender(sent: Sent) -> send.Sending:
        def transmit(batch: Sequence[Outgoing], _then: Outgoing | None) -> list[SendResult]:
            tried.update(mail.id for mail in batch)
            return [SendResult(mail.id, sent, "said") for mail in batch]

        now, retry = (lambda: desk.now), desk.sending._retry
        return send.Sending(desk.store, transmit, lambda: desk.current, now, retry, lambda: 0, unmarked=shared)

    held_up, other = sender(Sent.LATER), sender(Sent.DELIVERED)
    due = desk.store.outbox_depth()
    assert held_up._turn() == due
    desk.store.mark_sent([], desk.now, desk.sending._retry, lambda: 0).result()  # the marks before it are written
    desk.now += timedelta(minutes=10)
    assert other.step() == due
    assert desk.store.outbox_depth() == 0
    assert set(tried.values()) == {2}
    held_up._settle_marks()


def _failing_marks(desk: DeskUnderTest, times: int) -> Callable[..., Any]:
    """As the store does it: the mark fails and the claims are let go."""
    original = desk.store.mark_sent

    def raising(results: Sequence[SendResult], *rest: Any) -> Any:
        desk.store.unclaim_outbox([result.outbox_id for result in results])
        raise StoreUnavailable("no room")

    left = [times]

    def mark_sent(results: Sequence[SendResult], *rest: Any) -> Any:
        left[0] -= 1
        return (raising if left[0] >= 0 else original)(results, *rest)

    return mark_sent


def test_one_failure_that_cannot_be_told_holds_up_no_other(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        desk.refuse[f"customer{number}@customer.example"] = SendResult(0, Sent.REFUSED, "550 5.1.1 no such user")
        keep(desk, number)
    told: list[str] = []
    original = send.undelivered

    def undelivered(failure: Any, *rest: Any) -> Any:
        if failure.recipient.startswith("customer0"):
            raise KeyError("a fault of ours")
        told.append(failure.recipient)
        return original(failure, *rest)

    monkeypatch.setattr(send, "undelivered", undelivered)
    desk.settle()
    desk.sending.tell_failed()
    assert told == ["customer1@customer.example"]


# --- the clock and the loops ---


def test_one_promise_that_cannot_be_escalated_holds_up_no_other(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        keep(desk, number)
    desk.settle()
    original = tick.escalate

    def escalate(target: Any, *rest: Any) -> Any:
        if target.ticket.number == 1:
            raise KeyError("a fault of ours")
        return original(target, *rest)

    monkeypatch.setattr(tick, "escalate", escalate)
    later = desk.now + timedelta(days=3)
    assert tick.tick(desk.store, desk.current, later, lambda: None) == 2
    assert tick.tick(desk.store, desk.current, later, lambda: None) == 0


def test_loops_that_fail_begin_again_and_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "AGAIN", 0.01)
    broken = threading.Event()
    running = loops.Loops(broken.set)
    turns = Counter[str]()

    def fails() -> None:
        turns["fails"] += 1
        raise KeyError("a fault of ours")

    def unavailable() -> None:
        turns["unavailable"] += 1
        raise StoreUnavailable("no room")

    def damaged() -> None:
        raise StoreBroken("malformed")

    for body in (fails, unavailable, damaged, lambda: running.stopping.wait(30)):
        running.start(getattr(body, "__name__", "waits"), body)
    assert broken.wait(10)
    while min(turns["fails"], turns["unavailable"]) < 3:
        time.sleep(0.01)
    seen = "\n".join(": ".join(one) for one in running.troubles())
    assert "fails: KeyError: 'a fault of ours'" in seen
    assert "unavailable: no room" in seen
    assert "damaged: has ended" in seen
    assert "lambda" not in seen
    running.stopping.set()
    assert running.join(time.monotonic() + 10) == []
    monkeypatch.setattr(loops, "monotonic", lambda: time.monotonic() + 61)
    assert running.troubles() == ()


def test_an_intake_is_what_it_was(desk: DeskUnderTest) -> None:
    """Octets that were left in the store come back whole."""
    keep(desk, 1, LARGE * 5_000)
    desk.desk.step()
    (left,) = desk.desk._slow.values()
    whole = desk.desk._whole(left)
    assert isinstance(whole, Intake)
    assert whole.raw == letter(1, LARGE * 5_000, to=TO)
