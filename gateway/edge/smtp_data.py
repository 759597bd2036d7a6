"""The content of one message, read from the wire piece by piece: no socket, no clock (sans-I/O).

Only CR LF "." CR LF ends the data (RFC 5321 §4.1.1.4). What other servers might take for an end (a dot alone between
line ends of which one is a bare CR or LF) refuses the message: that is SMTP smuggling. Bare LF elsewhere becomes
CR LF, CR CR LF becomes CR LF, and any other bare CR becomes a blank, so that every later reader sees the same lines.
What comes out does not depend on how the octets were cut into pieces. Octets are counted before lines are looked at;
memory is bounded by the size limit.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import format_datetime
from enum import Enum

SLACK = 64 * 1024  # read this far beyond the size limit to answer in order; then hang up

_END = b"\r\n.\r\n"
_WRONG_END = re.compile(rb"[\r\n]\.[\r\n]")
_HEADER_LIMIT = 256 * 1024
_SAFE_NAME = re.compile(r"[A-Za-z0-9.:_\[\]-]{1,255}")


class Fault(Enum):
    """Why the data is refused; the value is the reply."""

    TOO_BIG = "552 5.3.4 message too big"
    LONG_LINE = "554 5.6.0 a line is too long"
    SMUGGLING = "550 5.6.11 bare CR or LF around a dot"
    NO_ROOM = "452 4.3.1 too much large mail at once, try again later"
    NO_DISK = "452 4.3.1 no room for mail now, try again later"
    HOPS = "554 5.4.6 too many hops"
    OURS = "451 4.3.0 try again later"


class DataReader:
    """Feed it what arrives; when `done`, `content` is the message without dot-stuffing and `rest` what follows it.

    `fault` is set as soon as it is known and keeps its first value; the content is thrown away then. `overrun` says
    that more than the limit and SLACK have come without an end: hang up. At most `max_size` octets are held, less
    those that were drained.
    """

    def __init__(self, max_size: int, line_limit: int) -> None:
        self.done = False
        self.fault: Fault | None = None
        self.rest = b""
        self.received = 0  # octets fed, the end included
        self._max_size = max_size
        self._line_limit = line_limit
        self._content = bytearray()
        self._drained = -2  # the line end put before the data is none of them
        self._tail = b"\r\n"  # not yet judged; the data begins as if after a line end
        self._before = b""  # the octets judged last, as they came
        self._bare = False
        self._line = 0  # octets of the line that is not finished yet

    @property
    def overrun(self) -> bool:
        return self.received > self._max_size + SLACK

    @property
    def held(self) -> int:
        """Octets in memory."""
        return len(self._content)

    def content(self) -> memoryview:
        """The message, as far as it is not drained; every line ends with CR LF. Only when there is no fault."""
        return memoryview(self._content)[max(0, -self._drained) :]

    def drain(self) -> bytes:
        """What has come so far, which is held no more; the next piece begins behind it."""
        with self.content() as piece:
            drained = bytes(piece)
        self._drained += len(self._content)
        self._content = bytearray()
        return drained

    def forget(self) -> None:
        """Gives the memory of the content back; every view of it has been released."""
        self._content = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Cost is linear in the chunk, whatever it holds."""
        self.received += len(chunk)
        work = self._tail + chunk
        end = work.find(_END)
        if end >= 0:
            self.done = True
            self.rest = work[end + 5 :]
            self._take(work[: end + 2])
            return
        cut = _safe_cut(work)
        self._tail = work[cut:]
        self._take(work[:cut])

    def _take(self, piece: bytes) -> None:
        if self.fault or not piece:
            return None
        if _has_bare(piece):
            self._bare = True
        if self._bare and _WRONG_END.search(self._before + piece):
            return self.refuse(Fault.SMUGGLING)
        self._before = (self._before + piece[-3:])[-3:]
        piece = piece.replace(b"\r\n.", b"\r\n")
        if self._bare:
            piece = _normalised(piece)
        if self._too_long(piece):
            return self.refuse(Fault.LONG_LINE)
        self._content += piece
        if self._drained + len(self._content) > self._max_size:
            self.refuse(Fault.TOO_BIG)
        return None

    def refuse(self, fault: Fault) -> None:
        """Give the message up and its memory back; what still comes is only counted."""
        self.fault = fault
        self._content = bytearray()

    def _too_long(self, piece: bytes) -> bool:
        """Is any line longer than the limit, its end not counted? Steps by whole lines of the limit's size."""
        first = piece.find(b"\n")
        if first < 0:
            self._line += len(piece)
            return self._line > self._line_limit
        if self._line + first - 1 > self._line_limit:
            return True
        at = first
        while at + self._line_limit + 2 < len(piece):
            following = piece.rfind(b"\n", at + 1, at + self._line_limit + 3)
            if following < 0:
                return True
            at = following
        last = piece.rfind(b"\n", at)
        self._line = len(piece) - last - 1
        return False


def _safe_cut(work: bytes) -> int:
    """Where to cut so that no CR LF, CR CR LF, CR LF "." or end of data lies across the cut: before a late CR."""
    cut = work.find(b"\r", max(0, len(work) - len(_END) + 1))
    if cut < 0:
        return len(work)
    return cut - 1 if work[cut - 1 : cut] == b"\r" else cut


def _has_bare(piece: bytes) -> bool:
    pairs = piece.count(b"\r\n")
    return piece.count(b"\n") != pairs or piece.count(b"\r") != pairs


def _normalised(piece: bytes) -> bytes:
    """As the module says. Plain replacements: a pattern substituted at each octet would hold fifty times the piece."""
    lines = piece.replace(b"\r\r\n", b"\r\n").replace(b"\r\n", b"\n")
    return lines.replace(b"\r", b" ").replace(b"\n", b"\r\n")


def hops(content: memoryview) -> int:
    """Received fields in the header section; reads at most its first 256 KiB."""
    head = b"\r\n" + bytes(content[:_HEADER_LIMIT])
    blank = head.find(b"\r\n\r\n")
    head = (head if blank < 0 else head[:blank]).lower()
    return head.count(b"\nreceived:") + head.count(b"\nreceived ")


def trace_field(hostname: str, helo: str, peer: str, protocol: str, at: datetime, *, vouched: bool = False) -> bytes:
    """Our own Received field (RFC 5321 §4.4), CR LF at its end. What the client said cannot break out of it.

    From a trusted relay the mail changes hands within one house: no "from" clause then (RFC 5322 §3.6.7 allows it), so
    that the uppermost line with one is the relay's, which says where the mail came from.
    """
    said = helo if _SAFE_NAME.fullmatch(helo) else "unknown"
    address = f"IPv6:{peer}" if ":" in peer else peer
    if vouched:
        text = f"Received: by {hostname} with {protocol}\r\n\t(handed over by {said} [{address}]);"
    else:
        text = f"Received: from {said} ([{address}])\r\n\tby {hostname} with {protocol};"
    return f"{text}\r\n\t{format_datetime(at)}\r\n".encode("ascii", "replace")
