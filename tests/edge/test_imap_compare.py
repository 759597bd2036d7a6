"""Server against ledger: nothing that the server holds is without its outcome, and this is proven again and again."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from gateway.edge import imap_compare, imap_session
from gateway.edge.imap_compare import DEEP, RETRY, Schedule
from gateway.edge.imap_in import Polled
from tests.edge.imap_memory import Memory, Running, eventually, mail, mailbox, poller, polling
from tests.servers.dovecot import Dovecot
from tests.servers.scripted_imap import ScriptedImap


@pytest.fixture
def user(shared_dovecot: Dovecot) -> str:
    return shared_dovecot.fresh_user()


class Proofs:
    """Signs of which only the proof counts."""

    def __init__(self) -> None:
        self.proven_names: list[str] = []

    def alive(self, name: str) -> None: ...

    def polled(self, name: str, trouble: str = "") -> None: ...

    def refused(self, name: str, reply: str) -> None: ...

    def proven(self, name: str) -> None:
        self.proven_names.append(name)


def counts(memory: Memory) -> tuple[int, int, int, int, int]:
    """(on_server, known, missed, unmoved, changed) of the last comparison."""
    last = memory.proofs[-1]
    return (last.on_server, last.known, last.missed, last.unmoved, last.changed)


def test_every_hour_what_was_missed_is_found_and_fetched(shared_dovecot: Dovecot, user: str) -> None:
    memory, made = polling(shared_dovecot, user, reconcile=0.0)
    shared_dovecot.append(user, *(mail(n) for n in range(5)))
    assert made.poll_once() == Polled(kept=5)
    assert counts(memory) == (5, 5, 0, 0, 0)
    for uid in (2, 4):
        del memory.rows[next(key for key in memory.rows if key[3] == uid)]
    assert made.poll_once() == Polled(kept=2)
    assert counts(memory) == (5, 3, 2, 0, 0)
    assert made.poll_once() == Polled()
    assert counts(memory) == (5, 5, 0, 0, 0)
    assert len(memory.intake) == 5, "the same octets under the same UID are the same mail"


def test_not_at_every_poll(shared_dovecot: Dovecot, user: str) -> None:
    memory, made = polling(shared_dovecot, user)
    shared_dovecot.append(user, mail(1))
    for _ in range(3):
        made.poll_once()
    assert len(memory.proofs) == 1


def test_new_mail_does_not_wait_for_a_comparison(shared_dovecot: Dovecot, user: str) -> None:
    memory, made = polling(shared_dovecot, user, reconcile=0.0)
    shared_dovecot.append(user, *(mail(n) for n in range(3)))
    made.poll_once()
    del memory.rows[next(key for key in memory.rows if key[3] == 1)]
    shared_dovecot.append(user, mail(9))
    memory.accepted.clear()
    made.poll_once()
    assert [received.raw for received in memory.accepted] == [mail(9), mail(0)]


def test_kept_mail_that_was_not_moved_is_found(
    shared_dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a restart: a MOVE that the server refused."""
    memory, made = polling(shared_dovecot, user, after="move", reconcile=0.0)
    shared_dovecot.append(user, mail(1), mail(2))
    with monkeypatch.context() as refusing:
        refusing.setattr(imap_session.ImapSession, "move", lambda *_: False)
        made.poll_once()
    assert len(shared_dovecot.messages(user)) == 2
    made.poll_once()
    assert counts(memory) == (2, 2, 0, 2, 0)
    assert (shared_dovecot.messages(user), len(shared_dovecot.messages(user, "Archive"))) == ([], 2)
    made.poll_once()
    assert counts(memory) == (0, 0, 0, 0, 0)


def test_what_was_passed_over_at_the_first_contact_is_known(shared_dovecot: Dovecot, user: str) -> None:
    shared_dovecot.append(user, *(mail(n) for n in range(3)))
    memory = Memory()
    made = poller(memory, mailbox(shared_dovecot.imap_port, user, since="skip", reconcile=0.0))
    made.poll_once()
    shared_dovecot.append(user, mail(3))
    assert made.poll_once() == Polled(kept=1)
    assert counts(memory) == (4, 4, 0, 0, 0)


def test_a_mailbox_is_proven_when_all_its_folders_are(shared_dovecot: Dovecot, user: str) -> None:
    signs, memory = Proofs(), Memory()
    box = mailbox(shared_dovecot.imap_port, user, folders=("INBOX", "Later"), reconcile=0.0)
    made = poller(memory, box, signs=signs)
    assert made.poll_once().trouble
    assert made.poll_once().trouble
    assert ([one.folder for one in memory.proofs], signs.proven_names) == (["INBOX", "INBOX"], [])
    with shared_dovecot.client(user) as imap:
        imap.create_folder("Later")
    assert not made.poll_once().trouble
    assert signs.proven_names == ["support"]


class HidingImap(ScriptedImap):
    """Its SEARCH leaves out what it says it holds."""

    hidden: frozenset[int] = frozenset()

    def _range(self, text: str) -> list[int]:
        return [uid for uid in super()._range(text) if uid not in self.hidden]


def test_a_server_that_lists_less_than_it_holds_proves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with HidingImap({uid: mail(uid) for uid in (1, 2, 3)}) as server:
        server.hidden = frozenset({2})
        signs, memory = Proofs(), Memory()
        made = poller(memory, mailbox(server.port, "desk", reconcile=0.0), signs=signs)
        assert made.poll_once() == Polled(kept=2)
        assert (memory.proofs, signs.proven_names) == ([], [])
        assert "the server lists 2 of 3 messages" in caplog.text
        server.hidden = frozenset()
        assert made.poll_once() == Polled(kept=1)
        assert counts(memory) == (3, 2, 1, 0, 0)
        assert signs.proven_names == ["support"]


def test_a_uid_that_appears_below_the_cursor_is_fetched(shared_dovecot: Dovecot) -> None:
    """As a server leaves that gives out UIDs before it shows the message."""
    with HidingImap({uid: mail(uid) for uid in (1, 2, 3)}) as server:
        memory = Memory()
        made = poller(memory, mailbox(server.port, "desk", reconcile=0.0))
        late = server.mails.pop(2)
        assert made.poll_once() == Polled(kept=2)
        server.mails = {1: mail(1), 2: late, 3: mail(3)}
        assert made.poll_once() == Polled(kept=1)
        assert counts(memory) == (3, 2, 1, 0, 0)


# ---- the same UID with other content ---------------------------------------------------------------------------------


def test_the_same_uid_with_other_content_is_other_mail(caplog: pytest.LogCaptureFixture) -> None:
    """Row 37: found at the first poll of a process and once a day."""
    with ScriptedImap({uid: mail(uid) for uid in (1, 2, 3)}) as server:
        memory = Memory()
        box = mailbox(server.port, "desk", reconcile=0.0)
        made = poller(memory, box)
        assert made.poll_once() == Polled(kept=3)
        server.mails[2] = mail(2, "Quite another text, under a UID that was given out before.")
        assert made.poll_once() == Polled(), "not at each comparison"
        assert poller(memory, box).poll_once() == Polled(kept=1)
        assert counts(memory) == (3, 2, 0, 0, 1)
        assert memory.bodies[-1] == server.mails[2]
        assert len(memory.intake) == 4
        assert "uid=2 the UID that was kept now names another message" in caplog.text
        assert poller(memory, box).poll_once() == Polled(), "once"


def test_other_content_after_a_commit_whose_answer_was_lost() -> None:
    """Row 37: what is fetched again is kept again unless it is the same."""
    with ScriptedImap({1: mail(1)}) as server:
        memory = Memory()
        made = poller(memory, mailbox(server.port, "desk"))

        def lost(_: Any) -> Exception:
            error = RuntimeError("the commit is done, its answer is lost")
            error.after = True  # type: ignore[attr-defined]  # read by Memory
            return error

        memory.fault = lost
        assert made.poll_once().trouble
        del memory.rows[next(iter(memory.rows))]  # as if the row had not been seen
        memory.fault = lambda _: None
        server.mails[1] = mail(1, "another")
        assert made.poll_once() == Polled(kept=1)
        assert memory.bodies == [mail(1), mail(1, "another")]


def test_a_server_restored_from_a_backup_gives_uids_out_again(caplog: pytest.LogCaptureFixture) -> None:
    """UIDVALIDITY stays, UIDNEXT goes back; the new mails have UIDs that are in the ledger. None is lost."""
    with ScriptedImap({uid: mail(uid) for uid in range(1, 6)}) as server:
        memory = Memory()
        made = poller(memory, mailbox(server.port, "desk"))
        assert made.poll_once() == Polled(kept=5)
        server.mails = {uid: mail(uid) for uid in (1, 2, 3)}
        assert made.poll_once() == Polled()
        server.mails[4] = mail(40, "new mail under an old UID")
        assert made.poll_once() == Polled(kept=1)
        assert made.poll_once() == Polled()
        server.mails |= {5: mail(50, "and another"), 6: mail(60), 7: mail(70)}
        assert made.poll_once() == Polled(kept=3)
        assert made.poll_once() == Polled()
        assert sorted(memory.bodies) == sorted([mail(n) for n in range(1, 6)] + list(server.mails.values())[3:])
        assert caplog.text.count("imap_went_back") == 1


def test_restored_while_we_were_away() -> None:
    """The new mails are there before we look: found at the first poll."""
    with ScriptedImap({uid: mail(uid) for uid in range(1, 6)}) as server:
        memory = Memory()
        box = mailbox(server.port, "desk")
        assert poller(memory, box).poll_once() == Polled(kept=5)
        server.mails = {**{uid: mail(uid) for uid in (1, 2, 3)}, **{uid: mail(10 * uid) for uid in (4, 5, 6, 7)}}
        assert poller(memory, box).poll_once() == Polled(kept=4)


def test_what_was_gone_and_is_there_is_fetched() -> None:
    with ScriptedImap({1: mail(1), 2: mail(2)}) as server:
        memory = Memory()
        box = mailbox(server.port, "desk")
        poller(memory, box).poll_once()
        key = next(key for key in memory.rows if key[3] == 2)
        memory.rows[key] = "gone"
        assert poller(memory, box).poll_once() == Polled(kept=1)
        assert memory.rows[key] == "kept"


def test_a_large_folder_is_compared_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an answer nor a look-up is longer than its limit (`Memory` asserts the latter)."""
    monkeypatch.setattr(imap_session, "WINDOW", 700)
    with ScriptedImap({uid: b"x" for uid in range(1, 3001)}) as server:
        memory = Memory()
        box = mailbox(server.port, "desk")
        poller(memory, box).poll_once()
        server.commands.clear()
        assert poller(memory, box).poll_once() == Polled()
        assert counts(memory) == (3000, 3000, 0, 0, 0)
        assert server.count("SEARCH") >= 5
        assert max(map(len, server.commands)) < 8192
        assert not [line for line in server.commands if "SEARCH ALL" in line or "SEARCH UID 1:*" in line]


# ---- when ------------------------------------------------------------------------------------------------------------


def test_the_schedule() -> None:
    now = [0.0]
    schedule = Schedule(("a", "b"), 3600.0, lambda: now[0])
    assert schedule.due("a")
    assert schedule.deep("a")
    assert not schedule.proven("a", deep=True)
    assert not schedule.due("a")
    assert schedule.proven("b", deep=True)
    now[0] = 3600.0
    assert schedule.due("a")
    assert not schedule.deep("a"), "a day later"
    assert not schedule.proven("a", deep=False)
    assert not schedule.proven("a", deep=False), "b has not been proven again"
    schedule.failed("b")
    assert not schedule.due("b")
    now[0] += RETRY
    assert schedule.due("b")
    assert schedule.proven("b", deep=False)
    now[0] = DEEP
    assert schedule.deep("a")
    schedule.proven("a", deep=True)
    schedule.at_once("a")
    assert schedule.due("a")
    assert schedule.deep("a")
    assert imap_compare.RETRY < 3600


def test_a_running_poller_compares_by_itself(shared_dovecot: Dovecot, user: str) -> None:
    memory, made = polling(shared_dovecot, user, reconcile=0.3, idle=False)
    shared_dovecot.append(user, mail(1))
    with Running(made):
        eventually(lambda: len(memory.proofs) >= 3)
    assert threading.active_count() >= 1
    assert replace(memory.proofs[-1], at=memory.proofs[0].at).missed == 0
