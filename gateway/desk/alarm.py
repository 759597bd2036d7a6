"""Which alarms begin, last and end. An alarm is a trouble that somebody is told of: once when it begins, once when it
is over, and now and then while it lasts. Pure: given the troubles and the time, the same follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.desk.trouble import SHARED
from gateway.model import Alarm, Ill, Moment, Telling, Trouble
from gateway.options import Alarming

# Seconds for which a trouble must last before it is an alarm; what is not here has had its time before it is a trouble.
PATIENCE: Mapping[Ill, float] = {Ill.LOOP_FAILING: 120.0, Ill.STORE: 30.0, Ill.DISK: 30.0, Ill.LOG_LOST: 120.0}
# What only the store can tell: while it cannot be read, nobody knows whether these are over.
OF_THE_STORE = SHARED | {Ill.RELAY_DOWN}
MOST = 200  # alarms that stand at once
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Queue:
    """What is still to be told by one way out, and when that way was last used."""

    waiting: tuple[Telling, ...] = ()
    used: tuple[datetime, ...] = ()  # in the last hour, oldest first

    def add(self, tellings: Iterable[Telling]) -> Queue:
        return replace(self, waiting=(*self.waiting, *tellings)[-MOST:])

    def room(self, now: datetime, most: int) -> int:
        """How often this way may be used now: a storm of alarms is told in few mails."""
        return max(0, most - sum(1 for at in self.used if timedelta(0) <= now - at < _HOUR))

    def told(self, many: int, now: datetime) -> Queue:
        """The first `many` are told, by one use."""
        used = (*(at for at in self.used if timedelta(0) <= now - at < _HOUR), now)
        return Queue(self.waiting[many:], used)


def step(
    standing: Sequence[Alarm], troubles: Sequence[Trouble], limits: Alarming, now: datetime
) -> tuple[tuple[Alarm, ...], tuple[Telling, ...]]:
    """The alarms that stand from now on, and what is to be told. The same troubles again tell nothing."""
    present = {trouble.key: trouble for trouble in troubles[:MOST]}
    unknown = OF_THE_STORE if any(trouble.ill is Ill.STORE for trouble in troubles) else frozenset[Ill]()
    kept: list[Alarm] = []
    tellings: list[Telling] = []
    for alarm in standing:
        trouble = present.pop(alarm.trouble.key, None)
        if trouble is None and alarm.trouble.ill in unknown:
            kept.append(alarm)
            continue
        after = _lasting(alarm, trouble, limits, now, tellings) if trouble else _fading(alarm, limits, now, tellings)
        if after is not None:
            kept.append(after)
    for trouble in present.values():
        kept.append(_lasting(Alarm(trouble, now), trouble, limits, now, tellings))
    return tuple(kept), tuple(tellings)


def _lasting(alarm: Alarm, trouble: Trouble, limits: Alarming, now: datetime, tellings: list[Telling]) -> Alarm:
    """A trouble that is there. Since when it is, its first sight said."""
    trouble = replace(trouble, since=min(alarm.trouble.since, trouble.since))
    alarm = replace(alarm, trouble=trouble, seen=min(alarm.seen, now), gone=None)
    if alarm.begun is None:
        if (now - alarm.seen).total_seconds() < PATIENCE.get(trouble.ill, 0.0):
            return alarm
        tellings.append(Telling(Moment.BEGIN, now, trouble))
        return replace(alarm, begun=now, told=now)
    told = min(alarm.told or now, now)  # a clock that was set back must not silence the reminders
    if limits.repeat and (now - told).total_seconds() >= limits.repeat:
        tellings.append(Telling(Moment.REMINDER, now, trouble))
        told = now
    return replace(alarm, told=told)


def _fading(alarm: Alarm, limits: Alarming, now: datetime, tellings: list[Telling]) -> Alarm | None:
    """A trouble that is not there now: one that comes and goes is one alarm."""
    if alarm.begun is None:
        return None
    gone = min(alarm.gone or now, now)
    if (now - gone).total_seconds() < limits.settle:
        return replace(alarm, gone=gone)
    tellings.append(Telling(Moment.END, now, alarm.trouble, gone))
    return None
