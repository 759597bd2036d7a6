"""The gateway that kills its own process group at a chosen moment:

    python -m tests.faults.dying MOMENT KIND N run -c gateway.yaml

MOMENT is "begin" (before BEGIN), "written" (every statement done, before COMMIT) or "committed" (COMMIT has returned,
nobody has been told) of the Nth transaction with a job of KIND ("keep", "commit", "sent"), or "handed" (KIND is "-":
the relay has said what became of the Nth batch, nothing is marked), or "read" (a mail with KIND in it is read in the
daemon itself, as one that crashes a library would). Everything else is the program as it is. With DYING_WHEN in the
environment nothing counts until there is a file of that name.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from gateway.cli import main
from gateway.flow import receive
from gateway.flow.send import Sending
from gateway.model import Message
from gateway.options import ReadLimits
from gateway.store.writer import GroupCommit


def die() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)
    signal.pause()


class Moment:
    """Counts the transactions of one kind."""

    def __init__(self, name: str, kind: str, number: int) -> None:
        self.name, self.kind, self.left = name, kind, number
        self.inside = False
        self._when = os.environ.get("DYING_WHEN", "")

    def counts(self) -> bool:
        return not self._when or os.path.exists(self._when)

    def arm(self) -> None:
        write, transmit, moment = GroupCommit._write, Sending._transmitted, self
        read = receive.read_message

        def crashing(raw: bytes, limits: ReadLimits, *, scanned: bool = False) -> Message:
            if moment.name == "read" and moment.kind.encode() in raw:
                die()
            return read(raw, limits, scanned=scanned)

        def written(writer: GroupCommit, group: list[Any]) -> list[Any]:
            moment.inside = moment.counts() and any(job.kind == moment.kind for job in group)
            moment.left -= moment.inside
            moment.reached("begin")
            outcomes = write(writer, group)
            moment.reached("committed")
            return outcomes

        def transmitted(sending: Sending, batch: Sequence[Any]) -> tuple[list[Any], dict[int, float]]:
            results, put_off = transmit(sending, batch)
            if moment.name == "handed" and moment.counts() and any(result.sent == "delivered" for result in results):
                moment.left -= 1
                moment.inside = True
                moment.reached("handed")
            return results, put_off

        def committing(_: Any) -> None:
            moment.reached("written")

        GroupCommit._write = written  # type: ignore[method-assign]  # the place at which to die
        Sending._transmitted = transmitted  # type: ignore[method-assign]  # as above
        receive.read_message = crashing  # type: ignore[assignment]  # as above
        sa.event.listen(sa.Engine, "commit", committing)

    def reached(self, name: str) -> None:
        if self.inside and self.left == 0 and self.name == name:
            die()


if __name__ == "__main__":
    Moment(sys.argv[1], sys.argv[2], int(sys.argv[3])).arm()
    sys.argv[1:] = sys.argv[4:]
    main()
