"""What is known of alarms between two runs, and its form on disk (JSON)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway import log
from gateway.desk.alarm import Queue
from gateway.model import Alarm, Ill, Moment, Telling, Trouble


@dataclass(frozen=True, slots=True)
class Book:
    """The alarms that stand, and what is still to be told by each way."""

    standing: tuple[Alarm, ...] = ()
    mail: Queue = field(default_factory=Queue)
    command: Queue = field(default_factory=Queue)

    @property
    def has_waiting(self) -> bool:
        return bool(self.mail.waiting or self.command.waiting)

    @property
    def mark(self) -> tuple[Any, ...]:
        """What must not be forgotten; the age of a trouble, which changes at each look, is not of it."""
        alarms = tuple((alarm.trouble.key, alarm.begun, alarm.told, alarm.gone) for alarm in self.standing)
        return (alarms, self.mail, self.command)


def lasting(book: Book, now: datetime) -> dict[tuple[str, str], float]:
    """Seconds for which each trouble had lasted that was an alarm when the book was closed: a restart is no cure."""
    return {
        alarm.trouble.key: max(0.0, (now - alarm.trouble.since).total_seconds())
        for alarm in book.standing
        if alarm.begun is not None and alarm.gone is None
    }


def written(book: Book) -> dict[str, Any]:
    return {
        "standing": [
            {
                "trouble": _trouble(alarm.trouble),
                "seen": alarm.seen.isoformat(),
                "begun": _iso(alarm.begun),
                "told": _iso(alarm.told),
                "gone": _iso(alarm.gone),
            }
            for alarm in book.standing
        ],
        "mail": _queue(book.mail),
        "command": _queue(book.command),
    }


def read_book(value: Any) -> Book:
    """The book as it was written; an empty one where it cannot be read: then what stands is told once more."""
    if value is None:
        return Book()
    try:
        return Book(
            tuple(
                Alarm(
                    _trouble_of(one["trouble"]), _instant(one["seen"]), _maybe(one["begun"]), _maybe(one["told"]),
                    _maybe(one["gone"]),
                )
                for one in value["standing"]
            ),
            _queue_of(value["mail"]),
            _queue_of(value["command"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        log.fault("alarms", f"what was told before cannot be read: {type(error).__name__}: {error}")
        return Book()


def _trouble(trouble: Trouble) -> dict[str, Any]:
    return {
        "ill": trouble.ill.value,
        "about": trouble.about,
        "reason": trouble.reason,
        "risk": trouble.risk,
        "since": trouble.since.isoformat(),
        "detail": trouble.detail,
        "count": trouble.count,
    }


def _trouble_of(value: Mapping[str, Any]) -> Trouble:
    return Trouble(
        Ill(value["ill"]),
        str(value["about"]),
        str(value["reason"]),
        bool(value["risk"]),
        _instant(value["since"]),
        str(value["detail"]),
        int(value["count"]),
    )


def _queue(queue: Queue) -> dict[str, Any]:
    return {
        "waiting": [
            {
                "moment": telling.moment.value,
                "at": telling.at.isoformat(),
                "trouble": _trouble(telling.trouble) if telling.trouble else None,
                "until": _iso(telling.until),
            }
            for telling in queue.waiting
        ],
        "used": [at.isoformat() for at in queue.used],
    }


def _queue_of(value: Mapping[str, Any]) -> Queue:
    return Queue(
        tuple(
            Telling(
                Moment(one["moment"]),
                _instant(one["at"]),
                _trouble_of(one["trouble"]) if one["trouble"] else None,
                _maybe(one["until"]),
            )
            for one in value["waiting"]
        ),
        tuple(_instant(at) for at in value["used"]),
    )


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"an instant without a zone: {text}")
    return found


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)
