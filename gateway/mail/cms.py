"""The mail inside an opaque S/MIME signature (RFC 8551 §3.5.2, RFC 5652 §5). Nothing is verified. Bounded, total."""

from __future__ import annotations

_SIGNED_DATA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
_SEQUENCE, _OID, _OCTETS, _OCTETS_IN_PIECES, _EXPLICIT = 0x30, 0x06, 0x04, 0x24, 0xA0
_DEEPEST, _MOST = 12, 10_000


class _NotBer(Exception):
    """The octets are not what BER has (ITU-T X.690)."""


def signed_content(octets: bytes) -> bytes | None:
    """What a signed-data object carries, None where it carries nothing or is no such object."""
    try:
        return _Reader(octets).signed_content()
    except (_NotBer, IndexError):
        return None


class _Reader:
    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._left = _MOST  # elements that may still be looked at

    def signed_content(self) -> bytes | None:
        outer = self._child(0, len(self._octets), _SEQUENCE)
        kind = self._child(*outer, _OID)
        if self._octets[kind[0] : kind[1]] != _SIGNED_DATA:
            return None
        inner = self._child(*self._child(*outer, _EXPLICIT), _SEQUENCE)
        carried = self._child(*inner, _SEQUENCE)
        content = self._child(*carried, _EXPLICIT)
        return b"".join(self._pieces(*content, 0))

    def _child(self, start: int, end: int, wanted: int) -> tuple[int, int]:
        """Where the content of the first child of this tag begins and ends."""
        while start < end:
            tag, begin, stop, start = self._element(start, end, 0)
            if tag == wanted:
                return begin, stop
        raise _NotBer

    def _pieces(self, start: int, end: int, depth: int) -> list[bytes]:
        """An OCTET STRING, whole or in pieces."""
        found: list[bytes] = []
        while start < end:
            tag, begin, stop, start = self._element(start, end, 0)
            if tag == _OCTETS:
                found.append(self._octets[begin:stop])
            elif tag == _OCTETS_IN_PIECES and depth < _DEEPEST:
                found += self._pieces(begin, stop, depth + 1)
        return found

    def _element(self, at: int, end: int, depth: int) -> tuple[int, int, int, int]:
        """(tag, begin and end of its content, where the next one begins) of the element at a place."""
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            raise _NotBer
        tag, first = self._octets[at], self._octets[at + 1]
        at += 2
        if first == 0x80:
            return self._to_its_end(tag, at, end, depth)
        length = first
        if first > 0x80:
            width = first & 0x7F
            length = int.from_bytes(self._octets[at : at + width], "big")
            at += width
        if at + length > end:
            raise _NotBer
        return tag, at, at + length, at + length

    def _to_its_end(self, tag: int, at: int, end: int, depth: int) -> tuple[int, int, int, int]:
        """Of an element without a length: it ends where two zero octets stand for one."""
        begin = at
        while self._octets[at : at + 2] != b"\0\0":
            _, _, _, at = self._element(at, end, depth + 1)
        return tag, begin, at, at + 2
