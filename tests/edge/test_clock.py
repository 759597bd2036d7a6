"""The desk's time: even, and never led astray by a clock that jumps (fault matrix row 28)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.edge.clock import BELIEVED, HOLD, RELEASED, STEP, Clock

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR, DAY, YEAR = 3600.0, 86_400.0, 365.25 * 86_400


class Machine:
    """A machine whose clock can be set. `follows`: how often the desk said that it has followed."""

    def __init__(self, wall: datetime = NOW) -> None:
        self.wall, self.steady, self.follows = wall.timestamp(), 1000.0, 0

    def clock(self, last: datetime | None = None) -> Clock:
        return Clock(last=last, followed=self._followed, wall=lambda: self.wall, steady=lambda: self.steady)

    def _followed(self) -> None:
        self.follows += 1

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def jumps(self, seconds: float) -> None:
        self.wall += seconds

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.wall, UTC)


def near(one: datetime, other: datetime) -> bool:
    return abs((one - other).total_seconds()) < 1


def test_a_clock_that_is_right_is_followed_to_the_microsecond() -> None:
    machine = Machine()
    clock = machine.clock(NOW - timedelta(days=30))
    for _ in range(100):
        machine.passes(37.5)
        machine.jumps(0.01)
        assert clock.now() == machine.time
    assert (clock.trouble(), machine.follows) == ("", 0)


@pytest.mark.parametrize("by", [STEP - 1, -STEP + 1])
def test_a_small_step_is_followed_at_once(by: float) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.jumps(by)
    assert clock.now() == machine.time
    assert clock.trouble() == ""


@pytest.mark.parametrize("by", [HOUR, -HOUR, DAY, -DAY, 30 * DAY])
def test_a_jump_is_followed_when_it_has_lasted(by: float) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.jumps(by)
    for minute in range(int(HOLD // 60)):
        assert near(clock.now(), NOW + timedelta(minutes=minute))
        assert "follows it after 15 minutes" in clock.trouble()
        machine.passes(60)
    assert clock.now() == machine.time
    assert clock.trouble() == ""
    assert machine.follows == 1


@pytest.mark.parametrize("by", [HOUR, -HOUR, DAY, 10 * YEAR, -50 * YEAR])
def test_a_jump_that_is_put_right_never_was(by: float) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.jumps(by)
    machine.passes(HOLD / 2)
    clock.now()
    machine.jumps(-by)
    machine.passes(1)
    assert clock.now() == machine.time
    assert (clock.trouble(), machine.follows) == ("", 0)
    machine.jumps(by)  # and the next one is a new one
    machine.passes(HOLD / 2)
    assert near(clock.now(), NOW + timedelta(seconds=HOLD + 1))


@pytest.mark.parametrize("by", [10 * YEAR, -10 * YEAR, -NOW.timestamp(), BELIEVED + DAY])
def test_nobody_believes_a_clock_that_is_years_away(by: float) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.jumps(by)
    clock.now()
    machine.passes(30 * DAY)
    assert near(clock.now(), NOW + timedelta(days=30))
    assert "gateway clock --accept" in clock.trouble()
    assert clock.accept() == machine.time
    assert clock.trouble() == ""
    assert machine.follows == 1
    machine.passes(60)
    assert clock.now() == machine.time


def test_one_jump_after_another_begins_to_wait_anew() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.jumps(HOUR)
    clock.now()
    machine.passes(HOLD - 60)
    machine.jumps(HOUR)
    assert near(clock.now(), NOW + timedelta(seconds=HOLD - 60))
    machine.passes(120)
    assert near(clock.now(), NOW + timedelta(seconds=HOLD + 60))
    machine.passes(HOLD)
    assert clock.now() == machine.time


def test_a_machine_that_slept_is_right() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.passes(3 * DAY)  # the steady clock goes on in sleep
    assert clock.now() == machine.time
    assert clock.trouble() == ""


@pytest.mark.parametrize("wrong", [datetime(1970, 1, 1, tzinfo=UTC), NOW - timedelta(days=1), NOW + timedelta(3650)])
def test_a_wrong_clock_at_the_start(wrong: datetime) -> None:
    """What was kept last has passed; and so many years have not."""
    machine = Machine(wrong)
    clock = machine.clock(NOW)
    assert near(clock.now(), NOW)
    assert clock.trouble()
    machine.passes(60)
    machine.wall = (NOW + timedelta(days=2)).timestamp()  # it is set: the daemon had not run for two days
    assert clock.now() == machine.time
    assert clock.trouble() == ""


def test_a_clock_that_was_set_back_while_no_daemon_ran() -> None:
    machine = Machine(NOW - timedelta(hours=1))
    clock = machine.clock(NOW)
    assert near(clock.now(), NOW)
    machine.passes(HOLD)
    assert clock.now() == machine.time


def test_a_desk_that_did_not_run_for_a_year() -> None:
    machine = Machine()
    assert machine.clock(NOW - timedelta(days=365)).now() == NOW


def test_the_first_start_of_all_on_a_machine_without_a_battery() -> None:
    machine = Machine(datetime(1970, 1, 1, 0, 0, 20, tzinfo=UTC))
    clock = machine.clock()
    assert clock.now().timestamp() == RELEASED
    machine.wall = (NOW + timedelta(days=3650)).timestamp()  # the network has told it; nobody knows better
    assert clock.now() == machine.time
    assert clock.trouble() == ""


def test_a_clock_made_to_run_fast_has_no_trouble() -> None:
    clock = Clock(60.0, NOW, last=NOW + timedelta(days=9))
    assert clock.now() - NOW < timedelta(hours=1)
    assert clock.trouble() == ""
    assert clock.accept() - NOW < timedelta(hours=1)
