"""The poller on a real Dovecot when something goes wrong: rows 31 to 36 and 39 of the fault matrix."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.edge import imap_session
from gateway.edge.imap_in import Backoff, LoginRefused, NotReady, Polled
from tests.edge.imap_memory import Memory, Running, eventually, mail, mailbox, poller, polling
from tests.servers.dovecot import Dovecot


@pytest.fixture
def user(shared_dovecot: Dovecot) -> str:
    return shared_dovecot.fresh_user()


@pytest.mark.parametrize("committed", [False, True], ids=["not committed", "committed, answer lost"])
def test_a_message_that_was_not_kept_is_fetched_again_and_is_one_row(
    shared_dovecot: Dovecot, user: str, committed: bool
) -> None:
    """Laws 1 and 3: a fault between accept and ledger."""
    memory, made = polling(shared_dovecot, user)
    shared_dovecot.append(user, mail(1), mail(2), mail(3))

    def fail_second(received: Any) -> Exception | None:
        error = RuntimeError("database is locked") if received.raw == mail(2) else None
        if error and committed:
            error.after = True  # type: ignore[attr-defined]  # read by Memory
        return error

    memory.fault = fail_second
    polled = made.poll_once()
    assert polled.kept == 2
    assert "1 messages of 'INBOX'" in polled.trouble[0]
    assert memory.states["support", "INBOX"][1] == 1, "the cursor waits before it"
    memory.fault = lambda received: None
    assert made.poll_once() == Polled(kept=0 if committed else 1)
    assert sorted(memory.bodies) == [mail(1), mail(2), mail(3)]
    assert memory.outcomes() == ["kept"] * 3
    assert memory.states["support", "INBOX"][1] == 3


def test_a_store_that_keeps_nothing_stops_the_poll(shared_dovecot: Dovecot, user: str) -> None:
    memory, made = polling(shared_dovecot, user, batch=10)
    shared_dovecot.append(user, *(mail(n) for n in range(50)))
    tried: list[bytes] = []

    def full(received: Any) -> Exception:
        tried.append(received.raw)
        return OSError("database or disk is full")

    memory.fault = full
    assert made.poll_once().trouble
    assert len(tried) == 10, "one batch, not the whole mailbox"
    memory.fault = lambda received: None
    assert made.poll_once() == Polled(kept=50)


def test_not_ready_means_not_fetching(shared_dovecot: Dovecot, user: str) -> None:
    """Row 11, G11: no space, no poll."""
    memory, made = polling(shared_dovecot, user)
    shared_dovecot.append(user, mail(1))
    memory.why_not = "disk is full"
    with pytest.raises(NotReady, match="disk is full"):
        made.poll_once()
    assert memory.accepted == []
    memory.why_not = ""
    assert made.poll_once().kept == 1


@pytest.mark.parametrize("since", ["quiet", "skip"])
def test_a_new_uidvalidity_lists_all_again(shared_dovecot: Dovecot, user: str, since: str) -> None:
    """Row 32. What was before the first contact is told by INTERNALDATE."""
    with shared_dovecot.client(user) as imap:
        imap.create_folder("Desk")
        imap.append("Desk", mail(0), msg_time=imap_time(-86400))
    memory = Memory()
    made = poller(memory, mailbox(shared_dovecot.imap_port, user, folders=("Desk",), since=since))
    first = made.poll_once()
    shared_dovecot.append(user, mail(1), folder="Desk")
    assert made.poll_once().kept == 1
    before = memory.states["support", "Desk"]
    with shared_dovecot.client(user) as imap:
        imap.delete_folder("Desk")
        time.sleep(1.1)  # UIDVALIDITY is a time in seconds
        imap.create_folder("Desk")
        imap.append("Desk", mail(0), msg_time=imap_time(-86400))
        imap.append("Desk", mail(1))
        imap.append("Desk", mail(2))
    memory.accepted.clear()
    made.close()
    polled = made.poll_once()
    after = memory.states["support", "Desk"]
    assert after[0] != before[0]
    assert after[3] == before[3]
    if since == "quiet":
        assert (first.kept, polled) == (1, Polled(kept=3))
        assert [(received.raw, received.quiet) for received in memory.accepted] == [
            (mail(0), True), (mail(1), False), (mail(2), False),
        ]  # fmt: skip
    else:
        assert (first.skipped, polled) == (1, Polled(kept=2, skipped=1))
        assert [received.raw for received in memory.accepted] == [mail(1), mail(2)]
    assert made.poll_once() == Polled()


def test_a_crash_while_listing_again_goes_on_where_it_was(shared_dovecot: Dovecot, user: str) -> None:
    memory, made = polling(shared_dovecot, user, batch=2)
    shared_dovecot.append(user, *(mail(n) for n in range(6)))
    state = memory.states["support", "INBOX"]
    before = (state[0] - 1, 0, 0, state[3])  # as if it had another UIDVALIDITY until now
    memory.states["support", "INBOX"] = before
    memory.fault = lambda received: OSError("full") if received.raw in (mail(2), mail(3)) else None
    assert made.poll_once().trouble
    assert memory.outcomes() == ["kept"] * 2
    assert memory.states["support", "INBOX"] == before
    memory.fault = lambda received: None
    assert made.poll_once() == Polled(kept=4)
    assert memory.states["support", "INBOX"][:2] == (state[0], 6)
    assert len(memory.accepted) == 6


def imap_time(seconds: float) -> Any:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize("at", ["sizes", "bodies"])
def test_expunged_by_another_session_is_gone(
    shared_dovecot: Dovecot, user: str, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 33: between listing and size, between size and body."""
    memory, made = polling(shared_dovecot, user)
    uids = shared_dovecot.append(user, *(mail(n) for n in range(5)))
    real = getattr(imap_session.ImapSession, at)
    once = threading.Event()

    def race(self: imap_session.ImapSession, wanted: list[int]) -> Any:
        if not once.is_set():
            once.set()
            with shared_dovecot.client(user) as other:
                other.select_folder("INBOX")
                other.delete_messages(uids[1:3])
                other.uid_expunge(uids[1:3])
        return real(self, wanted)

    monkeypatch.setattr(imap_session.ImapSession, at, race)
    assert made.poll_once() == Polled(kept=3, gone=2)
    assert memory.outcomes() == ["kept", "gone", "gone", "kept", "kept"]
    assert made.poll_once() == Polled()


def test_login_refused_is_said_once_and_tried_seldom(
    shared_dovecot: Dovecot, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Row 36: and it comes back by itself when the password is right again."""
    memory = Memory()
    asked: list[str] = []
    words = ["wrong"]

    def password() -> str:
        asked.append(words[0])
        return words[0]

    made = poller(memory, mailbox(shared_dovecot.imap_port, user), password=password)
    with pytest.raises(LoginRefused):
        made.poll_once()
    assert 0.9 * 0.3 <= made._round() <= 1.1 * 0.3, "0.3 s here, 15 min in production"
    with Running(made):
        eventually(lambda: len(asked) >= 4)
        assert [record.levelname for record in caplog.records if "login refused" in record.message] == ["ERROR"]
        assert memory.beats == []
        words[0] = "secret"
        eventually(lambda: bool(memory.beats))
    assert Backoff().after_refusal() >= 810


def test_dovecot_killed_and_started_again(dovecot: Callable[..., Dovecot]) -> None:
    """Row 39: the thread lives, other mail is not touched, nothing is lost and nothing comes twice."""
    server = dovecot()
    user = server.fresh_user()
    memory, made = polling(server, user, batch=5)
    killed = threading.Event()

    def kill_in_the_middle(received: Any) -> None:
        if len(memory.accepted) == 12 and not killed.is_set():
            killed.set()
            server.kill()

    server.append(user, *(mail(n) for n in range(30)))
    memory.fault = kill_in_the_middle
    with Running(made):
        assert killed.wait(10)
        time.sleep(0.5)
        kept = len(memory.intake)
        assert kept < 30
        server.start()
        eventually(lambda: len(memory.intake) == 30)
        eventually(lambda: len(memory.beats) > 8)
    assert sorted(memory.bodies) == sorted(mail(n) for n in range(30))
    assert memory.outcomes() == ["kept"] * 30
    assert len(memory.accepted) == 30
