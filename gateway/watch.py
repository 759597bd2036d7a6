"""What is seen of a running daemon, in one place: health check, status, metrics and alarms all ask here.

It looks and hands on; what of it is wrong is judged by `desk.trouble`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from gateway import log
from gateway.build import Parts
from gateway.desk.alarm_mail import for_command
from gateway.desk.trouble import SHARED, STALLED, troubles
from gateway.edge.alarm_command import run_command
from gateway.edge.clock import Clock
from gateway.flow.loops import Loops
from gateway.flow.pace import Pace
from gateway.flow.receive import Desk
from gateway.flow.signs import MailboxSigns, RelaySign
from gateway.model import FolderProof, Ill, MailboxSign, Moment, Observation, Pulse, Telling, Trouble
from gateway.settings import Settings
from gateway.store.database import folders, growing_log
from gateway.store.errors import StoreBroken, StoreUnavailable

MIB = 1024 * 1024
LOG = 1024 * MIB  # octets of the write-ahead log; forty are usual, a long backup lets it grow


@dataclass(frozen=True, slots=True)
class Seen:
    """The moving parts of a daemon that can be looked at. `log_trouble`: why lines of the log do not get out;
    `certificates`: those that cannot be used; `command_failed`: how the alarms' command failed last."""

    desk: Desk
    loops: Loops
    boxes: MailboxSigns
    pace: Pace
    relay: RelaySign
    log_trouble: Callable[[], str]
    certificates: Callable[[], list[str]]
    command_failed: Callable[[], str]


class Watch:
    """Looks at one daemon; from any thread."""

    def __init__(self, settings: Settings, parts: Parts, clock: Clock, seen: Seen) -> None:
        self._settings, self._parts, self._clock, self._seen = settings, parts, clock, seen
        self._folders = {settings.state_dir} | folders(settings.database_url)
        self._polled = {(box.name, folder) for box in settings.imap for folder in box.folders}
        self._disk_checked, self._disk = 0.0, ""

    def room(self) -> str:
        """Why no mail can be taken: a disk that is read-only or has too little room; "" if it can."""
        now = time.monotonic()
        if now - self._disk_checked > 1.0:
            self._disk, self._disk_checked = self._full(), now
        return self._disk

    def _full(self) -> str:
        need = max(100 * MIB, 3 * self._settings.limits.message)
        try:
            disks = [os.statvfs(folder) for folder in self._folders]
        except OSError as error:
            return f"cannot be looked at: {error.strerror}"
        if any(disk.f_flag & os.ST_RDONLY for disk in disks):
            return "read-only"
        free = min(disk.f_bavail * disk.f_frsize for disk in disks)
        return f"{free} octets free, {need} needed" if free < need else ""

    def moves(self) -> bool:
        """Whether the desk works on ordinary mail: what systemd's watchdog wants to know."""
        return time.perf_counter() - self._seen.desk.ordinary.beat < STALLED

    def look(self) -> Observation:
        now, still = self._clock.now(), time.perf_counter()
        pulse, proofs, store = Pulse(), list[FolderProof](), ""
        try:
            pulse = self._parts.store.pulse(now)
            proofs = [one for one in self._parts.ledger.proofs() if (one.mailbox, one.folder) in self._polled]
        except (StoreUnavailable, StoreBroken) as error:
            store = str(error) or type(error).__name__
        relay = self._seen.pace.trouble()
        return Observation(
            at=now,
            pulse=pulse,
            waits=self._age(pulse.oldest_waiting, now),
            unsent=self._age(pulse.oldest_unsent, now),
            store=store,
            disk=self.room(),
            rules=self._parts.rules.trouble,
            desk_still=still - self._seen.desk.ordinary.beat,
            large_still=still - self._seen.desk.apart.beat,
            parts=(*self._seen.loops.troubles(), *self._templates(), *self._database_log()),
            relay_down=self._seen.relay.age(relay.lasts if relay else None),
            relay=relay.why if relay else "",
            certificates=tuple(self._seen.certificates()),
            log=self._seen.log_trouble(),
            clock=self._clock.trouble(),
            command=self._seen.command_failed(),
            mailboxes=self._seen.boxes.read(proofs),
        )

    def _templates(self) -> list[tuple[str, str]]:
        """Those that have failed since they were loaded; they will again, until somebody corrects and reloads them."""
        failed = self._parts.rules.current().failed
        return [(f"template of {kind}", f"{why}; other words were sent") for kind, why in sorted(failed.copy().items())]

    def _database_log(self) -> list[tuple[str, str]]:
        octets = growing_log(self._settings.database_url)
        if octets < LOG:
            return []
        return [("database", f"its write-ahead log has grown to {octets // MIB} MiB: the disk refuses checkpoints?")]

    def _age(self, since: datetime | None, now: datetime) -> float:
        """In true seconds, however fast the desk's clock runs."""
        return max(0.0, (now - since).total_seconds() / self._clock.speed) if since else 0.0

    def judged(self, seen: Observation) -> tuple[Trouble, ...]:
        return troubles(seen, self._settings.alarms, self._settings.caps)

    def troubles(self) -> tuple[Trouble, ...]:
        """What is wrong now and ours to tell of; the metrics are told all."""
        seen = self.look()
        found = self.judged(seen)
        self._parts.metrics.saw(seen, found)
        self._parts.metrics.relay(not seen.relay)
        if any(trouble.ill in SHARED for trouble in found) and not self._tells():
            found = tuple(trouble for trouble in found if trouble.ill not in SHARED)
        return found

    def _tells(self) -> bool:
        """Of daemons that share a database one tells of its troubles; where nobody can say which, all do."""
        try:
            return self._parts.store.sole("alarms")
        except (StoreUnavailable, StoreBroken):
            return True

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Red where mail is at risk, with a reason for each. `notes`: what somebody must see to, but no mail is."""
        seen = self.look()
        found = self.judged(seen)
        reasons = [trouble.reason for trouble in found if trouble.risk]
        oldest = seen.pulse.oldest_waiting
        return not reasons, {
            "reasons": reasons,
            "notes": [trouble.reason for trouble in found if not trouble.risk],
            "waiting": None if seen.store else seen.pulse.waiting,
            "oldest": oldest.isoformat() if oldest else None,
            "outbox": None if seen.store else seen.pulse.outbox,
            "relay": asdict(relay) if (relay := self._seen.pace.trouble()) else None,
            "rulebook": self._parts.rules.current().rulebook.digest,
            "mailboxes": [_shown(box) for box in seen.mailboxes],
        }


def last_words(settings: Settings, why: str) -> None:
    """Tells by command alone, as the daemon ends on a damaged database, which takes no mail. Raises nothing."""
    now, limits = datetime.now(UTC), settings.alarms
    if limits.command:
        trouble = Trouble(Ill.STORE, "", why, True, now, why)
        failed = run_command(
            limits.command, for_command([Telling(Moment.BEGIN, now, trouble)], settings.desk), limits.command_timeout
        )
        if failed:
            log.fault("alarms", f"the command failed: {failed}")


def _shown(box: MailboxSign) -> dict[str, Any]:
    """One mailbox as the health check and the status show it."""
    return {
        "name": box.name,
        "silent_seconds": round(box.silent),
        "unproven_seconds": round(box.unproven),
        "trouble": f"login refused: {box.refused}" if box.refused else box.trouble,
        "folders": [{**asdict(proof), "at": proof.at.isoformat()} for proof in box.proofs],
    }
