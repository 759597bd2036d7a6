"""The clock: promises that have come due become decisions like any other (law 10: late and repeated ticks are safe)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from gateway import log
from gateway.desk.escalate import escalate
from gateway.flow.current import Current
from gateway.flow.write import commit_of
from gateway.model import DueTarget, Stale
from gateway.store.desk_hold import DeskHold
from gateway.store.store import Store, StoreBroken, StoreUnavailable

MOST = 100


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
