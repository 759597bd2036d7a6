"""Our own header writer (RFC 5322 §2.2, RFC 2047). Nothing a stranger wrote can start a header of its own.

The stdlib writer is not used for output: `EmailMessage` loses blanks between folded encoded words (cpython gh-92081)
and turned encoded line breaks into real headers (CVE-2024-6923). Values are decoded text; raw header text never
passes through. Every `fold_*` returns one whole field that ends in CRLF.
"""

from __future__ import annotations

import re
import unicodedata
from binascii import b2a_base64
from collections.abc import Iterator, Sequence
from functools import lru_cache

from gateway.model import Mailbox

LINE_GOAL = 78  # RFC 5322 §2.1.1: should
LINE_LIMIT = 998  # RFC 5322 §2.1.1: must
WORD_LINE = 76  # RFC 2047 §2: a line that holds encoded words
NAME_LIMIT = 64  # characters of a display name; longer ones trip readers over a fold (gh-80222)
_OPEN, _CLOSE = b"=?utf-8?b?", b"?="
_WORD_OCTETS = 45  # 10 + 60 + 2 = 72 octets a word, 73 with its leading blank

_CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0))}
_BIDI = {code: None for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_SURROGATES = {code: 0xFFFD for code in range(0xD800, 0xE000)}
_CLEAN = {**_CONTROLS, **_BIDI, **_SURROGATES, 0x09: 0x20, 0x20: 0x20}
_BREAKS = re.compile("[\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029]+")

_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,75}")
# how a line of a block may begin: with a name, which is kept, or as a continuation that is not blank
_LINE_STARTS = re.compile(rf"\r\n(?:({_FIELD_NAME.pattern}):|[ \t]+\S)".encode("ascii"))
_PLAIN = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(
    rf"(?P<local>{_ATEXT}(?:\.{_ATEXT})*)@(?:{_LABEL}(?:\.{_LABEL})*|\[(?:IPv6:[0-9A-Fa-f:.]+|[0-9.]+)\])"
)
_MSG_ID = re.compile(r"<[!-;=?-~]{1,900}>")


def clean(value: str) -> str:
    """`value` fit for one header line: every run of line separators becomes one space, tab becomes a space,
    other controls and bidi embeddings, overrides and isolates go, lone surrogates become U+FFFD. Idempotent."""
    if value.isprintable():
        return value  # line separators, controls, bidi characters and surrogates are not
    return _BREAKS.sub(" ", value).translate(_CLEAN)


def valid_address(address: str) -> bool:
    """Is it an ASCII addr-spec with a dot-atom local part (RFC 5321 §4.1.2; local ≤ 64, whole ≤ 254 octets)?"""
    match = _ADDRESS.fullmatch(address)
    return match is not None and len(match["local"]) <= 64 and len(address) <= 254


def valid_id(message_id: str) -> bool:
    """Is it `<...>` in visible ASCII, short enough for any line? Wider than RFC 5322 §3.6.4."""
    return _MSG_ID.fullmatch(message_id) is not None


def fold_text(name: str, value: str) -> bytes:
    """An unstructured field. ASCII stays as it is, all else becomes encoded words; readers get `clean(value)` back."""
    return _fold_again(name, value) if len(value) <= LINE_LIMIT else _fold_text(name, value)


def _fold_text(name: str, value: str) -> bytes:
    head = _field(name)
    text = clean(value)
    if not text:
        return head + b" \r\n"
    if text.isascii() and "=?" not in text and _PLAIN.fullmatch(text) is not None:
        folded = _fold_plain(head, text.encode("ascii"))
        if folded is not None:
            return folded
    return head + b" " + b"\r\n ".join(_words(text, len(head) + 1)) + b"\r\n"


_fold_again = lru_cache(maxsize=256)(_fold_text)  # the same subject goes to several people


def fold_mailboxes(name: str, mailboxes: Sequence[Mailbox]) -> bytes:
    """An address list (RFC 5322 §3.4), one mailbox a line where it does not fit. Display names are atoms or encoded
    words, never quoted strings. ValueError for an address that `valid_address` refuses, or for no mailbox at all."""
    if len(mailboxes) == 1:
        return _fold_mailbox(name, mailboxes[0].address, mailboxes[0].name)
    return _fold_mailboxes(name, mailboxes)


def fold_once(name: str, mailbox: Mailbox) -> bytes:
    """As `fold_mailboxes`, of an address that is written in one mail only."""
    return _fold_mailboxes(name, [mailbox])


@lru_cache(maxsize=1024)  # departments and agents write and are written to all day
def _fold_mailbox(name: str, address: str, shown: str) -> bytes:
    return _fold_mailboxes(name, [Mailbox(address, shown)])


def _fold_mailboxes(name: str, mailboxes: Sequence[Mailbox]) -> bytes:
    if not mailboxes:
        raise ValueError(f"{name}: no mailbox to write")
    line = _field(name)
    lines: list[bytes] = []
    empty = True  # nothing on this line yet: what comes next goes on it, however long
    for position, mailbox in enumerate(mailboxes):
        pieces = _mailbox(name, mailbox)
        if position < len(mailboxes) - 1:
            pieces[-1] += b","
        for piece in pieces:
            if not empty and len(line) + 1 + len(piece) > WORD_LINE:
                lines.append(line)
                line = b""
            line += b" " + piece
            empty = False
    lines.append(line)
    return b"\r\n".join(lines) + b"\r\n"


def fold_ids(name: str, ids: Sequence[str]) -> bytes:
    """Message-IDs, one a line. ValueError for one that `valid_id` refuses, or for none at all."""
    if not ids or not all([valid_id(one) for one in ids]):
        raise ValueError(f"{name}: not a list of Message-IDs")
    return b"%b %b\r\n" % (_field(name), "\r\n ".join(ids).encode("ascii"))


def check_block(block: bytes, expected: Sequence[str] | None = None) -> None:
    """The last look before a mail is queued: ValueError unless `block` is a header block of whole CRLF lines, ASCII,
    without bare CR, LF or NUL, no line over 998 octets or blank, every name once; with `expected`, exactly those
    names in that order."""
    if not block.endswith(b"\r\n") or not block.isascii() or b"\0" in block:
        raise ValueError("header block: not whole lines of ASCII without NUL")
    lines = block[:-2].split(b"\r\n")
    if not block.count(b"\r") == block.count(b"\n") == len(lines):
        raise ValueError("header block: bare CR or LF")
    if max(map(len, lines)) > LINE_LIMIT:
        raise ValueError("header block: a line over 998 octets")
    found = _LINE_STARTS.findall(b"\r\n" + block)
    if len(found) != len(lines) or not found[0]:
        raise ValueError("header block: a line that is no field, a continuation of nothing or a blank one")
    written = _each_once(tuple(filter(None, found)))
    if expected is not None and written != tuple(expected):
        raise ValueError("header block: other fields than were written")


@lru_cache(maxsize=64)  # mails of a kind have the same fields
def _each_once(names: tuple[bytes, ...]) -> tuple[str, ...]:
    if len({name.lower() for name in names}) != len(names):
        raise ValueError("header block: a name occurs twice")
    return tuple([name.decode("ascii") for name in names])


def encoded_words(text: str, column: int) -> list[bytes]:
    """`text` as RFC 2047 base64 words; the first one leaves room for `column` octets before it on its line."""
    return list(_words(text, column))


@lru_cache(maxsize=64)
def _field(name: str) -> bytes:
    if _FIELD_NAME.fullmatch(name) is None:
        raise ValueError("not a header name")
    return name.encode("ascii") + b":"


def _fold_plain(head: bytes, text: bytes) -> bytes | None:
    """Folds before spaces. None when a run without spaces is longer than a line may be."""
    if len(head) + 1 + len(text) <= LINE_GOAL:
        return head + b" " + text + b"\r\n"
    lines, line = [], head
    for word in re.findall(rb" *[^ ]+", b" " + text):
        if line is not head and len(line) + len(word) > LINE_GOAL:
            lines.append(line)
            line = word
        else:
            line = line + word
    lines.append(line)
    if any(len(one) > LINE_LIMIT for one in lines):
        return None
    return b"\r\n".join(lines) + b"\r\n"


def _words(text: str, column: int) -> Iterator[bytes]:
    """Encoded words ≤ 75 octets that hold whole characters (RFC 2047 §5)."""
    octets = text.encode("utf-8")
    start = 0
    room = min(_WORD_OCTETS, (WORD_LINE - column - len(_OPEN) - len(_CLOSE)) // 4 * 3)
    room = max(room, 6)  # a field name so long that nothing fits: the line still stays far under 998
    while start < len(octets):
        end = min(start + room, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:
            end -= 1
        yield _OPEN + b2a_base64(octets[start:end], newline=False) + _CLOSE
        start, room = end, _WORD_OCTETS


def _mailbox(field: str, mailbox: Mailbox) -> list[bytes]:
    """The pieces of one mailbox, to be joined by folding white space."""
    if not valid_address(mailbox.address):
        raise ValueError(f"{field}: not an address that can be written")
    spec = mailbox.address.encode("ascii")
    name = _spelled(mailbox.name, len(field) + 2)
    return [*name, b"<" + spec + b">"] if name else [spec]


@lru_cache(maxsize=1024)  # departments and agents write and are written to all day
def _spelled(shown: str, column: int) -> tuple[bytes, ...]:
    """A display name as atoms or encoded words; the first of these leaves room for `column` octets before it."""
    name = " ".join(clean(shown).split())
    if len(name) > NAME_LIMIT:
        end = NAME_LIMIT
        while end > 1 and unicodedata.combining(name[end]):
            end -= 1
        name = name[:end].rstrip()
    if name.isascii() and "=?" not in name and _ATOMS.fullmatch(name) is not None:
        return (name.encode("ascii"),)
    return tuple(_words(name, column))
