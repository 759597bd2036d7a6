"""The daemon: builds the parts, runs their loops, answers signals, tells systemd. It decides nothing.

Exit status: 0 after SIGTERM, 2 for a configuration that cannot be used, 3 for a damaged database.
"""

from __future__ import annotations

import asyncio
import random
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

from gateway import log
from gateway.build import Parts, build_parts
from gateway.edge import systemd
from gateway.edge.alarm_command import run_command
from gateway.edge.at_work import AtWork
from gateway.edge.clock import Clock
from gateway.edge.control import ControlServer
from gateway.edge.files import JsonFile
from gateway.edge.http import HttpServer, build_app
from gateway.edge.imap_in import ImapPoller
from gateway.edge.memory import give_back, settle
from gateway.edge.smtp_in import SmtpListener
from gateway.edge.smtp_spool import Spools
from gateway.edge.spare import SpareDescriptor
from gateway.flow.alarm_book import lasting, read_book
from gateway.flow.alarms import Alarms, Ways
from gateway.flow.loops import Loops, Troubles
from gateway.flow.pace import Pace
from gateway.flow.receive import Desk, Tools
from gateway.flow.send import Bell, Sending, Unmarked
from gateway.flow.signs import MailboxSigns, RelaySign
from gateway.flow.soundness import check_slowly
from gateway.flow.tick import promise_anew, tick
from gateway.mail.token import bare_address
from gateway.model import Received, Source
from gateway.options import ImapMailbox, Listen
from gateway.outbox_orders import outbox_orders
from gateway.settings import Settings, verify_login
from gateway.store.errors import StoreBroken
from gateway.watch import Seen, Watch, last_words

STOP = 24.0  # seconds from the signal to the end, at most, a few more for what the disk does
STOP_CLIENTS = 10.0  # of these: for clients to finish the mail they are at
TICK = 5.0  # seconds between looks at what has come due
LONGER = 3600.0  # seconds beyond the longest step for which a mail may be put off
DAMAGED = "the database is damaged; the gateway has ended with status 3"
COUNTED = 60.0  # seconds between counts of whole tables


class Daemon:
    """One running gateway. `run` returns the exit status."""

    def __init__(self, settings: Settings, log_trouble: Callable[[], str] = str) -> None:
        self._settings = settings
        self._troubles = Troubles()
        self._parts: Parts = build_parts(settings)
        store, metrics = self._parts.store, self._parts.metrics
        self._clock_set = threading.Event()
        self._clock = Clock(settings.clock_speed, settings.clock_start, store.last_at(), self._clock_was_set)
        at_work = AtWork(settings.state_dir / "at-work")
        self._desk = Desk(
            Tools(
                store,
                self._parts.rules.current,
                self._clock.now,
                self._parts.child.read,
                self._wake_senders,
                metrics.decided,
                at_work.note,
                at_work.left,
                self._troubles.note,
            )
        )
        self._loops = Loops(self._broken, self._troubles)
        self._listeners: list[SmtpListener] = []
        unmarked, self._pace, self._bell = Unmarked(), Pace(settings.relay), Bell()
        told = JsonFile(settings.state_dir / "alarms.json")
        lasts = lasting(read_book(told.load()), self._clock.now())
        boxes = MailboxSigns((box.name for box in settings.imap), lasts)
        seen = Seen(
            self._desk,
            self._loops,
            boxes,
            self._pace,
            RelaySign(lasts),
            log_trouble,
            lambda: [listener.trouble for listener in self._listeners if listener.trouble],
            lambda: self._alarms.command_failed,
        )
        self._watch = Watch(settings, self._parts, self._clock, seen)
        self._alarms = self._make_alarms(told)
        self._senders = [
            Sending(
                store,
                transport.send,
                self._parts.rules.current,
                self._clock.now,
                settings.retry,
                _spread,
                metrics.sent,
                unmarked,
                self._pace,
                self._bell,
            )
            for transport in self._parts.transports
        ]
        self._pollers = [self._poller(box, boxes) for box in settings.imap]
        self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        self._deadline, self._counted = 0.0, 0.0
        self._status = 0

    def _make_alarms(self, told: JsonFile) -> Alarms:
        limits = self._settings.alarms
        ways = Ways(
            self._watch.troubles,
            self._clock.now,
            self._parts.rules.current,
            lambda alarm: run_command(limits.command, alarm, limits.command_timeout),
            self._wake_senders,
        )
        return Alarms(limits, self._parts.store, ways, told)

    # --- what the edges are given ---

    def _accept(self, received: Received) -> Future[int]:
        future = self._parts.store.accept(received)
        future.add_done_callback(lambda done: self._kept(done, received))
        return future

    def _kept(self, done: Future[int], received: Received) -> None:
        error = None if done.cancelled() else done.exception()
        if done.cancelled() or error is not None:
            log.not_kept(received.source.value, str(error) if error is not None else "given up")
            if isinstance(error, StoreBroken):
                self._broken()
            elif error is not None:
                self._troubles.note("intake", str(error))
            return
        self._troubles.over("intake")
        self._parts.metrics.received(received.source.value)
        log.kept(done.result(), received.source.value, len(received.raw), received.envelope.mail_from or "")
        self._desk.wake()

    def _accepts(self, recipient: str) -> bool:
        return self._parts.rules.current().accepts(bare_address(recipient))

    def _owns(self, domain: str) -> bool:
        """Whether any address of ours is at this domain: elsewhere we are no relay."""
        current = self._parts.rules.current()
        ours = {address.rpartition("@")[2] for address in current.rulebook.all_addresses()}
        return domain.lower() in ours | {current.fixed.desk.domain}

    def _ready(self) -> str:
        """Why no mail can be taken now: a damaged store, a disk that is read-only or has too little room; "" if it
        can."""
        return "broken" if self._status == 3 else self._watch.room()

    def _poller(self, box: ImapMailbox, boxes: MailboxSigns) -> ImapPoller:
        ready = partial(self._polls, box.name, boxes)
        beat = self._parts.metrics.heartbeat
        return ImapPoller(box, self._accept, self._parts.ledger, self._clock.now, ready, beat, boxes)

    def _polls(self, mailbox: str, boxes: MailboxSigns) -> str:
        """As `_ready`; of daemons that share a database one polls a mailbox, and the others know it in good hands."""
        reason = self._ready()
        if reason or self._parts.store.sole(f"imap {mailbox}"):
            return reason
        boxes.polled(mailbox)
        boxes.proven(mailbox)
        return "another daemon polls it"

    def _clock_was_set(self) -> None:
        """No mail and no promise waits for an instant that was reckoned by another clock."""
        self._clock_set.set()
        retry = self._settings.retry
        self._parts.store.bring_forward(self._clock.now(), max(retry.steps) * (1 + retry.spread) + LONGER)

    def _wake_senders(self, mails: int) -> None:
        if mails:
            self._bell.ring()

    # --- running ---

    async def run(self) -> int:
        """Opens every door, then begins to work; ends in the reverse order. OSError names the port that is taken."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._end)
        self._loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        async with AsyncExitStack() as doors:
            doors.push_async_callback(self._last)
            doors.push_async_callback(self._serve_http().stop)
            control = ControlServer(self._settings.state_dir / "control", self._handlers())
            await control.start()
            doors.push_async_callback(control.stop, 2.0)
            await self._listen(doors)
            self._start_loops()
            watch = asyncio.ensure_future(self._watchdog())
            settle()
            systemd.notify("READY=1")
            log.ready()
            await self._done.wait()
            watch.cancel()
            systemd.notify("STOPPING=1")
            log.stopping()
        return self._status

    async def _last(self) -> None:
        if self._status == 3:
            await self._loop.run_in_executor(None, last_words, self._settings, DAMAGED)
        await self._loop.run_in_executor(None, self._stop_loops)

    def _end(self) -> None:
        if not self._done.is_set():
            self._deadline = time.monotonic() + STOP
            self._desk.end()
            self._done.set()

    def _broken(self) -> None:
        """The database is damaged: no more mail is taken, the daemon ends with status 3."""
        self._status = 3
        with suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self._end)

    def _hang_up(self) -> None:
        done = self._loop.run_in_executor(None, self._reload)
        done.add_done_callback(lambda task: _look_at("reload", task))

    def _serve_http(self) -> HttpServer:
        host, port = self._settings.http_host, self._settings.http_port
        try:
            server = HttpServer(build_app(self._health, self._parts.metrics.render), host, port)
        except OSError as error:
            raise OSError(error.errno, f"http {host}:{port}: {error.strerror}") from None
        asyncio.ensure_future(server.serve()).add_done_callback(lambda task: _look_at("http", task))
        return server

    async def _listen(self, doors: AsyncExitStack) -> None:
        inherited = systemd.listen_fds()
        wanted: list[tuple[str, Listen | None, Source]] = [
            ("smtp", self._settings.smtp, Source.SMTP),
            ("submission", self._settings.submission, Source.SUBMISSION),
        ]

        async def stop() -> None:
            await asyncio.gather(*(listener.stop(STOP_CLIENTS) for listener in self._listeners))

        doors.push_async_callback(stop)
        spare = SpareDescriptor(
            lambda: frozenset().union(*(listener.descriptors for listener in self._listeners)),
            partial(self._troubles.note, "smtp"),
        )
        doors.callback(spare.close)
        self._loop.set_exception_handler(spare.handle)
        spools = Spools(self._parts.store.parts.blobs.spool, self._ready)
        for name, listen, source in wanted:
            if listen is None:
                continue
            listener = SmtpListener(
                listen,
                source,
                self._accept,
                self._accepts,
                self._clock.now,
                partial(verify_login, self._settings.submission_users) if listen.auth else None,
                self._ready,
                sock=inherited.get(name),
                owns_domain=self._owns,
                spools=spools,
            )
            await listener.start()
            log.listening(name, listen.host, listener.port)
            self._listeners.append(listener)

    def _start_loops(self) -> None:
        self._clock_was_set()  # perhaps while no daemon ran
        start, stopping = self._loops.start, self._loops.stopping
        start("desk", lambda: self._desk.run(stopping))
        start("slow-lane", lambda: self._desk.run_slow(stopping))
        start("clock", self._tick_loop)
        start("soundness", lambda: check_slowly(self._parts.store, stopping))
        start("alarms", lambda: self._alarms.run(stopping))
        for number, sender in enumerate(self._senders):
            start(f"sender-{number}", partial(sender.run, stopping))
        for poller in self._pollers:
            start(f"imap-{poller.mailbox.name}", partial(poller.run, stopping))

    def _tick_loop(self) -> None:
        store, rest = self._parts.store, TICK / max(1.0, min(self._clock.speed, 20.0))
        while not self._loops.stopping.is_set():
            for sender in self._senders[:1]:
                sender.tell_failed()
            if self._clock_set.is_set():
                promise_anew(store, self._parts.rules.current(), self._clock.now())
                self._clock_set.clear()  # only now: where the store was away it is tried again
            tick(store, self._parts.rules.current(), self._clock.now(), lambda: self._wake_senders(1))
            self._count()
            self._loops.stopping.wait(rest)

    def _count(self) -> None:
        now = time.monotonic()
        if not self._counted or now - self._counted > COUNTED:
            self._counted = now
            self._parts.metrics.observe(self._parts.store.status()["tickets"])

    def _stop_loops(self) -> None:
        self._desk.end()
        self._loops.stopping.set()
        self._desk.wake()
        self._pace.close()
        self._bell.ring(all_of_them=True)
        self._parts.child.close()  # what it reads now is read again after the next start
        for name in self._loops.join(self._deadline):
            log.fault(name, "did not end in time")
        self._parts.close()

    def _health(self) -> tuple[bool, dict[str, Any]]:
        good, details = self._watch.health()
        return good, {**details, "alarms": self._alarms.standing()}

    async def _watchdog(self) -> None:
        interval, stood = systemd.watchdog_interval(), False
        while interval:
            if self._watch.moves() or stood:
                systemd.notify("WATCHDOG=1")
            asked = time.monotonic()
            await asyncio.sleep(interval / 2)
            stood = time.monotonic() - asked > interval  # the whole process did, the desk has had no time to move

    # --- what the CLI may ask ---

    def _handlers(self) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {
            "reload": lambda _: {"problems": self._reload()},
            "status": lambda _: {"status": self._parts.store.status(), "health": self._health()[1]},
            "alarm-test": lambda _: self._alarms.test(),
            "quarantine-release": self._release,
            **outbox_orders(self._parts.store, self._clock.now, lambda: self._wake_senders(1)),
            "clock-speed": self._set_speed,
            "clock": self._accept_clock,
        }

    def _reload(self) -> list[str]:
        systemd.notify("RELOADING=1")
        try:
            problems = self._parts.rules.reload()
            if not problems:
                self._parts.record_rulebook()
            return problems
        finally:
            systemd.notify("READY=1")

    def _set_speed(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """For the demo: only a clock that was made to run fast may be changed."""
        if self._settings.clock_speed == 1.0:
            return {"error": "this desk keeps real time"}
        self._clock.set_speed(float(arguments["speed"]))
        return {"speed": self._clock.speed}

    def _accept_clock(self, arguments: dict[str, Any]) -> dict[str, Any]:
        now = self._clock.accept() if arguments.get("accept") else self._clock.now()
        return {"desk": now.isoformat(timespec="seconds"), "trouble": self._clock.trouble()}

    def _release(self, arguments: dict[str, Any]) -> dict[str, Any]:
        number = int(arguments["id"])
        if not self._parts.store.release_quarantined(number):
            return {"error": f"{number} is not in quarantine"}
        self._desk.wake()
        return {"released": number}


def _spread() -> float:
    return random.uniform(-1, 1)


def _look_at(where: str, task: asyncio.Future[Any]) -> None:
    """Nobody waits for this one: its fault goes into the log."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.fault(where, f"{type(error).__name__}: {error}", error)


def run(settings: Settings, log_trouble: Callable[[], str] = str) -> int:
    """Runs until told to stop. `log_trouble`: why log lines do not get out, or ""."""
    give_back()

    async def main() -> int:
        return await Daemon(settings, log_trouble).run()

    return asyncio.run(main())
