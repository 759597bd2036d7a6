"""The clock: promises that have come due become decisions like any other (law 10: late and repeated ticks are safe)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from gateway import log
from gateway.desk.escalate import escalate, promised_anew
from gateway.flow.current import Current
from gateway.flow.write import commit_of
from gateway.model import DueTarget, Stale
from gateway.store.desk_hold import DeskHold
from gateway.store.store import Store, StoreBroken, StoreUnavailable
from gateway.store.targets_ahead import targets_ahead

MOST = 100
AHEAD = timedelta(minutes=10)  # by less two clocks may differ


def tick(store: Store, current: Current, now: datetime, wake: Callable[[], None]) -> int:
    """Escalates what is overdue; how many. A target that cannot be escalated holds up no other.

    While the desk is on hold the clock rests: after a restore the answers of the lost time are not known yet.
    """
    if DeskHold(store).state() is not None:
        return 0
    count = 0
    for target in store.due_targets(now, MOST):
        try:
            count += _escalated(store, target, current, now)
        except (StoreUnavailable, StoreBroken):
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours in one target; the others' managers wait
            log.fault("escalate", f"ticket {target.ticket.number}: {type(error).__name__}: {error}", error)
    if count:
        wake()
    return count


def _escalated(store: Store, target: DueTarget, current: Current, now: datetime) -> bool:
    decision = escalate(target, current.desk_context, now)
    try:
        store.commit(commit_of(decision, current, now)).result()
    except Stale:
        return False  # an answer came in meanwhile; the next tick looks again
    log.escalated(target.ticket.number, target.kind, target.due)
    return True


def promise_anew(store: Store, current: Current, now: datetime) -> int:
    """After the clock was set back, and at each start: no promise hangs on an instant that a wrong clock gave; how many
    were made anew. Doing it again changes nothing."""
    count = 0
    for target in targets_ahead(store, now + AHEAD):
        decision = promised_anew(target, current.desk_context, now)
        if decision is None:
            continue
        try:
            store.commit(commit_of(decision, current, now)).result()
        except Stale:
            continue  # its answer came in meanwhile, or another daemon was first
        count += 1
    return count
