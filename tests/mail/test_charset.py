"""Octets to text, and encoded words, as they come in the wild."""

from __future__ import annotations

import base64
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.mail.charset import decode
from gateway.mail.encoded_word import decode_words

VI, ZH, JA, KO = (
    "Đơn hàng của tôi chưa được giao",
    "您好，我的订单还没有收到，请帮忙查询",
    "お世話になっております",
    "안녕하세요 주문 확인 부탁드립니다",
)
JA_LONG = "先日注文した商品がまだ届いていません。配送状況を確認していただけますでしょうか。よろしくお願いいたします。"
RIGHT = [
    (VI, "utf-8", "utf-8"), (VI, "utf-8", ""), (VI, "utf-8", "us-ascii"), (VI, "utf-8", "iso-8859-1"),
    (VI, "utf-8", "gbk"),
    (ZH, "gb18030", "gb2312"), ("朱镕基說關於", "gbk", "GB2312"), (ZH, "gbk", "x-gbk"), (ZH, "gbk", '"GBK"'), (ZH, "hz",
    "hz-gb-2312"),
    ("發票金額有誤", "big5", "big5"), ("發票金額有誤", "cp950", "x-x-big5"), ("嘅咗喺", "big5hkscs", "big5"),
    (KO, "euc-kr",
    "ks_c_5601-1987"),
    ("똠방각하", "cp949", "euc-kr"), (JA, "shift_jis", "Shift_JIS"), ("①㈱", "cp932", "shift_jis"), (JA, "iso2022_jp",
    "ISO-2022-JP"),
    (JA, "euc_jp", "euc-jp"), (KO, "iso2022_kr", "iso-2022-kr"), ("“naïve” – €", "cp1252", "iso-8859-1"),
    ("Привет", "koi8-r", "koi8-r"),
    ("Привет", "cp1251", "windows-1251"), (VI, "utf-16-le", "utf-16le"), (VI, "utf-16", "utf-16"), ("陆", "gbk",
    "gb2312"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "codec", "declared"), RIGHT)
def test_declared_well_or_by_a_narrower_name(text: str, codec: str, declared: str) -> None:
    assert decode(text.encode(codec), declared) == (text, 0)


@pytest.mark.parametrize(
    ("text", "codec"), [(ZH, "gb18030"), (JA_LONG, "shift_jis"), (JA_LONG, "euc_jp"), (KO * 2, "cp949")]
)
@pytest.mark.parametrize("declared", ["", "x-unknown", "us-ascii", "undefined"])
def test_undeclared_text_is_guessed(text: str, codec: str, declared: str) -> None:
    assert decode(text.encode(codec), declared) == (text, 0)


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("关于退货", "gbk"),
        ("报价单", "gb18030"),
        ("帳號無法登入", "big5"),
        ("배송 문의", "cp949"),
        ("見積書の件", "cp932"),
        ("請求書について", "euc_jp"),
        ("Вопрос по счёту", "cp1251"),
        ("Заказ 512", "koi8-r"),
        ("Größe", "cp1252"),
        ("déjà payée", "cp1252"),
        ("Zamówienie nie zostało wysłane, dziękuję", "cp1250"),
    ],
)
def test_short_text_without_a_label_is_guessed(text: str, codec: str) -> None:
    assert decode(text.encode(codec), "") == (text, 0)


WRITTEN = [
    ("Xin chào".encode("utf-16"), "utf-8", "Xin chào"),
    (b"\x1b$B8+@Q-!\x1b(B", "iso-2022-jp", "見積①"),
    (b"\x1b$B8+@Q\x1b(B", "", "見積"),
    (b"\x1b(I[^\x1b(B", "utf-8", "ﾛﾞ"),
    (b"ch+AOA-o", "utf-7", "chào"),
    (b"ch+AOA-o", "", "ch+AOA-o"),
    (b"Vi\xaet Nam", "viscii", "Việt Nam"),
    (b"Vi\xd6t Nam", "x-viet-tcvn5712", "Việt Nam"),
    ("Größe".encode(), "utf-8http-equivContent-Type", "Größe"),
    ("Größe".encode("cp1252"), "windows-1252http", "Größe"),
    ("déjà".encode().decode("cp1252").encode(), "utf-8", "déjà"),
    ("Â© 2026".encode(), "utf-8", "Â© 2026"),
    ("quá…".encode(), "utf-8", "quá…"),
    ("hàng đơn ".encode() + b"\xe1\xba", "utf-8", "hàng đơn \ufffd"),
]


@pytest.mark.parametrize(("octets", "declared", "text"), WRITTEN)
def test_as_mailers_write_it(octets: bytes, declared: str, text: str) -> None:
    assert decode(octets, declared)[0] == text


def test_cp1258_comes_out_composed() -> None:
    assert decode("Tiê\u0301ng Viê\u0323t".encode("cp1258"), "windows-1258") == ("Tiếng Việt", 0)


def test_byte_order_mark_goes() -> None:
    assert decode(b"\xef\xbb\xbfxin", "utf-8") == ("xin", 0)


@pytest.mark.parametrize("declared", ["gb2312", "utf-8", "big5"])
def test_a_cut_character_does_not_throw_out_the_label(declared: str) -> None:
    text = ("发票" if declared != "big5" else "發票") * 20
    found, lost = decode(text.encode(declared)[:-1], declared)
    assert found.startswith(text[:-1])
    assert lost == 1


@pytest.mark.parametrize(
    "declared", ["undefined", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "utf-7", "rot13", "zip",
    "utf\0-8", "x" * 50, "é"]
)  # fmt: skip
def test_hostile_labels_are_never_looked_up(declared: str) -> None:
    assert decode(b"a\\u0041+AGE- \xe1\xba\xa1", declared) == ("a\\u0041+AGE- ạ", 0)


@settings(deadline=None)  # the first guess loads the detector
@given(
    st.binary(max_size=300),
    st.sampled_from(["", "utf-8", "gbk", "big5", "hz", "iso-2022-jp", "utf-16", "cp1258", "shift_jis"]),
)
def test_total_and_storable(octets: bytes, declared: str) -> None:
    text, lost = decode(octets, declared)
    text.encode("utf-8")
    assert lost <= text.count("\ufffd")


def test_marks_do_not_make_normalising_slow() -> None:
    began = time.process_time()
    decode(b"a" + b"\xcc\xf2" * 200_000, "cp1258")
    decode(b"a" + b"\xcc\xf2" * 200_000, "")
    assert time.process_time() - began < 2.0


def _b(octets: bytes, charset: str = "utf-8") -> str:
    return f"=?{charset}?B?{base64.b64encode(octets).decode()}?="


WORDS = [
    ("plain", "plain"),
    ("=?UTF-8?Q?H=C3=B3a_=C4=91=C6=A1n?=", "Hóa đơn"),
    ("=?utf-8?q?a?= =?utf-8?q?b?= c =?utf-8?q?d?=", "ab c d"),
    ("=?utf-8?q?a?=\r\n\t=?utf-8?b?Yg==?=", "ab"),
    (_b("请".encode()[:2]) + " " + _b("请".encode()[2:]), "请"),
    ("=?utf-8?B?6K+3?==?utf-8?B?5biu?=", "请帮"),
    ("=?utf-8?B?6K+35?= =?utf-8?B?biu?=", "请帮"),
    ("=?utf-8?B?6K+3?", "=?utf-8?B?6K+3?"),
    ("=?gb2312?B?" + base64.b64encode("镕".encode("gbk")).decode() + "?=", "镕"),
    ("=?ISO-2022-JP?B?GyRCJDRDbTBVGyhC?=", "ご注意"),
    ("=?utf-8*vi?Q?ch=C3=A0o?=", "chào"),
    ("=?utf-8?Q?raw blank and =ZZ?=", "raw blank and =ZZ"),
    ("=?utf-8?B?6K+3?=glued=?utf-8?B?5biu?=", "请glued帮"),
    ("Re:=?utf-8?B?5biu?=", "Re:帮"),
    ("=?utf-8?B?5biu!!?=", "帮"),
    ("=?x-nothing?Q?abc?=", "abc"),
    ("=?utf-8?Q?=3D=3Futf-8=3FQ=3Fx=3F=3D?=", "=?utf-8?Q?x?="),
    ("A =?UTF-8?Q?=0A?=Bcc: x@y", "A  Bcc: x@y"),
    ("a\x00b\x1bc\u2028d\x85e", "abc d e"),
    ("=?utf-8?Q??=x", "x"),
    ("Tiếng Việt thô", "Tiếng Việt thô"),
]


@pytest.mark.parametrize(("raw", "wanted"), WORDS)
def test_encoded_words(raw: str, wanted: str) -> None:
    assert decode_words(raw) == wanted
    assert decode_words(raw.encode()) == wanted


def test_raw_eight_bit_header_uses_the_hint() -> None:
    assert decode_words("发票".encode("gbk"), "gb2312") == "发票"
    assert decode_words("发票".encode("gbk").decode("ascii", "surrogateescape"), "gb2312") == "发票"


@given(st.text(max_size=80).filter(lambda text: text.isprintable()), st.integers(1, 20))
def test_words_cut_anywhere_come_together(text: str, size: int) -> None:
    octets = unicodedata.normalize("NFC", text).encode()
    words = " ".join(_b(octets[at : at + size]) for at in range(0, len(octets), size))
    assert decode_words(words) == octets.decode()


@given(st.text(alphabet="=?utf-8BQbq_ \r\n\tA/+\x00é", max_size=120) | st.text(max_size=60))
def test_decoding_is_total_and_leaves_no_control(raw: str) -> None:
    assert not any(ord(sign) < 32 or 0xD800 <= ord(sign) <= 0xDFFF for sign in decode_words(raw))


@pytest.mark.parametrize(
    "unit", ["=?utf-8?q?", "=?a?b?", "=?", "?=", "=?utf-8?q?a?= ", "=?gbk?B?gYGBgQ==?= ", "=?x?b?=?="]
)
def test_words_are_linear(unit: str) -> None:
    began = time.process_time()
    decode_words(unit * (64_000 // len(unit)))
    assert time.process_time() - began < 1.0
