"""One measurement of one case: the mails go in, everything they bring about arrives at the relay, figures come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Protocol

from bench.counted import Counter
from bench.letters import DOMAIN, Acknowledged, Letter
from bench.processes import Loading, Probing, Relay
from bench.records import Arrived, Job, Result
from bench.shim import Syncs

DRAIN = 300.0  # seconds until what was accepted must have arrived
Figures = dict[str, float]


class Measurable(Protocol):
    """What takes mail on `port` and sends what comes of it to the relay."""

    statements: Counter | None

    @property
    def port(self) -> int: ...

    @property
    def cpu(self) -> float:
        """Seconds used so far."""

    def settle(self) -> None:
        """Waits until nothing waits in it."""

    def log(self) -> str:
        """What it says, for when something is wrong."""


class Wrong(Exception):
    """The gateway did not do what it must; its speed is of no interest then."""


@dataclass(frozen=True)
class Bench:
    """What every measurement needs beside the desk."""

    folder: Path
    relay: Relay
    syncs: Syncs | None


@dataclass(frozen=True)
class Measured:
    figures: Figures
    acknowledged: list[Acknowledged]


def measure(bench: Bench, desk: Measurable, job: Job, out: int = 2) -> Measured:
    """Sends a job's letters; each brings about `out` mails at the relay. Wrong unless every one of them is answered
    with 250 and every first mail acknowledged exactly once."""
    syncs = bench.syncs.count if bench.syncs else 0
    statements = desk.statements.value if desk.statements else 0
    cpu = desk.cpu
    with Loading(bench.folder, job) as load, Probing(desk.port, bench.folder) as probe:
        result = load.go()
        _all_kept(result)
        drained = bench.relay.wait_for(out * len(job.letters), DRAIN)
        cpu = desk.cpu - cpu
    if drained:
        desk.settle()
    arrived = bench.relay.taken()
    if len(arrived) != out * len(job.letters):
        raise Wrong(f"{len(arrived)} of {out * len(job.letters)} mails came to the relay: {desk.log()[-1500:]}")
    count = len(job.letters)
    figures = {
        **_rates(result, arrived),
        "cpu_us": cpu / count * 1e6,
        "load_cpu_us": result.cpu / count * 1e6,
        "sink_cpu_us": bench.relay.cpu / count * 1e6,
        "load_lag_ms": result.lag * 1e3,
        **_quantiles("accept", [one.answered - one.due for one in result.spent]),
        **_acknowledgements(result, arrived, job.letters),
        **_quantiles("noop", probe.taken),
        "noop_p99.9_ms": quantile(probe.taken, 0.999) * 1e3,
    }
    if bench.syncs:
        figures["syncs"] = (bench.syncs.count - syncs) / count
    if desk.statements:
        figures["statements"] = (desk.statements.value - statements) / count
    return Measured(figures, [_in_hand(one) for one in _to_customers(arrived)])


def _in_hand(arrived: Arrived) -> Acknowledged:
    return Acknowledged(arrived.recipient, arrived.message_id, parseaddr(arrived.reply_to)[1])


def _all_kept(result: Result) -> None:
    refused = [one.reply for one in result.spent if not one.reply.startswith("250")]
    if refused:
        raise Wrong(f"{len(refused)} of {len(result.spent)} mails were refused: {refused[0]}")


def _rates(result: Result, arrived: Sequence[Arrived]) -> Figures:
    began = min(one.due for one in result.spent)
    accepted = max(one.answered for one in result.spent) - began
    done = max(one.at for one in arrived) - began
    count = len(result.spent)
    return {"rate": count / max(done, accepted), "accept_rate": count / accepted}


def _to_customers(arrived: Sequence[Arrived]) -> list[Arrived]:
    return [one for one in arrived if one.recipient.endswith(f"@{DOMAIN}")]


def _acknowledgements(result: Result, arrived: Sequence[Arrived], letters: Sequence[Letter]) -> Figures:
    """From the end of a mail's data to its acknowledgement at the relay. Replies are not acknowledged."""
    if any(b"\r\nIn-Reply-To:" in letter.head for letter in letters[:1]):
        return {}
    when = {one.answers: one.at for one in _to_customers(arrived)}
    spent = {one.message_id: one for one in result.spent}
    if when.keys() != spent.keys() or len(_to_customers(arrived)) != len(spent):
        raise Wrong(f"{len(spent)} mails, {len(_to_customers(arrived))} acknowledgements of {len(when)} of them")
    waits = [when[name] - (one.due if one.due > one.dot else one.dot) for name, one in spent.items()]
    return _quantiles("ack", waits)


def _quantiles(name: str, seconds: Sequence[float]) -> Figures:
    return {f"{name}_p50_ms": quantile(seconds, 0.5) * 1e3, f"{name}_p99_ms": quantile(seconds, 0.99) * 1e3}


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of them does not exceed."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]
