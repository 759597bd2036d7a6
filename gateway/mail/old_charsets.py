"""Charsets that Python has no codec for, or a narrower one than mailers write: ISO-2022-JP as Windows writes it, VISCII
(RFC 1456), TCVN 5712. Linear, total.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_ESCAPE = re.compile(rb"\x1b(\$[@B]|\$\([@BDOPQ]|\([BJIH]|&@\x1b\$B)|(\x0e)|(\x0f)")
_DOUBLE = (b"$@", b"$B", b"$(@", b"$(B", b"&@\x1b$B")
_JIS_2004 = (b"$(O", b"$(P", b"$(Q")

_VISCII_LOW = {2: "Ẳ", 5: "Ẵ", 6: "Ẫ", 20: "Ỷ", 25: "Ỹ", 30: "Ỵ"}
_VISCII = (
    "ẠẮẰẶẤẦẨẬẼẸẾỀỂỄỆỐỒỔỖỘỢỚỜỞỊỎỌỈỦŨỤỲÕắằặấầẩậẽẹếềểễệốồổỗỠƠộờởịỰỨỪỬơớƯ"
    "ÀÁÂÃẢĂẳẵÈÉÊẺÌÍĨỳĐứÒÓÔạỷừửÙÚỹỵÝỡưàáâãảăữẫèéêẻìíĩỉđựòóôõỏọụùúũủýợỮ"
)
_TCVN_LOW = {
    1: "Ú", 2: "Ụ", 4: "Ừ", 5: "Ử", 6: "Ữ", 17: "Ứ", 18: "Ự", 19: "Ỳ", 20: "Ỷ", 21: "Ỹ", 22: "Ý", 23: "Ỵ",
}  # fmt: skip
_TCVN = (
    "ÀẢÃÁẠẶẬÈẺẼÉẸỆÌỈĨÍỊÒỎÕÓỌỘỜỞỠỚỢÙỦŨ\u00a0ĂÂÊÔƠƯĐăâêôơưđẶ\u0300\u0309\u0303\u0301\u0323àảãáạẲằẳẵắẴ"
    "ẮẦẨẪẤỀặầẩẫấậèỂẻẽéẹềểễếệìỉỄẾỒĩíịòỔỏõóọồổỗốộờởỡớợùỖủũúụừửữứựỳỷỹýỵỐ"
)


def iso_2022_jp(octets: bytes) -> tuple[str, int]:
    """Text and the number of characters lost. Rows of NEC and IBM, which Windows adds to JIS X 0208, and half-width
    katakana are read; so is what a shifted or an 8-bit octet may mean."""
    pieces: list[str] = []
    mode, position = b"(B", 0
    for found in _ESCAPE.finditer(octets):
        pieces.append(_jis(octets[position : found.start()], mode))
        mode = found[1] or (b"(I" if found[2] else b"(B")
        position = found.end()
    pieces.append(_jis(octets[position:], mode))
    text = "".join(pieces)
    return text, text.count("\ufffd")


def _jis(octets: bytes, mode: bytes) -> str:
    if not octets:
        return ""
    if mode == b"(I":
        return bytes(one | 0x80 for one in octets).decode("cp932", "replace")
    if mode in _DOUBLE:
        return "".join(_double(line) for line in re.split(rb"(\r?\n)", octets))
    if mode in _JIS_2004 or mode == b"$(D":
        return (b"\x1b" + mode + octets + b"\x1b(B").decode(
            "iso2022_jp_3" if mode != b"$(D" else "iso2022_jp_2", "replace"
        )
    return octets.decode("cp932", "replace")


def _double(octets: bytes) -> str:
    """Rows and cells of JIS as the octets of code page 932, which has more of them filled."""
    if octets in (b"\n", b"\r\n"):
        return octets.decode("ascii")
    out = bytearray()
    for place in range(0, len(octets) - 1, 2):
        row, cell = octets[place] & 0x7F, octets[place + 1] & 0x7F
        if not (0x21 <= row <= 0x7E and 0x21 <= cell <= 0x7E):
            out += b"\x81"  # decodes to nothing
            continue
        lead = (row - 0x21 >> 1) + 0x81
        out.append(lead if lead <= 0x9F else lead + 0x40)
        if row & 1:
            out.append(cell + (0x1F if cell <= 0x5F else 0x20))
        else:
            out.append(cell + 0x7E)
    return bytes(out).decode("cp932", "replace") + ("\ufffd" if len(octets) % 2 else "")


def _by_table(high: str, low: dict[int, str]) -> Callable[[bytes], tuple[str, int]]:
    table = {**{0x80 + place: sign for place, sign in enumerate(high)}, **low}

    def decoded(octets: bytes) -> tuple[str, int]:
        return unicodedata.normalize("NFC", octets.decode("latin-1").translate(table)), 0

    return decoded


OWN: dict[str, Callable[[bytes], tuple[str, int]]] = {
    "viscii": _by_table(_VISCII, _VISCII_LOW),
    "tcvn": _by_table(_TCVN, _TCVN_LOW),
}
