"""Of daemons that share a database one tells of its troubles."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.edge.clock import Clock
from gateway.edge.metrics import Metrics
from gateway.flow.loops import Loops
from gateway.flow.pace import Pace
from gateway.flow.signs import MailboxSigns, RelaySign
from gateway.model import Ill, Pulse
from gateway.options import Alarming, Caps, ReadLimits
from gateway.store.errors import StoreUnavailable
from gateway.watch import Seen, Watch


def away(_: str) -> bool:
    raise StoreUnavailable("connection refused")


@pytest.mark.parametrize(
    ("sole", "told"),
    [
        (lambda _: True, {Ill.QUARANTINE, Ill.RULES_REFUSED}),
        (lambda _: False, {Ill.RULES_REFUSED}),
        (away, {Ill.QUARANTINE, Ill.RULES_REFUSED}),
    ],
    ids=["ours", "another's", "nobody knows"],
)
def test_what_concerns_the_database_is_told_by_one(tmp_path: Path, sole: Callable[[str], bool], told: set[Ill]) -> None:
    now = time.perf_counter()
    parts: Any = SimpleNamespace(
        store=SimpleNamespace(pulse=lambda _: Pulse(quarantined=1), sole=sole),
        ledger=SimpleNamespace(proofs=list),
        rules=SimpleNamespace(trouble="a.yaml:1:1: no", current=lambda: SimpleNamespace(failed={})),
        metrics=Metrics(),
    )
    settings: Any = SimpleNamespace(
        state_dir=tmp_path, database_url=f"sqlite:///{tmp_path}/x", imap=(), alarms=Alarming(), caps=Caps(),
        limits=ReadLimits(message=1),
    )  # fmt: skip
    beats: Any = SimpleNamespace(ordinary=SimpleNamespace(beat=now), apart=SimpleNamespace(beat=now))
    loops = Loops(lambda: None)
    seen = Seen(beats, loops, MailboxSigns(()), Pace(), RelaySign(), str, list, str)
    watch = Watch(settings, parts, Clock(), seen)
    assert {trouble.ill for trouble in watch.troubles()} == told
    assert b'gateway_trouble{kind="quarantine"} 1.0' in parts.metrics.render(), "the metrics are told all"
