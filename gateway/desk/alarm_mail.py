"""What is told of alarms: a mail that says what happened, since when, what it means for mail, what to do and where to
look; and the same for a command, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

from gateway.desk import say
from gateway.desk.alarm_words import LOOK, MARK, OVER, SEVERAL, STATUS, TEST, WORDS
from gateway.desk.rulebook import Rulebook
from gateway.model import Mailbox, Moment, Notice, Telling
from gateway.options import Alarming, Desk

KIND = "alarm"
_DETAIL = 400  # characters of what a server or file said


def alarm_notices(tellings: Sequence[Telling], limits: Alarming, desk: Desk, rulebook: Rulebook) -> list[Notice]:
    """One mail to each of `limits.to` with all of these. The same tellings have the same cause (law 3). It comes from
    the bounce address, on no ticket and with no signed way back: what answers it is on record and changes nothing."""
    language = limits.language
    items = [shown(telling, language, rulebook.timezone) for telling in tellings]
    lines = "\n".join(f"{item['mark']}: {item['title']}" for item in items)
    cause = sha256(repr([_named(telling) for telling in tellings]).encode()).hexdigest()[:32]
    values = {
        "tag": f"[{desk.prefix}]",
        "department": "",
        "desk": desk.name or desk.domain,
        "alarms": items,
        "text": lines,
    }
    first = f"{items[0]['mark']}: {items[0]['title']}"
    rest = f" (+ {SEVERAL[language].format(count=len(items) - 1)})" if len(items) > 1 else ""
    return [
        Notice(
            kind=KIND,
            ticket=0,
            cause=cause,
            to=Mailbox(address),
            language=language,
            department="",
            values=values,
            subject=f"[{desk.prefix}] {first}{rest}",
            sender=Mailbox(desk.bounce_address, desk.name or "gateway"),
            reply_purpose=None,
            reply_number=0,
            auto_submitted="auto-generated",
            staff=True,
        )
        for address in limits.to
    ]


def shown(telling: Telling, language: str, timezone: str) -> dict[str, str]:
    """One telling in words: mark, title, since, until, means, do, look, detail. What is not there is ""."""
    trouble, mark = telling.trouble, MARK[language][telling.moment]
    if trouble is None:
        test = TEST[language]
        when = say.instant(telling.at, timezone, language)
        return _item(mark, test.title, when, "", test.means, test.do, STATUS, "")
    words = WORDS[language][trouble.ill]
    over = telling.moment is Moment.END
    seconds = int(((telling.until or telling.at) - trouble.since).total_seconds())
    values = {
        "about": trouble.about,
        "count": str(trouble.count),
        "for": say.duration(max(seconds, 0), language, working=False),
    }
    return _item(
        mark,
        _filled(words.title, values),
        say.instant(trouble.since, timezone, language),
        say.instant(telling.until, timezone, language) if telling.until else "",
        OVER[language] if over else words.means,
        "" if over else words.do,
        LOOK.get(trouble.ill, STATUS),
        " ".join(trouble.detail.split())[:_DETAIL],
    )


def _item(mark: str, title: str, since: str, until: str, means: str, do: str, look: str, detail: str) -> dict[str, str]:
    return {
        "mark": mark,
        "title": title,
        "since": since,
        "until": until,
        "means": means,
        "do": do,
        "look": look,
        "detail": detail,
    }


def for_command(tellings: Sequence[Telling], desk: Desk) -> dict[str, object]:
    """All that is told at once as a command gets it: in English, instants in ISO 8601 UTC. The first that puts mail at
    risk is in front, the others are under `more`."""
    first, *others = sorted(tellings, key=lambda telling: not (telling.trouble and telling.trouble.risk))
    return {**_plain(first, desk), "more": [_plain(telling, desk) for telling in others]}


def _plain(telling: Telling, desk: Desk) -> dict[str, object]:
    trouble = telling.trouble
    words = shown(telling, "en", "UTC")
    return {
        "state": telling.moment.value,
        "alarm": trouble.ill.value if trouble else "test",
        "about": trouble.about if trouble else "",
        "desk": desk.prefix,
        "at": telling.at.isoformat(),
        "since": (trouble.since if trouble else telling.at).isoformat(),
        "until": telling.until.isoformat() if telling.until else None,
        "mail_at_risk": bool(trouble and trouble.risk),
        **{name: words[name] for name in ("title", "means", "do", "look", "detail")},
    }


def _named(telling: Telling) -> tuple[str, ...]:
    key = telling.trouble.key if telling.trouble else ("test", "")
    return (telling.moment.value, telling.at.isoformat(), *key)


def _filled(words: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        words = words.replace("{" + name + "}", value)
    return words
