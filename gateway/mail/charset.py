"""Octets to text: declared charsets are often wrong, missing or hostile (RFC 2045 §5.1, RFC 2047).

Only charsets of a fixed list are ever looked up, so that no label of a sender reaches `codecs.lookup`.
Every function is total and linear; text that comes out has no lone surrogate.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from gateway.mail.charset_guess import guess_charset
from gateway.mail.clean import few_marks
from gateway.mail.old_charsets import OWN, iso_2022_jp

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
    **dict.fromkeys(("macintosh", "mac", "macroman"), ("mac_roman",)),
    "maccyrillic": ("mac_cyrillic",),
    **{f"ibm{n}": (f"cp{n}",) for n in (437, 850, 852, 866)},
    **dict.fromkeys(("utf7", "unicode11utf7", "unicode20utf7"), ("utf-7",)),
    **dict.fromkeys(("viscii", "viscii111"), ("viscii",)),
    **dict.fromkeys(("tcvn", "tcvn5712", "tcvn57121", "tcvn571211993", "viettcvn", "viettcvn5712"), ("tcvn",)),
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
_SEVEN_BIT = frozenset({"iso2022_jp", "iso2022_kr", "hz", "utf-7"})  # valid UTF-8 that says nothing
_CJK = frozenset({"gb18030", "cp950", "big5hkscs", "cp949", "cp932", "euc_jp"})
# what UTF-8 octets look like when they are taken for code page 1252 and encoded again
_TWICE = re.compile(
    rb"\xc3[\x82-\xb4](?:\xc2[\x80-\xbf]|\xc5[\x92\x93\xa0\xa1\xb8\xbd\xbe]|\xc6\x92|\xcb[\x86\x9c]|\xe2[\x80\x82\x84])"
)
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")  # byte order marks: no text in another charset begins so
_NOT_LABEL = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=256)
def _codecs(declared: str) -> tuple[str, ...]:
    """Unknown labels are read for what they seem to mean: "x-" and "cs" before a name, something behind it."""
    if not declared or not declared.isascii():
        return ()
    name = _NOT_LABEL.sub("", declared[:60].lower()).removeprefix("charset")
    for form in (name, name.removeprefix("x"), name.removeprefix("cs")):
        if form in _CODECS:
            return _CODECS[form]
    return next((_CODECS[known] for known in _LONGEST_FIRST if name.startswith(known)), ())


# labels that may have something behind them, "utf-8http-equiv"
_LONGEST_FIRST = sorted((name for name in _CODECS if len(name) >= 4), key=len, reverse=True)


def trusted_hint(label: str) -> str:
    """A charset that stands elsewhere in the mail, if octets without a label may be read by it. Western ones fit
    everything, so they say nothing."""
    codecs = _codecs(label)
    return "" if not codecs or codecs[0] in ("cp1252", "iso8859-15", "utf-8") else label


@lru_cache(maxsize=256)
def seven_bit(declared: str) -> bool:
    """Whether octets of ASCII may be other text under this label."""
    codecs = _codecs(declared) if declared else ()
    return bool(codecs) and (codecs[0] in _SEVEN_BIT or codecs[0].startswith(("utf-16", "utf-32")))


def decode(octets: bytes, declared: str) -> tuple[str, int]:
    """Text of `octets` and how many characters could not be decoded (they are U+FFFD in the text).

    Ladder: UTF-8 where it fits (not for 7-bit and 16-bit charsets, which look like it), the declared charset or its
    superset, a guess on the first 4 KiB, UTF-8 with replacement. A few damaged octets do not throw out a good label.
    Unicode and code page 1258 text comes out as NFC where it was decoded from cp1258. Never raises.
    """
    if octets[:3] == b"\xef\xbb\xbf":
        octets = octets[3:]
    if octets[:2] in _WIDE_MARKS and (wide := _strict(octets, ("utf-16",))) is not None:
        return wide
    codecs = _codecs(declared) if declared else ()
    if seven_bit(declared):
        text = _strict(octets, codecs) or _by_escapes(octets) or _damaged(octets, codecs[:1], 10)
        if text is not None:
            return text
    if b"\x1b" in octets and (text := _by_escapes(octets)) is not None:
        return text
    if codecs and codecs[0] in OWN:
        return OWN[codecs[0]](octets)
    if octets.isascii():
        return octets.decode("ascii"), 0
    return _eight_bit(octets, codecs)


def _by_escapes(octets: bytes) -> tuple[str, int] | None:
    """ISO-2022 under any label or none: its escape sequences mean nothing else."""
    if b"\x1b$)C" in octets:
        return _strict(octets, ("iso2022_kr",))
    if b"\x1b$" not in octets and b"\x1b(I" not in octets:
        return None
    text = _strict(octets, ("iso2022_jp", "iso2022_jp_ext"))
    if text is not None:
        return text
    found, lost = iso_2022_jp(octets)
    return (found, lost) if lost * 10 <= len(found) else None


def _eight_bit(octets: bytes, codecs: tuple[str, ...]) -> tuple[str, int]:
    text = _strict(octets, ("utf-8",))
    if text is not None and not (codecs and codecs[0] in _CJK and _only_two_octet_forms(text[0])):
        return (_once(text[0], len(_TWICE.findall(octets))), 0) if _TWICE.search(octets) else text
    found = _strict(octets, codecs) or text or _damaged(octets, ("utf-8",), 2) or _damaged(octets, codecs[:1], 10)
    if found is None:
        guess = _codecs(guess_charset(octets))
        found = _strict(octets, guess) or _damaged(octets, guess[:1], 10)
    return found if found is not None else _replaced(octets, "utf-8")


def _once(text: str, signs: int) -> str:
    """`text`, decoded once more if it certainly was encoded twice: all of it comes out, and more than one sign."""
    octets = bytearray()
    for sign in text:
        try:
            octets += sign.encode("latin-1" if "\x80" <= sign < "\xa0" else "cp1252")
        except UnicodeEncodeError:
            return text
    try:
        once = octets.decode("utf-8")
    except UnicodeDecodeError:
        return text
    return once if signs > 1 else text


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


def _damaged(octets: bytes, codecs: tuple[str, ...], good_for_one: int) -> tuple[str, int] | None:
    """Text in which few octets are wrong: one cut character, a stray octet. UTF-8 has hardly any by chance."""
    for codec in codecs:
        text, lost = _replaced(octets, codec)
        good = len(text) - lost if codec in _SEVEN_BIT else sum(1 for char in text[:20_000] if char > "\x7f") - lost
        if lost * good_for_one <= good:
            return text, lost
    return None


def _composed(text: str, codec: str) -> str:
    """Code page 1258 writes Vietnamese with combining tone marks; everything else expects NFC."""
    return unicodedata.normalize("NFC", few_marks(text)) if codec == "cp1258" else text
