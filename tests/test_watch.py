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
from gateway.watch import LOG, Seen, Watch


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
    watch = watching(tmp_path, sole, Pulse(quarantined=1), "a.yaml:1:1: no")
    assert {trouble.ill for trouble in watch.troubles()} == told
    assert b'gateway_trouble{kind="quarantine"} 1.0' in watch._parts.metrics.render(), "the metrics are told all"


def test_a_write_ahead_log_that_only_grows_is_told_of(tmp_path: Path) -> None:
    watch = watching(tmp_path, lambda _: True)
    with (tmp_path / "x-wal").open("wb") as log:
        log.truncate(LOG - 1)
        assert watch.troubles() == ()
        log.truncate(LOG)
    (trouble,) = watch.troubles()
    assert (trouble.ill, trouble.about) == (Ill.LOOP_FAILING, "database")
    assert "1024 MiB" in trouble.reason


def watching(tmp_path: Path, sole: Callable[[str], bool], pulse: Pulse | None = None, rules: str = "") -> Watch:
    now = time.perf_counter()
    parts: Any = SimpleNamespace(
        store=SimpleNamespace(pulse=lambda _: pulse or Pulse(), sole=sole),
        ledger=SimpleNamespace(proofs=list),
        rules=SimpleNamespace(trouble=rules, current=lambda: SimpleNamespace(failed={})),
        metrics=Metrics(),
    )
    settings: Any = SimpleNamespace(
        state_dir=tmp_path, database_url=f"sqlite:///{tmp_path}/x", imap=(), alarms=Alarming(), caps=Caps(),
        limits=ReadLimits(message=1),
    )  # fmt: skip
    beats: Any = SimpleNamespace(ordinary=SimpleNamespace(beat=now), apart=SimpleNamespace(beat=now))
    loops = Loops(lambda: None)
    seen = Seen(beats, loops, MailboxSigns(()), Pace(), RelaySign(), str, list, str)
    return Watch(settings, parts, Clock(), seen)
