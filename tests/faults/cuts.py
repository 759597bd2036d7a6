"""Short SMTP conversations cut at a chosen octet, in and out, and what must hold whatever that octet is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from gateway.edge.smtp_out import SmtpSender
from gateway.model import Outgoing, SendResult, Sent
from gateway.options import Relay
from tests.faults.relays import outbox
from tests.faults.running import Gateway, NotKept, letter
from tests.servers.faulty_relay import FaultyRelay
from tests.servers.octet_proxy import Cut, OctetProxy

AT = datetime(2026, 11, 22, tzinfo=UTC)


# --- out ---


def mail(number: int) -> Outgoing:
    data = f"Message-ID: <{number:06}@desk.example>\r\nSubject: cut\r\n\r\nhello\r\n.\r\nthere\r\n".encode()
    return Outgoing(
        number, 1, "ack", "kim@customer.example", "b@desk.example", f"<{number:06}@desk.example>", data, 0, AT
    )


def sender_to(port: int, patience: float = 5.0) -> SmtpSender:
    return SmtpSender(
        Relay("127.0.0.1", port, tls="none", user="u", password="p", keep=0, timeout=patience, data_timeout=patience)
    )


def lengths_out(extensions: tuple[str, ...]) -> tuple[int, int]:
    """(octets to the relay, octets from it) of one whole conversation."""
    with FaultyRelay(extensions=extensions) as relay, OctetProxy(relay.port) as proxy:
        assert sender_to(proxy.port).send([mail(0)])[0].sent is Sent.DELIVERED
        return proxy.up, proxy.down


def cut_out(cuts: Iterable[Cut], extensions: tuple[str, ...]) -> Counter[str]:
    """Sends one mail through each cut, and again where it did not go. Lost: none. Twice: only what the relay had taken
    and whose 250 the cut lost, with the same octets. What was answered is never sent again."""
    seen: Counter[str] = Counter()
    with FaultyRelay(extensions=extensions) as relay, OctetProxy(relay.port) as proxy:
        for number, cut in enumerate(cuts, 1):
            one = mail(number)
            proxy.plan(cut)
            (first,) = sender_to(proxy.port, 0.3 if cut.how == "stall" else 5.0).send([one])
            assert first.sent is not Sent.REFUSED, (cut, first)
            if first.sent is not Sent.DELIVERED:
                (again,) = sender_to(relay.port).send([one])
                assert again.sent is Sent.DELIVERED, (cut, again)
            _judge(cut, first, taken(relay, one), one)
            seen[first.sent.value] += 1
    return seen


def _judge(cut: Cut, first: SendResult, copies: list[bytes], one: Outgoing) -> None:
    """The relay takes a mail only with its final dot: two copies mean that the first one's 250 was lost."""
    assert len(copies) == 1 or (len(copies) == 2 and first.sent is Sent.UNCLEAR), (cut, first, len(copies))
    assert set(copies) == {one.data}, cut


def taken(relay: FaultyRelay, one: Outgoing) -> list[bytes]:
    return [each.data for each in list(relay.taken) if one.message_id.encode() in each.data]


# --- in ---


def lengths_in(gateway: Gateway) -> tuple[int, int]:
    with OctetProxy(gateway.smtp) as proxy:
        through(gateway, proxy, 0)
        return proxy.up, proxy.down


def through(gateway: Gateway, proxy: OctetProxy, number: int) -> bool:
    """Whether the client heard a 250."""
    direct, gateway.smtp = gateway.smtp, proxy.port
    try:
        gateway.send(_letter(number), mail_from="kim@customer.example")
    except NotKept:
        return False
    finally:
        gateway.smtp = direct
    return True


def _letter(number: int) -> bytes:
    return letter(f"{number:06}", sender=f"c{number:06}@customer.example")


def cut_in(gateway: Gateway, cuts: Iterable[Cut]) -> Counter[bool]:
    """Sends one mail through each cut as a client does that tries again until it hears a 250. Every one is one ticket
    with one acknowledgement at the end."""
    heard: Counter[bool] = Counter()
    numbers = []
    with OctetProxy(gateway.smtp) as proxy:
        for number, cut in enumerate(cuts, 1):
            proxy.plan(cut)
            numbers.append(number)
            good = through(gateway, proxy, number)
            heard[good] += 1
            if not good:
                gateway.send(_letter(number), mail_from="kim@customer.example")
    gateway.settle(300)
    acknowledged = Counter(one["recipient"] for one in outbox(gateway) if one["kind"] == "acknowledgement")
    for number in numbers:
        assert acknowledged[f"c{number:06}@customer.example"] == 1, number
    assert set(acknowledged.values()) == {1}
    return heard
