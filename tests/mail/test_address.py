"""Who wrote (strictly), and whom to show (leniently)."""

from __future__ import annotations

import time
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mailparser.utils import get_addresses

from gateway.mail.address import _UNDOUBTED, is_null_sender, parse_author, parse_mailboxes, valid_address
from gateway.model import Mailbox

ACCEPTED = [
    (b"an@khach.example", "an@khach.example", ""),
    (b"<an@khach.example>", "an@khach.example", ""),
    (b"An Nguyen <an@khach.example>", "an@khach.example", "An Nguyen"),
    (b'"Smith, John" <j.smith@x.example>', "j.smith@x.example", "Smith, John"),
    (b'"a \\"b\\" c" <a@x.example>', "a@x.example", 'a "b" c'),
    (b"J. Smith<j@x.example>", "j@x.example", "J. Smith"),
    (b"=?utf-8?B?546L5bCP5piO?= <w@x.example>", "w@x.example", "王小明"),
    (b"=?utf-8?Q?Tr=E1=BA=A7n?=\r\n =?utf-8?Q?_Minh?= <m@x.example>", "m@x.example", "Trần Minh"),
    ("Nguyễn Văn A <a@x.example>".encode(), "a@x.example", "Nguyễn Văn A"),
    (b"  X\t<MiXed.Case+tag@X-1.Example>  ", "MiXed.Case+tag@X-1.Example", "X"),
    (b'"agent@corp.example" <evil@x.example>', "evil@x.example", "agent@corp.example"),
    (b"=?utf-8?Q?agent=40corp=2Eexample=3E=2C?= <evil@x.example>", "evil@x.example", "agent@corp.example>,"),
]
REFUSED = [
    b"", b"   ", b"agent", b"agent@corp <evil@x>", b"agent@corp)<evil@x>", b"agent@corp (c) <evil@x>",
    b"agent@corp (comment)", b"(c) agent@corp", b"a@b.example, c@d.example", b"a@b.example c@d.example",
    b"a@b.example;", b"staff: agent@corp;", b"staff:;", b'"agent@corp"@x.example', b'"a b"@x.example',
    b"X <@route:agent@corp>", b"X <agent@corp> <evil@x>", b"X <agent@corp>,", b"X <<agent@corp>>", b"<agent@corp",
    b"agent@corp>", b"X <agent@[127.0.0.1]>", b"X <agent@corp.>", b"X <.agent@corp>", b"X <a..b@corp>", b"X <a@b@c>",
    b"X <agent @corp>", b"X <agent@corp\r\n >", b"X <agent@\r\n corp>", b"agent@corp\0 <evil@x>", b"X\0 <agent@corp>",
    b"agent@corp\r<evil@x>", b"X\nFrom: agent@corp <evil@x>", b"X \r\n \r\n <a@b>", b"X <a@b>\x07",
    "аgent@corp.example".encode(), "X <agent@cоrp.example>".encode(), "X <agent@corp。example>".encode(),
    "agent＠corp.example".encode(), "X <agent@corp\u200b.example>".encode(), b"X\xff <a@b.example>",
    b"=?utf-8?Q?agent=40corp?=", b"<=?utf-8?Q?agent=40corp?=>", b"X <a@-b.example>", b"X <a@b_c.example>",
    b"[x] <a@b.example>", b"a, b <c@d.example>", b'"open <a@b.example>', b"X <" + b"a" * 65 + b"@b.example>",
]  # fmt: skip


@pytest.mark.parametrize(("value", "address", "name"), ACCEPTED)
def test_one_plain_mailbox_is_the_author(value: bytes, address: str, name: str) -> None:
    assert parse_author([value]) == (Mailbox(address, name), "")


@pytest.mark.parametrize("value", REFUSED)
def test_anything_else_is_no_author_and_says_why(value: bytes) -> None:
    author, reason = parse_author([value])
    assert author is None
    assert reason


@pytest.mark.parametrize("values", [[], [b"a@b.example", b"a@b.example"]])
def test_exactly_one_field(values: list[bytes]) -> None:
    author, reason = parse_author(values)
    assert author is None
    assert "From header" in reason


@given(st.binary(max_size=60).map(lambda junk: junk.replace(b"victim", b"")))
def test_junk_around_an_address_never_makes_another_author(junk: bytes) -> None:
    for value in (junk + b" <evil@x.example>", b"<evil@x.example> " + junk, junk + b" evil@x.example"):
        author, _ = parse_author([value])
        assert author is None or author.address.endswith("evil@x.example")


SHOWN = [
    ("", []),
    ("undisclosed-recipients:;", []),
    ("a@b.example", [("a@b.example", "")]),
    ("a@b.example, B <b@b.example>", [("a@b.example", ""), ("b@b.example", "B")]),
    ('"Nguyễn, An" <an@x.example>, <c@x.example>', [("an@x.example", "Nguyễn, An"), ("c@x.example", "")]),
    ("a@b.example (An Tran)", [("a@b.example", "An Tran")]),
    (
        "team: a@b.example, B <b@b.example>;, c@b.example",
        [("a@b.example", ""), ("b@b.example", "B"), ("c@b.example", "")],
    ),
    ('"=?utf-8?B?546L5bCP5piO?=" <w@x.example>', [("w@x.example", "王小明")]),
    ("=?gb2312?B?1cXI/Q==?= <z@x.example>", [("z@x.example", "张三")]),
    ("agent@corp.example <evil@x.example>", [("evil@x.example", "agent@corp.example")]),
    ("<mailto:a@b.example>", [("a@b.example", "")]),
    ("'x' <a@b.example>;b@c.example", [("a@b.example", "x"), ("b@c.example", "")]),
    ('"open <a@b.example>', [("a@b.example", "open")]),
    ("Bob bob@x.example", [("bob@x.example", "Bob")]),
    ('"a b"@x.example', [('"a b"@x.example', "")]),
    ("<@r.example:a@b.example>", [("a@b.example", "")]),
    ("E\u202egpj <a@b.example>", [("a@b.example", "Egpj")]),
    ("người@vidu.example", [("người@vidu.example", "")]),
    ("X <a@b.example\n >, c@d.example", [("a@b.example", "X"), ("c@d.example", "")]),
    ("=?utf-8?Q?A=0D=0AB?= <a@b.example>", [("a@b.example", "A B")]),
]


@pytest.mark.parametrize(("value", "wanted"), SHOWN)
def test_lenient_reading(value: str, wanted: list[tuple[str, str]]) -> None:
    assert [(box.address, box.name) for box in parse_mailboxes(value)] == wanted


@given(st.text(max_size=200))
def test_lenient_addresses_are_safe(value: str) -> None:
    for box in parse_mailboxes(value):
        assert box.address.count("@") == 1
        assert not set(box.address) & set("\r\n\t<>,;()\0")
        assert "\n" not in box.name
        assert "\r" not in box.name


@pytest.mark.parametrize("unit", ["(", '"', '\\"', "<", "a:", "a@b.example,", ",", "x <a@b>", '"(', "=?a?b?", "a@"])
def test_lenient_reading_is_linear_and_limited(unit: str) -> None:
    began = time.process_time()
    assert len(parse_mailboxes(unit * (64_000 // len(unit)))) <= 500
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("address", ["a@b", "a.b+c@d-e.example", "A@B.EXAMPLE", "!#$%&'*+/=?^_`{|}~-@x.example"])
def test_valid_address(address: str) -> None:
    assert valid_address(address)


@pytest.mark.parametrize(
    "address",
    ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b c", "a@b\r\nRCPT TO:<c@d>", "a@b>", "<a@b>", "a@b SIZE=1", "á@b",
    "a@ü",
     "a@b.", ".a@b", "a..b@c", '"a"@b', "a@[1.2.3.4]", "a@b,c@d", "a@b?subject=x", "a@b\0", "x" * 65 + "@b",
     "a@" + "b." * 130 + "c"],
)  # fmt: skip
def test_invalid_address(address: str) -> None:
    assert not valid_address(address)


@pytest.mark.parametrize(
    ("mail_from", "null"), [(None, False), ("", True), ("<>", True), (" <> ", True), ("a@b", False)]
)
def test_null_sender(mail_from: str | None, null: bool) -> None:
    assert is_null_sender(mail_from) is null


_WORD = st.text("AZaz09=?_+/-", min_size=1, max_size=8) | st.sampled_from(
    ["=?utf-8?B?PHhAeS56Pg==?=", "=?utf-8?q?x=40y=2Ez?=", "=?", "?=", "=?utf-8?q?a_=3C=40?="]
)
_SPEC = st.from_regex(
    r"[AZaz09_+-]{1,4}(\.[AZaz09_+-]{1,4}){0,2}@[az09]x?-?[az09](\.[az09]-?[az09]){1,2}", fullmatch=True
)


@given(st.lists(_WORD, max_size=4), _SPEC, st.booleans())
def test_all_readers_agree_on_what_is_not_doubted(words: list[str], spec: str, bare: bool) -> None:
    text = spec if bare else " ".join([*words, f"<{spec}>"])
    if _UNDOUBTED.fullmatch(text):
        assert [found for _, found in getaddresses([text]) if found] == [spec]
        assert [found for _, found in get_addresses(text) if found] == [spec]
