"""Header fields as received, and what mail-parser says of them.

The message is parsed once into `Part`s, by the stdlib with `compat32` (never `policy.default`, which can be made to
hang or blow up), its long bodies left out (`bodies`); mail-parser then reads date and defects from that tree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.feedparser import BytesFeedParser
from email.message import Message as Tree
from email.policy import compat32
from email.utils import parsedate_tz
from typing import cast

from mailparser import MailParser

from gateway.mail.bodies import Shortened, shortened
from gateway.mail.params import media_type

_CHUNK = 1 << 20  # `message_from_bytes` copies the whole at four octets a character: 40 MiB would be 400
_ID = re.compile(r"<[!-;=?-~]{1,250}>")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d")
_ISO_BLANK = re.compile(r"[ \t]+([+-]\d|Z)")
_NAMED_OFFSET = re.compile(r"(?:GMT|UTC?)\s?([+-]\d\d:?\d\d)\b")
_HALF_DAY = re.compile(r"\b(\d{1,2}):(\d\d)(:\d\d)?\s?([AaPp])\.?[Mm]\b\.?")
_COLON_OFFSET = re.compile(r"([+-]\d\d):(\d\d)\b")
_NUMBERED_MONTH = re.compile(r"\b(\d{1,2})\s+(?:thg|th\S{0,8}ng)\.?\s+(\d{1,2})[,\s]+(\d{4})\b")  # "24 thg 11 2026"
_SLASHES = re.compile(r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b")  # the day first, where both readings are possible
_DASHES_IN_DATE = re.compile(r"\b(\d{1,2})-([A-Za-z]{3})-(\d{2,4})\b")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NO_FIELD = re.compile(rb"(?m)^(?![!-9;-~]+:|[ \t]|\r?$)")
_KNOWN_FIELD = re.compile(rb"(?im)^(?:from|to|cc|date|subject|message-id|mime-version|content-type|reply-to)[ \t]*:")
_MOST_STRAYS = 100
STRAY = "a line in the header is no field"
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


class Part(Tree):
    """One MIME part. Attached messages (message/*) stay whole: they are a leaf with their octets, not a subtree."""

    def get_content_maintype(self) -> str:
        """What the parser asks to know whether to descend: a message/* part is not entered."""
        found = super().get_content_maintype()
        return "application" if found == "message" else found

    def get_content_type(self) -> str:
        """The parser parses message/delivery-status by itself; this keeps it from that too."""
        found = super().get_content_type()
        return "application/octet-stream" if found == "message/delivery-status" else found

    def children(self) -> list[Part] | None:
        """The parts of a multipart, None for a leaf."""
        stored = self.__dict__.get("_payload")  # the stdlib offers no way to it that leaves octets alone
        return [child for child in stored if isinstance(child, Part)] if isinstance(stored, list) else None

    def stored(self) -> bytes:
        """A leaf's octets as received. `get_payload` would decode 8-bit octets by whatever charset the sender names."""
        stored = self.__dict__.get("_payload")
        if not isinstance(stored, str):
            return b""
        left_out: LeftOut | None = self.__dict__.get("left_out")
        return left_out.restored(stored) if left_out is not None else octets(stored)

    def place(self) -> tuple[int, int] | None:
        """Where `stored` begins and ends in the raw octets, if it is known: of a long body it is."""
        stored, left_out = self.__dict__.get("_payload"), self.__dict__.get("left_out")
        return left_out.place(stored) if left_out is not None and isinstance(stored, str) else None

    def view(self, begin: int, size: int) -> memoryview:
        """Raw octets at a `place`, not copied."""
        left_out: LeftOut = self.__dict__["left_out"]
        return memoryview(left_out.raw)[begin : begin + size]

    def field(self, name: str) -> bytes:
        """The first value of a field as received, folds included; b"" if absent."""
        for key, value in self.raw_items():
            if key.lower() == name:
                return octets(value)
        return b""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What stands in `raw` for each mark that the parser was given in its place."""

    raw: bytes
    short: Shortened

    def place(self, text: str) -> tuple[int, int] | None:
        """Where a body of the tree begins and ends in `raw`, if it begins with a mark and has no other."""
        if not text.startswith(self.short.mark):
            return None
        number, _, last = text.removeprefix(self.short.mark).partition("\n")
        begin, end = self.short.ranges[int(number)]
        rest = octets(last)
        return (begin, end + len(rest)) if self.raw.startswith(rest, end) else None

    def restored(self, text: str) -> bytes:
        """The octets of a body of the tree."""
        place = self.place(text)
        if place is not None:
            return self.raw[place[0] : place[1]]
        first, *others = text.split(self.short.mark)
        pieces = [octets(first)]
        for other in others:
            number, _, kept = other.partition("\n")
            begin, end = self.short.ranges[int(number)]
            pieces += [self.raw[begin:end], octets(kept)]
        return b"".join(pieces)


def octets(value: object) -> bytes:
    """A header value of the compat32 tree as the octets that came."""
    return str(value).encode("utf-8", "surrogateescape")


def build_tree(raw: bytes) -> Part:
    """The one parse. A byte order mark before the first field is left out. What stands before the first part of a
    multipart and behind its last is not kept whole."""
    short = shortened(raw, 3 if raw.startswith(b"\xef\xbb\xbf") else 0)
    parser = BytesFeedParser(_factory=Part, policy=compat32)
    view = memoryview(short.rest)
    for start in range(0, len(view), _CHUNK):
        parser.feed(bytes(view[start : start + _CHUNK]))
    tree = cast(Part, parser.close())
    if short.ranges:
        left_out = LeftOut(raw, replace(short, rest=b""))
        for part in tree.walk():
            part.__dict__["left_out"] = left_out
    return tree


class HeaderReading(MailParser):  # type: ignore[misc]  # mail-parser publishes no types
    """mail-parser's reading of a tree that is parsed already: its date and the defects of header and structure.

    Bodies are not decoded here (`body` does that from octets), and the addresses of From are read by mail-parser in
    `address.parse_author`. Received fields, other addresses and the dictionaries, most of mail-parser's cost, are read
    when they are asked for.
    """

    def __init__(self, tree: Part) -> None:
        self._tree = tree
        super().__init__(_view(tree, frozenset({"date", "resent-date"})))

    def parse(self) -> HeaderReading:
        """Called by the base class: headers and structural defects, no bodies."""
        self._reset()
        for part in self._tree.walk():
            self._append_defects(part, part.get_content_type())
        return self

    @property
    def received(self) -> list[Mapping[str, object]]:
        """The Received fields, first hop first, parsed on demand."""
        return list(MailParser(_view(self._tree, frozenset({"received"}))).received)

    @property
    def mail(self) -> dict[str, object]:
        """mail-parser's dictionary of all header fields, made on demand."""
        return dict(MailParser(_view(self._tree, None)).mail)


def _view(tree: Part, names: frozenset[str] | None) -> Tree:
    """A header without a body, of the named fields only: mail-parser reads all it is given."""
    view = Tree(policy=compat32)
    for name, value in tree.raw_items():
        if names is None or name.lower() in names:
            view[name] = value
    return view


def odd_grammar(raw: bytes) -> str:
    """Why the header block is not to be trusted for identity, "" if it may be.

    Readers of mail differ on these forms (`From :`, a line that is no field, a byte order mark, NUL, a bare CR), so
    others could be shown an author that we did not see. An mbox `From ` line at the very beginning is allowed.
    """
    blank = _BLANK_LINE.search(raw)
    head = raw[: blank.start()] if blank else raw[:_CHUNK]
    if b"\0" in head:
        return "NUL in the header"
    if head.count(b"\r") != head.count(b"\r\n"):
        return "a bare CR in the header"
    if head[:1] in (b" ", b"\t"):
        return "the header begins with a continuation"
    fields = head.partition(b"\n")[2] if head.startswith(b"From ") else head
    return STRAY if _NO_FIELD.search(fields) else ""


def mended(raw: bytes) -> bytes:
    """`raw` with stray lines in the header made part of the field above, of the same length.

    Programs that put a line end into a Subject cut the header in two: what stands below would be lost, From among it.
    Only where known fields follow the stray line; the first line is left alone.
    """
    blank = _BLANK_LINE.search(raw)
    head = raw[: blank.start() + 1] if blank else raw[:_CHUNK]
    at = head.find(b"\n") + 1
    strays = [found.start() for found in _NO_FIELD.finditer(head, at) if found.start() >= at > 0]
    if not strays or not _KNOWN_FIELD.search(head, strays[0]):
        return raw
    last = max(found.start() for found in _KNOWN_FIELD.finditer(head, strays[0]))
    octets_of = bytearray(raw)
    for place in strays[:_MOST_STRAYS]:
        if place < last:
            begin = place - 2 if head[place - 2 : place] == b"\r\n" else place - 1
            octets_of[begin:place] = b" " * (place - begin)
    return bytes(octets_of)


def message_ids(value: str) -> tuple[str, ...]:
    """The ids in a Message-ID, In-Reply-To or References value that can be used, in order, each once.

    Only `<1 to 250 printable ASCII characters without blanks or angles>` counts (RFC 5322 §3.6.4, tightened).
    """
    return tuple(dict.fromkeys(_ID.findall(value)))


def lenient_date(value: str) -> datetime | None:
    """A Date that mail-parser refuses or misreads (no zone, an odd comment, ISO 8601), in UTC; None if it is none."""
    value = value[:100].strip()
    try:
        if _ISO_DATE.match(value):
            return _iso_date(value)
        found = parsedate_tz(_plain_date(value))
        if found is None:
            return None
        year, month, day, hour, minute, second = found[:6]
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC) - timedelta(seconds=found[9] or 0)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _iso_date(value: str) -> datetime:
    found = datetime.fromisoformat(_ISO_BLANK.sub(r"\1", value.partition(" (")[0]).strip())
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def is_odd_date(value: str) -> bool:
    """Whether a date is in a form that mail-parser misreads without a word: "GMT+0700" as GMT."""
    value = value[:100]
    return any(form.search(value) for form in (_NAMED_OFFSET, _HALF_DAY, _COLON_OFFSET))


def _plain_date(value: str) -> str:
    """A date as RFC 5322 has it, out of forms that only look like one."""
    value = _COLON_OFFSET.sub(r"\1\2", _NAMED_OFFSET.sub(r"\1", value))
    half = _HALF_DAY.search(value)
    if half:
        hour = int(half[1]) % 12 + (12 if half[4] in "Pp" else 0)
        value = f"{value[: half.start()]}{hour:02}:{half[2]}{half[3] or ''}{value[half.end() :]}"
    if numbered := _NUMBERED_MONTH.search(value) or _SLASHES.search(value):
        day, month = int(numbered[1]), int(numbered[2])
        if month > 12:
            day, month = month, day
        if 1 <= month <= 12:
            value = f"{day} {_MONTHS[month - 1]} {numbered[3]} {value[numbered.end() :].strip()}"
    return _DASHES_IN_DATE.sub(r"\1 \2 \3", value)


def part_type(part: Part) -> str:
    """The media type of a part as it says itself, lower case; "text/plain" where that is no type."""
    return media_type(Tree.get_content_type(part))
