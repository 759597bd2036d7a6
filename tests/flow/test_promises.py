"""Promises made by a clock that was ahead (law 10): they do not outlast it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from gateway.flow.tick import promise_anew, tick
from gateway.store import schema
from tests.flow.clients import mail
from tests.flow.desk_under_test import START, DeskUnderTest

HELP = "kythuat@desk.example"


def opens(desk: DeskUnderTest, name: str) -> None:
    raw = mail(
        sender=f"{name}@khach.example", to=HELP, subject=name, body="Text.", message_id=f"<{name}@khach.example>"
    )
    desk.receive(raw, [HELP], mail_from=f"{name}@khach.example")


def dues(desk: DeskUnderTest) -> list[datetime]:
    t = schema.target.c
    with desk.store.parts.read() as connection:
        return list(connection.execute(sa.select(t.due).order_by(t.ticket)).scalars())


def test_a_promise_of_a_clock_that_was_ahead_counts_from_now(tmp_path: Path) -> None:
    """A month ahead, then set: who wrote meanwhile is answered as if they had written now, and if nobody does so the
    managers are told in time, once. A ticket of the right time keeps its promise."""
    desk = DeskUnderTest(tmp_path)
    try:
        opens(desk, "right")
        desk.now = START + timedelta(days=30)
        opens(desk, "ahead")
        right, ahead = dues(desk)
        span = right - START
        assert ahead > START + timedelta(days=30)
        desk.now = START + timedelta(minutes=5)
        assert promise_anew(desk.store, desk.current, desk.now) == 1
        assert dues(desk) == [right, desk.now + span]
        desk.now += timedelta(minutes=5)
        assert promise_anew(desk.store, desk.current, desk.now) == 0  # again, and after a restart: nothing moves
        desk.now = dues(desk)[1] + timedelta(minutes=1)
        assert tick(desk.store, desk.current, desk.now, lambda: None) == 2
        assert tick(desk.store, desk.current, desk.now, lambda: None) == 0
        assert promise_anew(desk.store, desk.current, desk.now) == 0
    finally:
        desk.close()
