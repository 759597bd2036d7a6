"""The senders: take what is due from the outbox, hand it to the relay, mark the result, tell the desk of failures."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from gateway import log
from gateway.desk.place import resolve
from gateway.desk.undelivered import undelivered
from gateway.flow.current import Current
from gateway.flow.write import commit_of
from gateway.model import Outgoing, SendResult, Sent, Stale, TicketFacts, Undelivered
from gateway.options import Retry
from gateway.store.facts import FactsQuery
from gateway.store.store import Store, StoreUnavailable

BATCH = 20


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
    ) -> None:
        self._store, self._transmit, self._current = store, transmit, current
        self._now, self._retry, self._spread, self._count = now, retry, spread, count
        self._news = threading.Event()

    def wake(self) -> None:
        self._news.set()

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                sent = self.step()
            except StoreUnavailable as error:
                log.fault("sender", str(error))
                sent = 0
                stop.wait(1.0)
            if not sent:
                self._news.wait(timeout=0.5)
                self._news.clear()

    def step(self) -> int:
        """One batch; how many mails were tried."""
        batch = self._store.claim_outbox(BATCH, self._now())
        if not batch:
            return 0
        results = self._transmit(batch)
        by_id = {mail.id: mail for mail in batch}
        failed = self._store.mark_sent(results, self._now(), self._retry, self._spread).result()
        for result in results:
            mail = by_id[result.outbox_id]
            self._count(result.sent.value)
            log.sent(
                mail.id, mail.kind, mail.ticket, mail.recipient, result.sent.value, result.reply, mail.attempts + 1
            )
        if failed:
            self.tell_failed()
        return sum(1 for result in results if result.sent is not Sent.LATER)

    def tell_failed(self) -> None:
        """Each mail that will not be delivered is told to the department once (law 3: the cause is the outbox row)."""
        current, now = self._current(), self._now()
        for failure in self._store.failed_untold():
            ticket = self._ticket(failure, now)
            if ticket is None or failure.kind == "undelivered":
                log.fault("outbox", f"mail {failure.outbox_id} to {failure.recipient} failed: {failure.reply}")
                self._store.mark_told([failure.outbox_id]).result()
                continue
            decision = undelivered(failure, ticket, current.desk_context, now)
            if not decision.notices:
                self._store.mark_told([failure.outbox_id]).result()
            try:
                self._store.commit(commit_of(decision, current, now)).result()
            except Stale:
                continue  # told at the next failure or start

    def _ticket(self, failure: Undelivered, now: datetime) -> TicketFacts | None:
        query = FactsQuery(0, "", "", "", "", (), (failure.ticket,), None, now)
        return resolve(self._store.facts(query), failure.ticket)
