"""Since when a mailbox is silent and a relay down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.flow.alarm_book import Book, lasting
from gateway.flow.signs import MailboxSigns, RelaySign
from gateway.model import Alarm, Ill, Trouble

NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)


class Watch:
    """A clock that stands."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_a_mailbox_is_silent_since_its_last_good_poll() -> None:
    clock = Watch()
    signs = MailboxSigns(["a", "b"], clock=clock)
    signs.polled("a")
    clock.at += 100
    signs.polled("b", "TimeoutError: timed out")
    (a, b) = signs.read()
    assert (a.silent, a.trouble, b.silent, b.trouble) == (100, "", 100, "TimeoutError: timed out")
    signs.polled("b")
    assert [box.silent for box in signs.read()] == [100, 0]


def test_kept_batches_are_life_but_do_not_hide_trouble() -> None:
    """A long first import is no silence; one folder in which mail comes does not hide another that is missing."""
    clock = Watch()
    signs = MailboxSigns(["a"], clock=clock)
    clock.at += 100
    signs.alive("a")
    assert signs.read()[0].silent == 0
    signs.polled("a", "folder 'Missing': no such folder")
    signs.alive("a")
    assert signs.read()[0].silent == 100


def test_a_refused_login_is_over_with_the_next_poll() -> None:
    signs = MailboxSigns(["a"])
    signs.refused("a", "[AUTHENTICATIONFAILED] no")
    assert signs.read()[0].refused == "[AUTHENTICATIONFAILED] no"
    signs.polled("a", "TimeoutError: timed out")
    assert signs.read()[0].refused == ""


def test_a_restart_is_no_cure() -> None:
    """What was an alarm when the daemon ended goes on from where it began, until it is seen to be well."""
    since = NOW - timedelta(hours=2)
    standing = [
        Alarm(Trouble(ill, about, "", True, since), since, since, since, gone)
        for ill, about, gone in (
            (Ill.MAILBOX_SILENT, "a", None),
            (Ill.MAILBOX_SILENT, "well", NOW),
            (Ill.RELAY_DOWN, "", None),
        )
    ]
    lasts = lasting(Book(tuple(standing)), NOW)
    boxes = MailboxSigns(["a", "well"], lasts, Watch())
    assert [box.silent for box in boxes.read()] == [7200, 0]
    boxes.polled("a")
    assert [box.silent for box in boxes.read()] == [0, 0]
    clock = Watch()
    relay = RelaySign(lasts, clock)
    assert relay.age(None) == 0, "not tried yet"
    assert relay.age(5.0) == 7205
    assert relay.age(None) == 0, "it works"
    assert relay.age(5.0) == 5
    untried = RelaySign(lasts, clock)
    clock.at += 61
    assert (untried.age(None), untried.age(5.0)) == (0, 5)
