"""RFC 2047 encoded words, as they are and as they are written in the wild. Linear, total."""

from __future__ import annotations

import binascii
import re

from gateway.mail.charset import decode, seven_bit
from gateway.mail.clean import no_controls

_FOLD = re.compile(r"[ \t]*\r?\n[ \t]+")
_START = re.compile(r"=\?([^\s?=]{1,60})\?([bBqQ])\?")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def decode_words(raw: bytes | str, hint: str = "") -> str:
    """A header value unfolded, its encoded words decoded, raw 8-bit octets decoded by the ladder of `charset`.

    Words are decoded once: what comes out is never decoded again, and never holds a control character. Blanks between
    adjacent words go (RFC 2047 §6.2); a character split over two words of one charset is put together. Words inside
    quotes, glued to text or with blanks in them are decoded too. `hint` is a charset for raw 8-bit octets.
    """
    if isinstance(raw, bytes) and raw.isascii() and b"=?" not in raw and not seven_bit(hint):
        text = raw.decode("ascii")
        if text.isprintable():  # most values of most mail; what follows leaves them as they are
            return text
    if isinstance(raw, str):
        if raw.isascii():
            return _decode_text(raw)
        try:
            raw.encode("utf-8")
            return _decode_text(raw)
        except UnicodeEncodeError:  # octets that the parser kept as surrogates
            raw = raw.encode("utf-8", "surrogateescape") if _escaped(raw) else raw.encode("utf-8", "replace")
    return _decode_text(decode(raw, hint)[0])


def _escaped(text: str) -> bool:
    return not any("\ud800" <= char < "\udc80" or "\udcff" < char <= "\udfff" for char in text)


def _decode_text(text: str) -> str:
    if "\n" in text:
        text = _FOLD.sub(" ", text)
    if "=?" not in text:
        return no_controls(text)
    out: list[str] = []
    run = _Run(out)
    position = end = 0
    for start in _START.finditer(text):
        if start.start() < position:
            continue
        if end < start.end():
            end = text.find("?=", start.end())
            if end < 0:
                break
        between = text[position : start.start()]
        if not (run.open and between.strip(" \t\r\n") == ""):
            run.flush()
            out.append(between)
        run.add(start.group(1), start.group(2), text[start.end() : end])
        position = end + 2
    run.flush()
    out.append(text[position:])
    return no_controls("".join(out))


class _Run:
    """Adjacent encoded words: octets of one charset are joined before they are decoded."""

    def __init__(self, out: list[str]) -> None:
        self._out = out
        self._charset = ""
        self._octets: list[bytes] = []
        self._base64 = b""  # payload whose last quantum goes on in the next word
        self.open = False

    def add(self, charset: str, encoding: str, payload: str) -> None:
        charset = charset.partition("*")[0].lower()  # RFC 2231 §5: a language tag may follow
        if charset != self._charset:
            self.flush()
            self._charset = charset
        self.open = True
        octets = payload.encode("utf-8", "replace")
        if encoding in "bB":
            whole = self._base64 + octets
            self._base64 = b""
            if len(whole) % 4 and not whole.rstrip().endswith(b"="):
                self._base64 = whole
            else:
                self._octets.append(_base64(whole))
        else:
            self._settle()
            self._octets.append(binascii.a2b_qp(octets, header=True))

    def _settle(self) -> None:
        if self._base64:
            self._octets.append(_base64(self._base64))
            self._base64 = b""

    def flush(self) -> None:
        self._settle()
        if self._octets:
            self._out.append(decode(b"".join(self._octets), self._charset)[0])
            self._octets = []
        self._charset = ""
        self.open = False


def _base64(payload: bytes) -> bytes:
    clean = _NOT_BASE64.sub(b"", payload.replace(b"-", b"+").replace(b"_", b"/"))
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))
