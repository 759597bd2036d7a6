"""Limits on raw octets, checked before any parser sees them (docs/guarantees.md).

One linear pass. `over`: the message may not be parsed; it is kept and read by the minimal reader. `unusual`: it may be
parsed, but in the child that can be killed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from gateway.mail.bodies import shortened
from gateway.options import ReadLimits

_MOST_WORDS, _MANY_WORDS = 6000, 500  # encoded words in the header block
_MOST_PARAMS, _MANY_PARAMS = 512, 64  # semicolons in one MIME header
TRACE = 4096  # octets: our own Received field comes on top of what a listener takes
_BOUNDARY_LENGTH = 200  # RFC 2046 §5.1.1 allows 70

_BLANK = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_FIELD = re.compile(rb"(?:\A|[\r\n])[!-9;-~]*:")
_HEADER_BEGINS = re.compile(rb"[!-9;-~]*:|[ \t\r\n]|From ")
_LONG_FIELD_START = re.compile(rb"\n(?![ \t])")
_ADDRESS_FIELD = re.compile(
    rb"(?im)^(?:from|to|cc|bcc|reply-to|delivered-to|sender)[ \t]*:[^\r\n]*(?:(?:\r\n|\n|\r)[ \t][^\r\n]*)*"
)
_HOP = re.compile(rb"(?i)(?:\A|[\r\n])received:")
_MIME_FIELD = re.compile(rb"(?i)[\r\n]content-(?:type|disposition)[ \t]*:[^\r\n]*(?:(?:\r\n|\n|\r)[ \t][^\r\n]*)*")
_CONTAINER = re.compile(rb"(?i):\s*multipart/")
_BOUNDARY = re.compile(rb"""(?i)boundary\*?\s*=\s*(?:"([^"\r\n]*)"|([^\s;"]*))""")
_DELIMITER_OR_FIELD = re.compile(
    rb"(?i)[\r\n](?:--([^\r\n]{1,250})|content-type[ \t]*:([^\r\n]*(?:(?:\r\n|\n|\r)[ \t][^\r\n]*)*))",
)
_MARKS = re.compile(rb"(?:[\xcc\xcd][\x80-\xbf]){64}")


@dataclass(frozen=True, slots=True)
class Scan:
    """`over`: why the message may not be parsed at all. `unusual`: why only in the child. Both "" for ordinary mail."""

    over: str = ""
    unusual: str = ""


def scan(raw: bytes, limits: ReadLimits) -> Scan:
    """Judge raw octets by the limits of `limits`; linear in their number, never raises."""
    if len(raw) > limits.message + TRACE:
        return Scan(over=f"larger than {limits.message} octets")
    head = _header_block(raw, limits)
    over = _header_over(head, limits)
    if over:
        return Scan(over=over)
    short = shortened(raw)
    over, unusual = _mime(short.rest, limits)
    if over:
        return Scan(over=over)
    return Scan(unusual=unusual or _header_unusual(head, limits) or _body_unusual(raw, short.files, limits))


def _header_block(raw: bytes, limits: ReadLimits) -> bytes:
    """Up to the first blank line, at most one octet more than is allowed."""
    head = raw[: limits.header_block + 4].removeprefix(b"\xef\xbb\xbf")[: limits.header_block + 1]
    if not _HEADER_BEGINS.match(head):
        return b""  # no header at all: everything is body
    blank = _BLANK.search(head)
    return head[: blank.start()] if blank else head


def _header_over(head: bytes, limits: ReadLimits) -> str:
    if len(head) > limits.header_block:
        return f"header block over {limits.header_block} octets"
    lines = head.count(b"\n") + head.count(b"\r") - head.count(b"\r\n") + 1
    if lines > limits.headers and len(_FIELD.findall(head)) > limits.headers:
        return f"more than {limits.headers} header fields"
    if len(head) > limits.header and _longest_field(head) > limits.header:
        return f"a header field over {limits.header} octets"
    if head.count(b"=?") > _MOST_WORDS * 2:
        return f"more than {_MOST_WORDS} encoded words"
    if lines > limits.hops and len(_HOP.findall(head)) > limits.hops:
        return f"more than {limits.hops} Received fields"
    return ""


def _longest_field(head: bytes) -> int:
    starts = [0, *(found.start() + 1 for found in _LONG_FIELD_START.finditer(head)), len(head) + 1]
    return max(after - start - 1 for start, after in pairwise(starts))


def _header_unusual(head: bytes, limits: ReadLimits) -> str:
    if head.count(b"=?") > _MANY_WORDS:
        return f"more than {_MANY_WORDS} encoded words"
    if b"\0" in head:
        return "NUL in the header"
    if head.count(b",") + head.count(b"<") + head.count(b"(") > limits.addresses:
        for found in _ADDRESS_FIELD.finditer(head):
            field = found.group()
            if max(field.count(b","), field.count(b"<"), field.count(b"("), field.count(b'"')) > limits.addresses:
                return f"more than {limits.addresses} addresses"
    return ""


def _mime(raw: bytes, limits: ReadLimits) -> tuple[str, str]:
    """(over, unusual) of the MIME structure, by its headers; what is in a long body is none."""
    fields = [found.group() for found in _MIME_FIELD.finditer(b"\n" + raw if raw[:8].lower() == b"content-" else raw)]
    most = max((field.count(b";") for field in fields), default=0)
    if most > _MOST_PARAMS:
        return f"more than {_MOST_PARAMS} parameters in one header", ""
    containers = [field for field in fields if _CONTAINER.search(field)]
    boundaries = {found[1] or found[2] or b"" for field in containers for found in _BOUNDARY.finditer(field)}
    if any(len(boundary) > _BOUNDARY_LENGTH for boundary in boundaries):
        return f"a boundary over {_BOUNDARY_LENGTH} octets", ""
    if len(fields) > limits.parts * 2 or (containers and _delimiters(raw) > limits.parts):
        parts = _count_parts(raw, boundaries, limits)
        if parts > limits.parts:
            return f"more than {limits.parts} parts", ""
    nested = len(containers)
    if nested > limits.depth:
        if _depth(raw, limits.depth) > limits.depth:
            return f"nested deeper than {limits.depth} parts", ""
        return "", f"more than {limits.depth} multipart headers"
    return "", f"more than {_MANY_PARAMS} parameters in one header" if most > _MANY_PARAMS else ""


def _delimiters(raw: bytes) -> int:
    return raw.count(b"\n--") + raw.count(b"\r--")


def _count_parts(raw: bytes, boundaries: set[bytes], limits: ReadLimits) -> int:
    """Delimiter lines of declared boundaries; with too many boundaries every delimiter line counts."""
    if len(boundaries) > limits.depth or b"" in boundaries:
        return _delimiters(raw)
    return sum(raw.count(mark + boundary) for boundary in boundaries for mark in (b"\n--", b"\r--"))


def _depth(raw: bytes, most: int) -> int:
    """Deepest nesting of multiparts, by a stack of boundaries; stops when it exceeds `most`."""
    stack: list[bytes] = []
    deepest = 0
    for found in _DELIMITER_OR_FIELD.finditer(raw):
        if found[1] is not None:
            _close(stack, found[1].rstrip())
            continue
        if not _CONTAINER.match(b":" + found[2]):
            continue
        boundary = _BOUNDARY.search(found[2])
        stack.append((boundary[1] or boundary[2] or b"") if boundary else b"")
        deepest = max(deepest, len(stack))
        if deepest > most:
            break
    return deepest


def _close(stack: list[bytes], line: bytes) -> None:
    for place in range(len(stack) - 1, -1, -1):
        if line == stack[place]:
            del stack[place + 1 :]
            return
        if line == stack[place] + b"--":
            del stack[place:]
            return


def _body_unusual(raw: bytes, files: int, limits: ReadLimits) -> str:
    if len(raw) - files > limits.in_process:
        return f"larger than {limits.in_process} octets" + (" without its files" if files else "")
    if files > limits.in_process_files:
        return f"files of more than {limits.in_process_files} octets"
    if raw.count(b"\xcc") + raw.count(b"\xcd") >= 64 and _MARKS.search(raw):
        return "a long run of combining marks"
    return ""
