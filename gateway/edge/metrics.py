"""What the gateway counts, for Prometheus: a registry of its own and closed sets of labels.

A label never holds an address, a department of a mail or anything else a sender can choose; an unexpected value is
counted under "other".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from gateway.model import Outcome, Sent, Source, Status

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0)
_SOURCES = frozenset(source.value for source in Source)
_OUTCOMES = frozenset(outcome.value for outcome in Outcome)
_RESULTS = frozenset(result.value for result in Sent)
_STATUSES = tuple(status.value for status in Status)
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
        self._mailboxes: set[str] = set()
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
        if mailbox not in self._mailboxes and len(self._mailboxes) >= _MAILBOXES:
            mailbox = "other"
        self._mailboxes.add(mailbox)
        self._heartbeat.labels(mailbox).set_to_current_time()

    def observe(self, status: Mapping[str, Any], now: datetime | None = None) -> None:
        """Takes over the depths that the store reports: "waiting", "oldest_waiting" (ISO 8601 or None), "outbox_depth",
        "intake" and "tickets" (counts by state). `now` is the desk's clock, by default the machine's."""
        self._intake.set(int(status.get("waiting") or 0))
        self._outbox.set(int(status.get("outbox_depth") or 0))
        self._quarantined.set(int(_counts(status, "intake").get("quarantined", 0)))
        tickets = _counts(status, "tickets")
        for state in _STATUSES:
            self._tickets.labels(state).set(int(tickets.get(state, 0)))
        self._oldest.set(_age(status.get("oldest_waiting"), now.timestamp() if now else time.time()))

    def render(self) -> bytes:
        """The page for Prometheus (text format 0.0.4)."""
        return generate_latest(self._registry)


def _closed(value: str, known: frozenset[str]) -> str:
    return value if value in known else "other"


def _counts(status: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    counts = status.get(name)
    return counts if isinstance(counts, Mapping) else {}


def _age(oldest: object, now: float) -> float:
    if not isinstance(oldest, str) or not oldest:
        return 0.0
    try:
        return max(0.0, now - datetime.fromisoformat(oldest).timestamp())
    except ValueError:
        return 0.0
