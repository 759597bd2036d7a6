"""Damage is found before somebody needs what is damaged: all pages are read now and then, slowly (G12)."""

from __future__ import annotations

import threading
from time import monotonic

from gateway.store.store import Store, StoreBroken

FIRST = 600.0  # seconds after the start: a machine that comes up has other work
AGAIN = 86_400.0  # seconds from the end of one round to the next
SHARE = 9  # so many times as long as a table has taken is rested after it


def check_slowly(store: Store, stop: threading.Event) -> None:
    """Until stopped. Raises StoreBroken with what is wrong; StoreUnavailable if the store cannot be read now."""
    rest = FIRST
    while not stop.wait(rest):
        for part in store.parts_to_check():
            began = monotonic()
            if found := store.check_part(part):
                raise StoreBroken(f"the database is damaged: {found[0]}")
            if stop.wait(SHARE * (monotonic() - began)):
                return
        rest = AGAIN
