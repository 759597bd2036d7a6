"""The store's face for a desk on hold: see `holding`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gateway.store import holding
from gateway.store.store import Store


class DeskHold:
    """Stops and lets go what a desk has to send. Each call that writes has committed on return."""

    def __init__(self, store: Store) -> None:
        self._parts = store.parts

    def state(self) -> tuple[datetime, str] | None:
        """Since when nothing goes out, and why; None where mail goes out."""
        with self._parts.read() as connection:
            return holding.on_hold(connection)

    def begin(self, now: datetime, why: str) -> int:
        """From now on nothing goes out; how many mails were stopped. What a relay is taking at this moment is out."""
        return int(self._parts.write("hold", holding.Hold(now, why)).result())

    def end(self, now: datetime, *, escalate: bool = True) -> dict[str, int]:
        """All held mail goes out in order. `released`, and `overdue` as in `holding.LetGo`."""
        return dict(self._parts.write("end hold", holding.LetGo(now, escalate)).result())

    def drop(self, ids: Sequence[int], reason: str, now: datetime) -> list[int]:
        """These are never sent, for this reason; gives those that were still to go out."""
        return list(self._parts.write("drop", holding.Drop(tuple(ids), reason, now)).result())

    def unsent(self) -> list[dict[str, Any]]:
        """Mails that wait, are held or have failed, oldest first."""
        with self._parts.read() as connection:
            return holding.unsent(connection)

    def overdue(self, now: datetime) -> int:
        """How many promises are past due with nobody told: the clock rests during the hold."""
        with self._parts.read() as connection:
            return holding.overdue(connection, now)
