"""What a server, or the network before it, may do to the octets on the wire: rows 34, 35, 39 and 47."""

from __future__ import annotations

import imaplib
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.edge import imap_client
from gateway.edge.imap_in import ImapPoller, LoginRefused, Polled
from tests.edge.imap_memory import Memory, Running, eventually, mail, mailbox, poller
from tests.servers.dovecot import Dovecot
from tests.servers.scripted_imap import ScriptedImap, literal

THREE = {uid: mail(uid) for uid in (3, 4, 5)}
EVERY = 41  # of so many octets one is cut at; `make torture` cuts at each


def settle(made: ImapPoller, most: int = 12) -> int:
    """Polls, through faults, until one is good; how many polls that took."""
    for tries in range(1, most + 1):
        try:
            if not made.poll_once().trouble:
                return tries
        except (imaplib.IMAP4.error, OSError):
            made._drop()  # as `run` does
    raise AssertionError("the poller never came through")


# ---- a black hole ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["silent", "half", "hang up"])
@pytest.mark.parametrize("word", ["GREETING", "LOGIN", "EXAMINE", "UID SEARCH", "UID FETCH"])
def test_a_server_that_falls_silent_is_left_and_called_again(word: str, how: str) -> None:
    """Row 35, at each moment and in the middle of each answer."""
    with ScriptedImap(THREE, step=lambda said, times: how if said == word and times == 1 else "") as server:
        memory = Memory()
        made = poller(memory, mailbox(server.port, "desk", timeout=0.4))
        made.backoff.last = 0.05
        if word == "GREETING":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(imap_client, "CONNECT_TIMEOUT", 0.4)
                assert settle(made) == 2
        else:
            assert settle(made) == 2
        assert server.connections == 2
        assert sorted(memory.bodies) == sorted(THREE.values())
        assert memory.outcomes() == ["kept"] * 3


@pytest.mark.parametrize("word", ["GREETING", "LOGIN", "UID SEARCH", "UID FETCH"])
def test_a_server_that_drips_is_cut_off(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An octet now and then is never silence: a command has a longest time."""
    monkeypatch.setattr(imap_client, "TIMEOUTS", 1)
    with ScriptedImap(THREE, step=lambda said, times: "drip" if said == word and times == 1 else "") as server:
        memory = Memory()
        made = poller(memory, mailbox(server.port, "desk", timeout=1.0))
        began = time.monotonic()
        assert settle(made) == 2
        assert time.monotonic() - began < 30
        assert memory.outcomes() == ["kept"] * 3


def test_a_drip_over_tls_is_cut_off(dovecot: Callable[..., Dovecot], monkeypatch: pytest.MonkeyPatch) -> None:
    """The cut goes under TLS: here in its handshake, which a plain server never answers in full."""
    monkeypatch.setattr(imap_client, "TIMEOUTS", 1)
    with ScriptedImap(THREE, step=lambda *_: "drip", greeting=b"\x16\x03\x03\x40\x00" + b"\x02" * 500) as server:
        made = poller(Memory(), mailbox(server.port, "desk", tls="imaps", timeout=1.0))
        began = time.monotonic()
        with pytest.raises(OSError):
            made.poll_once()
        assert time.monotonic() - began < 8, "long before the end of the drip"


def test_a_long_wait_in_idle_is_no_slow_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_client, "TIMEOUTS", 1)
    with ScriptedImap({}) as server:
        memory = Memory()
        with Running(poller(memory, mailbox(server.port, "desk", poll=1.2, timeout=0.4))):
            eventually(lambda: server.count("IDLE") >= 2)
        assert server.connections == 1


# ---- what nobody asked for -------------------------------------------------------------------------------------------

UNASKED = {
    "exists": b"* 99 EXISTS\r\n* 3 RECENT\r\n",
    "flags": b"* FLAGS (\\Seen)\r\n* 1 FETCH (FLAGS (\\Seen))\r\n* 2 FETCH (UID 4 FLAGS (\\Seen))\r\n",
    "status": b"* OK [ALERT] The server will be down tonight\r\n* NO disk is nearly full\r\n* BAD x\r\n",
    "capability": b"* CAPABILITY IMAP4rev1\r\n",
    "list": b'* LIST () "/" x\r\n* STATUS x (MESSAGES 3)\r\n',
}


@pytest.mark.parametrize("what", UNASKED)
def test_what_nobody_asked_for_changes_nothing(what: str) -> None:
    """RFC 3501 §7: a server may say much at any time."""
    with ScriptedImap(
        THREE, unasked=lambda word: UNASKED[what] if word not in ("LOGIN", "CAPABILITY") else b""
    ) as server:
        memory = Memory()
        made = poller(memory, mailbox(server.port, "desk", timeout=2.0))
        assert made.poll_once().kept == 3
        assert sorted(memory.bodies) == sorted(THREE.values())
        assert made.poll_once() == Polled()
        assert server.connections == 1


@pytest.mark.parametrize("uid", [4, 77])
def test_a_body_nobody_asked_for_is_kept_under_no_other_uid(uid: int) -> None:
    """A FETCH answer with the body of a message that is not in this batch, or is not there at all."""
    stray = b"* 9 FETCH (UID %d BODY[] %s)\r\n" % (uid, literal(b"Subject: stray\r\n\r\nx\r\n"))

    def unasked(word: str) -> bytes:
        return stray if word == "UID FETCH" and server.count("BODY.PEEK[]") == 1 else b""

    server = ScriptedImap({3: THREE[3]}, unasked=unasked)
    with server:
        memory = Memory()
        made = poller(memory, mailbox(server.port, "desk", timeout=2.0))
        assert made.poll_once().kept == 1
        assert memory.bodies == [THREE[3]]


# ---- a cut at each octet ---------------------------------------------------------------------------------------------


def cut_at(octet: int, **options: Any) -> int:
    """Two polls of three mails with the connection cut after so many octets of the server's; how many it sent. The
    outcome is the same wherever it was cut."""
    with ScriptedImap(dict(THREE), cut=octet) as server:
        memory = Memory()
        made = poller(memory, mailbox(server.port, "desk", timeout=5.0, after="move", reconcile=0.0, **options))
        settle(made)
        settle(made)
        assert sorted(memory.bodies) == sorted(THREE.values()), octet
        assert memory.outcomes() == ["kept"] * 3, octet
        assert server.moved == THREE, octet
        assert len(memory.accepted) <= 6, octet
        made.close()
        return server.sent


def test_cut_at_every_octet_of_a_conversation() -> None:
    """Row 39: of one octet in so many here, so that all moments of all answers are among them."""
    total = cut_at(10**9)
    assert total > 1000
    for octet in range(1, total, EVERY):
        cut_at(octet)


# ---- TLS -------------------------------------------------------------------------------------------------------------


def test_an_expired_certificate_is_refused(dovecot: Callable[..., Dovecot]) -> None:
    """Row 47."""
    server = dovecot(expired=True)
    for tls, port in (("imaps", server.imaps_port), ("starttls", server.imap_port)):
        box = mailbox(port, server.fresh_user(), tls=tls, ca_file=server.ca_file)
        with pytest.raises((ssl.SSLError, imaplib.IMAP4.abort), match=r"certificate has expired|unreadable"):
            poller(Memory(), box).poll_once()
    assert "Login: user" not in server.log()


DOWNGRADES: dict[str, dict[str, Any]] = {
    "STARTTLS taken out": {},
    "STARTTLS refused": {
        "abilities": b"IMAP4rev1 STARTTLS",
        "step": lambda word, _: "no" if word == "STARTTLS" else "",
    },
    "STARTTLS, then no TLS": {"abilities": b"IMAP4rev1 STARTTLS"},
    "logged in already": {"greeting": b"* PREAUTH welcome\r\n", "abilities": b"IMAP4rev1 STARTTLS"},
    "more behind the answer": {
        "abilities": b"IMAP4rev1 STARTTLS",
        "unasked": lambda word: b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" if word == "STARTTLS" else b"",
    },
}


@pytest.mark.parametrize("tls", ["starttls", "imaps"])
@pytest.mark.parametrize("how", DOWNGRADES)
def test_never_in_the_clear(how: str, tls: str) -> None:
    """Row 47: whoever stands in between and takes TLS away sees no password, no command and no mail."""
    options = DOWNGRADES[how]
    greeting = b"* OK [CAPABILITY %s] ready\r\n" % options.get("abilities", b"IMAP4rev1 IDLE")
    with ScriptedImap(THREE, **{"greeting": greeting, "abilities": b"IMAP4rev1", **options}) as server:
        memory = Memory()
        box = replace(mailbox(server.port, "desk", timeout=1.0), tls=tls, password="Pass-Canary")
        with pytest.raises((imaplib.IMAP4.error, OSError, LoginRefused)):
            poller(memory, box).poll_once()
        said = "\n".join(server.commands).upper()
        assert not any(word in said for word in ("LOGIN", "AUTHENTICATE", "PASS-CANARY", "EXAMINE", "SELECT", "FETCH"))
        assert memory.accepted == []
