"""Mails broken in ways that break readers: seeded, so that a number names a mail for ever."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Sequence
from pathlib import Path

_WORDS = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b";", b",", b'"', b"'", b"=", b"<", b">", b"(", b")", b"\\", b":",
    b"--", b"=?utf-8?B?", b"?=", b"=?gb2312?Q?=C4", b"=?iso-2022-jp?B?GyRC", b"=\r\n", b"=FF", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\x1b$B", b"\x1b(B", b"~{", b"~}", b"+AGE-", b"\xc3\x83\xc2\xa0", b"\xcc\x81" * 40,
    b"\xe2\x80\xa8", b"\xf0\x9f\x98\x80", b"\r\nFrom: a@b.example\r\n", b"\r\nContent-Type: ",
    b"multipart/mixed; boundary=", b"multipart/alternative;", b"message/rfc822", b"application/ms-tnef",
    b"application/pkcs7-mime", b"text/html", b"text/rtf", b"text/enriched",
    b"\r\nContent-Transfer-Encoding: base64\r\n", b"\r\nContent-Transfer-Encoding: quoted-printable\r\n",
    b"; charset=", b"utf-7", b"hz", b"gb18030", b"cp1258", b"utf-16", b"iso-2022-kr", b"viscii",
    b"format=flowed; delsp=yes", b"filename*0*=utf-8''%E1", b"filename*1=x", b"<table><tr><td>",
    b"</td></tr></table>", b"<div style='display:none'>", b"<!--", b"-->", b"<script>", b"</style>", b"<blockquote>",
    b"<a href='x'>", b"&#55357;", b"&lt", b"<p class=MsoNormal>", b"begin 644 x\r\n", b"\r\nend\r\n", b"> ",
    b"-- \r\n", b"\r\n\r\nOn Mon, 1 Jan 2026, A wrote:\r\n> ", b"{\\rtf1 ", b"\\u1234?",
    b"-----Original Message-----\r\nFrom: a@b.example\r\nSent: x\r\nSubject: y\r\n", b"\x30\x80\x06\x09\x2a\x86\x48",
)  # fmt: skip
_MOST = 200_000  # octets: what is larger goes to the child anyway


class Mutations:
    """Mails made of those in a folder."""

    def __init__(self, folder: Path) -> None:
        self._seeds = [path.read_bytes() for path in sorted(folder.glob("[0-9]*.eml"))]

    def mail(self, number: int) -> bytes:
        """The mail of this number; the same for the same corpus."""
        chance = random.Random(number)
        raw = chance.choice(self._seeds)
        for _ in range(chance.choice((1, 1, 2, 3, 5, 12))):
            raw = chance.choice(_CHANGES)(raw, chance, self._seeds)[:_MOST]
        return raw


def _place(raw: bytes, chance: random.Random) -> int:
    """Anywhere, half of the time in the header."""
    header = max(1, raw.find(b"\r\n\r\n"))
    return chance.randrange(header) if chance.random() < 0.5 else chance.randrange(len(raw) + 1)


def _flipped(raw: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    place = _place(raw, chance)
    return raw[:place] + bytes([chance.randrange(256)]) + raw[place + 1 :]


def _word_in(raw: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    place = _place(raw, chance)
    return raw[:place] + chance.choice(_WORDS) * chance.choice((1, 1, 1, 2, 30)) + raw[place:]


def _cut_out(raw: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    place = _place(raw, chance)
    return raw[:place] + raw[place + chance.choice((1, 2, 8, 80, 800)) :]


def _cut_off(raw: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return raw[: _place(raw, chance)]


def _repeated(raw: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    place, length = _place(raw, chance), chance.choice((1, 4, 20, 100, 400))
    piece = raw[place : place + length] or b"x"
    return raw[:place] + piece * min(chance.choice((2, 10, 100, 5000)), _MOST // len(piece)) + raw[place:]


def _crossed(raw: bytes, chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    other = chance.choice(seeds)
    return raw[: _place(raw, chance)] + other[_place(other, chance) :]


def _other_line_ends(raw: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return raw.replace(b"\r\n", chance.choice((b"\n", b"\r", b"\r\r\n", b"\n\n", b"\r\n ")), chance.choice((1, 5, -1)))


def _wrapped(raw: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    media = chance.choice(("multipart/mixed", "multipart/alternative", "multipart/related", "message/rfc822"))
    head = f"From: a@b.example\r\nSubject: wrapped\r\nContent-Type: {media}; boundary=w{chance.randrange(9)}\r\n\r\n"
    return head.encode() + (b"--w3\r\n" + raw + b"\r\n--w3--\r\n" if media.startswith("multi") else raw)


def _encoded(raw: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    head = b"From: a@b.example\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return head + base64.encodebytes(raw[_place(raw, chance) :])


def _other_octets(raw: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """A stretch as if it were in another charset."""
    place = _place(raw, chance)
    piece = raw[place : place + 200]
    codec = chance.choice(("utf-16-le", "gb18030", "iso2022_jp", "cp1258", "utf-7", "hz"))
    return raw[:place] + piece.decode("utf-8", "replace").encode(codec, "replace") + raw[place + 200 :]


_CHANGES: Sequence[Callable[[bytes, random.Random, Sequence[bytes]], bytes]] = (
    _flipped, _flipped, _word_in, _word_in, _word_in, _cut_out, _cut_off, _repeated, _repeated, _crossed,
    _other_line_ends, _wrapped, _encoded, _other_octets,
)  # fmt: skip
