"""Ends of data that some servers see and RFC 5321 §4.1.1.4 does not, each followed by another mail that would slip in
where they are taken for one; and what else may follow a mail."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from tests.faults.attackers import SAY_HELLO, TO_DATA

EVIL = (
    b"MAIL FROM:<evil@attacker.example>\r\nRCPT TO:<help@desk.example>\r\nDATA\r\n"
    b"From: <evil@attacker.example>\r\nSubject: smuggled\r\n\r\nx\r\n.\r\nQUIT\r\n"
)
SUSPECT = "550 5.6.11 bare CR or LF around a dot"
_LINE_ENDS = (b"\n", b"\r", b"\r\n", b"\r\r\n", b"\n\n", b"\n\r", b"\r\r")
_OCTETS = (b"\0", b"\x0b", b"\x0c", b"\x1a", b" ", b"\t", b"\x85", b"\xc2\x85", b"\xe2\x80\xa8", b"\xef\xbb\xbf")


@dataclass(frozen=True)
class Form:
    """What is said, and the replies to the data and to what follows it, "kept" for 250."""

    octets: bytes
    replies: tuple[str, ...]
    kept: int = 0  # mails
    before: str = "354 end with <CR><LF>.<CR><LF>"  # the reply before these


def forms() -> list[Form]:
    cover = TO_DATA + b"From: <a@attacker.example>\r\nSubject: cover\r\n\r\nx"
    bye = "221 2.0.0 bye"
    found = []
    for before, after in product(_LINE_ENDS, _LINE_ENDS):
        if not (before.endswith(b"\r\n") and after.startswith(b"\r\n")):  # that is the end
            found.append(Form(cover + before + b"." + after + EVIL, (SUSPECT,)))
    for after in _LINE_ENDS:
        if not after.startswith(b"\r\n"):
            found.append(Form(TO_DATA + b"." + after + EVIL, (SUSPECT,)))
    for octet in _OCTETS:  # no line that holds only a dot: one mail, and all of it
        for line in (octet + b".", b"." + octet):
            found.append(Form(cover + b"\r\n" + line + b"\r\n" + EVIL, ("250 2.0.0 kept", bye), 1))
    found.append(Form(cover + b"\r\n..\r\n" + EVIL, ("250 2.0.0 kept", bye), 1))
    around = SAY_HELLO + b"MAIL FROM:<a@attacker.example>\r\nRCPT TO:<help@desk.example>\r\nBDAT 5\r\nhello" + EVIL
    found.append(Form(around, ("502 5.5.1 command not offered, closing",), before="250 2.1.5 OK"))
    return found
