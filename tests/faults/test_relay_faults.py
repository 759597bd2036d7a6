"""What relays do to mails: each recipient has its own state, and no one's trouble is another's."""

from __future__ import annotations

import re
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.letters import plain_text
from tests.faults.relays import RelayAt, outbox
from tests.faults.running import AGENT, Gateway, desk_in, eventually, letter
from tests.servers.certificates import make_authority, make_certificate, make_expired
from tests.servers.faulty_relay import FaultyRelay
from tests.servers.ports import free_port


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def gateway(tmp_path: Path, port: int) -> Iterator[Gateway]:
    made = desk_in(tmp_path / "desk", relay=port, retry="0.5, 1")
    yield made
    made.close()


def customer(name: str) -> str:
    return f"{name}@{name}.example"


def first(times: int, step: str) -> Callable[[FaultyRelay], str]:
    """This step so many times, then as a good relay."""
    left = [times]

    def now(_: FaultyRelay) -> str:
        left[0] -= 1
        return step if left[0] >= 0 else ""

    return now


BAD_DAY: dict[str, Callable[[FaultyRelay], str]] = {
    f"RCPT {customer('temporary')}": first(2, "451 4.2.0 later"),
    f"RCPT {customer('refused')}": lambda _: "550 5.1.1 no such user",
    f"RCPT {customer('grey')}": lambda _: "!grey",
    f"DOT {customer('lost')}": first(1, "!keep-drop"),
    f"DATA {customer('middle')}": first(1, "!mid-drop"),
    f"DOT {customer('hangs')}": first(1, "!hang"),
    f"RCPT {customer('garbage')}": first(1, "!garbage"),
    f"DOT {customer('megabyte')}": first(1, "!huge"),
    f"DATA {customer('wrong')}": first(1, "250 wrong code"),
    f"DOT {customer('odd')}": first(1, "354 wrong code"),
    f"RCPT {customer('closing')}": first(1, "421 4.3.2 closing"),
    f"DOT {customer('full')}": first(1, "452 4.3.1 no room"),
    f"DOT {customer('large')}": lambda _: "552 5.3.4 too large",
}
NAMES = [re.sub(r".*@|\.example", "", each) for each in BAD_DAY] + [f"good{number}" for number in range(5)]


def test_each_recipient_has_a_state_of_its_own(gateway: Gateway, port: int) -> None:
    """Two tries of one mail only where the relay's 250 was lost, with the same octets; a refusal is told once."""
    with RelayAt(port, BAD_DAY) as relay:
        gateway.start()
        for name in NAMES:
            gateway.send(letter(name, sender=customer(name)), mail_from=customer(name))
        gateway.settle(90)
        got = Counter(taken.recipient for taken in relay.taken)
        assert {name: got[customer(name)] for name in NAMES} == {
            name: {"refused": 0, "large": 0, "lost": 2}.get(name, 1) for name in NAMES
        }
        one, other = [taken for taken in relay.taken if taken.recipient == customer("lost")]
        assert (one.sender, one.data) == (other.sender, other.data)
        assert [one.answered, other.answered] == [False, True]
        assert b"Message-ID:" in one.data
        told = [text for text in map(plain_text, relay.mails_to(AGENT)) if "550 5.1.1" in text or "552 5.3.4" in text]
        assert ["550 5.1.1" in text for text in told].count(True) == 1
        assert len(told) == 2
        assert got[AGENT] == len(NAMES) + 2
    states = {mail["recipient"]: (mail["state"], mail["attempts"]) for mail in outbox(gateway)}
    assert {name: states[customer(name)][0] for name in NAMES} == {
        name: "failed" if name in ("refused", "large") else "sent" for name in NAMES
    }
    wanted = {"temporary": 3, "refused": 1, "grey": 2, "lost": 2, "hangs": 2, "large": 1, "good0": 1}
    assert {name: states[customer(name)][1] for name in wanted} == wanted


def test_tls_that_is_not_good_stops_mail_until_it_is_and_says_why(gateway: Gateway, port: int, tmp_path: Path) -> None:
    ca_file = make_authority(tmp_path)
    good, expired = make_certificate(tmp_path), make_expired(tmp_path, name="expired")
    text = gateway.config.read_text()
    gateway.config.write_text(
        text.replace(
            f"host: 127.0.0.1, port: {port}, tls: none",
            f"host: localhost, port: {port}, tls: starttls, ca_file: {ca_file}",
        )
    )
    relay = RelayAt(port)
    relay.extensions = ("PIPELINING", "STARTTLS")
    with relay:
        gateway.start()
        for state, why in (("plain", "does not offer STARTTLS"), ("expired", "certificate has expired")):
            relay.extensions = ("PIPELINING",) if state == "plain" else ("PIPELINING", "STARTTLS")
            relay._context = context_of(expired)
            gateway.send(letter(state, sender=customer(state)), mail_from=customer(state))
            eventually(lambda why=why: why in str(gateway.health()[1]["relay"]), why)
            assert why in gateway.command("status").stdout.decode()
            assert why in gateway.log()
        assert "event=relay_trouble" in gateway.log()
        assert relay.taken == []
        assert not any(each.startswith(("AUTH", "MAIL")) for each in relay.commands)
        assert {(mail["state"], mail["attempts"]) for mail in outbox(gateway)} == {("waiting", 0)}
        relay._context = context_of(good)
        gateway.settle(90)
        assert Counter(taken.recipient for taken in relay.taken) == {
            customer("plain"): 1,
            customer("expired"): 1,
            AGENT: 2,
        }
        assert gateway.health()[1]["relay"] is None


def context_of(pair: tuple[Path, Path]) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*pair)
    return made


def test_a_relay_whose_name_does_not_resolve_is_waited_for(gateway: Gateway, port: int) -> None:
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace(f"host: 127.0.0.1, port: {port}", f"host: relay.invalid, port: {port}"))
    gateway.start()
    gateway.send(letter("a"), mail_from="customera@customer.example")
    found: dict[str, Any] = eventually(lambda: gateway.health()[1]["relay"], "the trouble is told", 60)
    assert "relay.invalid" in found["why"]
    assert {(mail["state"], mail["attempts"]) for mail in outbox(gateway)} == {("waiting", 0)}
