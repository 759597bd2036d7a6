"""The shorter way gives what the longer way gives, or nothing."""

from __future__ import annotations

import re
from email.utils import getaddresses
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mailparser.utils import get_addresses

from gateway.mail import parse
from gateway.mail.address import _UNDOUBTED
from gateway.mail.charset import decode
from gateway.mail.encoded_word import _decode_text, decode_words
from gateway.mail.header_read import HeaderReading, Part, build_tree, odd_grammar
from gateway.mail.ordinary import MOST, ordinary_date, ordinary_tree
from gateway.mail.parse import read_message
from gateway.options import ReadLimits

CORPUS = sorted(path for path in Path("tests/corpus").rglob("*.eml"))
PLAIN = (
    b"Received: from a.example (a.example [192.0.2.1])\r\n\tby b.example; Mon, 23 Nov 2026 08:30:00 +0700\r\n"
    b"From: Kh\xc3\xa1ch <khach@khach.example>\r\nTo: <help@desk.example>\r\nSubject: L\xe1\xbb\x97i\r\n"
    b"Date: Mon, 23 Nov 2026 08:29:57 +0700\r\nMessage-ID: <a@b.example>\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nCh\xc3\xa0o.\r\n"
)
PIECES = st.sampled_from(
    [
        *(b"From: a@b.example\r\n", b"Subject: x\r\n", b"\tfolded\r\n", b" \r\n", b"\r\n", b"\n", b"\r", b"X:\r\n"),
        *(b"X-A : b\r\n", b": nameless\r\n", b"no field\r\n", b"From someone\r\n", b"\xef\xbb\xbf", b"A:\0\r\n"),
        *(b"Content-Type: text/plain\r\n", b"Content-Type: multipart/mixed; boundary=x\r\n", b"--x\r\n", b"--x--\r\n"),
        *(b"Content-Type: text/html; charset=gbk\r\n", b"Content-Type: message/rfc822\r\n", b"X: \x85\x1c\x0b\r\n"),
        *(b"X:  \t two \t\r\n", b"X: \xe1\xbb\x97\r\n", b"caf\xe9: x\r\n", b"Y: a\x0cb\r\n", b"body\r\n", b".\n"),
    ]
)


def shape(tree: Part) -> object:
    """All that is ever asked of a tree."""
    return (
        list(tree.raw_items()),
        tree.stored(),
        tree.children(),
        [type(defect).__name__ for defect in tree.defects],
        tree.get_content_type(),
        tree.get_content_maintype(),
    )


def agrees(raw: bytes) -> bool:
    """Whether the shorter way was taken; that it gives the same is asserted."""
    quick = ordinary_tree(raw)
    if quick is None:
        return False
    assert shape(quick) == shape(build_tree(raw))
    assert odd_grammar(raw) == ""
    return True


@given(st.lists(PIECES, max_size=12).map(b"".join))
@example(PLAIN)
def test_the_tree_is_the_same(raw: bytes) -> None:
    agrees(raw)


@given(st.integers(0, len(PLAIN)), st.binary(max_size=3), st.integers(0, 3))
def test_the_tree_is_the_same_whatever_is_wrong(place: int, put: bytes, less: int) -> None:
    agrees(PLAIN[:place] + put + PLAIN[place + less :])


def test_ordinary_mail_is_read_by_the_shorter_way() -> None:
    assert agrees(PLAIN)
    assert agrees(PLAIN + b"x" * (MOST - len(PLAIN)))
    assert not agrees(PLAIN + b"x" * MOST)
    assert not agrees(PLAIN.replace(b"\r\n", b"\n"))


def test_a_block_that_is_none_is_refused_in_linear_time() -> None:
    for raw in (
        b"A" * MOST,
        b"A:\r\n" * (MOST // 4),
        b"A:" + b"\r\n " * (MOST // 3),
        (b"A: " + b"x" * 60 + b"\r\n") * 900,
    ):
        assert ordinary_tree(raw[:MOST]) is None


@pytest.mark.parametrize("line_end", [b"", b"\r\n"])
def test_what_is_read_of_the_corpus_is_the_same(monkeypatch: pytest.MonkeyPatch, line_end: bytes) -> None:
    raws = [path.read_bytes() for path in CORPUS]
    if line_end:
        raws = [re.sub(rb"\r?\n", line_end, raw) for raw in raws]
    assert len(raws) > 50
    limits = ReadLimits()
    short = [read_message(raw, limits) for raw in raws]
    monkeypatch.setattr(parse, "ordinary_tree", lambda _: None)
    monkeypatch.setattr(parse, "ordinary_date", lambda _: None)
    assert short == [read_message(raw, limits) for raw in raws]


DATE = st.builds(
    "{}, {} {} {} {}:{:02}:{:02} {}".format,
    st.sampled_from(["Mon", "Tue", "Sun", "Mo", "mon"]),
    st.sampled_from(["1", "01", "9", "23", "29", "30", "31", "0", "32", "031"]),
    st.sampled_from(["Jan", "Feb", "Nov", "nov", "Foo"]),
    st.sampled_from(["2026", "2024", "2000", "1999", "26", "2100", "20260"]),
    st.sampled_from(["08", "8", "23", "24"]),
    st.sampled_from([0, 29, 59, 60]),
    st.sampled_from([0, 59, 60]),
    st.sampled_from(["+0700", "-0000", "+1400", "+1500", "-1245", "+0060", "GMT", "+07:00", "+0700 (+07)", "0700", ""]),
)


@given(DATE)
@example("Mon, 23 Nov 2026 08:29:57 +0700")
def test_a_date_is_what_mail_parser_says_and_none_that_it_finds_fault_with(value: str) -> None:
    found = ordinary_date(value)
    if found is not None:
        reading = HeaderReading(build_tree(f"Date: {value}\r\n\r\n".encode()))
        assert (reading.date, reading.defects_categories) == (found, set())


@given(st.integers(0, 2**32))
def test_every_date_that_a_mail_client_writes_is_read(seconds: int) -> None:
    from email.utils import formatdate

    value = formatdate(seconds % 1_000_000_000 + 1_000_000_000).replace("-0000", "+0000")
    found = ordinary_date(value)
    assert found is not None
    assert found == HeaderReading(build_tree(f"Date: {value}\r\n\r\n".encode())).date


@given(st.lists(st.text(st.characters(categories=["L"], include_characters="0123=?_+/-"), min_size=1, max_size=6)))
@example(["Khách"])
@example(["客户", "服务"])
@example(["Ａｎ"])
def test_no_two_readers_differ_on_a_name_of_letters(words: list[str]) -> None:
    text = f"{' '.join(words)} <khach@khach.example>".lstrip()
    if _UNDOUBTED.fullmatch(text):
        assert [address for _, address in getaddresses([text])] == ["khach@khach.example"]
        assert [address for _, address in get_addresses(text)] == ["khach@khach.example"]


@given(
    st.lists(st.sampled_from([b"plain ", b"=?utf-8?q?x?=", b"\r\n ", b"~{1~}", b"\x1b$B", b"\t", b"\x7f", b"a"])).map(
        b"".join
    ),
    st.sampled_from(["", "utf-8", "hz", "iso-2022-jp", "utf-16", "gbk", "nonsense"]),
)
def test_a_value_of_ascii_is_what_all_steps_make_of_it(raw: bytes, hint: str) -> None:
    assert decode_words(raw, hint) == _decode_text(decode(raw, hint)[0])
