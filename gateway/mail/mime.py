"""MIME bodies (RFC 2045, 2046, 2183, 2231). The same content gives the same octets, whoever it is for.

Lines are CRLF and at most 76 octets, but for attached 7-bit mails (at most 998). Boundaries derive from the content.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

from gateway.mail.header import clean, encoded_words
from gateway.model import Attachment

_CONTROLS = bytes((*range(0x09), *range(0x0B, 0x20), 0x7F))
_HIGH = bytes(range(0x80, 0x100))
_TYPE = re.compile(r"(?!multipart/|message/)[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}")
_PATHS = re.compile(r'[/\\:*?"<>|]')
_BY_LINES = 16 * 1024  # octets of a text whose lines are worth a look whether they were encoded before
_NAME_LIMIT = 120  # characters of a file name
_LONG_LINE = re.compile(rb"(?:\A|\n)[^\n]{999}")
_BLOCK = 57 * 1024 * 16  # octets: whole lines of base64, each from 57


@dataclass(frozen=True, slots=True)
class Content:
    """One entity: its Content-* fields (whole CRLF lines), their names in order, and the encoded body."""

    header: bytes
    names: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Entity:
    """As `Content`, the body in pieces: large ones are not copied before all of them are there."""

    header: bytes
    names: tuple[str, ...]
    body: tuple[bytes | memoryview, ...]

    @property
    def pieces(self) -> tuple[bytes | memoryview, ...]:
        """The whole of it, with a line end at its end."""
        whole = (self.header, b"\r\n", *self.body)
        last = bytes(next(piece for piece in reversed(whole) if piece)[-2:])
        return whole if last == b"\r\n" else (*whole, b"\r\n")


def content(text: str, html: str, attachments: Sequence[Attachment]) -> Content:
    """text/plain, or multipart/alternative with HTML, or multipart/mixed of these and the attachments."""
    whole = _text("plain", text)
    if html:
        whole = _multipart("alternative", [whole, _text("html", html)])
    if attachments:
        whole = _multipart("mixed", [whole, *(_attachment(one) for one in attachments)])
    return Content(whole.header, whole.names, b"".join(whole.body))


def safe_name(name: str) -> str:
    """A file name for a header: one line, no path characters, at most 120 characters with its extension kept."""
    cleaned = _PATHS.sub("_", clean(name)).strip(" .")
    if len(cleaned) <= _NAME_LIMIT:
        return cleaned
    stem, dot, extension = cleaned.rpartition(".")
    if dot and 0 < len(extension) <= 10:
        return stem[: _NAME_LIMIT - len(extension) - 1] + dot + extension
    return cleaned[:_NAME_LIMIT]


def _text(subtype: str, text: str) -> _Entity:
    """Quoted-printable while that is the shorter one (ASCII with few accents), else base64."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    encoded = lines.encode("utf-8", "replace")
    octets = encoded.translate(None, _CONTROLS)  # in UTF-8 a low octet is always a character
    if not octets.endswith(b"\n"):
        octets += b"\n"
    if _few_accents(octets, len(encoded) - len(lines)) and not _from_line(octets):
        # "From " at a line start is rewritten by mail stores
        encoding, body = "quoted-printable", _quoted(octets)
    else:
        encoding, body = "base64", _base64(octets.replace(b"\n", b"\r\n"))
    header = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n"
    return _Entity(header.encode("ascii"), ("Content-Type", "Content-Transfer-Encoding"), (body,))


def _few_accents(octets: bytes, more: int) -> bool:
    """Whether quoted-printable is shorter: it takes 2 octets more for each high one, base64 a third more for all.
    `more`: by how much UTF-8 is longer than the text. That is a half to three quarters of the high octets, and mostly
    this decides."""
    room = len(octets) - 6 * octets.count(b"=")
    if 12 * more < room or 8 * more >= room:
        return 12 * more < room
    return 6 * (len(octets) - len(octets.translate(None, _HIGH))) < room


def _quoted(octets: bytes) -> bytes:
    """Quoted-printable of whole lines. Most lines of a notice are those of its template and were encoded before."""
    if len(octets) > _BY_LINES:
        return b2a_qp(octets).replace(b"\n", b"\r\n")
    return b"".join([*map(_quoted_line, octets.splitlines(keepends=True))])


@lru_cache(maxsize=512)
def _quoted_line(line: bytes) -> bytes:
    return b2a_qp(line).replace(b"\n", b"\r\n")


def _from_line(octets: bytes) -> bool:
    return octets.startswith(b"From ") or b"\nFrom " in octets


def _base64(octets: bytes) -> bytes:
    """A megabyte at a time: lines cut one by one take twice their octets."""
    return b"".join([_lines(octets[at : at + _BLOCK]) for at in range(0, len(octets), _BLOCK)])


def _lines(octets: bytes) -> bytes:
    encoded = b2a_base64(octets, newline=False)
    lines = [encoded[at : at + 76] for at in range(0, len(encoded), 76)]
    lines.append(b"")
    return b"\r\n".join(lines)


def _multipart(subtype: str, parts: Sequence[_Entity]) -> _Entity:
    boundary = _boundary(parts)
    mark = b"--" + boundary
    inner = [piece for part in parts for piece in (mark, b"\r\n", *part.pieces)]
    header = b'Content-Type: multipart/%s;\r\n boundary="%s"\r\n' % (subtype.encode("ascii"), boundary)
    return _Entity(header, ("Content-Type",), (*inner, mark, b"--\r\n"))


def _boundary(parts: Sequence[_Entity]) -> bytes:
    """ "=_" occurs neither in base64 nor in quoted-printable; attached 7-bit mails are looked through. A view is
    known to be base64."""
    pieces = [piece for part in parts for piece in (b"\0", part.header, b"\r\n", *part.body)][1:]
    digest = sha256()
    for piece in pieces:
        digest.update(piece)
    while True:
        boundary = b"=_" + digest.hexdigest()[:32].encode("ascii")
        if not any(boundary in piece for piece in pieces if isinstance(piece, bytes)):
            return boundary
        digest.update(b"again")


def _attachment(one: Attachment) -> _Entity:
    kind, name = one.type.lower(), safe_name(one.name)
    if kind == "message/rfc822":
        mail = one.content.replace(b"\r\n", b"\n")
        if _seven_bit(mail):
            header = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n" + _disposition(name)
            return _Entity(header, (), (mail.replace(b"\n", b"\r\n"),))
        kind, name = "application/octet-stream", _eml(name)
    if _TYPE.fullmatch(kind) is None:
        kind = "application/octet-stream"
    fields = [f"Content-Type: {kind}".encode("ascii"), *_old_name(name)]
    header = b";\r\n ".join(fields) + b"\r\nContent-Transfer-Encoding: base64\r\n" + _disposition(name)
    if one.encoded is not None:
        return _Entity(header, (), (one.encoded.octets, b"\r\n"))
    return _Entity(header, (), (_base64(one.content),))


def _seven_bit(mail: bytes) -> bool:
    """May it stand as 7bit (RFC 2045 §2.7)? `mail` has LF line ends."""
    if not mail.isascii() or b"\0" in mail or b"\r" in mail:
        return False
    return _LONG_LINE.search(mail) is None


def _eml(name: str) -> str:
    return name if name.lower().endswith(".eml") else (name or "message") + ".eml"


def _old_name(name: str) -> list[bytes]:
    """`name=` for clients that do not know RFC 2231: encoded words in quotes, forbidden but read."""
    if not name:
        return []
    if name.isascii():
        return [] if len(name) > 60 else [f'name="{name}"'.encode("ascii")]
    return [b'name="' + b"\r\n ".join(encoded_words(name, 8)) + b'"']


def _disposition(name: str) -> bytes:
    """Content-Disposition with the file name as RFC 2231 §3 and §4 have it."""
    head = b"Content-Disposition: attachment"
    if not name:
        return head + b"\r\n"
    if name.isascii() and len(name) <= 60:
        return head + b';\r\n filename="%s"\r\n' % name.encode("ascii")
    pieces = _percent(name)
    if len(pieces) == 1:
        return head + f";\r\n filename*={pieces[0]}\r\n".encode("ascii")
    lines = [f";\r\n filename*{at}*={piece}" for at, piece in enumerate(pieces)]
    return head + "".join(lines).encode("ascii") + b"\r\n"


def _percent(name: str) -> list[str]:
    """The percent-encoded extended value in pieces of at most 54 octets, cut between characters."""
    pieces = ["UTF-8''"]
    for char in name:
        code = quote(char, safe="", encoding="utf-8")
        if len(pieces[-1]) + len(code) > 54:
            pieces.append("")
        pieces[-1] += code
    return pieces
