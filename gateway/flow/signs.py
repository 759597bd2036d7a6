"""What the parts of a running daemon let be seen of themselves: when a thing last went well, and how it failed since.

Ages are of the monotonic clock, so no change of the time of day makes a mailbox look dead or alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic
from types import MappingProxyType

from gateway.model import FolderProof, Ill, MailboxSign

FIRST_TRY = 60.0  # seconds after a start in which mail that waits is tried
Lasting = Mapping[tuple[str, str], float]
_NOTHING: Lasting = MappingProxyType({})


@dataclass(slots=True)
class _Box:
    good: float  # the last good poll
    alive: float  # the last kept batch or good poll
    proven: float
    refused: str = ""
    trouble: str = ""


class MailboxSigns:
    """The mailboxes of this daemon; safe in any thread. Counting begins when it is made, or before: `lasting` has the
    seconds for which a trouble has lasted already."""

    def __init__(
        self, names: Iterable[str], lasting: Lasting = _NOTHING, clock: Callable[[], float] = monotonic
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._boxes: dict[str, _Box] = {}
        for name in names:
            silent = clock() - lasting.get((Ill.MAILBOX_SILENT.value, name), 0.0)
            self._boxes[name] = _Box(silent, silent, clock() - lasting.get((Ill.MAILBOX_UNPROVEN.value, name), 0.0))

    def alive(self, name: str) -> None:
        """A batch was kept: a long first import is no silence."""
        with self._lock:
            self._boxes[name].alive = self._clock()

    def polled(self, name: str, trouble: str = "") -> None:
        """A poll of all folders has ended; `trouble`: not well."""
        with self._lock:
            box = self._boxes[name]
            box.refused, box.trouble = "", trouble
            if not trouble:
                box.good = box.alive = self._clock()

    def refused(self, name: str, reply: str) -> None:
        """The server does not take the login."""
        with self._lock:
            self._boxes[name].refused = reply

    def proven(self, name: str) -> None:
        """Every folder of the mailbox has been compared with the ledger."""
        with self._lock:
            self._boxes[name].proven = self._clock()

    def read(self, proofs: Iterable[FolderProof] = ()) -> tuple[MailboxSign, ...]:
        """All of them, in the order of the settings."""
        by_name: dict[str, list[FolderProof]] = {}
        for proof in proofs:
            by_name.setdefault(proof.mailbox, []).append(proof)
        with self._lock:
            now = self._clock()
            return tuple(
                MailboxSign(
                    name,
                    now - (box.good if box.trouble or box.refused else box.alive),
                    now - box.proven,
                    box.refused,
                    box.trouble,
                    tuple(by_name.get(name, ())),
                )
                for name, box in self._boxes.items()
            )


class RelaySign:
    """For how long the way out has been down, the time before a restart counted in until it has been seen to work."""

    def __init__(self, lasting: Lasting = _NOTHING, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._before = lasting.get((Ill.RELAY_DOWN.value, ""), 0.0)
        self._tried_until = clock() + FIRST_TRY

    def age(self, lasts: float | None) -> float:
        """Seconds; `lasts`: of the trouble as this run knows it, None for none."""
        if lasts is not None:
            self._tried_until = 0.0
            return lasts + self._before
        if self._clock() > self._tried_until:
            self._before = 0.0
        return 0.0
