"""The poller on a real Dovecot: each promise of `imap_in`, and faults 31 to 38 of the fault matrix."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from imapclient import IMAPClient

from gateway.edge import imap_folder, imap_session
from gateway.edge.imap_in import ImapPoller, LoginRefused, NotReady, Polled
from tests.edge.imap_memory import Memory, Running, mail, mailbox, poller
from tests.servers.dovecot import Dovecot

UNICODE = "Đã xử lý/Khiếu nại 投诉 & more"


@pytest.fixture
def user(shared_dovecot: Dovecot) -> str:
    return shared_dovecot.fresh_user()


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def polling(server: Dovecot, user: str, **options: Any) -> tuple[Memory, ImapPoller]:
    """A poller that has had its first contact with an empty mailbox."""
    memory = Memory()
    made = poller(memory, mailbox(server.imap_port, user, **options))
    assert made.poll_once().kept == 0
    return memory, made


# ---- keeping ---------------------------------------------------------------------------------------------------------


def test_new_mail_is_kept_octet_for_octet_and_seen_is_left_alone(shared_dovecot: Dovecot, user: str) -> None:
    memory, made = polling(shared_dovecot, user)
    odd = b'Subject: =?bogus?\xff\x00?\r\n\r\n8-bit \xe4\xbd\xa0\xe5\xa5\xbd ("quoted") {5}\r\n)\r\n'
    sent = [mail(1), odd.replace(b"\x00", b""), b"\r\n", b"no header at all"]
    uids = shared_dovecot.append(user, *sent)
    assert made.poll_once() == Polled(kept=4)
    assert memory.bodies == sent
    assert [received.key for received in memory.accepted] == [
        f"imap:support:INBOX:{memory.states['support', 'INBOX'][0]}:{uid}" for uid in uids
    ]
    first = memory.accepted[0]
    assert (first.envelope.mail_from, first.envelope.rcpt_to) == (None, ())
    assert (first.envelope.mailbox, first.envelope.vouched, first.quiet) == ("support", True, False)
    assert not any(rb"\Seen" in flags for flags in shared_dovecot.flags(user))
    assert made.poll_once() == Polled(), "and nothing comes twice"
    assert len(memory.accepted) == 4


def test_what_was_read_by_others_is_new_all_the_same(shared_dovecot: Dovecot, user: str) -> None:
    memory, made = polling(shared_dovecot, user)
    shared_dovecot.append(user, mail(1))
    with shared_dovecot.client(user) as other:
        other.select_folder("INBOX")
        other.add_flags(other.search(["ALL"]), [rb"\Seen", rb"\Answered"])
    assert made.poll_once().kept == 1
    assert memory.outcomes() == ["kept"]


def test_mail_that_comes_by_lmtp(shared_dovecot: Dovecot, user: str) -> None:
    memory, made = polling(shared_dovecot, user)
    shared_dovecot.deliver("a@example.com", f"{user}@desk.example", mail(1))
    assert made.poll_once().kept == 1
    assert memory.bodies[0].endswith(mail(1))


@pytest.mark.parametrize(("since", "kept", "quiet"), [("quiet", 3, [True] * 3), ("skip", 0, [])])
def test_what_was_there_at_the_first_contact(
    shared_dovecot: Dovecot, user: str, since: str, kept: int, quiet: list[bool]
) -> None:
    shared_dovecot.append(user, *(mail(n) for n in range(3)))
    memory = Memory()
    made = poller(memory, mailbox(shared_dovecot.imap_port, user, since=since))
    assert made.poll_once() == Polled(kept=kept, skipped=3 - kept)
    assert [received.quiet for received in memory.accepted] == quiet
    shared_dovecot.append(user, mail(3))
    assert made.poll_once() == Polled(kept=1)
    assert not memory.accepted[-1].quiet
    again = poller(memory, mailbox(shared_dovecot.imap_port, user, since=since))
    assert again.poll_once() == Polled(), "a restart compares with the ledger and finds nothing to do"


def test_several_folders_with_unicode_names(shared_dovecot: Dovecot, user: str) -> None:
    with shared_dovecot.client(user) as imap:
        imap.create_folder(UNICODE)
    memory, made = polling(shared_dovecot, user, folders=("INBOX", UNICODE, "Missing"))
    shared_dovecot.append(user, mail(1), folder=UNICODE)
    shared_dovecot.append(user, mail(2))
    polled = made.poll_once()
    assert polled.kept == 2
    assert len(polled.trouble) == 1, "one folder that is not there holds up no other"
    assert "Missing" in polled.trouble[0]
    assert (memory.outcomes(), memory.outcomes(UNICODE)) == (["kept"], ["kept"])


def test_a_backlog_of_1000_is_kept_in_bounded_batches(
    shared_dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 38: windows, oldest first, never more than a batch in memory."""
    batches: list[list[int]] = []
    bodies = imap_session.ImapSession.bodies

    def spy(self: imap_session.ImapSession, uids: list[int]) -> dict[int, bytes]:
        batches.append(list(uids))
        return bodies(self, uids)

    memory, made = polling(shared_dovecot, user)
    shared_dovecot.append(user, *(mail(n) for n in range(1000)))
    monkeypatch.setattr(imap_session.ImapSession, "bodies", spy)
    monkeypatch.setattr(imap_session, "WINDOW", 300)
    began = time.monotonic()
    assert made.poll_once() == Polled(kept=1000)
    assert time.monotonic() - began < 10
    assert memory.bodies == [mail(n) for n in range(1000)]
    assert max(map(len, batches)) == 50
    assert [uid for batch in batches for uid in batch] == sorted(uid for batch in batches for uid in batch)
    assert memory.states["support", "INBOX"][1] == batches[-1][-1]


def test_a_batch_ends_at_its_octets(shared_dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    bodies = imap_session.ImapSession.bodies

    def spy(self: imap_session.ImapSession, uids: list[int]) -> dict[int, bytes]:
        batches.append(len(uids))
        return bodies(self, uids)

    memory, made = polling(shared_dovecot, user)
    monkeypatch.setattr(imap_folder, "BATCH_OCTETS", 10_000)
    monkeypatch.setattr(imap_session.ImapSession, "bodies", spy)
    shared_dovecot.append(user, *(mail(n, "x" * 4000) for n in range(5)), mail(5, "y" * 20_000))
    assert made.poll_once().kept == 6
    assert batches == [2, 2, 1, 1]
    assert len(memory.intake) == 6


def test_what_is_too_large_is_kept_by_its_head_and_refused(shared_dovecot: Dovecot, user: str) -> None:
    memory, made = polling(shared_dovecot, user, max_size=100_000)
    shared_dovecot.append(user, mail(1), mail(2, "z" * 200_000), mail(3))
    assert made.poll_once() == Polled(kept=2, refused=1)
    assert memory.outcomes() == ["kept", "refused", "kept"]
    (refused,) = (received for received in memory.accepted if received.ledger and received.ledger.outcome == "refused")
    note, _, rest = refused.raw.partition(b"\r\n")
    assert note.startswith(b"X-Gateway-Note: too-large; size=200")
    assert rest == mail(2, "z" * 200_000)[: 64 * 1024]


# ---- moving ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("able", ["MOVE", "UIDPLUS"])
def test_kept_mail_is_moved_after_its_commit(
    shared_dovecot: Dovecot, user: str, able: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if able == "UIDPLUS":  # Dovecot can MOVE; a server that cannot is played by not asking it
        real = IMAPClient.has_capability
        monkeypatch.setattr(IMAPClient, "has_capability", lambda self, word: word != "MOVE" and real(self, word))
    archive = "Kho/Đã nhận"
    memory, made = polling(shared_dovecot, user, after="move", archive=archive, failed="Hỏng", max_size=50_000)
    with shared_dovecot.client(user) as other:  # somebody else's deleted mail must survive
        other.append("INBOX", mail(9), flags=[rb"\Deleted"])
    shared_dovecot.append(user, mail(1), mail(2, "z" * 60_000))
    seen: list[int] = []
    memory.fault = lambda received: seen.append(len(shared_dovecot.messages(user, archive)))
    assert made.poll_once() == Polled(kept=2, refused=1)
    assert seen == [0, 0, 0], "nothing is moved before the commit"
    assert shared_dovecot.messages(user) == []
    assert shared_dovecot.messages(user, archive) == [mail(9), mail(1)]
    assert shared_dovecot.messages(user, "Hỏng") == [mail(2, "z" * 60_000)]


def test_a_server_that_can_neither_move_nor_expunge_by_uid_loses_nothing(
    shared_dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = IMAPClient.has_capability
    monkeypatch.setattr(
        IMAPClient,
        "has_capability",
        lambda self, word: word not in ("MOVE", "UIDPLUS") and real(self, word),
    )
    memory, made = polling(shared_dovecot, user, after="move")
    shared_dovecot.append(user, mail(1))
    assert made.poll_once() == Polled(kept=1)
    assert made.poll_once() == Polled()
    assert shared_dovecot.messages(user) == [mail(1)]
    assert not any(rb"\Deleted" in flags for flags in shared_dovecot.flags(user))
    assert len(memory.accepted) == 1


def test_a_crash_between_commit_and_move_is_made_good(
    shared_dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 31."""
    memory, made = polling(shared_dovecot, user, after="move")
    shared_dovecot.append(user, mail(1))

    def die(*_: object) -> bool:
        raise ConnectionResetError("cut")

    with monkeypatch.context() as cut:
        cut.setattr(imap_session.ImapSession, "move", die)
        with pytest.raises(ConnectionResetError):
            made.poll_once()
    assert memory.outcomes() == ["kept"]
    assert shared_dovecot.messages(user) == [mail(1)]
    assert made.poll_once() == Polled()
    assert (shared_dovecot.messages(user), shared_dovecot.messages(user, "Archive")) == ([], [mail(1)])
    assert len(memory.accepted) == 1


# ---- faults ----------------------------------------------------------------------------------------------------------


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
    memory.states["support", "INBOX"] = (state[0] - 1, 9, 0, state[3])  # as if it had another UIDVALIDITY before
    memory.fault = lambda received: OSError("full") if received.raw in (mail(2), mail(3)) else None
    assert made.poll_once().trouble
    assert memory.outcomes() == ["kept"] * 2
    assert memory.states["support", "INBOX"][0] == state[0] - 1
    memory.fault = lambda received: None
    assert made.poll_once() == Polled(kept=4)
    assert memory.states["support", "INBOX"][:2] == (state[0], 6)
    assert len(memory.accepted) == 6


def imap_time(seconds: float) -> Any:
    from datetime import UTC, datetime, timedelta

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
    with Running(made):
        time.sleep(1.0)
        assert 2 <= len(asked) <= 6, "every 0.3 s here, every 15 min in production"
        assert [record.levelname for record in caplog.records if "login refused" in record.message] == ["ERROR"]
        assert memory.beats == []
        words[0] = "secret"
        eventually(lambda: bool(memory.beats))
    assert made.backoff.__class__().after_refusal() > 800


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


# ---- TLS and IDLE ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["imaps", "starttls"])
def test_tls_is_verified(shared_dovecot: Dovecot, user: str, tls: str) -> None:
    """Row 47: chain and name, and no fall-back to plain text."""
    port = shared_dovecot.imaps_port if tls == "imaps" else shared_dovecot.imap_port
    good = mailbox(port, user, tls=tls, ca_file=shared_dovecot.ca_file)
    shared_dovecot.append(user, mail(1))
    memory = Memory()
    assert poller(memory, good).poll_once().kept == 1
    for bad in (replace(good, ca_file=None), replace(good, host="127.0.0.2")):
        with pytest.raises((ssl.SSLError, ConnectionError, imap_session.Broken)):
            poller(Memory(), bad).poll_once()


def test_a_certificate_for_another_name_is_refused(dovecot: Callable[..., Dovecot]) -> None:
    server = dovecot(host="mail.elsewhere.example")
    box = mailbox(server.imaps_port, server.fresh_user(), tls="imaps", ca_file=server.ca_file)
    with pytest.raises(ssl.SSLCertVerificationError):
        poller(Memory(), box).poll_once()


@pytest.mark.parametrize("tls", ["none", "imaps"])
def test_idle_wakes_the_poller(shared_dovecot: Dovecot, user: str, tls: str) -> None:
    port = shared_dovecot.imap_port if tls == "none" else shared_dovecot.imaps_port
    memory = Memory()
    made = poller(memory, mailbox(port, user, tls=tls, ca_file=shared_dovecot.ca_file, poll=60.0))
    with Running(made):
        eventually(lambda: len(memory.beats) == 1)
        time.sleep(0.2)  # into IDLE
        began = time.monotonic()
        shared_dovecot.append(user, mail(1))
        eventually(lambda: len(memory.intake) == 1)
        assert time.monotonic() - began < 5.0, "long before the next poll"


def test_polling_alone_is_enough(shared_dovecot: Dovecot, user: str) -> None:
    memory = Memory()
    with Running(poller(memory, mailbox(shared_dovecot.imap_port, user, idle=False))):
        eventually(lambda: len(memory.beats) >= 1)
        shared_dovecot.append(user, mail(1))
        eventually(lambda: len(memory.intake) == 1, 3)
        eventually(lambda: len(memory.beats) >= 4, 3)


def test_two_mailboxes_do_not_wait_for_each_other(shared_dovecot: Dovecot, user: str) -> None:
    bad, good = Memory(), Memory()
    wrong = mailbox(shared_dovecot.imap_port, user, password="wrong", name="bad")
    with (
        Running(poller(bad, wrong)),
        Running(poller(good, mailbox(shared_dovecot.imap_port, user, name="good"))),
    ):
        shared_dovecot.append(user, mail(1))
        eventually(lambda: len(good.intake) == 1)
    assert bad.intake == {}


@pytest.mark.parametrize("name", ["INBOX\r\nA1 DELETE x", "a\0b", "x\ny"])
def test_names_that_would_split_a_command_are_refused(name: str) -> None:
    """F17."""
    for options in ({"folders": (name,)}, {"archive": name}, {"failed": name}):
        with pytest.raises(ValueError, match="CR, LF or NUL"):
            poller(Memory(), mailbox(1, "desk", **options))
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        poller(Memory(), mailbox(1, name)).poll_once()
