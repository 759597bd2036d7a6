"""What is wrong, which alarms follow, and what they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.desk.alarm import MOST, PATIENCE, Queue, step
from gateway.desk.alarm_mail import alarm_notices, for_command, shown
from gateway.desk.alarm_words import LOOK, MARK, OVER, SEVERAL, TEST, WORDS
from gateway.desk.rulebook import load_rulebook
from gateway.desk.trouble import troubles
from gateway.model import Alarm, FolderProof, Ill, MailboxSign, Moment, Observation, Pulse, Telling, Trouble
from gateway.options import Alarming, Caps, Desk

NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
LIMITS, CAPS = Alarming(to=("ops@elsewhere.example", "boss@elsewhere.example"), language="en"), Caps()
DESK = Desk("KD", "desk.example", "bounce@desk.example", "Desk")
RULES = load_rulebook(
    {
        "rulebook.yaml": "version: 1\ntimezone: Asia/Ho_Chi_Minh\ndepartments:\n"
        "  help: {addresses: [help@desk.example], agents: [lan@people.example], first_response: 4h}\n"
        "rules: [{name: all, when: always, then: {department: help, priority: normal}}]\n"
    }
)
KEYS = [("relay-down", ""), ("login-refused", "a"), ("login-refused", "b")]
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def ills(**seen: object) -> dict[Ill, bool]:
    """What is wrong → whether mail is at risk."""
    return {one.ill: one.risk for one in troubles(Observation(NOW, **seen), LIMITS, CAPS)}  # type: ignore[arg-type]  # by name


def trouble(ill: Ill = Ill.RELAY_DOWN, about: str = "", age: timedelta = MINUTE) -> Trouble:
    return Trouble(ill, about, "why", True, NOW - age, "said", 3)


# ---- what is wrong ---------------------------------------------------------------------------------------------------


def test_a_healthy_gateway_has_no_trouble() -> None:
    box = MailboxSign("support", 60.0, 3700.0, trouble="one bad poll", proofs=(proof(),))
    full = Pulse(waiting=500, outbox=10_000, automatic_last_hour=9_999)
    assert ills(pulse=full, waits=299.0, unsent=14_000.0, relay_down=299.0, relay="451 no", mailboxes=(box,)) == {}


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ({"desk_still": 61.0}, {Ill.DESK_STALLED: True}),
        ({"large_still": 181.0}, {Ill.LARGE_STALLED: True}),
        ({"waits": 301.0}, {Ill.MAIL_WAITING: True}),
        ({"parts": (("clock", "OSError: x"), ("imap-a", "has ended"))}, {Ill.LOOP_FAILING: True}),
        ({"disk": "1 octets free"}, {Ill.DISK: True}),
        ({"store": "unable to open"}, {Ill.STORE: True}),
        ({"rules": "a.yaml:1:1: no"}, {Ill.RULES_REFUSED: True}),
        ({"certificates": ("cert.pem cannot be used",)}, {Ill.CERTIFICATE: True}),
        ({"clock": "it says 1970"}, {Ill.CLOCK: True}),
        ({"log": "lines are lost"}, {Ill.LOG_LOST: True}),
        ({"relay_down": 301.0, "relay": "x", "pulse": Pulse(outbox=1)}, {Ill.RELAY_DOWN: True}),
        ({"relay_down": 301.0, "relay": "nobody waits"}, {}),
        ({"unsent": 14_401.0, "pulse": Pulse(outbox=1)}, {Ill.OUTBOX_OLD: True}),
        ({"unsent": 14_401.0, "relay_down": 1e6, "pulse": Pulse(outbox=1)}, {Ill.RELAY_DOWN: True}),
        ({"pulse": Pulse(quarantined=1)}, {Ill.QUARANTINE: False}),
        ({"pulse": Pulse(held_since=NOW, held_why="restored")}, {Ill.ON_HOLD: True}),
        ({"pulse": Pulse(automatic_last_hour=10_000)}, {Ill.BREAKER_OPEN: False}),
        ({"command": "ended with status 1"}, {Ill.COMMAND_FAILED: False}),
        ({"mailboxes": (MailboxSign("a", 901.0, 0.0),)}, {Ill.MAILBOX_SILENT: True}),
        ({"mailboxes": (MailboxSign("a", 5.0, 0.0, refused="NO"),)}, {Ill.LOGIN_REFUSED: True}),
        ({"mailboxes": (MailboxSign("a", 5.0, 21_601.0),)}, {Ill.MAILBOX_UNPROVEN: True}),
    ],
)  # fmt: skip
def test_each_trouble_and_whether_mail_is_at_risk(seen: dict[str, object], found: dict[Ill, bool]) -> None:
    assert ills(**seen) == found


def proof(missed: int = 0, changed: int = 0) -> FolderProof:
    return FolderProof("support", "INBOX", NOW - 5 * MINUTE, 10, 10 - missed, missed, 0, changed)


def test_missed_mail_is_a_trouble_until_a_comparison_finds_none() -> None:
    (found,) = troubles(
        Observation(NOW, mailboxes=(MailboxSign("support", 0, 0, proofs=(proof(missed=2, changed=1), proof())),)),
        LIMITS,
        CAPS,
    )
    assert (found.ill, found.about, found.count, found.since) == (Ill.MAIL_MISSED, "support", 3, NOW - 5 * MINUTE)
    assert "2 mails in INBOX had been missed, and were fetched, 1 mails in INBOX came with other" in found.reason


# ---- which alarms follow ---------------------------------------------------------------------------------------------


def told(moments: list[tuple[timedelta, list[Trouble]]], limits: Alarming = LIMITS) -> list[tuple[float, str]]:
    """(minutes, moment) of all that is told, when these troubles are seen at these times."""
    standing: tuple[Alarm, ...] = ()
    found = []
    for after, present in moments:
        standing, tellings = step(standing, present, limits, NOW + after)
        found += [(after / MINUTE, telling.moment.value) for telling in tellings]
    return found


def test_an_alarm_begins_once_reminds_daily_and_ends_once() -> None:
    minutes = [(n * MINUTE, [trouble()] if n < 3000 else []) for n in range(3020)]
    assert told(minutes) == [(0, "begin"), (1440, "reminder"), (2880, "reminder"), (3005, "end")]


def test_no_reminders_when_none_are_wanted() -> None:
    days = [(n * DAY, [trouble()]) for n in range(30)]
    assert told(days, replace(LIMITS, repeat=0.0)) == [(0, "begin")]


def test_what_comes_and_goes_is_one_alarm() -> None:
    flapping = [(n * MINUTE, [trouble()] if n % 4 == 0 else []) for n in range(1200)]
    assert told(flapping) == [(0, "begin")]


def test_a_passing_fault_of_a_part_is_no_alarm() -> None:
    fault = trouble(Ill.LOOP_FAILING, "clock")
    assert told([(n * 5 * SECOND, [fault] if n < 20 else []) for n in range(60)]) == []
    assert told([(n * 5 * SECOND, [fault]) for n in range(60)]) == [(2, "begin")]
    assert PATIENCE[Ill.LOOP_FAILING] == 120


def test_alarms_of_several_objects_are_apart() -> None:
    a, b = trouble(Ill.LOGIN_REFUSED, "a"), trouble(Ill.LOGIN_REFUSED, "b")
    assert told([(0 * MINUTE, [a]), (1 * MINUTE, [a, b]), (2 * MINUTE, [b, a])]) == [(0, "begin"), (1, "begin")]


def test_what_only_the_store_can_tell_is_not_over_while_it_cannot_be_read() -> None:
    quarantine, store, disk = trouble(Ill.QUARANTINE), trouble(Ill.STORE), trouble(Ill.DISK)
    hours = [
        *((n * MINUTE, [quarantine, disk]) for n in range(10)),
        *((n * MINUTE, [store]) for n in range(10, 60)),
        *((n * MINUTE, [quarantine]) for n in range(60, 70)),
        *((n * MINUTE, []) for n in range(70, 80)),
    ]
    assert [(minute, what) for minute, what in told(hours) if what == "end"] == [(15, "end"), (65, "end"), (75, "end")]


def test_since_when_is_the_first_sight_of_it() -> None:
    standing, _ = step((), [trouble(age=10 * MINUTE)], LIMITS, NOW)
    standing, _ = step(standing, [trouble(age=-MINUTE)], LIMITS, NOW + 2 * MINUTE)
    (alarm,) = standing
    assert alarm.trouble.since == NOW - 10 * MINUTE


@pytest.mark.parametrize("jump", [timedelta(days=3650), timedelta(days=-3650), timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_that_jumps_brings_no_storm(jump: timedelta) -> None:
    before = [(n * MINUTE, [trouble()]) for n in range(10)]
    after = [(jump + n * MINUTE, [trouble()]) for n in range(10, 20)]
    back = [(n * MINUTE, [trouble()]) for n in range(20, 30)]
    assert len(told([*before, *after, *back])) <= 2


@given(
    seen=st.lists(st.sets(st.sampled_from(KEYS)), max_size=80),
    gap=st.integers(1, 4000),
)  # fmt: skip
def test_begin_and_end_alternate_and_reminders_are_a_day_apart(seen: list[set[tuple[str, str]]], gap: int) -> None:
    standing: tuple[Alarm, ...] = ()
    last: dict[tuple[str, str], tuple[str, datetime]] = {}
    for number, keys in enumerate(seen):
        now = NOW + number * gap * SECOND
        standing, tellings = step(standing, [trouble(Ill(ill), about) for ill, about in sorted(keys)], LIMITS, now)
        for telling in tellings:
            assert telling.trouble is not None
            key, moment = telling.trouble.key, telling.moment.value
            before, at = last.get(key, ("end", NOW))
            assert moment in {"end": {"begin"}, "begin": {"end", "reminder"}, "reminder": {"end", "reminder"}}[before]
            assert moment != "reminder" or now - at >= DAY
            last[key] = (moment, now)
    assert all(key in {alarm.trouble.key for alarm in standing} for key, (moment, _) in last.items() if moment != "end")


def test_a_way_has_its_limit_in_an_hour() -> None:
    queue = Queue()
    for minute in range(30):
        now = NOW + minute * MINUTE
        queue = queue.add([Telling(Moment.BEGIN, now, trouble(about=str(minute)))])
        if queue.room(now, 10):
            queue = queue.told(len(queue.waiting), now)
    assert len(queue.waiting) == 20, "ten mails went, the rest waits"
    assert queue.room(NOW + 59 * MINUTE, 10) == 0
    assert queue.room(NOW + 61 * MINUTE, 10) == 2
    assert len(queue.add([Telling(Moment.TEST, NOW)] * 1000).waiting) == MOST


# ---- what they say ---------------------------------------------------------------------------------------------------


def test_every_alarm_has_words_in_every_language() -> None:
    assert set(WORDS) == {"vi", "zh", "en"} == set(MARK) == set(TEST) == set(SEVERAL) == set(OVER)
    for language, words in WORDS.items():
        assert set(words) == set(Ill), language
        for ill, one in words.items():
            assert all((one.title, one.means, one.do)), (language, ill)
            named = {name for name in ("{about}", "{for}", "{count}") if name in one.title}
            assert named == {name for name in ("{about}", "{for}", "{count}") if name in WORDS["en"][ill].title}
            assert "{" not in one.means + one.do
    assert all(set(MARK[language]) == set(Moment) for language in MARK)
    assert set(LOOK) <= set(Ill)


@pytest.mark.parametrize("language", ["vi", "zh", "en"])
@pytest.mark.parametrize("ill", list(Ill))
def test_an_alarm_says_what_since_when_what_it_means_and_what_to_do(ill: Ill, language: str) -> None:
    one = shown(Telling(Moment.BEGIN, NOW, trouble(ill, "support", 20 * MINUTE)), language, "Asia/Ho_Chi_Minh")
    assert all(one[name] for name in ("mark", "title", "since", "means", "do", "look", "detail"))
    assert "09:10" in one["since"]
    assert "{" not in "".join(one.values())
    over = shown(Telling(Moment.END, NOW, trouble(ill), NOW - MINUTE), language, "UTC")
    assert (over["do"], bool(over["until"])) == ("", True)


def test_one_mail_to_each_address_for_all_that_is_told() -> None:
    tellings = [Telling(Moment.BEGIN, NOW, trouble()), Telling(Moment.END, NOW, trouble(Ill.DISK), NOW)]
    notices = alarm_notices(tellings, LIMITS, DESK, RULES)
    assert [notice.to.address for notice in notices] == list(LIMITS.to)
    (notice, other) = notices
    assert (
        notice.subject == "[KD] Alarm: The relay has taken no mail for 1 minute; waiting to be sent: 3 (+ 1 messages)"
    )
    assert (notice.ticket, notice.auto_submitted, notice.staff, notice.reply_purpose) == (
        0,
        "auto-generated",
        True,
        None,
    )
    assert notice.sender.address == "bounce@desk.example"
    assert notice.cause == other.cause == alarm_notices(tellings, LIMITS, DESK, RULES)[0].cause
    assert notice.cause != alarm_notices(tellings[:1], LIMITS, DESK, RULES)[0].cause


def test_the_command_gets_plain_values() -> None:
    found = for_command([Telling(Moment.END, NOW, trouble(Ill.LOGIN_REFUSED, "support"), NOW)], DESK)
    assert found["state"] == "end"
    assert found["alarm"] == "login-refused"
    assert found["about"] == "support"
    assert found["until"] == NOW.isoformat()
    assert found["more"] == []
    assert for_command([Telling(Moment.TEST, NOW)], DESK)["alarm"] == "test"
    quiet = Telling(Moment.BEGIN, NOW, replace(trouble(Ill.QUARANTINE), risk=False))
    both: Any = for_command([quiet, Telling(Moment.BEGIN, NOW, trouble(Ill.DISK))], DESK)
    assert both["alarm"] == "disk", "what puts mail at risk is in front"
    assert [one["alarm"] for one in both["more"]] == ["quarantine"]


def test_what_a_server_says_is_one_bounded_line() -> None:
    said = replace(trouble(), detail="550 \r\nSubject: forged\n" + "x" * 5000)
    one = shown(Telling(Moment.BEGIN, NOW, said), "en", "UTC")
    assert "\n" not in one["detail"]
    assert len(one["detail"]) <= 400
