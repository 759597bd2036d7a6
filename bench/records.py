"""What the bench's processes hand to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.letters import Letter


@dataclass(frozen=True)
class Job:
    port: int
    letters: Sequence[Letter]
    connections: int
    rate: float = 0.0  # mails a second; 0: closed loop
    one_each: bool = False  # one mail a connection


@dataclass(slots=True)
class Spent:
    """One mail, instants of CLOCK_MONOTONIC in seconds."""

    message_id: str
    due: float  # when it was to begin: with its first command, or as the rate says
    dot: float = 0.0  # the end of its data was written
    answered: float = 0.0
    reply: str = ""


@dataclass
class Result:
    spent: list[Spent] = field(default_factory=list)
    cpu: float = 0.0  # seconds, of the load generator itself
    lag: float = 0.0  # seconds by which it was late itself with a due mail, at worst


@dataclass(frozen=True, slots=True)
class Arrived:
    """One mail at the relay."""

    at: float  # CLOCK_MONOTONIC, before the 250 to it
    recipient: str
    answers: str  # In-Reply-To
    message_id: str
    reply_to: str
