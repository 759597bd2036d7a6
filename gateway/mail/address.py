"""Addresses: a strict reading for authority, a lenient one to show (RFC 5322 §3.4, RFC 5321 §4.1.2).

Every function is linear in its input and never raises.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.utils import getaddresses

from mailparser.utils import get_addresses

from gateway.mail.clean import one_line
from gateway.mail.encoded_word import decode_words
from gateway.model import Mailbox

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_ADDR_SPEC = re.compile(rf"(?=[^@]{{1,64}}@[^@]{{1,253}}\Z)[{_ATEXT}]+(?:\.[{_ATEXT}]+)*@{_LABEL}(?:\.{_LABEL})*")
_WORD = re.compile(rf'[ \t]*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<atom>[{_ATEXT}.\x80-\U0010ffff]+))')
_ANGLE = re.compile(r"[ \t]*<([^<>]*)>[ \t]*\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# words of ASCII or of letters beyond it, and an address that holds nothing but letters, digits, dots, hyphens: no two
# readers differ on it
_SURE = rf"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@{_LABEL}(?:\.{_LABEL})+"
_LETTERS = (
    "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3"
)
_UNDOUBTED = re.compile(rf"{_SURE}|(?:[{_LETTERS}0-9=?_+/-]+(?: [{_LETTERS}0-9=?_+/-]+)* )?<{_SURE}>")
_FOLD = re.compile(rb"\r?\n(?=[ \t]+[^ \t\r\n])")
_LOOSE_FOLD = re.compile(r"\r?\n(?=[ \t])")


def valid_address(s: str) -> bool:
    """Is `s` a plain ASCII `dot-atom@domain` that may be put into RCPT TO? Quoted and literal forms are not."""
    return s.isascii() and len(s) <= 254 and _ADDR_SPEC.fullmatch(s) is not None


def is_null_sender(mail_from: str | None) -> bool:
    """Is this the null reverse-path, `""` or `"<>"`? None means unknown, not null."""
    return mail_from is not None and mail_from.strip() in ("", "<>")


def parse_author(values: Sequence[bytes]) -> tuple[Mailbox | None, str]:
    """The author by the strict reading of all From values as received, folds included; else None and the reason.

    Exactly one From with exactly one mailbox: `phrase <addr-spec>` or `addr-spec`, an ASCII dot-atom and a domain of
    letters, digits and hyphens. No comment, group, quoted local part, route, domain literal, control or NUL. What
    encoded words say plays no part: structure is judged before they are decoded. Our reading, mail-parser's and the
    stdlib's must name the same address (CVE-2023-27043).
    """
    if len(values) != 1:
        return None, "no From header" if not values else f"{len(values)} From headers"
    text, reason = _plain(values[0])
    if reason:
        return None, reason
    name, address, reason = _one_mailbox(text)
    if reason:
        return None, reason
    if not _all_agree(text, address):
        return None, "readers disagree on the address"
    return Mailbox(address, one_line(decode_words(name), 255)), ""


def _plain(value: bytes) -> tuple[str, str]:
    unfolded = _FOLD.sub(b"", value.strip(b" \t\r\n"))
    if len(unfolded) > 2000:
        return "", "From is too long"
    try:
        text = unfolded.decode("utf-8")
    except UnicodeDecodeError:
        return "", "From has octets that are not UTF-8"
    if _CONTROL.search(text):
        return "", "From has a control character or an odd fold"
    return text, "" if text else "From is empty"


def _one_mailbox(text: str) -> tuple[str, str, str]:
    """(name, address, "") or ("", "", reason)."""
    if _ADDR_SPEC.fullmatch(text):
        return "", text, ""
    words, position = [], 0
    while word := _WORD.match(text, position):
        quoted = word["quoted"]
        words.append(word["atom"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        position = word.end()
    angle = _ANGLE.match(text, position)
    if angle is None:
        return "", "", "From is not exactly one plain mailbox"
    if not valid_address(angle[1]):
        return "", "", "the address in From is not a plain ASCII address"
    return " ".join(words), angle[1], ""


def _all_agree(text: str, address: str) -> bool:
    if _UNDOUBTED.fullmatch(text):  # the other two readers take ten times as long for it
        return True
    try:
        stdlib = [found for _, found in getaddresses([text]) if found]
        parser = [found for _, found in get_addresses(text) if found]
    except Exception:  # noqa: BLE001  a reader that fails on it does not agree
        return False
    return stdlib == [address] and parser == [address]


_SIMPLE = re.compile(r'[ \t]*(?:"([^"\\]*)"|([^"\\(),:;<>@\[\]]*))[ \t]*<([^\s<>"(),:;\\]+)>[ \t]*')
_BARE = re.compile(r'[ \t]*([^\s<>"(),:;\\@]+@[^\s<>"(),:;\\@]+)[ \t]*')
_TOKEN = re.compile(r'["(<,;:]|[^"(<,;:]+')
_DELIMITER = re.compile(r'\\.|["()]', re.S)
_SHOWN = re.compile(r'(?:"[^"@\x00-\x1f]{1,64}"|[^\s<>"(),:;\\@\x00-\x1f]{1,255})@[^\s<>"(),:;\\@\x00-\x1f]{1,255}')


def parse_mailboxes(value: str, limit: int = 500) -> tuple[Mailbox, ...]:
    """The mailboxes of an address header to show, at most `limit`; never evidence of anything.

    `value` is the header as sent, words undecoded (8-bit octets already text). Groups are flattened, comments after a
    bare address become its name, names are decoded and cleaned, text without an address is left out. Addresses may be
    non-ASCII (RFC 6532) but hold no blank, control, quote, angle or comma outside a quoted local part.
    """
    value = _LOOSE_FOLD.sub("", value)
    if simple := _SIMPLE.fullmatch(value):
        return _mailbox(simple[3], simple[1] or simple[2] or "")
    if bare := _BARE.fullmatch(value):
        return _mailbox(bare[1], "")
    return _Splitter(value, limit).read()


def _mailbox(address: str, name: str) -> tuple[Mailbox, ...]:
    address = address.strip().lstrip("<")
    if len(address) > 2 and address[0] == address[-1] == "'":
        address = address[1:-1]
    if address[:7].lower() == "mailto:":
        address = address[7:]
    if address.startswith("@") and ":" in address:  # obsolete source route, RFC 5322 §4.4
        address = address.rpartition(":")[2]
    address = one_line(address, 320).rstrip(".")
    if not _SHOWN.fullmatch(address):
        return ()
    name = _unwrapped(one_line(decode_words(name), 255))
    return (Mailbox(address, "" if name == address else name),)


def _unwrapped(name: str) -> str:
    """Without the signs that clients put around a name, or leave over from an address."""
    name = name.strip("<> ")
    while len(name) > 1 and name[0] == name[-1] and name[0] in "\"'":
        name = name[1:-1].strip()
    return name.strip('"') if name.count('"') == 1 else name


class _Splitter:
    """One pass over the tokens of an address list. A delimiter that is never closed is taken as an ordinary sign."""

    def __init__(self, value: str, limit: int) -> None:
        self._value = value
        self._limit = limit
        self._found: list[Mailbox] = []
        self._words: list[str] = []
        self._comment: list[str] = []
        self._angles: list[str] = []
        self._named = 0  # how many of the words stood before the last angle
        self._unclosed: set[str] = set()

    def read(self) -> tuple[Mailbox, ...]:
        position, size = 0, len(self._value)
        while position < size and len(self._found) < self._limit:
            token = _TOKEN.match(self._value, position)
            text = token.group() if token else self._value[position]
            position += len(text)
            if text in ('"', "(", "<") and text not in self._unclosed:
                position = self._enclosed(text, position)
            elif text in (",", ";"):
                self._emit()
            elif text == ":" and not self._angles and "@" not in "".join(self._words[-3:]):
                self._words.clear()  # a group's name
            else:
                self._words.append(text)
        self._emit()
        return tuple(self._found[: self._limit])

    def _enclosed(self, opener: str, start: int) -> int:
        end = self._close(opener, start)
        if end < 0:
            self._unclosed.add(opener)
            if opener != "(":
                self._words.append(opener if opener == "<" else "")
            return start
        inner = self._value[start:end]
        if opener == '"':
            quoted = re.sub(r"\\(.)", r"\1", inner)
            follows = self._value[end + 1 : end + 2] == "@"
            self._words.append(f'"{quoted}"' if follows else quoted)
        elif opener == "(":
            self._comment.append(inner)
        else:
            self._angle(inner)
        return end + 1

    def _angle(self, inner: str) -> None:
        """A second address without a comma before it is a second mailbox; its name stands between them."""
        if self._angles and all(_SHOWN.fullmatch(one.strip()) for one in (self._angles[-1], inner)):
            between = self._words[self._named :]
            del self._words[self._named :]
            self._emit()
            self._words = between
        self._angles.append(inner)
        self._named = len(self._words)

    def _close(self, opener: str, start: int) -> int:
        if opener == "<":
            return self._value.find(">", start)
        depth = 1
        for sign in _DELIMITER.finditer(self._value, start):
            if opener == '"':
                if sign.group() == '"':
                    return sign.start()
            elif sign.group() in "()":
                depth += 1 if sign.group() == "(" else -1
                if not depth:
                    return sign.start()
        return -1

    def _emit(self) -> None:
        words, comment, angles = "".join(self._words).strip(), " ".join(self._comment), self._angles
        self._words, self._comment, self._angles = [], [], []
        for angle in reversed(angles):
            if found := _mailbox(angle, words or comment):
                self._found.extend(found)
                return
        if found := _mailbox(words, comment):
            self._found.extend(found)
            return
        loose = [word for word in words.split()[:50] if "@" in word]
        if len(loose) == 1:
            self._found.extend(_mailbox(loose[0].strip("<>[]'"), words.replace(loose[0], " ") or comment))
