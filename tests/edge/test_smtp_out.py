"""Sending through a relay that misbehaves in every way we know."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.smtp_out import SmtpSender, printable
from gateway.edge.smtp_stuffing import on_the_wire, stuffed_blocks
from gateway.model import Outgoing, Sent
from gateway.options import Relay
from tests.edge.dialogs import make_certificate
from tests.servers.faulty_relay import FaultyRelay

D, L, R, T, U = Sent.DELIVERED, Sent.LATER, Sent.REFUSED, Sent.TROUBLE, Sent.UNCLEAR
DATA = b"Message-ID: <1@desk.example>\r\nSubject: hello\r\n\r\n.one\r\n..two\r\n"


def mail(
    number: int = 1, recipient: str = "a@x.example", data: bytes = DATA, sender: str = "b@desk.example"
) -> Outgoing:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return Outgoing(number, 1, "ack", recipient, sender, f"<{number}@desk.example>", data, 0, at)


def options(relay: FaultyRelay, **given: Any) -> Relay:
    return Relay(**({"host": "127.0.0.1", "port": relay.port, "tls": "none", "timeout": 5, "data_timeout": 5} | given))


def test_delivers_in_order_over_one_kept_connection() -> None:
    with FaultyRelay() as relay:
        sender = SmtpSender(options(relay))
        first = sender.send([mail(1), mail(2, "c@x.example")])
        second = sender.send([mail(3)])
        sender.close()
    assert [(each.outbox_id, each.sent, each.reply) for each in first + second] == [
        (1, D, "250 2.0.0 taken"),
        (2, D, "250 2.0.0 taken"),
        (3, D, "250 2.0.0 taken"),
    ]
    assert relay.connections == 1
    assert [each.recipient for each in relay.taken] == ["a@x.example", "c@x.example", "a@x.example"]
    assert all(each.data == DATA and each.sender == "b@desk.example" for each in relay.taken)
    assert "QUIT" in relay.commands


# moment → what the relay does; what becomes of three mails; how many connections it took at most
FAULTS: list[tuple[dict[str, Any], list[Sent], int]] = [
    ({"GREETING": "554 5.3.2 go away"}, [T, T, T], 1),
    ({"GREETING": "421 busy"}, [T, T, T], 1),
    ({"GREETING": "!drop"}, [T, T, T], 1),
    ({"GREETING": "!reset"}, [T, T, T], 1),
    ({"GREETING": "!hang"}, [T, T, T], 1),
    ({"GREETING": "!garbage"}, [T, T, T], 1),
    ({"GREETING": "!huge"}, [T, T, T], 1),
    ({"GREETING": "!line"}, [T, T, T], 1),
    ({"GREETING": "!drip"}, [T, T, T], 1),
    ({"EHLO": "550 5.7.1 no", "HELO": "550 5.7.1 no"}, [T, T, T], 1),
    ({"EHLO": "500 what"}, [D, D, D], 1),
    ({"EHLO": "!drop"}, [T, T, T], 1),
    ({"EHLO": "!huge"}, [T, T, T], 1),
    ({"MAIL": "550 5.7.1 sender refused"}, [R, R, R], 1),
    ({"MAIL": "451 4.3.0 later"}, [U, U, U], 1),
    ({"MAIL": "530 5.7.0 authentication required"}, [T, T, T], 1),
    ({"MAIL": "421 4.3.2 closing"}, [T, T, T], 1),
    ({"MAIL": "!drop"}, [U, T, T], 1),
    ({"MAIL": "!garbage"}, [U, T, T], 1),
    ({"MAIL": "354 wrong"}, [U, T, T], 1),
    ({"MAIL": "!hang"}, [U, T, T], 1),
    ({"RCPT": "550 5.1.1 unknown"}, [R, R, R], 1),
    ({"RCPT": "450 4.2.0 later"}, [L, L, L], 1),
    ({"RCPT bad@x.example": "550 5.1.1 unknown"}, [D, R, D], 1),
    ({"RCPT bad@x.example": "451 4.1.1 later"}, [D, L, D], 1),
    ({"RCPT bad@x.example": "550 5.1.1 unknown", "DATA": lambda r: "354 anyway"}, [D, R, D], 2),
    ({"RCPT bad@x.example": "!drop"}, [D, U, T], 2),
    ({"RCPT bad@x.example": "550 5.1.1 unknown", "RSET": "!drop"}, [D, R, D], 2),
    ({"DATA": "554 5.6.0 no"}, [R, R, R], 1),
    ({"DATA": "451 4.3.0 later"}, [U, U, U], 1),
    ({"DATA": "!mid-drop"}, [U, T, T], 1),
    ({"DATA": "250 odd"}, [U, T, T], 1),
    ({"DOT": "554 5.7.1 spam"}, [R, R, R], 1),
    ({"DOT": "452 4.3.1 full"}, [U, U, U], 1),
    ({"DOT": "!drop"}, [U, T, T], 1),
    ({"DOT": "!hang"}, [U, T, T], 1),
    ({"DOT": "!garbage"}, [U, T, T], 1),
    ({"DOT": "!huge"}, [U, T, T], 1),
    ({"DOT": "!drip"}, [U, T, T], 1),
    ({"DOT": "354 odd"}, [U, T, T], 1),
    ({"GREETING": "!endless"}, [T, T, T], 1),
    ({"EHLO": "!endless"}, [T, T, T], 1),
    ({"RCPT": "!endless"}, [U, T, T], 1),
    ({"DOT": "!endless"}, [U, T, T], 1),
    ({"RCPT": "421 4.3.2 closing"}, [U, T, T], 1),
    ({"DOT": "421 4.3.2 closing"}, [U, T, T], 1),
    ({"RCPT": "451 4.3.0 lookup failed"}, [U, U, U], 1),
    ({"MAIL": "452 4.3.1 full"}, [U, U, U], 1),
    ({"MAIL": "552 5.3.4 too large"}, [R, R, R], 1),
    ({"RCPT": "530 5.7.0 log in first"}, [T, T, T], 1),
    ({"RCPT": "550 5.7.1 Sender address rejected: not owned by user"}, [T, T, T], 1),
    ({"MAIL": "!split", "RCPT": "!split", "DATA": "!split", "DOT": "!split", "RSET": "!split"}, [D, D, D], 1),
    ({"DOT": "600 odd"}, [U, T, T], 1),
]


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "stepwise"])
@pytest.mark.parametrize(("script", "wanted", "connections"), FAULTS, ids=lambda value: str(value)[:60])
def test_fault(script: dict[str, Any], wanted: list[Sent], connections: int, pipelining: bool) -> None:
    extensions = ("PIPELINING", "8BITMIME") if pipelining else ("8BITMIME",)
    patience = 0.3 if {"!hang", "!drip"} & {str(each) for each in script.values()} else 5.0
    started = time.monotonic()
    with FaultyRelay(script, extensions) as relay:
        results = SmtpSender(options(relay, timeout=patience, data_timeout=patience)).send(
            [mail(1), mail(2, "bad@x.example"), mail(3)]
        )
    assert [each.sent for each in results] == wanted, results
    assert relay.connections <= connections
    assert time.monotonic() - started < 3
    assert all(len(each.reply) <= 500 and each.reply.isprintable() and each.reply.isascii() for each in results)
    assert len(relay.taken) == wanted.count(D)


@pytest.mark.parametrize("moment", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.parametrize("step", ["!huge", "!line", "!endless"])
def test_no_reply_takes_more_memory_than_a_reply_may_have(moment: str, step: str) -> None:
    with FaultyRelay({moment: step}) as relay:
        sender = SmtpSender(options(relay))
        tracemalloc.start()
        try:
            assert sender.send([mail()])[0].sent in (T, U)
            assert tracemalloc.get_traced_memory()[1] < 512 * 1024
        finally:
            tracemalloc.stop()


def test_a_relay_that_reads_no_more_is_left_in_time() -> None:
    large = mail(data=DATA + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 200_000)
    with FaultyRelay({"DATA": "!deaf"}, ("PIPELINING",)) as relay:
        started = time.monotonic()
        (result,) = SmtpSender(options(relay, timeout=0.5, data_timeout=0.5)).send([large])
    assert result.sent is U
    assert time.monotonic() - started < 10


def test_a_relay_that_refuses_in_the_middle_of_the_data_has_refused() -> None:
    """It hangs up without reading the rest; its reason is read all the same, where the network still has it."""
    large = mail(data=DATA + (b"y" * 70 + b"\r\n") * 200_000)
    served: list[bool] = []

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        file = client.makefile("rb")
        client.sendall(b"220 relay.test\r\n")
        for answer in (b"250 relay.test\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"):
            file.readline()
            client.sendall(answer)
        file.read(100_000)
        client.sendall(b"552 5.3.4 too large\r\n")
        client.shutdown(socket.SHUT_WR)
        served.append(True)
        time.sleep(1)
        client.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        made = Relay(host="127.0.0.1", port=listener.getsockname()[1], tls="none", timeout=5, data_timeout=5)
        (result,) = SmtpSender(made).send([large])
        thread.join(20)
    assert served
    assert result.sent in (R, U)  # a reset may overtake the reason: then it is tried again
    if result.sent is R:
        assert result.reply == "552 5.3.4 too large"


def test_a_port_that_swallows_connections_is_left_in_time() -> None:
    """Nobody accepts, and the queue of the port is full: a connection is neither made nor refused."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        taken = []
        for _ in range(4):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(address)
            taken.append(waiting)
        started = time.monotonic()
        (result,) = SmtpSender(Relay(host="127.0.0.1", port=address[1], tls="none", timeout=0.5)).send([mail()])
        assert result.sent is T
        assert "timed out" in result.reply
        assert time.monotonic() - started < 5
        for waiting in taken:
            waiting.close()


def test_the_wait_for_the_last_answer_is_that_of_the_standard() -> None:
    assert Relay("x").data_timeout == 600  # RFC 5321 §4.5.3.2.6


def test_lost_250_is_tried_again_with_the_same_octets() -> None:
    with FaultyRelay({"DOT": "!keep-drop"}) as relay:
        sender = SmtpSender(options(relay))
        assert [each.sent for each in sender.send([mail(1), mail(2)])] == [U, T]
        relay.script.clear()
        assert [each.sent for each in sender.send([mail(1), mail(2)])] == [D, D]
    assert [each.data for each in relay.taken] == [DATA] * 3


def test_a_mail_is_never_sent_twice_in_one_batch_when_its_250_was_lost_on_a_used_connection() -> None:
    def second(relay: FaultyRelay) -> str:
        return "!keep-drop" if len(relay.taken) == 1 else "250 ok"

    with FaultyRelay({"DOT": second}) as relay:
        results = SmtpSender(options(relay)).send([mail(1), mail(2, "c@x.example"), mail(3)])
    assert [each.sent for each in results] == [D, U, T]
    assert [each.recipient for each in relay.taken] == ["a@x.example", "c@x.example"]


def test_greylisting() -> None:
    with FaultyRelay({"RCPT": "!grey"}) as relay:
        sender = SmtpSender(options(relay))
        assert [each.sent for each in sender.send([mail(1), mail(2, "c@x.example")])] == [L, L]
        assert [each.sent for each in sender.send([mail(1), mail(2, "c@x.example")])] == [D, D]


def test_a_relay_that_limits_mails_for_each_connection() -> None:
    def two_each(relay: FaultyRelay) -> str:
        return "421 4.7.0 enough" if len(relay.taken) >= 2 * relay.connections else "250 ok"

    with FaultyRelay({"MAIL": two_each}) as relay:
        results = SmtpSender(options(relay)).send([mail(each) for each in range(7)])
    assert [each.sent for each in results] == [D] * 7
    assert relay.connections == 4


def test_a_kept_connection_that_died_is_replaced() -> None:
    def once_dead(relay: FaultyRelay) -> str:
        return "!drop" if relay.connections == 1 and relay.taken else "250 ok"

    with FaultyRelay({"MAIL": once_dead}) as relay:
        sender = SmtpSender(options(relay))
        assert [sender.send([mail(each)])[0].sent for each in (1, 2)] == [D, D]
    assert relay.connections == 2


def test_an_idle_connection_is_closed_by_itself() -> None:
    with FaultyRelay() as relay:
        sender = SmtpSender(options(relay, keep=0.1))
        sender.send([mail(1)])
        assert "QUIT" not in relay.commands
        deadline = time.monotonic() + 3
        while "QUIT" not in relay.commands and time.monotonic() < deadline:
            time.sleep(0.02)
        assert "QUIT" in relay.commands
        assert sender.send([mail(2)])[0].sent is D
        sender.close()
    assert relay.connections == 2


def test_several_threads_share_one_sender() -> None:
    results: list[Sent] = []
    with FaultyRelay() as relay:
        sender = SmtpSender(options(relay, timeout=5))

        def work(start: int) -> None:
            results.extend(each.sent for each in sender.send([mail(start + each) for each in range(20)]))

        threads = [threading.Thread(target=work, args=(100 * each,)) for each in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        sender.close()
    assert results == [D] * 80
    assert len(relay.taken) == 80


def test_the_envelope_of_the_next_mail_goes_ahead_and_the_mail_only_in_its_turn() -> None:
    with FaultyRelay() as relay:
        sender = SmtpSender(options(relay))
        first = sender.send([mail(1)], mail(2, "c@x.example"))
        deadline = time.monotonic() + 10
        while relay.commands[-1] != "DATA" and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [each[:4] for each in relay.commands].count("MAIL") == 2
        assert [each.recipient for each in relay.taken] == ["a@x.example"]
        second = sender.send([mail(2, "c@x.example")])
        sender.close()
    assert [each.sent for each in first + second] == [D, D]
    assert [each.recipient for each in relay.taken] == ["a@x.example", "c@x.example"]
    assert relay.connections == 1
    assert relay.commands.count("QUIT") == 1


def test_a_mail_that_was_announced_and_is_not_sent_leaves_nothing_at_the_relay() -> None:
    with FaultyRelay() as relay:
        sender = SmtpSender(options(relay))
        sender.send([mail(1)], mail(2, "c@x.example"))
        assert sender.send([mail(3, "d@x.example")])[0].sent is D
        sender.close()
    assert [each.recipient for each in relay.taken] == ["a@x.example", "d@x.example"]
    assert relay.connections == 2


@pytest.mark.parametrize(
    ("moment", "what", "sent"),
    [
        ("MAIL", "!drop", [D, D, D]),  # before a word of the second was taken: over another connection
        ("MAIL", "421 4.7.0 enough", [D, D, D]),
        ("RCPT", "550 5.1.1 unknown", [D, R, D]),
        ("RCPT", "451 4.7.1 later", [D, L, D]),
        ("RCPT", "!drop", [D, D, D]),
        ("DATA", "!drop", [D, D, D]),
        ("DATA", "554 5.7.1 no", [D, R, D]),
        ("DOT", "!keep-drop", [D, U, D]),
        ("DOT", "!drop", [D, U, D]),
    ],
)
def test_what_becomes_of_a_mail_that_was_announced(moment: str, what: str, sent: list[Sent]) -> None:
    told: list[str] = []

    def second(relay: FaultyRelay) -> str:
        if len(relay.taken) == 1 and not told:
            told.append(what)
            return what
        return "354 go on" if moment == "DATA" else "250 ok"

    with FaultyRelay({moment: second}) as relay:
        sender = SmtpSender(options(relay))
        mails = [mail(1), mail(2, "c@x.example"), mail(3, "d@x.example")]
        results = [sender.send([each], then)[0] for each, then in zip(mails, [*mails[1:], None], strict=True)]
        sender.close()
    assert [each.sent for each in results] == sent
    assert told
    again = ["c@x.example"] if what == "!keep-drop" or sent[1] is D else []
    assert [each.recipient for each in relay.taken] == ["a@x.example", *again, "d@x.example"]


def test_no_relay_at_all() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    for host in ("127.0.0.1", "no-such-host.invalid", "a..b", "x" * 300):
        results = SmtpSender(Relay(host=host, port=port, tls="none", timeout=1)).send([mail(1), mail(2)])
        assert [each.sent for each in results] == [T, T]
        assert results[0].reply


@pytest.mark.parametrize(
    ("extensions", "given_mail", "sent", "said"),
    [
        (("SIZE 40",), mail(), R, "552 5.3.4"),
        (("SIZE 0",), mail(), D, "250"),
        (("SIZE",), mail(), D, "250"),
        ((), mail(recipient="hỗtrợ@x.example"), R, "553 5.6.7"),
        (("SMTPUTF8",), mail(recipient="hỗtrợ@x.example"), D, "250"),
        ((), mail(recipient="a@hỗtrợ.example"), D, "250"),
        ((), mail(data="Subject: x\r\n\r\nchào\r\n".encode()), D, "250"),
        ((), mail(sender=""), D, "250"),
        ((), mail(recipient="a@x.example>\r\nRCPT TO:<evil@x.example"), R, "501"),
        ((), mail(sender="a@x.example> SIZE=1\r\nRSET"), R, "501"),
        ((), mail(recipient=""), R, "501"),
        ((), mail(recipient="a b@x.example"), R, "501"),
        ((), mail(recipient="a@\ud800.example"), R, "501"),
    ],
    ids=str,
)
def test_envelope(extensions: tuple[str, ...], given_mail: Outgoing, sent: Sent, said: str) -> None:
    with FaultyRelay(extensions=extensions) as relay:
        result = SmtpSender(options(relay)).send([given_mail, mail(9)])
    assert result[0].sent is sent
    assert result[0].reply.startswith(said)
    assert result[1].sent is (R if extensions == ("SIZE 40",) else D), "the next mail is not held up"
    assert not any("evil" in command and command.startswith("RCPT") for command in relay.commands)


def test_smtputf8_and_8bitmime_are_said_only_when_needed() -> None:
    with FaultyRelay() as relay:
        plain, wide = mail(), mail(2, "hỗtrợ@x.example", "\r\nchào\r\n".encode())
        SmtpSender(options(relay)).send([plain, wide])
    said = [each for each in relay.commands if each.startswith("MAIL")]
    assert said[0] == f"MAIL FROM:<b@desk.example> SIZE={len(DATA)}"
    assert said[1].endswith("BODY=8BITMIME SMTPUTF8")


TLS_CASES: list[tuple[str, bool, Callable[[dict[str, Any]], None], Sent]] = [
    ("starttls", True, lambda given: None, D),
    ("starttls", True, lambda given: given.update(ca_file=None), T),
    ("starttls", True, lambda given: given.update(host="localhost"), T),
    ("starttls", False, lambda given: None, T),
    ("tls", True, lambda given: None, D),
    ("tls", True, lambda given: given.update(ca_file=None), T),
]


@pytest.mark.parametrize(("tls", "offered", "change", "wanted"), TLS_CASES)
def test_tls(tls: str, offered: bool, change: Callable[[dict[str, Any]], None], wanted: Sent, tmp_path: Path) -> None:
    pair = make_certificate(tmp_path, "relay.test")
    extensions = ("STARTTLS", "AUTH PLAIN") if offered and tls == "starttls" else ("AUTH PLAIN",)
    given: dict[str, Any] = {"tls": tls, "ca_file": pair[0], "user": "u", "password": "p", "timeout": 3}
    change(given)
    with FaultyRelay({}, extensions, pair, implicit_tls=tls == "tls") as relay:
        results = SmtpSender(options(relay, **given)).send([mail()])
    assert results[0].sent is wanted, results
    secret_said = [each for each in relay.commands if each.startswith("AUTH")]
    assert bool(secret_said) == (wanted is D), "no password and no mail without verified TLS"


def test_text_after_starttls_is_not_believed(tmp_path: Path) -> None:
    pair = make_certificate(tmp_path, "relay.test")
    with FaultyRelay({"STARTTLS": "220 go\r\n250 injected"}, ("STARTTLS",), pair) as relay:
        result = SmtpSender(options(relay, tls="starttls", ca_file=pair[0])).send([mail()])
    assert result[0].sent is T
    assert "clear" in result[0].reply


def test_a_wrong_password_is_not_the_recipients_fault() -> None:
    with FaultyRelay({"AUTH": "535 5.7.8 wrong"}, ("AUTH PLAIN",)) as relay:
        results = SmtpSender(options(relay, user="u", password="p")).send([mail(1), mail(2)])
    assert [each.sent for each in results] == [T, T]
    assert relay.connections == 1


@given(
    st.binary(max_size=60) | st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a"]), max_size=20).map(b"".join)
)
def test_what_goes_on_the_wire_ends_once_and_hides_nothing(data: bytes) -> None:
    wire = on_the_wire(data)
    assert ("\r\n" + wire.decode("latin-1")).find("\r\n.\r\n") == len(wire) - 3
    assert wire.count(b"\r") == wire.count(b"\n") == wire.count(b"\r\n")
    lines = wire[:-3].split(b"\r\n")
    plain = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)
    if data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n"):
        assert plain == data + (b"" if data.endswith(b"\r\n") or not data else b"\r\n")


@given(
    st.lists(st.sampled_from([b"\r\n", b".", b"a", b"\r\n.", b"\r\n.\r\n"]), max_size=20).map(b"".join),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_a_large_mail_is_stuffed_as_any_other(data: bytes, cuts: list[int]) -> None:
    places = sorted([0, *(min(cut, len(data)) for cut in cuts), len(data)])
    blocks = [data[begin:end] for begin, end in pairwise(places)]
    assert b"".join(stuffed_blocks(blocks)) == on_the_wire(data)


class _Large:
    """In blocks that end anywhere; `broken`: they cannot be read to the end."""

    def __init__(self, octets: bytes, *, broken: bool = False) -> None:
        self.octets, self.broken = octets, broken

    def __len__(self) -> int:
        return len(self.octets)

    def isascii(self) -> bool:
        return self.octets.isascii()

    def blocks(self) -> Iterator[bytes]:
        for at in range(0, len(self.octets), 1001):
            yield self.octets[at : at + 1001]
            if self.broken and at > len(self.octets) // 2:
                raise OSError(5, "Input/output error")


def test_a_large_mail_goes_out_and_the_next_behind_it() -> None:
    octets = b"Subject: x\r\n\r\n" + b"text\r\n.\r\n..\r\n" * 10_000
    with FaultyRelay({}, ("PIPELINING", "SIZE 50000000")) as relay:
        results = SmtpSender(options(relay)).send([replace(mail(1), data=_Large(octets)), mail(2)])
    assert [each.sent for each in results] == [D, D]
    assert [taken.data for taken in relay.taken] == [octets, DATA]


def test_a_large_mail_that_cannot_be_read_is_not_taken() -> None:
    broken = replace(mail(1), data=_Large(b"Subject: x\r\n\r\n" + b"text\r\n" * 10_000, broken=True))
    with FaultyRelay() as relay:
        sender = SmtpSender(options(relay, data_timeout=3))
        assert [each.sent for each in sender.send([broken])] == [U]
        assert [each.sent for each in sender.send([mail(2, "c@x.example")])] == [D]
    assert [taken.recipient for taken in relay.taken] == ["c@x.example"]


@given(st.text(max_size=700))
def test_replies_are_bounded_and_printable(text: str) -> None:
    shown = printable(text)
    assert len(shown) == min(500, len(text))
    assert shown.isascii()
    assert shown.isprintable()
