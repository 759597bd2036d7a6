"""The desk: takes kept mail, thinks, commits. One lane for ordinary mail, one for mail that is read in the child."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter
from typing import TypeVar

from gateway import log
from gateway.flow.current import Current
from gateway.flow.think import Thought, decide_thought, snapshot, understand_intake
from gateway.flow.write import Words, commit_of, encoded, words_of
from gateway.mail.limits import Scan, scan
from gateway.mail.mime import Content
from gateway.mail.parse import Unreadable, read_message, read_minimal
from gateway.model import Commit, Decision, Facts, Intake, Message, Stale
from gateway.store.store import OutboxRef, Settled, Store, StoreBroken, StoreUnavailable

GROUP = 50
PAUSE = 1.0  # seconds of sleep at most; between tries while the store cannot write
NO_READER = 5.0  # seconds between tries to start a child
ROUNDS = 5  # decisions of one reading, where others change the same tickets meanwhile
Written = Future[tuple[OutboxRef, ...]]
Decided = tuple[Thought, list[Facts], Decision, int]  # the last: how many ticket numbers it took
Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Tools:
    """What the desk is given: no edge is imported here.

    `read_in_child` raises when the child died, stalled or ran out of memory on this mail; OSError when there is no
    child, which is not the mail's fault.
    """

    store: Store
    current: Callable[[], Current]
    now: Callable[[], datetime]
    read_in_child: Callable[[bytes], Message]
    decided: Callable[[int], None] = lambda _: None  # told how many mails were written: wakes the senders
    count: Callable[[str, float], None] = lambda *_: None  # told each outcome and the seconds it took
    at_work: Callable[[Collection[int]], None] = lambda _: None  # told what is about to be read in this process
    suspects: Collection[int] = frozenset()  # at which the last process died: they are read in the child
    trouble: Callable[[str, str], None] = lambda *_: None  # told what, and why, for the health check


class NoReader(Exception):
    """No child could be started: large and unusual mail waits, untried."""


class Lane:
    """A way of reading, and when the loop that reads so has last moved (of `perf_counter`)."""

    def __init__(self, read: Callable[[Intake], Message]) -> None:
        self.read = read
        self.move()

    def move(self) -> None:
        self.beat = perf_counter()


class Desk:
    """Runs both lanes. `wake` is called whenever mail has been kept."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._wake = threading.Condition()
        self._news = 0
        self._slow: dict[int, Intake] = {}  # claimed for the slow lane; their octets stay in the store until their turn
        self._slow_news = threading.Condition()
        self._ending = threading.Event()
        self._deciding = threading.Lock()
        self.ordinary, self.apart = Lane(self._read_here), Lane(self._read_apart)

    def wake(self) -> None:
        with self._wake:
            self._news += 1
            self._wake.notify_all()

    def end(self) -> None:
        """The daemon is about to stop: both lanes wake, and a try that fails from now on counts against no mail."""
        self._ending.set()
        self.wake()
        with self._slow_news:
            self._slow_news.notify_all()

    # --- the ordinary lane ---

    def run(self, stop: threading.Event) -> None:
        """Until stopped: handles what waits, sleeps when nothing does."""
        while not stop.is_set():
            self.ordinary.move()
            with self._wake:
                news = self._news
            if self.step() == 0:
                with self._wake:
                    if self._news == news:  # what was kept since the claim has woken nobody yet
                        self._wake.wait(timeout=PAUSE)

    def step(self) -> int:
        """One group; the number of messages that got their outcome, or a failed try, or went to the slow lane."""
        limits = self._tools.current().fixed.limits
        claimed = self._tools.store.claim(GROUP, largest=limits.in_process + limits.in_process_files)
        if not claimed:
            if not self._slow:
                self._tools.at_work(())
            return 0
        with self._holding(claimed):
            ordinary, slow = self._parted(claimed)
        self._hand_over(slow)
        self._tools.at_work([intake.id for intake in ordinary])
        with self._holding(ordinary):
            self._handle(ordinary, self.ordinary)
        return len(claimed)

    @contextmanager
    def _holding(self, claimed: Sequence[Intake]) -> Iterator[None]:
        """Whatever happens, no claim is lost: what was not settled is given back, to be claimed again."""
        try:
            yield
        except BaseException:
            self._tools.store.unclaim([intake.id for intake in claimed])
            raise

    def _parted(self, claimed: Sequence[Intake]) -> tuple[list[Intake], list[Intake]]:
        """(ordinary, slow); what is over a limit is put aside, unless a person has let it out."""
        ordinary, slow = [], []
        for intake in claimed:
            if intake.size and not intake.raw:  # too large to be looked at here
                slow.append(intake)
                continue
            found = self._scanned(intake)
            if self._put_aside(intake, found):
                continue
            if found.over or found.unusual or intake.attempts or intake.id in self._tools.suspects:
                slow.append(intake)
            else:
                ordinary.append(intake)
        return ordinary, slow

    def _put_aside(self, intake: Intake, found: Scan) -> bool:
        if not found.over or intake.released:
            return False
        self._tools.store.quarantine(intake.id, found.over)
        log.quarantined(intake.id, found.over)
        return True

    def _scanned(self, intake: Intake) -> Scan:
        try:
            return scan(intake.raw, self._tools.current().fixed.limits)
        except Exception as error:  # noqa: BLE001 - a fault of ours: the child reads it, and the others go on
            return Scan(unusual=f"the scan failed: {type(error).__name__}")

    def _hand_over(self, slow: Iterable[Intake]) -> None:
        with self._slow_news:
            self._slow.update((intake.id, replace(intake, raw=b"")) for intake in slow)
            self._slow_news.notify_all()

    def _read_here(self, intake: Intake) -> Message:
        limits = self._tools.current().fixed.limits
        try:
            return read_message(intake.raw, limits, scanned=True)
        except Unreadable as error:
            return read_minimal(intake.raw, limits, str(error))

    # --- the slow lane ---

    def run_slow(self, stop: threading.Event) -> None:
        """Large and unusual mail, read in a child that can be killed; others never wait for it."""
        while not stop.is_set():
            self.apart.move()
            with self._slow_news:
                if not self._slow and not self._ending.is_set():
                    self._slow_news.wait(timeout=PAUSE)
            try:
                if not self.step_slow() and self._ending.is_set():
                    stop.wait(PAUSE)
            except NoReader as error:
                log.fault("slow lane", str(error))
                self._tools.trouble("slow lane", str(error))
                stop.wait(NO_READER)

    def step_slow(self) -> int:
        """Takes one unusual mail, those that failed before last."""
        with self._slow_news:
            intake = min(self._slow.values(), key=lambda item: (item.attempts, item.id), default=None)
            if intake is None:
                return 0
            del self._slow[intake.id]
        with self._holding([intake]):
            if (whole := self._whole(intake)) is not None and not self._put_aside(whole, self._scanned(whole)):
                self._handle([whole], self.apart)
        return 1

    def _whole(self, intake: Intake) -> Intake | None:
        try:
            return replace(intake, raw=self._tools.store.raw(intake.id))
        except StoreBroken as error:  # these octets alone; a damaged database fails this write as well
            self._tools.store.quarantine(intake.id, f"the kept octets cannot be read: {error}")
            log.quarantined(intake.id, str(error))
            return None

    def _read_apart(self, intake: Intake) -> Message:
        limits = self._tools.current().fixed.limits
        try:
            return self._tools.read_in_child(intake.raw)
        except Unreadable as error:
            return read_minimal(intake.raw, limits, str(error))
        except OSError as error:
            raise NoReader(str(error)) from error
        except Exception as error:
            if not intake.released or self._ending.is_set():
                raise
            return read_minimal(intake.raw, limits, str(error))  # a person wants it on the desk, readable or not

    # --- both ---

    def _handle(self, claimed: Sequence[Intake], lane: Lane) -> None:
        """Reads, decides and commits; whatever goes wrong with one leaves the others alone."""
        try:
            self._handle_group(claimed, lane)
        except (StoreUnavailable, StoreBroken, NoReader):
            raise
        except Exception as error:  # noqa: BLE001 - a fault of ours that one mail brings up: found by trying each alone
            if len(claimed) > 1:
                for intake in claimed:
                    self._handle([intake], lane)
                return
            log.fault("desk", f"intake {claimed[0].id}: {type(error).__name__}: {error}", error)
            self._failed(claimed[0], f"{type(error).__name__}: {error}")

    def _handle_group(self, claimed: Sequence[Intake], lane: Lane) -> None:
        started, tools = perf_counter(), self._tools
        current, now = tools.current(), tools.now()
        later, done = self._understood(claimed, lane, current, now), 0
        while later:
            thoughts, later = _compatible(later)
            for lost in range(ROUNDS):
                if not thoughts:
                    break
                lane.move()
                with self._turn(lane, lost):
                    settled, thoughts = self._round(thoughts, current, now, started)
                done += settled
            for thought in thoughts:  # as a failed try, so that no decision that is always stale goes on for ever
                self._failed(thought.intake, "the facts it rests on changed each time")
        log.group(len(claimed), done, perf_counter() - started)

    @contextmanager
    def _turn(self, lane: Lane, lost: int) -> Iterator[None]:
        """What is written about a large mail takes seconds to make, and in each of them ordinary mail takes the number
        of the next ticket. So that lane waits for nobody at first, but once it has lost, the other one waits for it."""
        with self._deciding if lane is self.ordinary or lost else nullcontext():
            yield

    # A step is taken for all mails of a group before the next one is: what it needs is then still in the caches of the
    # processor, which saves a fifth of the time.

    def _understood(self, claimed: Iterable[Intake], lane: Lane, current: Current, now: datetime) -> list[Thought]:
        def read(intake: Intake) -> tuple[Intake, Message]:
            lane.move()
            return intake, lane.read(intake)

        messages = self._each("read", ((intake, intake) for intake in claimed), read)
        return self._each(
            "understand",
            ((intake, (intake, message)) for intake, message in messages),
            lambda pair: understand_intake(*pair, current, now),
        )

    def _each(self, step: str, mails: Iterable[tuple[Intake, Given]], work: Callable[[Given], Made]) -> list[Made]:
        """What `work` makes of what is given for each mail. One mail, whatever is wrong with it, never stops the
        others: it is a failed try of its own."""
        made = []
        for intake, given in mails:
            try:
                made.append(work(given))
            except NoReader:
                raise
            except Exception as error:  # noqa: BLE001 - as said above
                log.fault(step, f"intake {intake.id}: {type(error).__name__}: {error}", error)
                self._failed(intake, f"{type(error).__name__}: {error}")
        return made

    def _round(
        self, thoughts: Sequence[Thought], current: Current, now: datetime, started: float
    ) -> tuple[int, list[Thought]]:
        """Decides and commits; (how many have their outcome, those to be decided again on newer facts)."""
        with self._tools.store.turn() as others:
            commits = self._decided(thoughts, current, now)
            written = self._tools.store.commit_many([commit for _, commit in commits])
            if others:
                wait(written)
        done, mails, stale, unavailable = 0, 0, [], None
        for (thought, commit), future in zip(commits, written, strict=True):
            error = future.exception()  # raised here it would lead back to itself, with all octets of the mail in tow
            if isinstance(error, StoreUnavailable):
                unavailable = str(error), error.full
            elif isinstance(error, Stale) and not isinstance(error, Settled):
                stale.append(thought)
            elif self._settle(thought.intake, commit, error, started):
                done, mails = done + 1, mails + len(commit.mails)
        if mails:
            self._tools.decided(mails)
        if unavailable is not None:  # raised after all have been looked at
            raise StoreUnavailable(unavailable[0], full=unavailable[1])
        return done, stale

    def _decided(self, thoughts: Sequence[Thought], current: Current, now: datetime) -> list[tuple[Thought, Commit]]:
        queries = [query for thought in thoughts for query in thought.queries]
        facts = iter(self._tools.store.facts_many(queries)) if queries else iter(())
        number = 0

        def decided(thought: Thought) -> Decided:
            nonlocal number
            known = [next(facts) for _ in thought.queries]
            number = max(number, *(f.next_number for f in known))
            decision, took = decide_thought(thought, known, current, now, number)
            number += took
            return thought, known, decision, took

        def rendered(one: Decided) -> tuple[Decided, Words]:
            return one, words_of(one[2], current)

        def octets(one: tuple[Decided, Words]) -> tuple[Decided, list[Content]]:
            return one[0], encoded(one[0][2], one[1])

        def written(one: tuple[Decided, list[Content]]) -> tuple[Thought, Commit]:
            (thought, known, decision, took), entities = one
            facts = snapshot(thought, known)
            commit = commit_of(decision, current, now, thought=thought, took=took, facts=facts, entities=entities)
            return thought, commit

        decisions = self._each("decide", ((thought.intake, thought) for thought in thoughts), decided)
        said = self._each("render", ((one[0].intake, one) for one in decisions), rendered)
        made = self._each("encode", ((one[0][0].intake, one) for one in said), octets)
        return self._each("write", ((one[0][0].intake, one) for one in made), written)

    def _settle(self, intake: Intake, commit: Commit, error: BaseException | None, started: float) -> bool:
        """Whether the message has got its outcome by this commit, of which came `error`."""
        if isinstance(error, Settled):
            return False  # it has its outcome; the store has let go of it
        if isinstance(error, StoreBroken):
            raise StoreBroken(str(error))
        if error is not None:  # the row stays, tried three times
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
        if self._ending.is_set():
            return  # our own end may be the cause; it stays claimed, the next start tries it
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
