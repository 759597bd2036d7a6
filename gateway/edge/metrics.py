"""What the gateway counts, for Prometheus: a registry of its own and closed sets of labels.

A label never holds an address, a department of a mail or anything else a sender can choose; an unexpected value is
counted under "other".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from gateway.model import Ill, Observation, Outcome, Sent, Source, Status, Trouble

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0)
_SOURCES = frozenset(source.value for source in Source)
_OUTCOMES = frozenset(outcome.value for outcome in Outcome)
_RESULTS = frozenset(result.value for result in Sent)
_STATUSES = tuple(status.value for status in Status)
_COMPARED = {
    "on_server": "on the server",
    "known": "of these with an outcome in the ledger, or new",
    "missed": "of these without, and fetched then",
    "unmoved": "still to be moved",
    "changed": "with other content than the one kept",
}
_MAILBOXES = 200  # distinct names of configured mailboxes


class Metrics:
    """All counters of one daemon. Every method may be called from any thread and never raises for a strange value."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._received = Counter("gateway_mails_received", "Mails kept, by edge", ["source"], registry=registry)
        self._outcomes = Counter("gateway_outcomes", "Outcomes of mails", ["outcome"], registry=registry)
        self._sent = Counter("gateway_mails_sent", "Tries to deliver, by result", ["result"], registry=registry)
        self._decision = Histogram(
            "gateway_decision_seconds", "From claim to commit of one mail", buckets=_SECONDS, registry=registry
        )
        self._intake = Gauge("gateway_intake_waiting", "Mails kept and not yet handled", registry=registry)
        self._oldest = Gauge("gateway_oldest_waiting_seconds", "Age of the oldest of them", registry=registry)
        self._quarantined = Gauge("gateway_quarantined", "Mails in quarantine", registry=registry)
        self._outbox = Gauge("gateway_outbox_waiting", "Mails that wait to be sent", registry=registry)
        self._relay = Gauge("gateway_relay_up", "1 while mail can go out", registry=registry)
        self._relay.set(1)
        self._tickets = Gauge("gateway_tickets", "Tickets by status", ["status"], registry=registry)
        self._heartbeat = Gauge(
            "gateway_imap_heartbeat_timestamp_seconds", "Last good poll of a mailbox", ["mailbox"], registry=registry
        )
        self._unsent = Gauge("gateway_oldest_unsent_seconds", "Age of the oldest mail to be sent", registry=registry)
        self._automatic = Gauge(
            "gateway_automatic_last_hour", "Automatic mails to customers in the last hour", registry=registry
        )
        self._trouble = Gauge("gateway_trouble", "Things that are wrong now, by kind", ["kind"], registry=registry)
        self._silent = Gauge(
            "gateway_imap_silent_seconds", "Since the last good poll of a mailbox", ["mailbox"], registry=registry
        )
        self._proven = {
            name: Gauge(f"gateway_imap_{name}", f"Mails at the last comparison: {what}", ["mailbox"], registry=registry)
            for name, what in _COMPARED.items()
        }
        self._compared = Gauge(
            "gateway_imap_compared_timestamp_seconds",
            "Last comparison of a mailbox with the ledger, of the folder where it was longest ago",
            ["mailbox"],
            registry=registry,
        )
        self._mailboxes: set[str] = set()
        for ill in Ill:
            self._trouble.labels(ill.value)
        for source in sorted(_SOURCES):
            self._received.labels(source)
        for outcome in sorted(_OUTCOMES):
            self._outcomes.labels(outcome)
        for result in sorted(_RESULTS):
            self._sent.labels(result)

    def received(self, source: str) -> None:
        """One mail was kept; `source` is a `Source`."""
        self._received.labels(_closed(source, _SOURCES)).inc()

    def decided(self, outcome: str, seconds: float | None = None) -> None:
        """One mail had its `Outcome` at one door; `seconds` from claim to commit where measured."""
        self._outcomes.labels(_closed(outcome, _OUTCOMES)).inc()
        if seconds is not None:
            self._decision.observe(seconds)

    def sent(self, result: str) -> None:
        """One try to deliver ended in a `Sent`."""
        self._sent.labels(_closed(result, _RESULTS)).inc()

    def relay(self, up: bool) -> None:
        """Whether the relay can be worked with."""
        self._relay.set(int(up))

    def heartbeat(self, mailbox: str) -> None:
        """A configured mailbox was polled well, now."""
        self._heartbeat.labels(self._mailbox(mailbox)).set_to_current_time()

    def _mailbox(self, name: str) -> str:
        if name not in self._mailboxes and len(self._mailboxes) >= _MAILBOXES:
            name = "other"
        self._mailboxes.add(name)
        return name

    def saw(self, seen: Observation, troubles: Sequence[Trouble]) -> None:
        """Takes over what was seen of the daemon, and what of it is wrong."""
        pulse = seen.pulse
        self._intake.set(pulse.waiting)
        self._oldest.set(seen.waits)
        self._outbox.set(pulse.outbox)
        self._unsent.set(seen.unsent)
        self._quarantined.set(pulse.quarantined)
        self._automatic.set(pulse.automatic_last_hour)
        for ill in Ill:
            self._trouble.labels(ill.value).set(sum(1 for trouble in troubles if trouble.ill is ill))
        for box in seen.mailboxes:
            name = self._mailbox(box.name)
            self._silent.labels(name).set(box.silent)
            for count, gauge in self._proven.items():
                gauge.labels(name).set(sum(getattr(proof, count) for proof in box.proofs))
            self._compared.labels(name).set(min((proof.at.timestamp() for proof in box.proofs), default=0))

    def observe(self, tickets: Mapping[str, int]) -> None:
        """Takes over how many tickets there are of each status."""
        for state in _STATUSES:
            self._tickets.labels(state).set(int(tickets.get(state, 0)))

    def render(self) -> bytes:
        """The page for Prometheus (text format 0.0.4)."""
        return generate_latest(self._registry)


def _closed(value: str, known: frozenset[str]) -> str:
    return value if value in known else "other"
