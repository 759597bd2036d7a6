"""What is wrong, of what is seen: the one judgement that health check, status, metrics and alarms share.

Pure: the same observation, the same troubles, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from gateway.model import FolderProof, Ill, MailboxSign, Observation, Trouble
from gateway.options import Alarming, Caps

# Troubles of the database, not of one daemon: where several share it, one of them tells.
SHARED = frozenset({Ill.MAIL_WAITING, Ill.OUTBOX_OLD, Ill.QUARANTINE, Ill.BREAKER_OPEN, Ill.MAIL_MISSED})
STALLED = 60.0  # a desk that has not moved for so long is not working
STALLED_APART = 180.0  # the same for large mail: beyond what two children may take to start and to read


def troubles(seen: Observation, limits: Alarming, caps: Caps) -> tuple[Trouble, ...]:
    """Everything that is wrong at this instant."""
    watch = _Watch(seen, limits)
    return (
        *watch.desk(),
        *watch.parts(),
        *watch.ground(),
        *(one for box in seen.mailboxes for one in watch.mailbox(box)),
        *watch.way_out(),
        *watch.put_aside(caps),
    )


class _Watch:
    def __init__(self, seen: Observation, limits: Alarming) -> None:
        self._seen, self._limits = seen, limits

    def _ill(
        self,
        ill: Ill,
        reason: str,
        age: float = 0.0,
        about: str = "",
        detail: str = "",
        count: int = 0,
        risk: bool = True,
    ) -> Trouble:
        return Trouble(ill, about, reason, risk, self._seen.at - timedelta(seconds=max(age, 0.0)), detail, count)

    def desk(self) -> Iterator[Trouble]:
        seen = self._seen
        if seen.desk_still > STALLED:
            yield self._ill(Ill.DESK_STALLED, "the desk has not moved for a minute", seen.desk_still)
        if seen.large_still > STALLED_APART:
            yield self._ill(Ill.LARGE_STALLED, "large mail has not moved for minutes", seen.large_still)
        if seen.waits > self._limits.waiting:
            reason = f"the oldest mail has waited for {int(seen.waits)} s"
            yield self._ill(Ill.MAIL_WAITING, reason, seen.waits, count=seen.pulse.waiting)

    def parts(self) -> Iterator[Trouble]:
        for name, what in self._seen.parts:
            yield self._ill(Ill.LOOP_FAILING, f"{name}: {what}", about=name, detail=what)

    def ground(self) -> Iterator[Trouble]:
        """Disk, store, rules, certificates, log, clock."""
        seen = self._seen
        if seen.disk:
            yield self._ill(Ill.DISK, f"disk: {seen.disk}", detail=seen.disk)
        if seen.store:
            yield self._ill(Ill.STORE, f"store: {seen.store}", detail=seen.store)
        if seen.rules:
            yield self._ill(Ill.RULES_REFUSED, f"rules refused: {seen.rules}", detail=seen.rules)
        if seen.certificates:
            said = "; ".join(seen.certificates)
            yield self._ill(Ill.CERTIFICATE, said, detail=said)
        if seen.clock:
            yield self._ill(Ill.CLOCK, f"clock: {seen.clock}", detail=seen.clock)
        if seen.log:
            yield self._ill(Ill.LOG_LOST, f"log: {seen.log}", detail=seen.log)

    def mailbox(self, box: MailboxSign) -> Iterator[Trouble]:
        name = box.name
        if box.refused:
            reason = f"mailbox {name}: login refused: {box.refused}"
            yield self._ill(Ill.LOGIN_REFUSED, reason, box.silent, name, box.refused)
        elif box.silent > self._limits.mailbox:
            why = f": {box.trouble}" if box.trouble else ""
            reason = f"mailbox {name}: not polled for {int(box.silent)} s{why}"
            yield self._ill(Ill.MAILBOX_SILENT, reason, box.silent, name, box.trouble)
        elif box.unproven > self._limits.proof:
            reason = f"mailbox {name}: not compared with the ledger for {int(box.unproven)} s"
            yield self._ill(Ill.MAILBOX_UNPROVEN, reason, box.unproven, name, box.trouble)
        found = [proof for proof in box.proofs if proof.missed or proof.changed]
        if found:
            detail = "; ".join(map(_said, found))
            age = (self._seen.at - min(proof.at for proof in found)).total_seconds()
            count = sum(proof.missed + proof.changed for proof in found)
            yield self._ill(Ill.MAIL_MISSED, f"mailbox {name}: {detail}", age, name, detail, count=count)

    def way_out(self) -> Iterator[Trouble]:
        seen = self._seen
        if seen.pulse.held_since is not None:
            age = (seen.at - seen.pulse.held_since).total_seconds()
            reason = f"on hold since {seen.pulse.held_since.isoformat(timespec='minutes')}: {seen.pulse.held_why}"
            yield self._ill(Ill.ON_HOLD, reason, age, detail=seen.pulse.held_why)
        if seen.pulse.outbox and seen.relay_down > self._limits.relay:
            reason = f"no mail can go out for {int(seen.relay_down)} s: {seen.relay}"
            yield self._ill(Ill.RELAY_DOWN, reason, seen.relay_down, detail=seen.relay, count=seen.pulse.outbox)
        elif seen.unsent > self._limits.outbox:
            reason = f"the oldest mail to be sent has waited for {int(seen.unsent)} s"
            yield self._ill(Ill.OUTBOX_OLD, reason, seen.unsent, detail=seen.relay, count=seen.pulse.outbox)

    def put_aside(self, caps: Caps) -> Iterator[Trouble]:
        """What somebody must see to, while no mail is at risk."""
        pulse = self._seen.pulse
        if pulse.quarantined:
            reason = f"mails in quarantine: {pulse.quarantined}"
            yield self._ill(Ill.QUARANTINE, reason, count=pulse.quarantined, risk=False)
        if pulse.automatic_last_hour >= caps.breaker_hour:
            reason = f"automatic mails in an hour: {pulse.automatic_last_hour}, no more go out"
            yield self._ill(Ill.BREAKER_OPEN, reason, count=pulse.automatic_last_hour, risk=False)
        if self._seen.command:
            reason = f"the alarms' own command failed: {self._seen.command}"
            yield self._ill(Ill.COMMAND_FAILED, reason, detail=self._seen.command, risk=False)


def _said(proof: FolderProof) -> str:
    parts = [
        *([f"{proof.missed} mails in {proof.folder} had been missed, and were fetched"] if proof.missed else []),
        *([f"{proof.changed} mails in {proof.folder} came with other content"] if proof.changed else []),
    ]
    return ", ".join(parts)
