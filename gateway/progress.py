"""Progress of long work for people, on stderr: bars on a terminal, else a line now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gateway.backup import Tell

EVERY = 5.0  # seconds between two lines about the same work


@contextmanager
def progress(quiet: bool) -> Iterator[Tell]:
    """What is to be told as long as the context lasts."""
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield lambda _what, _done, _all: None
    elif console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bars:
            yield _Bars(bars).tell
    else:
        yield _Lines(console).tell


class _Bars:
    """One bar for each kind of work."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._of: dict[str, int] = {}

    def tell(self, what: str, done: int, total: int) -> None:
        if what not in self._of:
            self._of[what] = int(self._bars.add_task(what, total=total or None))
        self._bars.update(self._bars.task_ids[self._of[what]], completed=done, total=total or None)


class _Lines:
    """A line when work of one kind has taken a while, and when it is done."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[str, float] = {}

    def tell(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        late = now - self._last.setdefault(what, now) > EVERY
        if late or (total and done == total and what != "checking"):
            self._last[what] = now
            self._console.print(f"{what}: {done}" + (f" of {total}" if total and done != total else ""))
