"""The poller on a real Dovecot: each promise of `imap_in`."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from imapclient import IMAPClient

from gateway.edge import imap_folder, imap_session
from gateway.edge.imap_in import Polled
from tests.edge.imap_memory import Memory, Running, eventually, mail, mailbox, poller, polling
from tests.servers.dovecot import Dovecot

UNICODE = "Đã xử lý/Khiếu nại 投诉 & more"


@pytest.fixture
def user(shared_dovecot: Dovecot) -> str:
    return shared_dovecot.fresh_user()


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


def test_server_and_ledger_are_compared_at_the_first_poll(shared_dovecot: Dovecot, user: str) -> None:
    """A UID below the cursor that has no row, as a server leaves that gives out UIDs out of order."""
    memory, made = polling(shared_dovecot, user)
    shared_dovecot.append(user, *(mail(n) for n in range(4)))
    assert made.poll_once().kept == 4
    key = next(key for key in memory.rows if key[3] == 2)
    del memory.rows[key]
    assert made.poll_once() == Polled(), "not at every poll"
    assert poller(memory, made.mailbox).poll_once() == Polled(kept=1)
    assert memory.outcomes() == ["kept"] * 4


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
    assert not any(rb"\Seen" in flags for flags in shared_dovecot.flags(user, archive))


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
