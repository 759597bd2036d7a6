"""The desk: takes kept mail, thinks, commits. One lane for ordinary mail, one for mail that is read in the child."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter

from gateway import log
from gateway.flow.current import Current
from gateway.flow.think import Thought, decide_thought, snapshot, understand_intake
from gateway.flow.write import commit_of
from gateway.mail.limits import scan
from gateway.mail.parse import Unreadable, read_message, read_minimal
from gateway.model import Commit, Intake, Message, Stale
from gateway.store.store import OutboxRef, Store, StoreUnavailable

GROUP = 50
SLOW_GROUP = 4
PAUSE = 1.0  # seconds between tries while the store is unavailable
Written = Future[tuple[OutboxRef, ...]]


@dataclass(frozen=True, slots=True)
class Tools:
    """What the desk is given: no edge is imported here."""

    store: Store
    current: Callable[[], Current]
    now: Callable[[], datetime]
    read_in_child: Callable[[bytes], Message]  # raises when the child died, stalled or ran out of memory
    decided: Callable[[int], None] = lambda _: None  # told how many mails were written: wakes the senders
    count: Callable[[str, float], None] = lambda *_: None  # told each outcome and the seconds it took


class Desk:
    """Runs both lanes. `wake` is called whenever mail has been kept."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._wake = threading.Condition()
        self._news = 0
        self._slow: dict[int, Intake] = {}
        self._slow_news = threading.Condition()
        self.beat = perf_counter()

    def wake(self) -> None:
        with self._wake:
            self._news += 1
            self._wake.notify_all()

    # --- the ordinary lane ---

    def run(self, stop: threading.Event) -> None:
        """Until stopped: handles what waits, sleeps when nothing does."""
        seen = -1
        while not stop.is_set():
            self.beat = perf_counter()
            with self._wake:
                news = self._news
            try:
                handled = self.step()
            except StoreUnavailable as error:
                log.fault("desk", str(error))
                stop.wait(PAUSE)
                continue
            if handled == 0:
                with self._wake:
                    if self._news == news == seen or self._news == news:
                        self._wake.wait(timeout=PAUSE)
            seen = news

    def step(self) -> int:
        """One group; the number of messages that got their outcome or went to the slow lane."""
        claimed = self._tools.store.claim(GROUP)
        if not claimed:
            return 0
        ordinary = [intake for intake in claimed if not self._is_slow(intake)]
        return len(claimed) - len(ordinary) + self._handle(ordinary, self._read_here)

    def _is_slow(self, intake: Intake) -> bool:
        found = scan(intake.raw, self._tools.current().fixed.limits)
        if found.over:
            self._tools.store.quarantine(intake.id, found.over)
            log.quarantined(intake.id, found.over)
            return True
        if not found.unusual and not intake.attempts:
            return False
        with self._slow_news:
            self._slow[intake.id] = intake
            self._slow_news.notify_all()
        return True

    def _read_here(self, intake: Intake) -> Message:
        limits = self._tools.current().fixed.limits
        try:
            return read_message(intake.raw, limits)
        except Unreadable as error:
            return read_minimal(intake.raw, limits, str(error))

    # --- the slow lane ---

    def run_slow(self, stop: threading.Event) -> None:
        """Large and unusual mail, read in a child that can be killed; others never wait for it."""
        while not stop.is_set():
            with self._slow_news:
                if not self._slow:
                    self._slow_news.wait(timeout=PAUSE)
            try:
                self.step_slow()
            except StoreUnavailable as error:
                log.fault("slow lane", str(error))
                stop.wait(PAUSE)

    def step_slow(self) -> int:
        """Takes one unusual mail, those that failed before last."""
        with self._slow_news:
            intake = min(self._slow.values(), key=lambda item: (item.attempts, item.id), default=None)
            if intake is None:
                return 0
            del self._slow[intake.id]
        return self._handle([intake], self._read_apart)

    def _read_apart(self, intake: Intake) -> Message:
        limits = self._tools.current().fixed.limits
        try:
            return self._tools.read_in_child(intake.raw)
        except Unreadable as error:
            return read_minimal(intake.raw, limits, str(error))

    # --- both ---

    def _handle(self, claimed: Sequence[Intake], read: Callable[[Intake], Message]) -> int:
        """Reads, decides and commits a group; whatever goes wrong with one leaves the others alone."""
        if not claimed:
            return 0
        started, tools = perf_counter(), self._tools
        current, now = tools.current(), tools.now()
        thoughts, later = _compatible(self._understood(claimed, read, current, now))
        tools.store.unclaim([thought.intake.id for thought in later])
        commits = self._decided(thoughts, current, now)
        written = tools.store.commit_many([commit for _, commit in commits])
        futures = [(thought, commit, future) for (thought, commit), future in zip(commits, written, strict=True)]
        done = self._settled(futures, started)
        log.group(len(claimed), done, perf_counter() - started)
        if done:
            tools.decided(sum(len(commit.mails) for _, commit in commits))
        return len(claimed) - len(later)

    def _understood(
        self, claimed: Iterable[Intake], read: Callable[[Intake], Message], current: Current, now: datetime
    ) -> list[Thought]:
        thoughts = []
        for intake in claimed:
            try:
                thoughts.append(understand_intake(intake, read(intake), current, now))
            except Exception as error:  # noqa: BLE001 - one mail, whatever is wrong with it, never stops the others
                self._failed(intake, f"{type(error).__name__}: {error}")
        return thoughts

    def _decided(self, thoughts: Sequence[Thought], current: Current, now: datetime) -> list[tuple[Thought, Commit]]:
        queries = [query for thought in thoughts for query in thought.queries]
        facts = iter(self._tools.store.facts_many(queries)) if queries else iter(())
        commits, number = [], 0
        for thought in thoughts:
            known = [next(facts) for _ in thought.queries]
            number = max(number, *(f.next_number for f in known))
            try:
                decision, took = decide_thought(thought, known, current, now, number)
                commit = commit_of(
                    decision,
                    current,
                    now,
                    thought=thought,
                    took=took,
                    facts=snapshot(thought, known),
                )
            except Exception as error:  # noqa: BLE001 - as above: a fault of ours in one decision
                log.fault("decide", f"intake {thought.intake.id}: {type(error).__name__}: {error}", error)
                self._failed(thought.intake, f"{type(error).__name__}: {error}")
                continue
            number += took
            commits.append((thought, commit))
        return commits

    def _settled(self, futures: Sequence[tuple[Thought, Commit, Written]], started: float) -> int:
        """Waits for a group's commits; how many hold. Raises StoreUnavailable after all have been looked at."""
        done, unavailable = 0, None
        for thought, commit, future in futures:
            try:
                done += self._settle(thought, commit, future, started)
            except StoreUnavailable as error:
                unavailable = error
        if unavailable is not None:
            raise unavailable
        return done

    def _settle(self, thought: Thought, commit: Commit, future: Written, started: float) -> bool:
        intake = thought.intake
        try:
            future.result()
        except Stale:
            self._tools.store.unclaim([intake.id])
            self.wake()
            return False
        except StoreUnavailable:
            self._tools.store.unclaim([intake.id])
            raise
        except Exception as error:  # noqa: BLE001 - the row stays, tried three times
            log.fault("commit", f"intake {intake.id}: {type(error).__name__}: {error}", error)
            self._failed(intake, f"{type(error).__name__}: {error}")
            return False
        for verdict in commit.decision.verdicts:
            log.decided(intake.id, verdict.outcome.value, verdict.ticket, verdict.door)
            self._tools.count(verdict.outcome.value, perf_counter() - started)
        return True

    def _failed(self, intake: Intake, reason: str) -> None:
        """Counts a failed try; after the third the mail is put aside with its reason, whole and releasable."""
        store, limits = self._tools.store, self._tools.current().fixed.limits
        tries = store.note_attempt(intake.id, reason)
        if tries >= limits.tries:
            store.quarantine(intake.id, reason)
            log.quarantined(intake.id, reason)
        else:
            store.unclaim([intake.id])
            self.wake()


def _compatible(thoughts: Sequence[Thought]) -> tuple[list[Thought], list[Thought]]:
    """Those that share nothing, and those that wait for the next group."""
    taken: set[str] = set()
    now, later = [], []
    for thought in thoughts:
        if taken & thought.keys:
            later.append(thought)
        else:
            now.append(thought)
        taken |= thought.keys
    return now, later
