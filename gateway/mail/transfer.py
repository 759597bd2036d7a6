"""Content-Transfer-Encoding (RFC 2045 §6) undone, well formed or not. Linear, total."""

from __future__ import annotations

import binascii
import re

_LINE = 76  # RFC 2045 §6.8
_BLOCK = (_LINE + 2) * 4096  # octets decoded at once: other threads wait for the end of it
_NAME = re.compile("[^a-z0-9]+")
_COMMENT = re.compile(r"\([^)]*\)")
_LOOSE_SOFT_BREAK = re.compile(rb"=[ \t]+\r?\n")
_ALPHABET = re.compile(rb"[^A-Za-z0-9+/=]+")
_CHUNK = re.compile(rb"[A-Za-z0-9+/]+")
_BEHIND = re.compile(
    rb"(?:\r?\n[ \t]*){1,2}\r?\n(?=[^\r\n]{0,100}[^A-Za-z0-9+/=\s])|(?<=[A-Za-z0-9+/=])\r?\n(?=[_*-]{5})"
)
_UU_BEGIN = re.compile(rb"(?m)^begin [0-7]{3,4} [^\r\n]*\r?\n")


def decode_transfer(payload: bytes, encoding: str) -> bytes:
    """The octets that `payload` carries. Unknown encodings are taken as identity; damage loses as little as it can."""
    name = _NAME.sub("", _COMMENT.sub("", encoding.lower().partition(";")[0]))
    if name == "base64":
        return _base64(payload)
    if name == "quotedprintable":
        return binascii.a2b_qp(_LOOSE_SOFT_BREAK.sub(b"=\n", payload))
    if name in ("xuuencode", "uuencode", "uue", "xuue"):
        return _uuencoded(payload)
    return payload


def decode_regular(payload: bytes) -> tuple[bytes, bytes] | None:
    """(what base64 carries, its letters and line ends) where it is written as we write it: lines of 76 letters that end
    with CR LF, the last one without; None where it is not. Such octets can stand in a mail of ours as they are. What is
    no letter is passed over at first; then there are too few octets."""
    lines = payload.rstrip(b"\r\n")
    full, last = divmod(len(lines), _LINE + 2)
    if lines[_LINE :: _LINE + 2] != b"\r" * full or lines[_LINE + 1 :: _LINE + 2] != b"\n" * full:
        return None
    letters = full * _LINE + last
    try:
        octets = b"".join([binascii.a2b_base64(lines[at : at + _BLOCK]) for at in range(0, len(lines), _BLOCK)])
    except binascii.Error:
        return None
    if not letters or letters % 4 or len(octets) != letters // 4 * 3 - lines.count(b"=", -2):
        return None
    begun = len(octets) - ((len(octets) - 1) % (_LINE // 4 * 3) + 1)
    return (octets, lines) if lines.endswith(binascii.b2a_base64(octets[begun:], newline=False)) else None


def _base64(payload: bytes) -> bytes:
    try:
        return binascii.a2b_base64(payload.translate(None, b"\r\n"), strict_mode=True)
    except binascii.Error:
        return _damaged_base64(payload)


def _damaged_base64(payload: bytes) -> bytes:
    clean = _ALPHABET.sub(b"", payload)
    padding = clean.find(b"=")
    if padding < 0 or not clean[padding:].strip(b"="):
        return _quanta(clean.rstrip(b"="))
    return b"".join(_quanta(chunk.group()) for chunk in _CHUNK.finditer(clean))  # pieces joined with their padding


def _quanta(letters: bytes) -> bytes:
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _uuencoded(payload: bytes) -> bytes:
    begin = _UU_BEGIN.search(payload)
    if begin is None:
        return payload
    out = []
    for line in payload[begin.end() :].splitlines():
        if line.strip() in (b"end", b"`"):
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            length = (((line[0] - 32) & 63) * 4 + 5) // 3 if line else 0  # trailing garbage, as some encoders leave
            try:
                out.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                continue
    return b"".join(out)


def split_base64(payload: bytes) -> tuple[bytes, bytes]:
    """(base64, plain text that a list server has put behind it, b"" if there is none)."""
    found = _BEHIND.search(payload)
    return (payload[: found.start()], payload[found.end() :]) if found else (payload, b"")
