"""The senders: take what is due from the outbox, hand it to the relay, mark the result, tell the desk of failures."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from time import monotonic

from gateway import log
from gateway.desk.place import resolve
from gateway.desk.undelivered import undelivered
from gateway.flow.current import Current
from gateway.flow.write import commit_of
from gateway.model import Outgoing, SendResult, Sent, Stale, TicketFacts, Undelivered
from gateway.options import Retry
from gateway.store.facts import FactsQuery
from gateway.store.store import Store, StoreBroken, StoreUnavailable

BATCH = 20
LONGEST = 1.0  # seconds after which a batch is cut short and marked: what is sent and not marked goes out twice
_OF_THE_MAIL = re.compile(r"4(?!21)\d\d\b")  # an answer to this mail; any other LATER is trouble with the relay


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

    def done(self, results: Iterable[SendResult]) -> None:
        """These are marked."""
        with self._lock:
            for result in results:
                self._results.pop(result.outbox_id, None)

    def of(self, batch: Iterable[Outgoing]) -> list[SendResult]:
        """What is known of these mails: their mark has failed, since they are claimed again."""
        with self._lock:
            return [self._results[mail.id] for mail in batch if mail.id in self._results]


class Sending:
    """One sender. `transmit` never raises and gives one result for each mail."""

    def __init__(
        self,
        store: Store,
        transmit: Callable[[Sequence[Outgoing]], list[SendResult]],
        current: Callable[[], Current],
        now: Callable[[], datetime],
        retry: Retry,
        spread: Callable[[], float],
        count: Callable[[str], None] = lambda _: None,
        unmarked: Unmarked | None = None,
    ) -> None:
        self._store, self._transmit, self._current = store, transmit, current
        self._now, self._retry, self._spread, self._count = now, retry, spread, count
        self._unmarked = unmarked or Unmarked()
        self._news = threading.Event()
        self._stopping: Callable[[], bool] = lambda: False

    def wake(self) -> None:
        self._news.set()

    def run(self, stop: threading.Event) -> None:
        self._stopping = stop.is_set
        while not stop.is_set():
            sent = self.step()
            if not sent:
                self._news.wait(timeout=0.5)
                self._news.clear()

    def step(self) -> int:
        """One batch; how many mails were settled."""
        batch = self._store.claim_outbox(BATCH, self._now())
        if not batch:
            return 0
        known = self._unmarked.of(batch)
        out = {result.outbox_id for result in known}
        results = known + self._transmitted([mail for mail in batch if mail.id not in out])
        if not results:
            return 0
        failed = self._mark(results)
        self._tell(batch, results)
        if failed:
            self.tell_failed()
        return sum(1 for result in results if result.sent is not Sent.LATER)

    def _transmitted(self, batch: Sequence[Outgoing]) -> list[SendResult]:
        """What became of the first mails of the batch. The rest is given back untried, so that it is nobody's failed
        try: after trouble with the relay, when it takes long, and at the end."""
        began, results = monotonic(), list[SendResult]()
        for mail in batch:
            try:
                results += self._transmit([mail])
            except Exception as error:  # noqa: BLE001 - against its promise; what went out before is marked all the same
                log.fault("sender", f"mail {mail.id}: {type(error).__name__}: {error}", error)
                break
            if self._stopping() or _is_trouble(results[-1]) or monotonic() - began > LONGEST:
                break
        self._store.unclaim_outbox(mail.id for mail in batch[len(results) :])
        return results

    def _mark(self, results: Sequence[SendResult]) -> list[int]:
        """The mails that have now failed for good."""
        self._unmarked.begin(results)
        failed = self._store.mark_sent(results, self._now(), self._retry, self._spread).result()
        self._unmarked.done(results)
        return failed

    def _tell(self, batch: Sequence[Outgoing], results: Sequence[SendResult]) -> None:
        by_id = {mail.id: mail for mail in batch}
        for result in results:
            mail = by_id[result.outbox_id]
            self._count(result.sent.value)
            log.sent(
                mail.id, mail.kind, mail.ticket, mail.recipient, result.sent.value, result.reply, mail.attempts + 1
            )

    def tell_failed(self) -> None:
        """Each mail that will not be delivered is told to the department once (law 3: the cause is the outbox row).
        One that cannot be told of holds up no other; it is tried again at the next call."""
        current, now = self._current(), self._now()
        for failure in self._store.failed_untold():
            try:
                self._tell_of(failure, current, now)
            except Stale:
                continue  # the ticket has moved on: told at the next call
            except (StoreUnavailable, StoreBroken):
                raise
            except Exception as error:  # noqa: BLE001 - a fault of ours in one notice; the others are told of
                log.fault("undelivered", f"mail {failure.outbox_id}: {type(error).__name__}: {error}", error)

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


def _is_trouble(result: SendResult) -> bool:
    return result.sent is Sent.LATER and not _OF_THE_MAIL.match(result.reply)
