"""Limits on raw octets: what is refused, what goes to the child, what is ordinary; always in linear time."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.limits import TRACE, Scan, scan
from gateway.options import ReadLimits

LIMITS = ReadLimits()
H = b"From: a@b.example\r\nTo: c@d.example\r\n"
MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
FILE = b"--b\r\nContent-Disposition: inline\r\nContent-Type:\r\n image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"


def _nested(depth: int) -> bytes:
    return H + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))


def _siblings(count: int) -> bytes:
    one = b"--b\r\nContent-Type: multipart/alternative; boundary=c%d\r\n\r\n--c%d\r\n\r\nx\r\n--c%d--\r\n"
    return H + MIXED + b"".join(one % (n, n, n) for n in range(count)) + b"--b--\r\n"


OVER = {
    "header block": H + b"X-Long: y\r\n" * 26_000 + b"\r\n",
    "header block without end": b"Subject: " + b"x" * 300_000,
    "one field": H + b"Subject: " + b"x" * 66_000 + b"\r\n\r\n",
    "one folded field": H + b"Subject: x\r\n" + b" yyyyyyyyyyyyyyyyyyyy\r\n" * 4_000 + b"\r\n",
    "fields": b"X: y\r\n" * 1_001 + b"\r\n",
    "fields ended by CR": b"X: y\r" * 1_001 + b"\r\r",
    "hops": b"Received: x\r\n" * 51 + H + b"\r\n",
    "encoded words": (b"X: " + b"=?a?q?b?= " * 6_000 + b"\r\n") * 4 + b"\r\n",
    "parameters": H + b"Content-Type: text/plain" + b";" * 600 + b"\r\n\r\n",
    "parameters of a part": H + MIXED + b"--b\r\ncontent-disposition : x" + b"; a=b" * 600 + b"\r\n\r\n",
    "boundary": H + b"Content-Type: multipart/mixed; boundary=" + b"b" * 201 + b"\r\n\r\n",
    "parts": H + MIXED + b"--b\r\n\r\nx\r\n" * 1_001,
    "depth": _nested(31),
}  # fmt: skip
UNUSUAL = {
    "size": H + b"\r\n" + b"x" * 270_000,
    "text beside a file": H + MIXED + b"--b\r\n\r\n" + b"words\r\n" * 50_000 + FILE + b"QUJD\r\n" * 100_000,
    "text called a file": H + MIXED + FILE + b"some words\r\n" * 30_000,
    "tags called a file": H + MIXED + FILE + b"<b>\r\n" * 60_000,
    "a file called text": H + MIXED + FILE.replace(b"image/png", b"text/html") + b"QUJD\r\n" * 50_000,
    "files": H + MIXED + (FILE + b"QUJD" * 19 + b"\r\n" + b"QUJD\r\n" * 500_000) * 2,
    "NUL": b"X: \0\r\n" + H + b"\r\n",
    "addresses": b"To: " + b"a@b.example, " * 600 + b"\r\n\r\n",
    "words": H + b"X: " + b"=?a?q?b?= " * 600 + b"\r\n\r\n",
    "parameters": H + b"Content-Type: text/plain" + b"; a=b" * 100 + b"\r\n\r\n",
    "many containers": _siblings(40),
    "marks": H + b"\r\n" + b"a" + "\u0301".encode() * 100,
}  # fmt: skip
ORDINARY = {
    "small": H + b"\r\nhello\r\n",
    "empty": b"",
    "dashes in text": H + b"\r\n" + b"--------\r\n" * 2_000,
    "dashes in a part": H + MIXED + b"--b\r\n\r\n" + b"--------\r\n" * 2_000 + b"--b--\r\n",
    "depth": _nested(29),
    "newsletter": H + b"Content-Type: text/html\r\n\r\n" + b"<table><tr><td><div>x</div></td></tr></table>" * 2_000,
    "semicolons in text": H + b"\r\n" + b";" * 5_000,
    "received": b"Received: from a\r\n by b\r\n" * 50 + H + b"\r\n",
    "a file": H + MIXED + b"--b\r\n\r\nsee it\r\n" + FILE + b"QUJD\r\n" * 600_000 + b"\r\n--b--\r\n",
    "two files": H + MIXED + (FILE + b"QUJD\r\n" * 300_000) * 2 + b"\r\n--b--\r\n",
    "no header": b"just words, " * 20_000,
}


@pytest.mark.parametrize("name", OVER)
def test_over(name: str) -> None:
    assert scan(OVER[name], LIMITS).over


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual(name: str) -> None:
    found = scan(UNUSUAL[name], LIMITS)
    assert found.unusual
    assert not found.over


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary(name: str) -> None:
    assert scan(ORDINARY[name], LIMITS) == Scan()


def test_message_size_is_exact() -> None:
    raw = H + b"\r\nx"
    assert not scan(raw, replace(LIMITS, message=len(raw) - TRACE)).over, "our own Received field comes on top"
    assert scan(raw, replace(LIMITS, message=len(raw) - TRACE - 1)).over


def test_ordinary_mail_of_the_corpus_is_ordinary() -> None:
    corpus = sorted((Path(__file__).parent.parent / "corpus").glob("[0-9][0-9][0-9]-*.eml"))
    found = {path.stem: scan(path.read_bytes(), LIMITS) for path in corpus}
    assert {name for name, verdict in found.items() if verdict.over} == set()
    assert {name for name, verdict in found.items() if verdict.unusual} == {"026-author-nul"}


UNITS = [b"\n", b"\r", b"\r\n--b", b"Content-Type: multipart/mixed; boundary=b\r\n", b"\r\ncontent-type:", b";",
b"=?", b"<div>",
         b"\xcc\x81", b"To: a\r\n", b"(", b"\r\n--", b" ", b"\r\n ", b":", b"boundary=\"", b"\n--b\n\n",
         b"From:\n "]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("head", [b"", H + MIXED])
def test_linear(unit: bytes, head: bytes) -> None:
    began = time.process_time()
    scan(head + unit * (2_000_000 // len(unit)), LIMITS)
    assert time.process_time() - began < 1.0


@given(st.binary(max_size=200), st.lists(st.sampled_from(UNITS), max_size=30))
def test_total(raw: bytes, units: list[bytes]) -> None:
    assert isinstance(scan(raw + b"".join(units), LIMITS), Scan)
