"""The poller against a server that misbehaves (rows 34 and 35), and the laws of listing."""

from __future__ import annotations

import imaplib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge import imap_session
from gateway.edge.imap_in import Backoff, ImapPoller, LoginRefused, Polled
from gateway.edge.imap_session import ImapSession, Selected
from tests.edge.imap_memory import Memory, Running, eventually, mail, mailbox, poller
from tests.servers.scripted_imap import Answer, ScriptedImap, literal

THREE = {uid: mail(uid) for uid in (3, 4, 5)}


def polling(server: ScriptedImap, **options: Any) -> tuple[Memory, ImapPoller]:
    """A poller whose first contact is over; what the server has is new to it."""
    memory = Memory()
    made = poller(memory, mailbox(server.port, "desk", **{"timeout": 0.3, **options}))
    mails, server.mails = server.mails, {}
    made.poll_once()
    server.mails = mails
    return memory, made


def settle(made: ImapPoller, most: int = 12) -> int:
    """Polls, through faults, until one is good; how many polls that took."""
    for tries in range(1, most + 1):
        try:
            if not made.poll_once().trouble:
                return tries
        except (imaplib.IMAP4.error, OSError):
            made._drop()  # as `run` does
    raise AssertionError("the poller never came through")


# ---- one message with a fault, between two without ------------------------------------------------------------------

WRONG_BODIES: dict[str, tuple[Callable[[bytes], Answer], bytes]] = {
    # what stands where the body should be; what of it must be kept in the end
    "NIL": (lambda raw: b"NIL", b"no-body"),
    "empty answer": (lambda raw: b"FLAGS ()", b"no-body"),
    "literal too long": (lambda raw: literal(raw, len(raw) + 500), b"unreadable"),
    "literal too short": (lambda raw: literal(raw, len(raw) - 20), b"unreadable"),
    "no literal at all": (lambda raw: b"{x}\r\n" + raw, b"unreadable"),
    "endless line": (lambda raw: b"x" * 1_200_000, b"unreadable"),
    "huge announcement": (lambda raw: literal(raw, 10**15), b"unreadable"),
    "hang up": (lambda raw: None, b"unreadable"),
}


@pytest.mark.parametrize("fault", WRONG_BODIES)
def test_a_body_that_never_comes_right_is_refused_and_holds_up_no_other(fault: str) -> None:
    """Row 34, law 2: reconnect, try again, then a note that a person sees."""
    wrong, reason = WRONG_BODIES[fault]
    with ScriptedImap(THREE, body=lambda uid, tries: wrong(THREE[4]) if uid == 4 else literal(THREE[uid])) as server:
        memory, made = polling(server)
        settle(made)
        assert memory.outcomes() == ["kept", "refused", "kept"]
        assert [raw for raw in memory.bodies if raw in THREE.values()] == [THREE[3], THREE[5]]
        (note,) = (raw for raw in memory.bodies if raw not in THREE.values())
        assert note.startswith(b"X-Gateway-Note: " + reason)
        if reason == b"no-body":
            assert note.endswith(THREE[4]), "the partial fetch still gave it"
        else:
            assert b"could not be read" in note
        # a lost connection is seldom the message's fault, so it gets more tries
        assert server._counts[4] == (9 if fault == "hang up" else 4)
        assert made.poll_once() == Polled()


@pytest.mark.parametrize("fault", WRONG_BODIES)
def test_a_body_that_comes_right_later_is_kept_whole(fault: str) -> None:
    wrong, _ = WRONG_BODIES[fault]

    def body(uid: int, tries: int) -> Answer:
        return wrong(THREE[4]) if uid == 4 and tries <= 2 else literal(THREE[uid])

    with ScriptedImap(THREE, body=body) as server:
        memory, made = polling(server)
        settle(made)
        assert memory.outcomes() == ["kept"] * 3
        assert sorted(memory.bodies) == sorted(THREE.values())


def test_refused_mail_is_moved_to_the_folder_for_failed_mail() -> None:
    with ScriptedImap(THREE, body=lambda uid, tries: b"NIL" if uid == 4 else literal(THREE[uid])) as server:
        _, made = polling(server, after="move", failed="Failed")
        settle(made)
        moves = [line.partition(" ")[2] for line in server.commands if " MOVE " in line]
        assert 'UID MOVE 4 "Failed"' in moves
        assert not any('"Archive"' in line and " 4" in line for line in moves)


@pytest.mark.parametrize("claimed", [1, 10_000])
def test_a_size_that_is_only_an_estimate_is_no_fault(claimed: int) -> None:
    """Some servers estimate RFC822.SIZE: what comes twice alike is whole."""
    with ScriptedImap(THREE, sizes=dict.fromkeys(THREE, claimed)) as server:
        memory, made = polling(server)
        assert made.poll_once() == Polled(kept=3)
        assert sorted(memory.bodies) == sorted(THREE.values())
        assert server.connections == 1


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_a_body_cut_short_a_few_times_is_kept_whole(times: int) -> None:
    """Cut differently each time: it never comes twice alike until it is whole."""

    def body(uid: int, tries: int) -> bytes:
        whole = THREE[uid]
        return literal(whole[: 40 + tries] if uid == 4 and tries <= times else whole)

    with ScriptedImap(THREE, body=body) as server:
        memory, made = polling(server)
        settle(made)
        assert sorted(memory.bodies) == sorted(THREE.values())


def test_a_message_that_is_too_large_is_never_fetched_whole() -> None:
    with ScriptedImap(THREE, sizes={4: 50_000_000}) as server:
        memory, made = polling(server, max_size=1_000_000)
        assert made.poll_once() == Polled(kept=2, refused=1)
        assert server._counts[4] == 0
        assert [raw for raw in memory.bodies if raw.startswith(b"X-Gateway-Note: too-large; size=50000000")]


# ---- IDLE ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"* BYE going down\r\n", None], ids=["BYE", "hang up"])
def test_a_server_that_leaves_idle_is_called_again(end: Answer) -> None:
    """Row 35."""
    with ScriptedImap({1: mail(1)}, idle=lambda times: end if times <= 2 else b"") as server:
        memory = Memory()
        with Running(poller(memory, mailbox(server.port, "desk", poll=60.0))):
            eventually(lambda: server.connections == 3)
            eventually(lambda: server.count("IDLE") == 3)
            time.sleep(0.2)
        assert server.connections == 3, "and not more often than it must"
        assert len(memory.accepted) == 1


def test_idle_that_says_nothing_is_left_and_polled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 35: mail that IDLE never tells of is found by the poll."""
    with ScriptedImap({}) as server:
        memory = Memory()
        with Running(poller(memory, mailbox(server.port, "desk", poll=0.5))):
            eventually(lambda: server.count("IDLE") == 1)
            server.mails = {1: mail(1)}
            eventually(lambda: len(memory.intake) == 1, 5)
        assert server.connections == 1


def test_a_silent_hole_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 35: the network drops every packet; DONE gets no answer, so a new connection is made."""
    holes: list[threading.Event] = []

    def silent(self: ScriptedImap, connection: Any, text: str) -> bool:
        if text == "DONE" and not holes:
            holes.append(threading.Event())
            holes[0].wait(5)
            return False
        return obey(self, connection, text)

    obey = ScriptedImap._obey
    monkeypatch.setattr(ScriptedImap, "_obey", silent)
    with ScriptedImap({}) as server:
        memory = Memory()
        with Running(poller(memory, mailbox(server.port, "desk", poll=0.3, timeout=0.3))):
            eventually(lambda: len(memory.beats) == 1)
            server.mails = {1: mail(1)}
            eventually(lambda: len(memory.intake) == 1, 5)
        holes[0].set()
        assert server.connections == 2


def test_keep_alive_lines_do_not_end_idle() -> None:
    still = b"* OK Still here\r\n* 1 FETCH (FLAGS (\\Seen))\r\n"
    with (
        ScriptedImap({}, idle=lambda times: still) as server,
        Running(poller(Memory(), mailbox(server.port, "desk", poll=1.0))),
    ):
        eventually(lambda: server.count("IDLE") == 1)
        selected = server.count("EXAMINE")
        time.sleep(0.5)
        assert (server.count("DONE"), server.count("EXAMINE")) == (0, selected)


# ---- logging in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (b"NO [AUTHENTICATIONFAILED] Authentication failed.", True),
        (b"NO LOGIN failed", True),
        (b"NO [UNAVAILABLE] Temporary authentication failure.", False),
        (b"NO [LIMIT] too many connections", False),
    ],
)
def test_only_a_refusal_is_a_refusal(answer: bytes, refused: bool) -> None:
    """A server in trouble is tried again soon; a wrong password is not, lest the account be locked."""
    with (
        ScriptedImap({}, login=lambda times: answer) as server,
        pytest.raises(LoginRefused if refused else imaplib.IMAP4.abort),
    ):
        poller(Memory(), mailbox(server.port, "desk")).poll_once()


def test_user_and_password_arrive_as_written() -> None:
    with ScriptedImap({}) as server:
        box = mailbox(server.port, 'de"sk\\ user', password='pa"ss\\ word')
        poller(Memory(), box).poll_once()
        (login,) = (line for line in server.commands if " LOGIN " in line)
        assert login.partition(" LOGIN ")[2] == '"de\\"sk\\\\ user" "pa\\"ss\\\\ word"'


def test_the_password_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with ScriptedImap({}, login=lambda times: b"NO [AUTHENTICATIONFAILED] no") as server:
        made = poller(Memory(), mailbox(server.port, "desk", password="Pass-Canary"))
        with Running(made):
            eventually(lambda: server.count("LOGIN") >= 1)
    assert "login refused" in caplog.text
    assert "Pass-Canary" not in caplog.text


# ---- laws ------------------------------------------------------------------------------------------------------------


class FakeClient:
    """SEARCH as RFC 3501 has it, the trap of `n:*` included."""

    def __init__(self, uids: set[int]) -> None:
        self._uids = sorted(uids)
        self.longest = 0

    def search(self, criteria: list[str]) -> list[int]:
        low, _, high = criteria[1].partition(":")
        last = max(self._uids, default=0)
        if low == "*":
            found = self._uids[-1:]
        else:
            first, end = sorted((int(low), last if high == "*" else int(high)))
            found = [uid for uid in self._uids if first <= uid <= end]
        self.longest = max(self.longest, len(found))
        return found


@given(
    uids=st.sets(st.integers(1, 400), max_size=60),
    low=st.integers(1, 450),
    told=st.booleans(),
    window=st.integers(1, 50),
)
def test_windows_list_every_uid_once_in_order(uids: set[int], low: int, told: bool, window: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imap_session, "WINDOW", window)
        client = FakeClient(uids)
        selected = Selected(7, len(uids), max(uids, default=0) + 1 if told else None)
        listed = list(ImapSession(client).windows(selected, low))
    assert [uid for part in listed for uid in part] == sorted(uid for uid in uids if uid >= low)
    assert all(part for part in listed)
    assert client.longest <= max(window, 1), "no answer is longer than a window"


@given(faults=st.integers(0, 200))
def test_backoff_grows_to_its_limit(faults: int) -> None:
    backoff = Backoff(faults=faults)
    pause = backoff.after_fault()
    full = min(900.0, 2.0**faults)
    assert full / 2 <= pause <= full
    assert backoff.faults == faults + 1
