"""The senders: take what is due from the outbox, hand it to the relay, mark the result, tell the desk of failures."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from time import monotonic

from gateway import log
from gateway.desk.place import resolve
from gateway.desk.undelivered import undelivered
from gateway.flow.current import Current
from gateway.flow.pace import Pace
from gateway.flow.write import commit_of
from gateway.model import Outgoing, SendResult, Sent, Stale, TicketFacts, Undelivered
from gateway.options import Retry
from gateway.store.facts import FactsQuery
from gateway.store.store import Store, StoreBroken, StoreUnavailable

BATCH = 10  # mails at most
SHARE = 0.2  # seconds' worth of mails in a batch: the rest is for the other senders
MARKING = 1  # batches of one sender that are being marked: they and the next may go out twice after a death
PAUSE = 0.5  # seconds until an idle sender looks by itself
LONGEST = 1.0  # seconds after which a batch is cut short and marked: what is sent and not marked goes out twice


Transmit = Callable[[Sequence[Outgoing], Outgoing | None], list[SendResult]]
"""Hands over mails, told which one the next call begins with. Never raises; one result for each mail."""


class Bell:
    """Wakes one sender that sleeps, whichever it is. What is rung while all are at work is heard before they sleep."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.rung = 0

    def ring(self, *, all_of_them: bool = False) -> None:
        with self._changed:
            self.rung += 1
            if all_of_them:
                self._changed.notify_all()
            else:
                self._changed.notify()

    def wait(self, rung: int, seconds: float) -> None:
        """Until it has rung since it had `rung` times, or for so long."""
        with self._changed:
            if self.rung == rung:
                self._changed.wait(seconds)


class Unmarked:
    """What the relay has said and the store may not know yet. One for all senders of a store: while it cannot write,
    no mail that is out already goes out again, whoever claims it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._results: dict[int, SendResult] = {}

    def begin(self, results: Iterable[SendResult]) -> None:
        """These are about to be marked."""
        with self._lock:
            self._results.update((result.outbox_id, result) for result in results)

    def settle(self, results: Iterable[SendResult], mark: Future[list[int]]) -> None:
        """Forgets these as soon as the mark is made, whatever their sender is at: what was put off and falls due
        again is to be tried again."""

        def made(mark: Future[list[int]]) -> None:
            if mark.cancelled() or mark.exception() is not None:
                return
            with self._lock:
                for result in results:
                    self._results.pop(result.outbox_id, None)

        mark.add_done_callback(made)

    def of(self, batch: Iterable[Outgoing]) -> list[SendResult]:
        """What is known of these mails: their mark has failed, since they are claimed again."""
        with self._lock:
            return [self._results[mail.id] for mail in batch if mail.id in self._results]


class Sending:
    """One sender. Those of a daemon share `unmarked`, `pace` and `bell`, which is rung when mail is due."""

    def __init__(
        self,
        store: Store,
        transmit: Transmit,
        current: Callable[[], Current],
        now: Callable[[], datetime],
        retry: Retry,
        spread: Callable[[], float],
        count: Callable[[str], None] = lambda _: None,
        unmarked: Unmarked | None = None,
        pace: Pace | None = None,
        bell: Bell | None = None,
    ) -> None:
        self._store, self._transmit, self._current = store, transmit, current
        self._now, self._retry, self._spread, self._count = now, retry, spread, count
        self._unmarked = unmarked or Unmarked()
        self._pace = pace or Pace()
        self._told_up_to = 0
        self._bell = bell or Bell()
        self._most = BATCH
        self._marking: deque[Future[list[int]]] = deque()
        self._stopping: Callable[[], bool] = lambda: False

    def run(self, stop: threading.Event) -> None:
        self._stopping = stop.is_set
        while not stop.is_set():
            rung = self._bell.rung
            if not self._turn() and not self._settle_marks():
                self._bell.wait(rung, PAUSE)
        self._settle_marks()

    def step(self) -> int:
        """One batch, marked; how many mails have moved: gone, refused, or put off. None while the relay is left
        alone."""
        try:
            return self._turn()
        finally:
            self._settle_marks()

    def _turn(self) -> int:
        if not self._pace.enter():
            return 0
        try:
            return self._batch()
        finally:
            self._pace.leave()

    def _batch(self) -> int:
        while self._marking and self._marking[0].done():
            self._settle_mark()
        batch = self._store.claim_outbox(self._most, self._now())
        if not batch:
            return 0
        if len(batch) >= self._most:
            self._bell.ring()  # there may be more
        if known := self._unmarked.of(batch):
            return self._marked_first(batch, known)
        results, put_off = self._transmitted(batch)
        self._tell(batch, results)
        try:
            if results:
                self._mark(results)
        finally:
            self._put_off(put_off)
        if any(result.sent is Sent.TROUBLE for result in results):
            self._settle_marks()
            if self._give_up(results[-1].reply):
                self.tell_failed()
        return len(put_off) + sum(1 for result in results if result.sent is not Sent.TROUBLE)

    def _marked_first(self, batch: Sequence[Outgoing], known: Sequence[SendResult]) -> int:
        """Some are out and not marked, since the store could not write: before that is done nothing else goes out. The
        rest of the batch is given back untried."""
        out = {result.outbox_id for result in known}
        self._store.unclaim_outbox(mail.id for mail in batch if mail.id not in out)
        self._mark(known)
        self._settle_marks()
        return len(known)

    def _transmitted(self, batch: Sequence[Outgoing]) -> tuple[list[SendResult], dict[int, float]]:
        """(what became of mails, others with the seconds for which they may not go). The rest of the batch is given
        back untried: after trouble with the relay, when it takes long, and at the end."""
        began, results, put_off = monotonic(), list[SendResult](), dict[int, float]()
        left = deque(batch)
        mail, more = self._begun(left, put_off), True
        while mail is not None and self._store.sure_of_claims():
            following = self._begun_ahead(mail, left, put_off) if more else None
            result = self._sent(mail, following)
            self._pace.end(mail, result, following)
            results.append(result)
            more = not (self._stopping() or result.sent is Sent.TROUBLE or monotonic() - began > LONGEST)
            if following is None and more:
                following = self._begun(left, put_off)
            mail = following
            if result.sent is Sent.TROUBLE:
                break
        if mail is not None:
            self._pace.drop(mail)
        self._learn(len(results), monotonic() - began)
        done = {result.outbox_id for result in results}
        self._store.unclaim_outbox(mail.id for mail in batch if mail.id not in done and mail.id not in put_off)
        return results, put_off

    def _begun(self, left: deque[Outgoing], put_off: dict[int, float]) -> Outgoing | None:
        """The next that may go, waited for. None: this sender is to send nothing more now."""
        while left:
            mail = left.popleft()
            wait = self._pace.begin(mail)
            if wait is None:
                break
            if not wait:
                return mail
            put_off[mail.id] = wait
        return None

    def _begun_ahead(self, before: Outgoing, left: deque[Outgoing], put_off: dict[int, float]) -> Outgoing | None:
        """The next, where it may go without waiting."""
        while left:
            wait = self._pace.ahead(before, left[0])
            if wait is None:
                break
            mail = left.popleft()
            if not wait:
                return mail
            put_off[mail.id] = wait
        return None

    def _sent(self, mail: Outgoing, following: Outgoing | None) -> SendResult:
        try:
            return self._transmit([mail], following)[0]
        except Exception as error:  # noqa: BLE001 - against its promise; the mail may be what it stumbles over
            log.fault("sender", f"mail {mail.id}: {type(error).__name__}: {error}", error)
            return SendResult(mail.id, Sent.UNCLEAR, f"fault: {type(error).__name__}")

    def _learn(self, mails: int, seconds: float) -> None:
        """How many are taken at once follows from how long they take."""
        if mails:
            fit = SHARE * mails / max(seconds, 1e-6)
            self._most = round(max(1, min(BATCH, (self._most + fit) / 2)))

    def _put_off(self, seconds: Mapping[int, float]) -> None:
        """Not their own fault: it is no failed try."""
        if seconds:
            now = self._now()
            until = {number: now + timedelta(seconds=wait) for number, wait in seconds.items()}
            self._store.put_off(until).result()

    def _give_up(self, reply: str) -> list[int]:
        """While the relay is in trouble no mail is tried, so those whose time is over are found here."""
        over, failed = self._now() - timedelta(seconds=self._retry.give_up), list[int]()
        while found := self._store.give_up(over, self._now(), reply).result():
            failed += found
            if self._stopping():
                break
        return failed

    def _mark(self, results: Sequence[SendResult]) -> None:
        """Hands the marks to the store. They go into its next group with what else is ready; the next batch goes out
        meanwhile, but never a third one. None goes out after a mark that is known to have failed."""
        self._unmarked.begin(results)
        mark = self._store.mark_sent(results, self._now(), self._retry, self._spread)
        self._unmarked.settle(results, mark)
        self._marking.append(mark)
        while len(self._marking) > MARKING:
            self._settle_mark()

    def _settle_marks(self) -> int:
        """Waits until all that was handed over is marked; of how many batches."""
        settled = 0
        while self._marking:
            self._settle_mark()
            settled += 1
        return settled

    def _settle_mark(self) -> None:
        if self._marking.popleft().result():
            self.tell_failed()

    def _tell(self, batch: Sequence[Outgoing], results: Sequence[SendResult]) -> None:
        by_id = {mail.id: mail for mail in batch}
        for result in results:
            mail = by_id[result.outbox_id]
            self._count(result.sent.value)
            if result.sent is Sent.TROUBLE:  # the pace has logged it, once for all
                continue
            log.sent(
                mail.id, mail.kind, mail.ticket, mail.recipient, result.sent.value, result.reply, mail.attempts + 1
            )

    def tell_failed(self) -> None:
        """Each mail that will not be delivered is told to the department once (law 3: the cause is the outbox row).
        One that cannot be told of holds up no other; it is tried again at a later call, as is what takes too long."""
        current, now, began = self._current(), self._now(), monotonic()
        for failure in self._untold():
            if self._stopping() or monotonic() - began > LONGEST:
                return
            try:
                self._tell_of(failure, current, now)
            except Stale:
                continue  # the ticket has moved on: told at the next call
            except (StoreUnavailable, StoreBroken):
                raise
            except Exception as error:  # noqa: BLE001 - a fault of ours in one notice; the others are told of
                log.fault("undelivered", f"mail {failure.outbox_id}: {type(error).__name__}: {error}", error)

    def _untold(self) -> Iterator[Undelivered]:
        """A hundred at a time, from where the last call ended."""
        while found := self._store.failed_untold(self._told_up_to):
            for failure in found:
                self._told_up_to = failure.outbox_id
                yield failure
        self._told_up_to = 0

    def _tell_of(self, failure: Undelivered, current: Current, now: datetime) -> None:
        ticket = self._ticket(failure, now)
        if ticket is None or failure.kind == "undelivered":
            log.fault("outbox", f"mail {failure.outbox_id} to {failure.recipient} failed: {failure.reply}")
            self._store.mark_told([failure.outbox_id]).result()
            return
        decision = undelivered(failure, ticket, current.desk_context, now)
        commit = commit_of(decision, current, now)
        self._store.commit(commit).result()
        if not commit.mails:  # nobody could be written to: the ticket's history tells of it
            self._store.mark_told([failure.outbox_id]).result()

    def _ticket(self, failure: Undelivered, now: datetime) -> TicketFacts | None:
        query = FactsQuery(0, "", "", "", "", (), (failure.ticket,), None, now)
        return resolve(self._store.facts(query), failure.ticket)
