"""Octets to text: declared charsets are often wrong, missing or hostile (RFC 2045 §5.1, RFC 2047).

Only charsets of a fixed list are ever looked up, so that no label of a sender reaches `codecs.lookup`.
Every function is total and linear; text that comes out has no lone surrogate.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import chardet

from gateway.mail.clean import few_marks

_SAMPLE = 4096  # octets that the guess looks at

# Label → codecs to try, widest superset first: mailers label GBK text gb2312, and Windows text iso-8859-1.
_GB, _BIG5, _KOREAN, _SJIS = ("gb18030",), ("cp950", "big5hkscs"), ("cp949",), ("cp932", "shift_jis_2004")
_CODECS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("utf8", "utf8mb4", "unicode11utf8", "unicode20utf8"), ("utf-8",)),
    **dict.fromkeys(("utf16", "utf16le", "utf16be", "utf32", "utf32le", "utf32be"), ()),  # filled below
    **dict.fromkeys(("gb2312", "gbk", "gb18030", "cp936", "ms936", "xgbk", "euccn", "gb231280", "chinese"), _GB),
    **dict.fromkeys(("big5", "cp950", "big5eten", "xxbig5", "cnbig5"), _BIG5),
    "big5hkscs": ("big5hkscs", "cp950"),
    **dict.fromkeys(("euckr", "ksc56011987", "ksc5601", "cp949", "ms949", "uhc", "windows949", "korean"), _KOREAN),
    **dict.fromkeys(("shiftjis", "sjis", "xsjis", "cp932", "ms932", "windows31j", "mskanji"), _SJIS),
    **dict.fromkeys(("eucjp", "xeucjp"), ("euc_jp", "euc_jis_2004")),
    **dict.fromkeys(
        ("iso2022jp", "csiso2022jp", "iso2022jp1", "iso2022jp2"), ("iso2022_jp", "iso2022_jp_ext", "iso2022_jp_2")
    ),
    **dict.fromkeys(("iso2022kr", "csiso2022kr"), ("iso2022_kr",)),
    **dict.fromkeys(("hz", "hzgb2312"), ("hz",)),
    **dict.fromkeys(("iso88591", "latin1", "l1", "cp1252", "windows1252", "ansi", "cp819"), ("cp1252", "latin-1")),
    **dict.fromkeys(("iso885915", "latin9"), ("iso8859-15",)),
    **dict.fromkeys(("iso88599", "latin5", "cp1254", "windows1254"), ("cp1254", "iso8859-9")),
    **dict.fromkeys(("tis620", "iso885911", "cp874", "windows874"), ("cp874", "iso8859-11")),
    **{f"iso8859{n}": (f"iso8859-{n}",) for n in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 16)},
    **{f"windows{n}": (f"cp{n}",) for n in (1250, 1251, 1253, 1255, 1256, 1257, 1258)},
    **{f"cp{n}": (f"cp{n}",) for n in (437, 850, 852, 866, 1250, 1251, 1253, 1255, 1256, 1257, 1258)},
    "koi8r": ("koi8-r",),
    "koi8u": ("koi8-u",),
    "macintosh": ("mac_roman",),
}
_WIDE = {
    "utf16": ("utf-16", "utf-16-le"),
    "utf16le": ("utf-16-le",),
    "utf16be": ("utf-16-be",),
    "utf32": ("utf-32", "utf-32-le"),
    "utf32le": ("utf-32-le",),
    "utf32be": ("utf-32-be",),
}
_CODECS.update(_WIDE)
_SEVEN_BIT = frozenset({"iso2022_jp", "iso2022_kr", "hz"})  # escape sequences: valid UTF-8 that says nothing
_CJK = frozenset({"gb18030", "cp950", "big5hkscs", "cp949", "cp932", "euc_jp"})
_GUESSES = (
    "utf-8", "gb18030", "big5", "cp949", "euc-kr", "cp932", "shift_jis", "euc-jp", "iso-2022-jp",
    "windows-1252", "windows-1258", "windows-1251", "koi8-r", "windows-1250", "windows-1253", "windows-1254",
    "windows-1255", "windows-1256", "cp874", "iso-8859-2", "iso-8859-15",
)  # fmt: skip
_NOT_LABEL = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=256)
def _codecs(declared: str) -> tuple[str, ...]:
    if not declared or len(declared) > 40 or not declared.isascii():
        return ()
    return _CODECS.get(_NOT_LABEL.sub("", declared.lower()), ())


def decode(octets: bytes, declared: str) -> tuple[str, int]:
    """Text of `octets` and how many characters could not be decoded (they are U+FFFD in the text).

    Ladder: UTF-8 where it fits (not for 7-bit and 16-bit charsets, which look like it), the declared charset or its
    superset, a guess on the first 4 KiB, UTF-8 with replacement. A few damaged octets do not throw out a good label.
    Unicode and code page 1258 text comes out as NFC where it was decoded from cp1258. Never raises.
    """
    if octets[:3] == b"\xef\xbb\xbf":
        octets = octets[3:]
    codecs = _codecs(declared) if declared else ()
    if codecs and (codecs[0] in _SEVEN_BIT or codecs[0].startswith(("utf-16", "utf-32"))):
        text = _strict(octets, codecs) or _damaged(octets, codecs[:1])
        if text is not None:
            return text
    if octets.isascii():
        return octets.decode("ascii"), 0
    return _eight_bit(octets, codecs)


def _eight_bit(octets: bytes, codecs: tuple[str, ...]) -> tuple[str, int]:
    text = _strict(octets, ("utf-8",))
    if text is not None and not (codecs and codecs[0] in _CJK and _only_two_octet_forms(text[0])):
        return text
    found = _strict(octets, codecs) or text or _damaged(octets, ("utf-8",)) or _damaged(octets, codecs[:1])
    if found is None:
        guess = _guess(octets)
        found = _strict(octets, guess) or _damaged(octets, guess[:1])
    return found if found is not None else _replaced(octets, "utf-8")


def _only_two_octet_forms(text: str) -> bool:
    """Short GBK or Big5 words can be valid UTF-8 of Latin or Greek letters: then the label is the better witness."""
    return max(text) < "\u0800"


def _strict(octets: bytes, codecs: tuple[str, ...]) -> tuple[str, int] | None:
    for codec in codecs:
        try:
            text = octets.decode(codec)
            if codec not in ("utf-8", "cp1252"):
                text.encode("utf-8")  # some codecs make lone surrogates
        except (UnicodeError, LookupError):
            continue
        return (_composed(text, codec), 0)
    return None


def _replaced(octets: bytes, codec: str) -> tuple[str, int]:
    try:
        text = octets.decode(codec, "replace").encode("utf-8", "replace").decode("utf-8")
    except (UnicodeError, LookupError):
        text = octets.decode("utf-8", "replace")
    return _composed(text, codec), text.count("\ufffd")


def _damaged(octets: bytes, codecs: tuple[str, ...]) -> tuple[str, int] | None:
    """Text in which few octets are wrong: one cut character, a stray octet."""
    for codec in codecs:
        text, lost = _replaced(octets, codec)
        good = len(text) - lost if codec in _SEVEN_BIT else sum(1 for char in text[:20_000] if char > "\x7f") - lost
        if lost * 10 <= good:
            return text, lost
    return None


def _composed(text: str, codec: str) -> str:
    """Code page 1258 writes Vietnamese with combining tone marks; everything else expects NFC."""
    return unicodedata.normalize("NFC", few_marks(text)) if codec == "cp1258" else text


@lru_cache(maxsize=256)
def _guess_sample(sample: bytes) -> tuple[str, ...]:
    try:
        found = chardet.detect(sample, prefer_superset=True, include_encodings=_GUESSES)
    except Exception:  # noqa: BLE001  the detector is a guess; its failure is "no idea"
        return ()
    name, confidence = found["encoding"], found["confidence"]
    return _codecs(str(name)) if name and confidence and confidence > 0.1 else ()


def _guess(octets: bytes) -> tuple[str, ...]:
    return _guess_sample(octets[:_SAMPLE])
