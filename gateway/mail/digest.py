"""The sameness of a message: what its author wrote, whatever path it took (docs/architecture.md, sameness)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_FIELDS = ("from", "to", "cc", "subject", "date", "message-id", "references")
_BLANKS = re.compile(rb"[ \t\r\n]+")


def digest(fields: Iterable[tuple[str, bytes]], bodies: Iterable[tuple[str, bytes]]) -> str:
    """Hex SHA-256 over the originator fields and the decoded leaf bodies.

    `fields`: (lower-case name, value as received) of the whole header; others than From, To, Cc, Subject, Date,
    Message-ID and References do not count, and runs of blanks and folds count as one blank. `bodies`: (media type,
    decoded octets) of each leaf in order; in text/* and message/* line ends count alike and blank lines at the end do
    not count. So trace fields, folding and transfer encodings of a path make no difference; every word does.
    """
    values: dict[str, list[bytes]] = {name: [] for name in _FIELDS}
    for name, value in fields:
        if name in values:
            values[name].append(_single_blanks(value).strip())
    total = hashlib.sha256()
    for name in _FIELDS:
        for value in values[name]:
            total.update(b"%s:%d:" % (name.encode(), len(value)))
            total.update(value)
    for media, content in bodies:
        if media.startswith(("text/", "message/")):
            content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").rstrip(b"\n")
        total.update(b"leaf:%d:" % len(content))
        total.update(content)
    return total.hexdigest()


def _single_blanks(value: bytes) -> bytes:
    if b"  " in value or b"\n" in value or b"\t" in value or b"\r" in value:
        return _BLANKS.sub(b" ", value)
    return value
