"""A mail as it is on the wire behind DATA: CR LF line ends, dots stuffed, the final dot (RFC 5321 §4.5.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gateway.model import Large

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_BLOCK = 256 * 1024  # octets of data in one write; each has the whole time-out (RFC 5321 §4.5.3.2.5)


def pieces(data: bytes | Large, behind: bytes) -> Iterator[bytes | memoryview]:
    """What is to be written, one write after the other: `data`, stuffed, its final dot, and what goes `behind` it."""
    if not isinstance(data, bytes):
        yield from stuffed_blocks(data.blocks())
        if behind:
            yield behind
        return
    whole = memoryview(stuffed(data) + behind)
    for start in range(0, len(whole), _BLOCK):
        yield whole[start : start + _BLOCK]


def stuffed_blocks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """As `stuffed`, of pieces of any size."""
    before = b"\r\n"  # the last two octets, as they came: the data begin a line
    for block in blocks:
        yield (before + block).replace(b"\r\n.", b"\r\n..")[len(before) :]
        before = (before + block)[-2:]
    yield b".\r\n" if before == b"\r\n" else b"\r\n.\r\n"


def on_the_wire(data: bytes) -> bytes:
    """CR LF line ends, dots stuffed, the final dot (RFC 5321 §4.5.2)."""
    return stuffed(with_pairs(data))


def with_pairs(data: bytes) -> bytes:
    """No bare CR or LF leaves: RFC 5322 §2.3."""
    pairs = data.count(b"\r\n")
    if data.count(b"\n") != pairs or data.count(b"\r") != pairs:
        return _BARE.sub(b"\r\n", data)
    return data


def stuffed(data: bytes) -> bytes:
    if b"\n." in data:
        data = data.replace(b"\r\n.", b"\r\n..")
    if data.startswith(b"."):
        data = b"." + data
    return data + (b".\r\n" if data.endswith(b"\r\n") or not data else b"\r\n.\r\n")
