"""The clock: promises that have come due become decisions like any other (law 10: late and repeated ticks are safe)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gateway import log
from gateway.desk.escalate import escalate
from gateway.flow.current import Current
from gateway.flow.write import commit_of
from gateway.model import Stale
from gateway.store.store import Store

MOST = 100


def tick(store: Store, current: Current, now: datetime, wake: Callable[[], None]) -> int:
    """Escalates what is overdue; how many."""
    count = 0
    for target in store.due_targets(now, MOST):
        decision = escalate(target, current.desk_context, now)
        try:
            store.commit(commit_of(decision, current, now)).result()
        except Stale:
            continue  # an answer came in meanwhile; the next tick looks again
        count += 1
        log.escalated(target.ticket.number, target.kind, target.due)
    if count:
        wake()
    return count
