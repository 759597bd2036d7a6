"""The header writer: what is written is what is read, and nothing else."""

from __future__ import annotations

import email
import email.header
import email.policy
import re
import unicodedata
from email.utils import getaddresses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.mail.header import check_block, clean, fold_ids, fold_mailboxes, fold_text, valid_address, valid_id
from gateway.model import Mailbox

SUBJECTS = (
    "",
    "Hello",
    "Re: [KD-12] Printer is broken",
    "a  b   c",
    " leading and trailing ",
    "word " * 60,
    "x" * 2000,
    "=?utf-8?q?already?=",
    "A =?UTF-8?Q?=0A?=Bcc: x@y",
    "Máy in không chạy, xin giúp gấp",
    unicodedata.normalize("NFD", "Máy in không chạy, đã thử khởi động lại nhiều lần mà vẫn vậy, xin giúp gấp giúp tôi"),
    "打印机无法工作，请尽快处理，谢谢！" * 6,
    "👩‍👩‍👧‍👦🇻🇳" * 12,
    "Re: [KD-12] Báo giá 报价 quote 🙂 " * 8,
    "e" + "\u0301" * 300,
)
ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=200)
HOSTILE = st.lists(
    st.sampled_from(
        ["\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "Bcc: a@b", " ", "\t", "=?utf-8?b?", "?=",
         "=?UTF-8?Q?=0A?=", ":", "<", ">", ",", ";", '"', "\\", "(", ")", "@",
         "ệ", "\u0323", "中", "🙂", "\ud800", "\u202e"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


def read_by_compat32(field: bytes) -> str:
    value = email.message_from_bytes(field + b"\r\n")["Subject"] or ""
    return str(email.header.make_header(email.header.decode_header(re.sub(r"\r?\n(?=[ \t])", "", value))))


def read_by_default_policy(field: bytes) -> str:
    return str(email.message_from_bytes(field + b"\r\n", policy=email.policy.default)["Subject"])


def names_in(field: bytes) -> list[str]:
    return email.message_from_bytes(field + b"\r\nbody").keys()


def assert_lines(field: bytes, goal: int = 78) -> None:
    assert field.endswith(b"\r\n")
    assert field.isascii()
    for line in field[:-2].split(b"\r\n"):
        assert b"\r" not in line
        assert b"\n" not in line
        assert len(line) <= 998
        for word in re.findall(rb"=\?utf-8\?b\?[^ ]*", line):
            assert len(word) <= 75
            assert len(line) <= 76


@pytest.mark.parametrize("subject", SUBJECTS)
def test_subject_comes_back(subject: str) -> None:
    field = fold_text("Subject", subject)
    assert_lines(field)
    assert read_by_compat32(field) == read_by_default_policy(field) == clean(subject)


@given(ANY_TEXT | HOSTILE)
@example("Khách hàng hỏi: [KD-1] \r\nBcc: kẻ gian")
def test_any_subject_comes_back_and_starts_no_header(subject: str) -> None:
    field = fold_text("Subject", subject)
    assert_lines(field)
    check_block(field, ["Subject"])
    assert names_in(field) == ["Subject"]
    assert read_by_compat32(field) == read_by_default_policy(field) == clean(subject)


@given(st.text("ăâđêôơưạếộ ABC", min_size=1, max_size=150))
def test_every_encoded_word_holds_whole_characters(subject: str) -> None:
    for word in fold_text("Subject", subject + "ệ").split(b"\r\n "):
        [(octets, charset)] = email.header.decode_header(word.removeprefix(b"Subject: ").strip().decode())
        assert charset == "utf-8"
        octets.decode("utf-8")  # strict


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("A\r\nBcc: x@y", "A Bcc: x@y"),
        ("a\x0b\x0c\x1c\x85\u2028\u2029b", "a b"),
        ("a\0b\x07c\x7fd\x9fe", "abcde"),
        ("a\tb", "a b"),
        ("\u202egpj.exe\u202c \u2066x\u2069", "gpj.exe x"),
        ("\ud800x", "\ufffdx"),
        ("Tiếng Việt 中文 👩‍👧", "Tiếng Việt 中文 👩‍👧"),
    ],
)
def test_clean(value: str, cleaned: str) -> None:
    assert clean(value) == cleaned


@given(ANY_TEXT | HOSTILE)
def test_clean_is_idempotent_and_one_line(value: str) -> None:
    once = clean(value)
    assert clean(once) == once
    assert len(once.splitlines()) <= 1
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in once)


def test_ascii_is_folded_at_spaces() -> None:
    field = fold_text("Subject", "word " * 60 + "end")
    assert max(map(len, field.split(b"\r\n"))) <= 78
    assert b"=?" not in field


MAILBOXES = st.builds(
    Mailbox,
    st.sampled_from(["a@b.vn", "kinh-doanh+r.kab12.x@desk.example", "x" * 64 + "@long.example"]),
    ANY_TEXT | HOSTILE,
)


@given(st.lists(MAILBOXES, min_size=1, max_size=8))
@example([Mailbox("a@b.vn", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, <victim@x>")])
@example([Mailbox("a@b.vn", 'Nguyễn "Văn" A <x@y>, z@w')])
def test_mailboxes_gain_no_recipient(mailboxes: list[Mailbox]) -> None:
    field = fold_mailboxes("To", mailboxes)
    assert_lines(field)
    check_block(field, ["To"])
    assert names_in(field) == ["To"]
    value = re.sub(r"\r?\n(?=[ \t])", "", email.message_from_bytes(field + b"\r\n")["To"])
    assert b'"' not in field
    found = getaddresses([value])
    assert [address for _, address in found] == [mailbox.address for mailbox in mailboxes]
    for (name, _), mailbox in zip(found, mailboxes, strict=True):
        shown = str(email.header.make_header(email.header.decode_header(name)))
        wanted = " ".join(clean(mailbox.name).split())
        assert len(shown) <= 64
        assert wanted.startswith(shown)
        assert shown == wanted or len(wanted) > 64


def test_long_name_is_cut_between_whole_characters() -> None:
    field = fold_mailboxes("To", [Mailbox("a@b.vn", "x" * 63 + "e\u0301" * 3)])
    assert field == b"To: " + b"x" * 63 + b" <a@b.vn>\r\n"


@pytest.mark.parametrize(
    "address",
    ["", "a", "a@", "@b",
     "a b@c", "a@b c", "a@b\r\nBcc: x", "a@b,c@d", "<a@b>", "ă@b.vn", "a@bé.vn", '"a b"@c', "a..b@c",
     ".a@b", "a@-b.vn", "a@b..c", "x" * 65 + "@b", "a@" + "b." * 130 + "vn", "a@b\0", "a@b(c)", "a\n@b", "a@b\n"],
)  # fmt: skip
def test_bad_addresses_are_refused(address: str) -> None:
    assert not valid_address(address)
    with pytest.raises(ValueError):
        fold_mailboxes("To", [Mailbox(address, "x")])


@pytest.mark.parametrize(
    "address", ["a@b", "O'Neil+x=y@mail.example.com", "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]", "1@2.vn"]
)
def test_good_addresses_are_written(address: str) -> None:
    assert fold_mailboxes("To", [Mailbox(address)]) == f"To: {address}\r\n".encode()


def test_no_mailbox_and_no_name_are_errors() -> None:
    with pytest.raises(ValueError):
        fold_mailboxes("To", [])
    for name in ("", "A B", "X:", "X\r\nY", "Ê", "-x"):
        with pytest.raises(ValueError):
            fold_text(name, "x")


def test_ids_stand_one_a_line() -> None:
    assert fold_ids("References", ["<a@b>", "<c.d@e>"]) == b"References: <a@b>\r\n <c.d@e>\r\n"


@pytest.mark.parametrize(
    "one", ["", "a@b", "<a b>", "<a@b>\r\nX: y", "<ă@b>", "<a<b>", "<>", "<" + "x" * 1000 + ">", "<a>\n"]
)
def test_bad_ids_are_refused(one: str) -> None:
    assert not valid_id(one)
    with pytest.raises(ValueError):
        fold_ids("References", ["<a@b>", one])


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"A: b",
        b"A: b\n",
        b"A: b\r\n\r\n",
        b"A: b\r\n\r\nC: d\r\n",
        b" A: b\r\n",
        b"A: b\r\n \t\r\n",
        b"A: b\rC: d\r\n",
        b"A: b\nC: d\r\n",
        b"A: b\0\r\n",
        b"A: \xc3\xaa\r\n",
        b"A: b\r\na: c\r\n",
        b"A b\r\n",
        b"A : b\r\n",
        b"A: " + b"x" * 996 + b"\r\n",
        b"A: b\r\nC: d\r\n",
        b"B: b\r\n",
    ],
)
def test_check_block_refuses(block: bytes) -> None:
    with pytest.raises(ValueError):
        check_block(block, ["A"])


def test_check_block_accepts() -> None:
    check_block(b"A: b\r\n c\r\nD:\r\n", ["A", "D"])
    check_block(b"A: " + b"x" * 995 + b"\r\n")
