"""What holds of every mail that goes out and of every mail that came in, whatever the story (laws 2, 5 and 6)."""

from __future__ import annotations

import re
from email.utils import getaddresses

from gateway.desk.notice import CUT_MARK
from gateway.mail.token import holds_staff_token
from tests.flow.desk_under_test import DeskUnderTest, Mail

SECRET = "SECRET"  # stories write it into whatever must never reach a customer
_ONCE = {
    *("date", "from", "to", "reply-to", "subject", "message-id", "in-reply-to", "references", "auto-submitted"),
    *("x-auto-response-suppress", "mime-version", "content-type", "content-transfer-encoding"),
}
_COMMAND = re.compile(r"^\s*[#＃](?:note|take|assign|wait|close|cc|uncc)\b", re.MULTILINE | re.IGNORECASE)
_TAG = re.compile(r"CTY-[0-9]+")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")


def check(desk: DeskUnderTest) -> None:
    """AssertionError with the mail that breaks a law."""
    people = staff(desk)
    for mail in desk.mails:
        check_form(desk, mail)
        if mail.to.lower() not in people:
            check_confidential(mail, people)
    check_outcomes(desk)


def staff(desk: DeskUnderTest) -> frozenset[str]:
    book = desk.current.rulebook
    people = set(book.observers)
    for department in book.departments.values():
        people |= {agent.address for agent in department.agents}
        people |= {*department.leads, *department.managers}
    return frozenset(address.lower() for address in people)


def check_form(desk: DeskUnderTest, mail: Mail) -> None:
    """No header but ours, each once; one recipient; from one of our addresses; never to ourselves."""
    block = mail.raw.partition(b"\r\n\r\n")[0]
    lines = block.split(b"\r\n")
    assert not {10, 13} & set(block.replace(b"\r\n", b"")), block
    assert all(0 < octet < 128 for octet in block), block
    assert all(len(line) <= 998 for line in lines), "a header line is over 998 octets"
    names = [line.partition(b":")[0].decode().lower() for line in lines if not line.startswith((b" ", b"\t"))]
    assert set(names) <= _ONCE, f"headers {set(names) - _ONCE} in {mail}"
    assert len(names) == len(set(names)), f"a header stands twice in {mail}"
    to = [address.lower() for _, address in getaddresses([mail.header("To")])]
    assert to == [mail.to.lower()], f"To is {to}, the envelope says {mail.to}"
    assert desk.current.rulebook.door_of(getaddresses([mail.header("From")])[0][1]) is not None, mail.header("From")
    assert desk.current.rulebook.door_of(mail.to.split("+")[0]) is None, f"a mail to ourselves: {mail}"
    assert bool(mail.header("Auto-Submitted")) == (mail.kind != "answer"), mail.kind
    assert not _BIDI.search(mail.header("Subject") + mail.header("From") + mail.header("To")), "bidi override"


def check_confidential(mail: Mail, people: frozenset[str]) -> None:
    """Law 6, as far as it can be seen in one mail."""
    parts = leaves(mail)
    octets = mail.raw + b"\n".join(parts)
    shown = f"{mail.header('Subject')}\n{mail.header('From')}\n" + b"\n".join(parts).decode("utf-8", "replace")
    assert SECRET.encode() not in octets, f"a secret in {mail.kind} to {mail.to}:\n{shown}"
    assert not holds_staff_token(octets), f"a staff address in {mail.kind} to {mail.to}"
    assert CUT_MARK not in shown or mail.kind == "survey", f"text of a notice in {mail.kind} to {mail.to}:\n{shown}"
    assert not _COMMAND.search(shown), f"a command in {mail.kind} to {mail.to}:\n{shown}"
    for address in people:
        assert address not in shown.lower(), f"{address} in {mail.kind} to {mail.to}:\n{shown}"
    tags = set(_TAG.findall(shown))
    assert len(tags) <= 1, f"several tickets named in {mail.kind} to {mail.to}: {tags}"


def leaves(mail: Mail) -> list[bytes]:
    """The decoded parts of a mail."""
    found = (part.get_payload(decode=True) for part in mail.message.walk() if not part.is_multipart())
    return [one for one in found if isinstance(one, bytes)]


def check_outcomes(desk: DeskUnderTest) -> None:
    """Law 2: nothing waits, and what came in is the sum of what became of it."""
    waiting, _ = desk.store.waiting()
    assert waiting == 0, f"{waiting} mails wait"
    quarantined = {row["id"] for row in desk.store.quarantined()}
    for number in range(1, desk.received + 1):
        found = [row["outcome"] for row in desk.store.outcomes(number)]
        assert found or number in quarantined, f"intake {number} has no outcome"
