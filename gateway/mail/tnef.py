"""winmail.dat ([MS-OXTNEF]) opened: its text and the files in it. Linear, total; what is damaged ends the reading.

Own, because the library there is keeps the whole in several copies and knows no limits.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.mail.charset import decode
from gateway.mail.rtf import decompressed, rtf_text

_SIGNATURE = b"\x78\x9f\x3e\x22"
_ATTRIBUTE = struct.Struct("<BII")
_LONG = struct.Struct("<I")
_BODY, _MAPI, _CODEPAGE = 0x0002800C, 0x00069003, 0x00069007
_FILE_BEGINS, _TITLE, _FILE, _FILE_MAPI = 0x00069002, 0x00018010, 0x0006800F, 0x00069005
_PLAIN, _HTML, _RTF = 0x1000, 0x1013, 0x1009
_LONG_NAME, _NAME, _TYPE, _CONTENT_ID, _CONTENT = 0x3707, 0x3704, 0x370E, 0x3712, 0x3701
_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_ASCII, _UNICODE, _OBJECT, _BINARY = 0x1E, 0x1F, 0x0D, 0x102
_MOST_FILES, _MOST_PROPERTIES = 200, 2000


@dataclass(slots=True)
class TnefFile:
    """One file of a winmail.dat. `media` and `content_id` are "" where it does not say."""

    name: str = ""
    media: str = ""
    content_id: str = ""
    content: bytes = b""


@dataclass(slots=True)
class Tnef:
    """`text` and `html` are "" where there are none."""

    text: str
    html: str
    files: list[TnefFile]


def read_tnef(octets: bytes) -> Tnef | None:
    """What is in a winmail.dat, None if it is none."""
    if octets[:4] != _SIGNATURE:
        return None
    found = Tnef("", "", [])
    charset, rtf, plain = "windows-1252", b"", b""
    for name, content in _attributes(octets):
        if name == _CODEPAGE and len(content) >= 4:
            charset = f"windows-{page}" if 1250 <= (page := _LONG.unpack_from(content)[0]) <= 1258 else f"cp{page}"
        elif name == _BODY:
            plain = content
        elif name == _MAPI:
            rtf = _message(found, content, charset) or rtf
        elif name == _FILE_BEGINS and len(found.files) < _MOST_FILES:
            found.files.append(TnefFile())
        elif found.files:
            _file(found.files[-1], name, content, charset)
    found.text = found.text or decode(plain.rstrip(b"\0"), charset)[0]
    if rtf and not (found.text.strip() or found.html):
        found.text = rtf_text(decompressed(rtf))
    found.files = [one for one in found.files if one.content]
    return found


def _attributes(octets: bytes) -> Iterator[tuple[int, bytes]]:
    position = 6
    while position + _ATTRIBUTE.size <= len(octets):
        _, name, length = _ATTRIBUTE.unpack_from(octets, position)
        position += _ATTRIBUTE.size
        if position + length > len(octets):
            return
        yield name, octets[position : position + length]
        position += length + 2  # a checksum follows


def _message(found: Tnef, content: bytes, charset: str) -> bytes:
    """Take the bodies; the compressed RTF is the answer, if there is one."""
    rtf = b""
    for tag, value in _properties(content):
        if tag == _PLAIN:
            found.text = _string(value, charset)
        elif tag == _HTML:
            found.html = value if isinstance(value, str) else decode(value.rstrip(b"\0"), charset)[0]
        elif tag == _RTF and isinstance(value, bytes):
            rtf = value
    return rtf


def _file(file: TnefFile, name: int, content: bytes, charset: str) -> None:
    if name == _TITLE:
        file.name = file.name or _string(content, charset)
    elif name == _FILE:
        file.content = content
    elif name == _FILE_MAPI:
        for tag, value in _properties(content):
            if tag == _LONG_NAME:
                file.name = _string(value, charset)
            elif tag == _NAME:
                file.name = file.name or _string(value, charset)
            elif tag == _TYPE:
                file.media = _string(value, charset).lower()
            elif tag == _CONTENT_ID:
                file.content_id = _string(value, charset).strip("<>")
            elif tag == _CONTENT and isinstance(value, bytes) and not file.content:
                file.content = value


def _string(value: bytes | str, charset: str) -> str:
    return (value if isinstance(value, str) else decode(value, charset)[0]).partition("\0")[0]


def _properties(content: bytes) -> Iterator[tuple[int, bytes | str]]:
    """(property, value) of those that hold text or octets ([MS-OXTNEF] §2.1.3.4); ends at the first it cannot read."""
    if len(content) < 4:
        return
    position = 4
    try:
        for _ in range(min(_LONG.unpack_from(content)[0], _MOST_PROPERTIES)):
            kind, tag = struct.unpack_from("<HH", content, position)
            position = _after_name(content, position + 4) if tag >= 0x8000 else position + 4
            many = bool(kind & 0x1000)
            kind &= ~0x1000
            if kind in _FIXED:
                count = _LONG.unpack_from(content, position)[0] if many else 1
                position += count * _FIXED[kind] + (4 if many else 0)
                continue
            if kind not in (_ASCII, _UNICODE, _OBJECT, _BINARY):
                return
            count = _LONG.unpack_from(content, position)[0]
            position += 4
            for _ in range(min(count, _MOST_PROPERTIES)):
                length = _LONG.unpack_from(content, position)[0]
                value = content[position + 4 : position + 4 + length]
                position += 4 + length + -length % 4
                yield tag, value.decode("utf-16-le", "replace") if kind == _UNICODE else value
    except struct.error:
        return


def _after_name(content: bytes, position: int) -> int:
    """Behind the name of a named property: a GUID, then a number or a text."""
    kind, length = struct.unpack_from("<II", content, position + 16)
    return position + 24 + (length + -length % 4 if kind else 0)
