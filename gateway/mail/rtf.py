"""RTF as text, and the compressed form that Outlook has in winmail.dat ([MS-OXRTFCP]). Linear, total."""

from __future__ import annotations

import re
import struct

from gateway.mail.charset import decode

_MOST = 1 << 20  # octets of text, and of decompressed RTF
_PRELOADED = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor MS Sans "
    rb"SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    + b"\r\n"
    + rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
_WINDOW = 4096
_TOKEN = re.compile(
    rb"\\'([0-9a-fA-F]{2})|\\([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
_SPOKEN = {
    b"par": "\n", b"line": "\n", b"tab": "\t", b"row": "\n", b"cell": " | ", b"emdash": "—", b"endash": "–",
    b"bullet": "•", b"lquote": "‘", b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”",
}  # fmt: skip
_UNSPOKEN = frozenset(
    [b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"header", b"footer", b"generator",
     b"listtable", b"listoverridetable", b"rsidtbl", b"xmlnstbl", b"themedata", b"datastore", b"latentstyles",
     b"fldinst", b"htmltag", b"mhtmltag"]
)  # fmt: skip


def decompressed(octets: bytes) -> bytes:
    """The RTF of an LZFu or uncompressed block; as much of it as is whole."""
    if len(octets) < 16:
        return b""
    size, _, kind = struct.unpack_from("<III", octets)
    if kind == 0x414C454D:
        return octets[16:]
    if kind != 0x75465A4C:
        return b""
    return _inflated(octets, min(struct.unpack_from("<I", octets, 4)[0], _MOST), min(size + 4, len(octets)))


def _inflated(octets: bytes, wanted: int, end: int) -> bytes:
    out = bytearray(_PRELOADED)
    begun, position = len(out), 16
    while position < end and len(out) - begun < wanted:
        flags = octets[position]
        position += 1
        for bit in range(8):
            if position >= end or len(out) - begun >= wanted:
                break
            if not flags >> bit & 1:
                out.append(octets[position])
                position += 1
                continue
            if position + 1 >= end:
                return bytes(out[begun:])
            word = octets[position] << 8 | octets[position + 1]
            position += 2
            back, length = word >> 4, (word & 0xF) + 2
            source = len(out) - ((len(out) - back) % _WINDOW or _WINDOW)
            if back == len(out) % _WINDOW or source < 0:
                return bytes(out[begun:])
            for place in range(source, source + length):
                out.append(out[place])
    return bytes(out[begun:])


def rtf_text(octets: bytes) -> str:
    """The text of an RTF document, its lines ended by LF; "" if it is none."""
    if not octets.lstrip()[:5].lower().startswith(b"{\\rtf"):
        return ""
    return _Reader().read(octets[: _MOST * 4])


class _Reader:
    """`_hidden` is the depth at which what is not shown began, 0 for none."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._octets = bytearray()  # of `_charset`, not yet decoded
        self._charset = "windows-1252"
        self._depth = self._hidden = 0
        self._skip = 0  # characters that stand for a Unicode one, for old readers
        self._each = 1

    def read(self, source: bytes) -> str:
        for found in _TOKEN.finditer(source):
            if found[5]:
                self._brace(found[5])
            elif found[2]:
                self._word(found[2], int(found[3] or 1))
            elif found[4] == b"*":
                self._hidden = self._hidden or self._depth
            elif not self._hidden:
                self._text(found)
        self._settle()
        lines = (line.rstrip() for line in "".join(self._out).split("\n"))
        return "\n".join(lines).strip("\n")

    def _brace(self, sign: bytes) -> None:
        if sign == b"{":
            self._depth += 1
        else:
            if self._hidden == self._depth:
                self._hidden = 0
            self._depth -= 1

    def _word(self, word: bytes, number: int) -> None:
        if word in _UNSPOKEN:
            self._hidden = self._hidden or self._depth
        elif word == b"ansicpg":
            self._charset = f"windows-{number}" if 1250 <= number <= 1258 else f"cp{number}"
        elif word == b"uc":
            self._each = max(0, min(number, 10))
        elif self._hidden:
            return
        elif word == b"u":
            self._settle()
            self._out.append(chr(number % 0x10000) if not 0xD800 <= number % 0x10000 < 0xE000 else "\ufffd")
            self._skip = self._each
        elif word in _SPOKEN:
            self._settle()
            self._out.append(_SPOKEN[word])

    def _text(self, found: re.Match[bytes]) -> None:
        octets = bytes.fromhex(found[1].decode("ascii")) if found[1] else found[6] or found[4] or b""
        if found[4] == b"~":
            octets = b" "
        elif found[4] in (b"\r", b"\n"):
            octets = b"\n"
        skipped = min(self._skip, len(octets))
        self._skip -= skipped
        self._octets += octets[skipped:]

    def _settle(self) -> None:
        if self._octets:
            self._out.append(decode(bytes(self._octets), self._charset)[0])
            self._octets.clear()
