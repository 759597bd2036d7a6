"""Attacks on the SMTP ports of the real daemon: how each connection ends and when, the memory of the whole tree, and
others answered all the time (RFC 5321, 3207, 4954). The long form, with the limits as they are by default and all
attacks at once for ten minutes, is `tests/torture/torture_smtp.py`."""

from __future__ import annotations

import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.faults import attackers
from tests.faults.attackers import MIB, TRUSTED, Attack, Ends, Toll, attacked, large_mail, talk, watched
from tests.faults.relays import outbox
from tests.faults.running import AGENT, Gateway, desk_in, letter
from tests.faults.smuggling import EVIL, forms
from tests.servers.certificates import make_authority, make_certificate

IDLE, DATA, SESSION = 2.0, 7.0, 5.0  # seconds that the desk here allows
SLACK = 15.0  # seconds that an end may come later than its time on a busy machine
EACH = 5  # connections of each attack
TIMED_OUT = "421 4.4.2 timed out, try again later"
NUISANCE = "421 4.7.0 too many errors"
TOO_BIG = "552 5.3.4 message too big"
NO_ROOM = "452 4.3.1 too much large mail at once, try again later"
CROWD = "421 4.7.0 too many connections, try again later"
FROM, TO = b"MAIL FROM:<a@customer.example>\r\n", b"RCPT TO:<help@desk.example>\r\n"


@dataclass(frozen=True)
class End:
    """How each connection of an attack ends: the last reply, or one of two; not before so many seconds."""

    reply: str
    soonest: float = 0.0
    other: str = ""


ENDS: dict[Attack, End] = {
    attackers.silence: End(TIMED_OUT, IDLE),
    attackers.silence_in_data: End(TIMED_OUT, IDLE),
    attackers.tls_and_silence: End("220 Ready to start TLS", IDLE),
    attackers.drip_commands: End(TIMED_OUT, IDLE),
    attackers.drip_data: End(TIMED_OUT, DATA),
    attackers.begin_over_and_over: End(TIMED_OUT, SESSION),
    attackers.endless_command: End("500 5.5.2 line too long"),
    attackers.endless_line: End("554 5.6.0 a line is too long"),
    attackers.endless_header: End(TOO_BIG, other=NO_ROOM),
    attackers.short_lines: End(TOO_BIG, other=NO_ROOM),
    attackers.many_recipients: End(NUISANCE),
    attackers.many_unknown: End(NUISANCE),
    attackers.no_operations: End(NUISANCE),
    attackers.garbage: End(NUISANCE),
    attackers.never_reads: End("220 desk.example ESMTP", other=NUISANCE),
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("attacked")
    make_authority(folder)
    cert, key = make_certificate(folder)
    made = desk_in(folder / "desk")
    limits = f"idle_timeout: {IDLE:g}s, data_timeout: {DATA:g}s, session_timeout: {SESSION:g}s, max_size: 4194304"
    text = made.config.read_text("utf-8")
    for port, more in ((made.smtp, f"{limits}, tls_cert: {cert}, tls_key: {key}, "), (made.submission, "")):
        said = f"port: {port}, hostname: desk.example"
        assert said in text
        text = text.replace(said, f"{said}, {more}{TRUSTED}")
    made.config.write_text(text, "utf-8")
    made.start()
    yield made
    made.close()


def assert_borne(gateway: Gateway, toll: Toll) -> None:
    """The tree within its memory, others answered, and who was told that a mail is kept is acknowledged once."""
    assert toll.trouble == []
    assert toll.worst < 5, toll
    assert toll.peak < 512 * MIB, toll
    gateway.settle()
    acknowledged = Counter(one["recipient"] for one in outbox(gateway) if one["kind"] == "acknowledgement")
    assert toll.kept
    assert {sender: acknowledged[sender] for sender in toll.kept} == dict.fromkeys(toll.kept, 1)
    assert "Traceback" not in gateway.log()


def test_each_attack_ends_as_it_should_and_leaves_others_alone(gateway: Gateway) -> None:
    """All at once, nearly as many connections as are let in."""

    def run(number: int, attack: Attack) -> Ends:
        return attacked(gateway.smtp, attack, EACH, peers=EACH, first=10 + number * EACH, patience=60)

    with watched(gateway) as toll, ThreadPoolExecutor(len(ENDS)) as pool:
        running = [pool.submit(run, number, attack) for number, attack in enumerate(ENDS)]
        for (attack, end), one in zip(ENDS.items(), running, strict=True):
            found = one.result()
            said = f"{attack.__name__}: {found}"
            assert sum(found.count.values()) == EACH, said
            assert found.count.keys() <= {end.reply, end.other or end.reply}, said
            assert end.soonest - 0.1 <= found.first, said
            assert found.last <= max(end.soonest, IDLE) + SLACK, said
    assert_borne(gateway, toll)


def test_half_open_clients_are_sent_away_and_many_are_turned_away(gateway: Gateway) -> None:
    """Five hundred who say nothing: ninety of them get in, and are out after the idle time."""
    with watched(gateway) as toll:
        ends = attacked(gateway.smtp, attackers.silence, 500, peers=50, patience=60)
        assert ends.count.keys() == {TIMED_OUT, CROWD}, ends
        assert ends.count[TIMED_OUT] >= 80, (
            "a place or two are the plain mail's; who comes late may get one that is free again"
        )
        assert min(ends.after[TIMED_OUT]) >= IDLE - 0.1, ends
        assert ends.last < IDLE + SLACK, ends
        gone = attacked(gateway.smtp, attackers.come_and_go, 500, peers=50)
        assert sum(gone.count.values()) == 500
    assert_borne(gateway, toll)


def test_guessed_passwords_end_in_421_and_the_agent_gets_in(gateway: Gateway) -> None:
    with watched(gateway) as toll, ThreadPoolExecutor(1) as pool:
        guessing = pool.submit(attacked, gateway.submission, attackers.guess_passwords, 16, peers=2)
        worst = 0.0
        while not guessing.done():
            began = time.monotonic()
            gateway.send(letter(f"agent{began}", sender=AGENT), mail_from=AGENT, login=True)
            worst = max(worst, time.monotonic() - began)
            time.sleep(0.3)
        assert guessing.result().count == {"421 4.7.0 too many failed logins, slow down": 16}
    assert worst < 5, worst
    assert_borne(gateway, toll)


def test_large_mail_from_many_at_once(gateway: Gateway) -> None:
    with watched(gateway) as toll:
        ends = attacked(gateway.smtp, large_mail(3 * MIB), many=40, patience=60)
    assert set(ends.count) <= {"221 2.0.0 bye", TIMED_OUT}
    assert_borne(gateway, toll)


def test_neither_a_wrong_end_of_data_nor_what_is_said_before_tls_counts(gateway: Gateway) -> None:
    wrong = forms()

    def said(number: int) -> bytes:
        return talk(gateway.smtp, wrong[number].octets, f"127.0.{10 + number}.1")

    with watched(gateway) as toll, ThreadPoolExecutor(8) as pool:
        for form, answer in zip(wrong, pool.map(said, range(len(wrong))), strict=True):
            replies = [attackers.KEPT.sub("kept", line) for line in answer.decode().splitlines()]
            assert replies[len(replies) - len(form.replies) - 1 :] == [form.before, *form.replies], form
    assert_borne(gateway, toll)
    for at_once in (True, False):
        _said_before_tls(gateway, at_once)
    gateway.settle()
    subjects = Counter(ticket["subject"] for ticket in gateway.tickets())
    assert subjects["over TLS"] == 1
    assert subjects["cover"] == sum(form.kept for form in wrong)
    assert subjects["smuggled"] == 0


def _said_before_tls(gateway: Gateway, at_once: bool) -> None:
    """Commands behind STARTTLS in the same segment, or after the 220 to it, where TLS is to begin."""
    with socket.create_connection(("127.0.0.1", gateway.smtp), 20, (attackers.CANARY, 0)) as plain:
        said, clear = plain.makefile("rb"), attackers.SAY_HELLO + FROM + TO
        plain.sendall(clear + b"STARTTLS\r\n" + (EVIL if at_once else b""))
        while b"TLS" not in (line := said.readline()) or line.startswith(b"250"):
            assert line
        assert line == b"220 Ready to start TLS\r\n"
        if not at_once:
            plain.sendall(EVIL)
            assert said.read() == b"", "hung up without a word"
            return
        with ssl._create_unverified_context().wrap_socket(plain) as secure:
            answers = secure.makefile("rb")
            for command, reply in (
                (b"DATA\r\n", b"503 "),
                (TO, b"503 "),
                (b"EHLO client.example\r\n", b"250 "),
                (TO, b"503 "),
                (FROM, b"250 "),
                (TO, b"250 "),
                (b"DATA\r\n", b"354 "),
                (letter("tls", subject="over TLS") + b"\r\n.\r\n", b"250 2.0.0 kept"),
                (b"QUIT\r\n", b"221 "),
            ):
                secure.sendall(command)
                while (line := answers.readline())[3:4] == b"-":
                    pass
                assert line.startswith(reply), (command, line)
            assert answers.read() == b""
