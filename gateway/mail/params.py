"""Parameters of Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231), well formed or not. Linear, total.

The stdlib's reader is quadratic in semicolons; this one stops at 64 parameters.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from gateway.mail.charset import decode
from gateway.mail.clean import no_controls
from gateway.mail.encoded_word import decode_words

_MOST = 64
_PARAM = re.compile(
    r"""[;\s]*([^\s=;"]{1,200})[ \t\r\n]*=[ \t\r\n]*"""
    r"""(?:"((?:[^"\\]|\\.)*)"|['"]([^'";]*)(?:['"](?=[ \t\r\n]*(?:;|\Z))|(?=;|\Z))|([^;"]*))""",
    re.S,
)
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")
_PIECE = re.compile(r"([^*]+)(?:\*([0-9]{1,3}))?(\*)?")


def media_type(main: str, default: str = "text/plain") -> str:
    """The lower-case type of a Content-Type value's first part, `default` where it is none (RFC 2045 §5.2)."""
    found = main.strip().lower()
    return found if _TYPE.fullmatch(found) else default


def parse_params(value: bytes | str) -> tuple[str, dict[str, str]]:
    """The first part of a header value (lower case) and its parameters by lower-case name, decoded.

    RFC 2231 pieces are joined in order and decoded by their charset; RFC 2047 words in values, which are not allowed
    but common, are decoded too. The first of repeated parameters wins. At most 64 are read; the rest is ignored.
    """
    text = value if isinstance(value, str) else decode(value, "")[0]
    main, _, rest = text.partition(";")
    if "=" in main:  # no ";" before the first parameter, or nothing before it
        first = main.split(None, 1)
        main = first[0] if len(first) > 1 and "=" not in first[0] else ""
        rest = text[len(main) :] if not main else text.lstrip()[len(main) :]
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    position = 0
    for _ in range(_MOST):
        match = _PARAM.match(rest, position)
        if match is None:
            following = rest.find(";", position + 1)
            if following < 0:
                break
            position = following
            continue
        position = match.end()
        _take(match, plain, pieces)
    for name, parts in pieces.items():
        plain[name] = _joined(parts)
    return no_controls(main).strip().lower(), plain


def _take(match: re.Match[str], plain: dict[str, str], pieces: dict[str, dict[int, tuple[str, bool]]]) -> None:
    name, quoted, single, bare = match.groups()
    if quoted is not None:
        value = re.sub(r'\\(["\\])', r"\1", quoted)
    else:
        value = single if single is not None else bare.strip()
    piece = _PIECE.fullmatch(name.lower())
    if piece is None or (piece[2] is None and piece[3] is None):
        plain.setdefault(name.lower(), decode_words(value))
        return
    pieces.setdefault(piece[1], {}).setdefault(int(piece[2] or 0), (value, piece[3] is not None))


def _joined(parts: dict[int, tuple[str, bool]]) -> str:
    """RFC 2231 §3, §4: pieces in order; those marked `*` are percent-encoded, the first may name a charset."""
    charset, octets = "", []
    for place, (number, (text, encoded)) in enumerate(sorted(parts.items())):
        if encoded and place == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        if number != place:
            break  # a piece is missing: what follows it would be out of place
        octets.append(unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace"))
    return decode_words(no_controls(decode(b"".join(octets), charset)[0]))
