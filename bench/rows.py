"""What is reported: each figure with its target and with the cases it is made from."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.measure import Figures

Found = dict[str, Figures]


@dataclass(frozen=True, slots=True)
class Target:
    bound: float
    most: bool  # the figure may be this at most; else at least
    aim: bool = False  # hoped for, not promised

    def holds(self, value: float) -> bool:
        return value <= self.bound if self.most else value >= self.bound

    def __str__(self) -> str:
        return f"{'aim ' if self.aim else ''}{'≤' if self.most else '≥'} {number(self.bound)}"


@dataclass(frozen=True, slots=True)
class Row:
    """`of` gives the figure of one round, from the case `cases[0]` and where it is a ratio from `cases[1]`."""

    label: str
    unit: str
    cases: tuple[str, ...]
    of: Callable[..., float]
    target: Target | None = None

    @property
    def command(self) -> str:
        """What makes this row alone. The floors are part of every run."""
        names = [name for name in dict.fromkeys(self.cases) if not name.startswith(("floor", "working", "parse"))]
        return f"python -m bench --only {' '.join(names)}" if names else "python -m bench --only text-c20"

    def value(self, rounds: Sequence[Found]) -> float | None:
        """The median over the rounds that measured all its cases; None without one."""
        values = [
            self.of(*(found[name] for name in self.cases)) for found in rounds if all(n in found for n in self.cases)
        ]
        return statistics.median(values) if values else None


def at_least(bound: float, *, aim: bool = False) -> Target:
    return Target(bound, most=False, aim=aim)


def at_most(bound: float, *, aim: bool = False) -> Target:
    return Target(bound, most=True, aim=aim)


def _row(label: str, unit: str, case: str, figure: str, target: Target | None = None) -> Row:
    return Row(label, unit, (case,), lambda one: one[figure], target)


def _ratio(label: str, case: str, base: str, figure: str, target: Target | None = None) -> Row:
    return Row(label, "x", (case, base), lambda one, other: one[figure] / other[figure], target)


GROUPS: dict[str, tuple[Row, ...]] = {
    "A 2 KB mail: kept, threaded, routed by 200 rules, acknowledged, shown to an agent": (
        _row("1 connection", "mails/s", "text-c1", "rate", at_least(400, aim=True)),
        _row("4 connections", "mails/s", "text-c4", "rate"),
        _row("20 connections", "mails/s", "text-c20", "rate", at_least(650)),
        _row("100 connections", "mails/s", "text-c100", "rate"),
        _row("20 connections, accepted (250) alone", "mails/s", "text-c20", "accept_rate"),
        _ratio("20 connections, share of the floor", "text-c20", "working-floor-c20", "rate", at_least(0.25)),
        _ratio("… of the bare floor", "text-c20", "floor-c20", "rate"),
        _row("processor time a mail, 20 connections", "µs", "text-c20", "cpu_us", at_most(1_100)),
        Row(
            "… acknowledged only, at most (a second agent's share taken off once)",
            "µs",
            ("text-c20", "two-agents-c20"),
            lambda one, two: 2 * one["cpu_us"] - two["cpu_us"],
            at_most(1_100),
        ),
        _ratio("… times the floor's", "text-c20", "working-floor-c20", "cpu_us"),
        _ratio("… times the bare floor's", "text-c20", "floor-c20", "cpu_us"),
        _row("syncs a mail, 1 connection", "", "text-c1", "syncs"),
        _row("syncs a mail, 20 connections", "", "text-c20", "syncs", at_most(0.3)),
        _row("SQL statements a mail, 1 connection", "", "statements-c1", "statements"),
        _row("SQL statements a mail, 20 connections", "", "statements-c20", "statements"),
        _row("250, 1 connection, p50", "ms", "text-c1", "accept_p50_ms", at_most(2.5, aim=True)),
        _row("250, 20 connections, p50", "ms", "text-c20", "accept_p50_ms"),
        _row("250, 20 connections, p99", "ms", "text-c20", "accept_p99_ms"),
    ),
    "From the end of a mail to its acknowledgement at the relay": (
        _row("100 a second, p50", "ms", "open-100", "ack_p50_ms"),
        _row("100 a second, p99", "ms", "open-100", "ack_p99_ms"),
        _row("300 a second, p50", "ms", "open-300", "ack_p50_ms"),
        _row("300 a second, p99", "ms", "open-300", "ack_p99_ms", at_most(60)),
        _row("400 a second, p50", "ms", "open-400", "ack_p50_ms", at_most(6, aim=True)),
        _row("400 a second, p99", "ms", "open-400", "ack_p99_ms", at_most(50, aim=True)),
        _row("overloaded by 20 connections, p99", "ms", "text-c20", "ack_p99_ms", at_most(60, aim=True)),
    ),
    "The event loop away: NOOP on an idle connection, 100 a second": (
        _row("300 mails a second, p99.9", "ms", "open-300", "noop_p99.9_ms", at_most(15)),
        _row("20 connections, p99.9", "ms", "text-c20", "noop_p99.9_ms"),
        _row("1 MB attachments, p99.9", "ms", "attachment-c4", "noop_p99.9_ms"),
        _row("the floor, 20 connections, p99.9", "ms", "floor-c20", "noop_p99.9_ms"),
    ),
    "Other mail": (
        _row("50 KB HTML, 20 connections", "mails/s", "html-c20", "rate"),
        _row("50 KB HTML, processor time a mail", "µs", "html-c20", "cpu_us"),
        _row("1 MB attachment, 4 connections", "mails/s", "attachment-c4", "rate", at_least(30)),
        _row("1 MB attachment, processor time a mail", "µs", "attachment-c4", "cpu_us"),
        _row("replies, 20 connections", "mails/s", "reply-c20", "rate"),
        _ratio("replies, times new tickets", "reply-c20", "text-c20", "rate", at_least(0.85, aim=True)),
        _ratio("first-time senders, times known ones", "first-c20", "text-c20", "rate", at_least(0.8, aim=True)),
        _ratio("one mail a connection, times kept ones", "single-c20", "text-c20", "rate", at_least(0.5, aim=True)),
        _row("each sync 5 ms slower, 20 connections", "mails/s", "slow-disk-c20", "rate", at_least(650, aim=True)),
        _row(
            "1,000 mails in an IMAP mailbox, to tickets", "mails/s", "imap-backlog", "rate", at_least(1_000, aim=True)
        ),
        Row(
            "a second agent, processor time a mail",
            "µs",
            ("two-agents-c20", "text-c20"),
            lambda two, one: two["cpu_us"] - one["cpu_us"],
        ),
    ),
    "Growth: the same mail on more tickets": (
        _ratio("100,000 tickets, processor time, times 1,000's", "100k-c20", "text-c20", "cpu_us", at_most(1.1)),
        _ratio("1,000,000 tickets, processor time, times 1,000's", "1m-c20", "text-c20", "cpu_us", at_most(1.1)),
        _ratio("1,000,000 tickets, mails/s, times 1,000's", "1m-c20", "text-c20", "rate", at_least(0.9)),
        _ratio("replies to 100,000, processor time", "100k-reply-c20", "1k-reply-c20", "cpu_us", at_most(1.1)),
        _ratio("replies to 1,000,000, processor time", "1m-reply-c20", "1k-reply-c20", "cpu_us", at_most(1.1)),
        _ratio("replies to 1,000,000, mails/s", "1m-reply-c20", "1k-reply-c20", "rate", at_least(0.9)),
    ),
    "Memory of the whole process tree (PSS)": (
        Row("after the start", "MiB", ("start, 1k",), lambda one: one["pss_mb"], at_most(80, aim=True)),
        _row("after 10,000 mails of 2 KB", "MiB", "memory", "pss_mb", at_most(120)),
        _row("after 1 MB attachments on 4 connections", "MiB", "attachment-c4", "pss_mb", at_most(180, aim=True)),
        _row("on 1,000,000 tickets", "MiB", "1m-reply-c20", "pss_mb"),
    ),
    "Floors, and what stands beside the gateway": (
        _row("the floor: 1 connection", "mails/s", "working-floor-c1", "rate"),
        _row("… 20 connections", "mails/s", "working-floor-c20", "rate"),
        _row("… processor time a mail", "µs", "working-floor-c20", "cpu_us"),
        _row("bare listener, one table, fixed acknowledgement: 1 connection", "mails/s", "floor-c1", "rate"),
        _row("… 20 connections", "mails/s", "floor-c20", "rate"),
        _row("… processor time a mail", "µs", "floor-c20", "cpu_us"),
        _row("parsing 2 KB, standard library", "µs", "parse-text", "stdlib_us"),
        _row("parsing 2 KB, mail-parser", "µs", "parse-text", "mail_parser_us"),
        _row("parsing 50 KB HTML, standard library", "µs", "parse-page", "stdlib_us"),
        _row("parsing 50 KB HTML, mail-parser", "µs", "parse-page", "mail_parser_us"),
        _row("parsing 1 MB, standard library", "µs", "parse-attachment", "stdlib_us"),
        _row("parsing 1 MB, mail-parser", "µs", "parse-attachment", "mail_parser_us"),
        _row("load generator, processor time a mail", "µs", "text-c20", "load_cpu_us"),
        _row("relay, processor time a mail (two come to it)", "µs", "text-c20", "sink_cpu_us"),
    ),
}


def number(value: float) -> str:
    """Three figures, thousands with a comma."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"
