"""Where long bodies lie in raw octets, found without a parser; and the little that is left of a message without them.

The stdlib's parser looks at every line in Python: 15 ms for 1 MB, and up to ten times the octets in memory. But a line
in a body can change the tree in one way alone, by being a delimiter, and each of these begins with "--" (RFC 2046
§5.1.1). So of the lines from one that begins with "--" to the next, those behind the first blank line are a body
whatever the parser takes the first one for, and one line may stand for them. The last of them is left, because the
parser cuts its line end off. Nothing here decides what is a part: the parser does, from the same lines as before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

WORTH = 8 * 1024  # octets: a smaller message is parsed as it is
LONG = 2 * 1024  # octets of a body that is worth a mark
_MOST = 4096  # lines that begin with "--"; what stands behind more of them is parsed as it is
_HEAD = 16 * 1024  # octets of a part's header that are looked at
_FILE_TYPE = re.compile(rb"(?im)^content-type[ \t]*:[ \t\r\n]*(?:application|audio|font|image|model|video)/")
_DASHES = re.compile(rb"[\r\n]--")


@dataclass(frozen=True, slots=True)
class Shortened:
    """A message without its long bodies. `rest` has the line `mark` + number in place of each; `ranges` has where they
    are in the raw octets, by that number. `mark` is "" where nothing was left out. `files`: octets of those among them
    that have nothing to be shown or understood, as far as that can be told without a parser."""

    rest: bytes
    mark: str
    ranges: tuple[tuple[int, int], ...]
    files: int = 0


def shortened(raw: bytes, start: int = 0) -> Shortened:
    """`raw` from `start` on, long bodies left out. Linear, and memory is that of the rest."""
    found = list(_long_bodies(raw, start)) if len(raw) - start >= WORTH else []
    if not found:
        return Shortened(raw[start:], "", ())
    ranges = tuple((begin, end) for _, begin, end in found)
    pieces, at = [], start
    for begin, end in ranges:
        pieces.append(raw[at:begin])
        at = end
    pieces.append(raw[at:])
    digest = sha256()
    for piece in pieces:
        digest.update(piece)
    mark = b"=_left_out_" + digest.hexdigest().encode("ascii") + b"_"  # of the octets it must not occur in
    numbered = [piece for number, kept in enumerate(pieces[:-1]) for piece in (kept, b"%b%d\n" % (mark, number))]
    files = sum(end - begin for head, begin, end in found if _is_file(raw, head, begin, end))
    return Shortened(b"".join([*numbered, pieces[-1]]), mark.decode("ascii"), ranges, files)


def _is_file(raw: bytes, head: int, begin: int, end: int) -> bool:
    """Its header says so, and there are no words in it and no tags. Only what a reading costs is judged by this."""
    named = _FILE_TYPE.search(raw[head : min(begin, head + _HEAD)]) is not None
    return named and raw.find(b"<", begin, end) < 0 and raw.find(b" ", begin, end) < 0


def _long_bodies(raw: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """(where the lines before it begin, where it begins, where it ends) of each."""
    for begin, end in _between_dashes(raw, start):
        if end - begin < LONG:
            continue
        body = _behind_blank_line(raw, begin, end)
        last = _last_line(raw, body, end) if body else 0
        if last - body >= LONG:
            yield begin, body, last


def _between_dashes(raw: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Pieces that begin at a line which begins with "--" (the first piece: at `start`) and end behind a line end."""
    begin = start
    if b"\r--" in raw:
        places: Iterator[int] = (found.start() + 1 for found in _DASHES.finditer(raw, start))
    else:
        places = _places(raw, start)
    for place in islice(places, _MOST):
        yield begin, place
        begin = place
    if next(places, None) is None:
        yield begin, len(raw)


def _places(raw: bytes, start: int) -> Iterator[int]:
    at = raw.find(b"\n--", start)
    while at >= 0:
        yield at + 1
        at = raw.find(b"\n--", at + 1)


def _behind_blank_line(raw: bytes, begin: int, end: int) -> int:
    """Where the line behind a blank one begins; 0 if there is none. It need not be the first blank line: what stands
    before goes to the parser."""
    pairs = raw.find(b"\n\r\n", begin, end)
    single = raw.find(b"\n\n", begin, pairs if pairs >= 0 else end)
    return single + 2 if single >= 0 else pairs + 3 if pairs >= 0 else 0


def _last_line(raw: bytes, begin: int, end: int) -> int:
    """Where the last line begins."""
    inner = end - 1 - raw.endswith(b"\r\n", begin, end)
    return max(raw.rfind(b"\n", begin, inner), raw.rfind(b"\r", begin, inner)) + 1
