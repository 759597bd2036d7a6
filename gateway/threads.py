"""Threads that are there from the beginning: later the machine may give no more, and mail is taken all the same."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor


def standing(number: int, name: str) -> ThreadPoolExecutor:
    """A pool of `number` threads, all of them started."""
    pool, all_here = ThreadPoolExecutor(number, name), threading.Barrier(number + 1)
    for _ in range(number):
        pool.submit(all_here.wait)
    all_here.wait()
    return pool
