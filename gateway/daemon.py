"""The daemon: builds the parts, runs their loops, answers signals, tells systemd. It decides nothing.

Exit status: 0 after SIGTERM, 2 for a configuration that cannot be used, 3 for a damaged database.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from gateway import log
from gateway.build import Parts, build_parts
from gateway.edge import systemd
from gateway.edge.clock import Clock
from gateway.edge.control import ControlServer
from gateway.edge.http import HttpServer, build_app
from gateway.edge.imap_in import ImapPoller
from gateway.edge.smtp_in import SmtpListener
from gateway.flow.receive import Desk, Tools
from gateway.flow.send import Sending
from gateway.flow.tick import tick
from gateway.mail.token import bare_address
from gateway.model import Received, Source
from gateway.options import Listen
from gateway.settings import Settings, verify_password
from gateway.store.errors import StoreBroken

STOP_GRACE = 20.0
TICK = 5.0  # seconds between looks at what has come due
STALLED = 60.0  # a desk that has not moved for so long fails the watchdog


class Daemon:
    """One running gateway. `run` returns the exit status."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = Clock(settings.clock_speed, settings.clock_start)
        self._parts: Parts = build_parts(settings)
        store, metrics = self._parts.store, self._parts.metrics
        self._desk = Desk(
            Tools(
                store,
                self._parts.rules.current,
                self._clock.now,
                self._parts.child.read,
                self._wake_senders,
                metrics.decided,
            )
        )
        self._senders = [
            Sending(
                store, transport.send, self._parts.rules.current, self._clock.now, settings.retry, _spread, metrics.sent
            )
            for transport in self._parts.transports
        ]
        self._pollers = [
            ImapPoller(
                box, self._accept, self._parts.ledger, self._clock.now, self._ready, self._parts.metrics.heartbeat
            )
            for box in settings.imap
        ]
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._done = asyncio.Event()
        self._status = 0
        self._disk_checked, self._disk_reason = 0.0, ""

    # --- what the edges are given ---

    def _accept(self, received: Received) -> Future[int]:
        future = self._parts.store.accept(received)
        future.add_done_callback(lambda done: self._kept(done, received))
        return future

    def _kept(self, done: Future[int], received: Received) -> None:
        if done.cancelled() or done.exception() is not None:
            log.not_kept(received.source.value, str(done.exception()))
            return
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
        """Why no mail can be taken now: too little room, a damaged store. "" if it can."""
        if self._status == 3:
            return "broken"
        now = time.monotonic()
        if now - self._disk_checked > 1.0:
            free = shutil.disk_usage(self._settings.state_dir).free
            need = max(100 * 1024 * 1024, 3 * self._settings.limits.message)
            self._disk_reason = f"{free} octets free, {need} needed" if free < need else ""
            self._disk_checked = now
        return self._disk_reason

    def _login(self, user: str, password: str) -> bool:
        stored = self._settings.submission_users.get(user.strip().lower())
        return stored is not None and verify_password(password, stored)

    def _wake_senders(self, mails: int) -> None:
        if mails:
            for sender in self._senders:
                sender.wake()

    # --- running ---

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._done.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, self._reload))
        self._start_threads(loop)
        listeners = await self._listen()
        control = ControlServer(self._settings.state_dir / "control", self._handlers())
        await control.start()
        http = HttpServer(
            build_app(self._health, self._parts.metrics.render), self._settings.http_host, self._settings.http_port
        )
        serving = asyncio.ensure_future(http.serve())
        systemd.notify("READY=1")
        log.ready()
        watch = asyncio.ensure_future(self._watchdog())
        await self._done.wait()
        systemd.notify("STOPPING=1")
        log.stopping()
        await asyncio.gather(*(listener.stop(STOP_GRACE) for listener in listeners))
        watch.cancel()
        await control.stop()
        await http.stop()
        await asyncio.gather(serving, watch, return_exceptions=True)
        await loop.run_in_executor(None, self._stop_threads)
        return self._status

    async def _listen(self) -> list[SmtpListener]:
        inherited = systemd.listen_fds()
        wanted: list[tuple[str, Listen | None, Source]] = [
            ("smtp", self._settings.smtp, Source.SMTP),
            ("submission", self._settings.submission, Source.SUBMISSION),
        ]
        listeners = []
        for name, listen, source in wanted:
            if listen is None:
                continue
            listener = SmtpListener(
                listen,
                source,
                self._accept,
                self._accepts,
                self._clock.now,
                self._login if listen.auth else None,
                self._ready,
                sock=inherited.get(name),
                owns_domain=self._owns,
            )
            await listener.start()
            log.listening(name, listen.host, listener.port)
            listeners.append(listener)
        return listeners

    def _start_threads(self, loop: asyncio.AbstractEventLoop) -> None:
        self._thread("desk", lambda: self._desk.run(self._stop), loop)
        self._thread("slow-lane", lambda: self._desk.run_slow(self._stop), loop)
        self._thread("clock", self._tick_loop, loop)
        for number, sender in enumerate(self._senders):
            self._thread(f"sender-{number}", lambda sender=sender: sender.run(self._stop), loop)  # type: ignore[misc]
        for poller in self._pollers:
            self._thread(f"imap-{poller.mailbox.name}", lambda poller=poller: poller.run(self._stop), loop)  # type: ignore[misc]

    def _thread(self, name: str, body: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        thread = threading.Thread(target=self._supervise, args=(name, body, loop), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _supervise(self, name: str, body: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        """Runs one loop for as long as the daemon lives; a damaged database ends the daemon instead."""
        while not self._stop.is_set():
            try:
                body()
            except StoreBroken as error:
                log.fault(name, str(error), error)
                self._status = 3
                loop.call_soon_threadsafe(self._done.set)
                return
            except Exception as error:  # noqa: BLE001 - a loop that ends is lost mail; it is logged and begun again
                log.fault(name, f"{type(error).__name__}: {error}", error)
                self._stop.wait(1.0)

    def _tick_loop(self) -> None:
        for sender in self._senders[:1]:
            sender.tell_failed()
        while not self._stop.wait(TICK / max(1.0, min(self._clock.speed, 20.0))):
            tick(self._parts.store, self._parts.rules.current(), self._clock.now(), lambda: self._wake_senders(1))
            self._parts.metrics.observe(self._parts.store.status())

    def _stop_threads(self) -> None:
        self._stop.set()
        self._desk.wake()
        for sender in self._senders:
            sender.wake()
        deadline = time.monotonic() + STOP_GRACE
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))
        self._parts.close()

    # --- health ---

    def _health(self) -> tuple[bool, dict[str, Any]]:
        """Red when the desk stands still, the disk is nearly full or the rules on disk are refused."""
        waiting, oldest = self._parts.store.waiting()
        stalled = time.perf_counter() - self._desk.beat > STALLED
        reasons = [
            *(["the desk has not moved for a minute"] if stalled else []),
            *([f"disk: {self._ready()}"] if self._ready() else []),
            *([f"rules refused: {self._parts.rules.trouble}"] if self._parts.rules.trouble else []),
        ]
        return not reasons, {
            "reasons": reasons,
            "waiting": waiting,
            "oldest": oldest.isoformat() if oldest else None,
            "outbox": self._parts.store.outbox_depth(),
            "rulebook": self._parts.rules.current().rulebook.digest,
        }

    async def _watchdog(self) -> None:
        interval = systemd.watchdog_interval()
        while interval:
            if time.perf_counter() - self._desk.beat < STALLED:
                systemd.notify("WATCHDOG=1")
            await asyncio.sleep(interval / 2)

    # --- what the CLI may ask ---

    def _handlers(self) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {
            "reload": lambda _: {"problems": self._reload()},
            "status": lambda _: {"status": self._parts.store.status(), "health": self._health()[1]},
            "quarantine-release": self._release,
            "clock-speed": self._set_speed,
        }

    def _reload(self) -> list[str]:
        systemd.notify("RELOADING=1")
        problems = self._parts.rules.reload()
        systemd.notify("READY=1")
        return problems

    def _set_speed(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """For the demo: only a clock that was made to run fast may be changed."""
        if self._settings.clock_speed == 1.0:
            return {"error": "this desk keeps real time"}
        self._clock.set_speed(float(arguments["speed"]))
        return {"speed": self._clock.speed}

    def _release(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._parts.store.release_quarantined(int(arguments["id"]))
        self._desk.wake()
        return {"released": int(arguments["id"])}


def _spread() -> float:
    return random.uniform(-1, 1)


def run(settings: Settings) -> int:
    """Runs until told to stop."""

    async def main() -> int:
        return await Daemon(settings).run()

    return asyncio.run(main())
