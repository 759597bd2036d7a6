"""The alarms of a running daemon: looks, decides, tells by mail and by command, remembers what it has told.

What is still to be told is on disk before it is told, and is told with the same cause after a restart: the outbox
knows a mail of that cause. The command may be run twice for one thing if the process dies while it runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from gateway import log
from gateway.desk.alarm import Queue, step
from gateway.desk.alarm_mail import alarm_notices, for_command
from gateway.flow.alarm_book import Book, read_book, written
from gateway.flow.current import Current
from gateway.flow.write import commit_of
from gateway.model import Decision, Moment, Telling, Trouble
from gateway.options import Alarming
from gateway.store.errors import StoreBroken, StoreUnavailable
from gateway.store.store import Store

EVERY = 5.0  # seconds between looks, at most
TRIES = 3  # of the command
COMMIT_TIMEOUT = 30.0


class Keep(Protocol):
    """Where the book is kept between runs. `load`: what was saved, None if there is nothing usable."""

    def load(self) -> Any: ...

    def save(self, value: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class Ways:
    """What alarms are given from outside. `command`: runs it with these values, "" or why it failed. `wake`: there is
    mail to be sent."""

    look: Callable[[], Sequence[Trouble]]
    now: Callable[[], datetime]
    current: Callable[[], Current]
    command: Callable[[Mapping[str, Any]], str]
    wake: Callable[[int], None]


class Alarms:
    """`run` belongs to one thread; everything else may be called from any."""

    def __init__(self, limits: Alarming, store: Store, ways: Ways, keep: Keep) -> None:
        self._limits, self._store, self._ways, self._keep = limits, store, ways, keep
        self._lock = threading.Lock()
        self._book: Book = read_book(keep.load())
        self._saved = self._book.mark
        self._tries = 0
        self._fresh = True
        self._mail_failed = ""  # said already
        self.command_failed = ""  # how the last run of the command failed

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.step()
            stop.wait(min(EVERY, max(0.5, self._limits.settle / 4)))

    def standing(self) -> list[dict[str, Any]]:
        """The alarms that have begun and are not over, as the status shows them."""
        return [
            {
                "alarm": alarm.trouble.ill.value,
                "about": alarm.trouble.about,
                "reason": alarm.trouble.reason,
                "mail_at_risk": alarm.trouble.risk,
                "since": alarm.trouble.since.isoformat(),
                "begun": alarm.begun.isoformat(),
            }
            for alarm in self._book.standing
            if alarm.begun is not None
        ]

    def step(self) -> None:
        """One look, and all that follows. What an earlier run left untold goes first, as it was."""
        with self._lock:
            now = self._ways.now()
            if not self._fresh or not self._book.has_waiting:
                standing, tellings = step(self._book.standing, self._ways.look(), self._limits, now)
                for telling in tellings:
                    _log(telling)
                self._take(replace(self._book, standing=standing), tellings)
            self._fresh = False
            self._tell(now)

    def test(self) -> dict[str, Any]:
        """Tells a test by both ways, now; what each of them said."""
        with self._lock:
            now = self._ways.now()
            telling = Telling(Moment.TEST, now)
            answer: dict[str, Any] = {"mail": [], "command": None}
            if self._limits.to:
                self._commit([telling], now)
                answer["mail"] = list(self._limits.to)
            if self._limits.command:
                answer["command"] = self._command([telling]) or "done"
            return answer

    def _take(self, book: Book, tellings: Sequence[Telling]) -> None:
        mail = book.mail.add(tellings) if self._limits.to else Queue()
        command = book.command.add(tellings) if self._limits.command else Queue()
        self._save(replace(book, mail=mail, command=command))

    def _save(self, book: Book) -> None:
        """A disk that takes nothing must not keep an alarm from being told: then it may come again after a restart."""
        self._book = book
        if book.mark == self._saved:
            return
        try:
            self._keep.save(written(book))
            self._saved = book.mark
        except OSError as error:
            log.fault("alarms", f"cannot be remembered: {error.strerror}")

    def _tell(self, now: datetime) -> None:
        book = self._book
        if book.mail.waiting and book.mail.room(now, self._limits.per_hour):
            try:
                self._commit(book.mail.waiting, now)
                self._mail_failed = ""
                self._save(replace(self._book, mail=book.mail.told(len(book.mail.waiting), now)))
            except (StoreUnavailable, StoreBroken, TimeoutError) as error:
                self._say(f"no mail can be written now: {error or type(error).__name__}")
        if self._book.command.waiting and self._book.command.room(now, self._limits.per_hour):
            self._run(now)

    def _say(self, failed: str) -> None:
        if failed != self._mail_failed:
            log.fault("alarms", failed)
        self._mail_failed = failed

    def _run(self, now: datetime) -> None:
        """The command for all that waits; if it fails, again at the next look, a few times."""
        waiting = self._book.command.waiting
        failed = self._command(waiting)
        self._tries = self._tries + 1 if failed else 0
        if not failed or self._tries >= TRIES:
            self._tries = 0
            self._save(replace(self._book, command=self._book.command.told(len(waiting), now)))

    def _command(self, tellings: Sequence[Telling]) -> str:
        failed = self._ways.command(for_command(tellings, self._ways.current().fixed.desk))
        if failed:
            log.fault("alarms", f"the command failed: {failed}")
        self.command_failed = failed
        return failed

    def _commit(self, tellings: Sequence[Telling], now: datetime) -> None:
        current = self._ways.current()
        notices = alarm_notices(tellings, self._limits, current.fixed.desk, current.rulebook)
        decision = Decision(verdicts=(), notices=tuple(notices), rulebook=current.rulebook.digest)
        refs = self._store.commit(commit_of(decision, current, now)).result(COMMIT_TIMEOUT)
        self._ways.wake(len(refs))


def _log(telling: Telling) -> None:
    if telling.trouble is not None:
        log.alarm(telling.moment.value, telling.trouble.ill.value, telling.trouble.about, telling.trouble.reason)
