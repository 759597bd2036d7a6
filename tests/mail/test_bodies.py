"""Long bodies pass the parser by, and nothing is read otherwise: the same tree, and the same octets in each leaf."""

from __future__ import annotations

import base64
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.mail import bodies
from gateway.mail.bodies import shortened
from gateway.mail.body import leaves
from gateway.mail.header_read import Part, build_tree
from gateway.mail.mime import content
from gateway.mail.parse import read_message, read_minimal
from gateway.mail.transfer import decode_regular, decode_transfer
from gateway.mail.wire import pack, unpack
from gateway.model import Attachment
from gateway.options import MIB, ReadLimits

CORPUS = sorted((Path(__file__).parent.parent / "corpus").glob("[0-9][0-9][0-9]-*.eml"))
LIMITS = ReadLimits()
NEVER = 1 << 60
H = b"From: a@b.example\r\nTo: c@d.example\r\n"
MIXED = H + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
PIECES = [
    b"--b\r\n", b"--b--\r\n", b"--b", b"--\r\n", b"--c\r\n", b"\r\n", b"\n", b"\r", b"\r\r", b"a line\r\n", b"x\n",
    b"y\r", b"Subject: s\r\n", b"--b: field\r\n", b"Content-Type: multipart/mixed; boundary=c\r\n",
    b"Content-Type: a/b", b"Content-Type: message/rfc822\r\n", b"Content-Type: message/delivery-status\r\n",
    b" fold\r\n", b"\xff\r\n", b"\0",
    b"Content-Transfer-Encoding: base64\r\n", b"QUJD\r\n", b"From x\r\n", b"--b \t\r\n", b"=_left_out_0_0\n",
    b"\xef\xbb\xbf",
]  # fmt: skip


@contextmanager
def _left_out_from(octets: int) -> Iterator[None]:
    before = bodies.WORTH, bodies.LONG
    bodies.WORTH = bodies.LONG = octets
    try:
        yield
    finally:
        bodies.WORTH, bodies.LONG = before


def _shape(part: Part) -> tuple[object, ...]:
    children = part.children()
    return (
        list(part.raw_items()),
        part.get_unixfrom(),
        [type(defect).__name__ for defect in part.defects],
        part.stored() if children is None else [_shape(child) for child in children],
    )


def _the_same(raw: bytes) -> None:
    with _left_out_from(NEVER):
        plain = _shape(build_tree(raw))
    with _left_out_from(1):
        tree = build_tree(raw)
        assert _shape(tree) == plain
        for part in tree.walk():
            place = part.place()
            assert place is None or part.stored() == raw[place[0] : place[1]]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_corpus_has_the_same_trees(path: Path) -> None:
    raw = path.read_bytes()
    for octets in (raw, raw.replace(b"\r\n", b"\n"), raw.replace(b"\r\n", b"\r"), raw.replace(b"\n", b"\r\n")):
        _the_same(octets)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(CORPUS), st.lists(st.tuples(st.integers(0, 3000), st.sampled_from(PIECES)), max_size=6)
)  # fmt: skip
def test_changed_mail_has_the_same_tree(path: Path, changes: list[tuple[int, bytes]]) -> None:
    raw = path.read_bytes()
    for place, octets in changes:
        raw = raw[: place % (len(raw) + 1)] + octets + raw[place % (len(raw) + 1) :]
    _the_same(raw)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([b"", H, MIXED]), st.lists(st.sampled_from(PIECES), max_size=25))
def test_any_lines_make_the_same_tree(head: bytes, pieces: list[bytes]) -> None:
    _the_same(head + b"".join(pieces))


def test_long_bodies_are_left_out_and_their_places_are_known() -> None:
    text, file = b"text\r\n" * 1000, base64.encodebytes(bytes(range(256)) * 400).replace(b"\n", b"\r\n")
    raw = MIXED + b"--b\r\n\r\n" + text + b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + file + b"--b--\r\n"
    assert len(shortened(raw).rest) < 700
    found = leaves(build_tree(raw))
    assert [leaf.content for leaf in found] == [text[:-2], bytes(range(256)) * 400]
    encoded = found[1].encoded
    assert encoded is not None
    assert raw[encoded.at :].startswith(bytes(encoded.octets))
    assert bytes(encoded.octets) + b"\r\n" == file


def test_a_mark_cannot_be_given_from_outside() -> None:
    once = shortened(MIXED + b"--b\r\n\r\n" + b"line\r\n" * 2000 + b"--b--\r\n")
    raw = MIXED + b"--b\r\n\r\n" + once.mark.encode() + b"0\n" + b"line\r\n" * 2000 + b"--b--\r\n"
    assert leaves(build_tree(raw))[0].content == once.mark.encode() + b"0\n" + b"line\r\n" * 1999 + b"line"
    _the_same(raw)


def test_memory_is_a_small_multiple_of_the_mail() -> None:
    raw = _with_file(b"\x9c\x01" * (5 * MIB))
    tracemalloc.start()
    try:
        message = read_message(raw, ReadLimits())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(message.attachments[0].content) == 10 * MIB
    assert peak < 3 * len(raw)


# --- base64 that stays as it is ---


def _with_file(octets: bytes) -> bytes:
    file = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    head = b"Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return MIXED + b"--b\r\n\r\nsee the file\r\n--b\r\n" + head + file + b"--b--\r\n"


@settings(deadline=None)
@given(st.integers(0, 400), st.sampled_from([b"", b"\r\n", b"\r\n\r\n"]))
def test_regular_base64_is_what_we_would_write(size: int, end: bytes) -> None:
    octets = bytes((7 * n) % 256 for n in range(size))
    written = content("x", "", [Attachment("2", "a", "a/b", octets)]).body
    lines = written.rpartition(b"\r\n\r\n")[2].partition(b"\r\n--")[0].removesuffix(b"\r\n")
    assert decode_regular(lines + end) == ((octets, lines) if octets else None)


LINE = b"QUJD" * 19
IRREGULAR = {
    "lines of 60": b"\r\n".join([b"QUJD" * 15] * 3),
    "LF": b"\n".join([LINE] * 3),
    "a long last line": LINE + b"\r\n" + LINE + b"QUJD",
    "a short line between": LINE + b"\r\nQUJD\r\n" + LINE,
    "an empty line first": b"\r\n" + LINE,
    "no padding": LINE + b"\r\nQUI",
    "bits behind the end": LINE + b"\r\nQQ==".replace(b"QQ", b"QR"),
    "a sign that is no letter": LINE[:-1] + b"!\r\nQUJD",
    "a blank": LINE[:-1] + b" \r\nQUJD",
    "NUL": b"\0" + LINE[1:] + b"\r\nQUJD",
    "pieces with padding": LINE[:-1] + b"=\r\n" + LINE,
    "padding alone": b"====",
    "nothing": b"",
}  # fmt: skip


@pytest.mark.parametrize("name", IRREGULAR)
def test_other_base64_is_not_taken_as_it_is(name: str) -> None:
    assert decode_regular(IRREGULAR[name]) is None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([LINE, b"\r\n", b"\n", b"QUI=", b"QQ==", b"QUJD", b"=", b" ", b"-", b"\0"]), max_size=12)
)  # fmt: skip
def test_regular_base64_is_read_as_any_other(pieces: list[bytes]) -> None:
    payload = b"".join(pieces)
    regular = decode_regular(payload)
    assert regular is None or regular[0] == decode_transfer(payload, "base64")


def test_an_attachment_leaves_with_the_octets_it_came_with() -> None:
    octets = bytes(range(256)) * 100
    message = read_message(_with_file(octets), LIMITS)
    assert message.attachments[0].encoded is not None
    made = Attachment("2", "a.png", "image/png", octets)
    assert content("x", "", message.attachments) == content("x", "", [made])


def test_the_child_need_not_send_what_the_raw_octets_have() -> None:
    raw = _with_file(bytes(range(256)) * 400)
    message = read_message(raw, LIMITS)
    packed = pack(message, raw_is_there=True)
    assert len(packed) < 2000
    back = unpack(packed, raw)
    assert back == message
    assert back.attachments[0].encoded == message.attachments[0].encoded
    for other in (b"", raw[:-500], raw[4:]):
        with pytest.raises(ValueError):
            unpack(packed, other)


def test_the_minimal_reading_passes_through_the_wire_too() -> None:
    raw = _with_file(b"x" * 30_000)
    message = read_minimal(raw, LIMITS, "why")
    assert unpack(pack(message, raw_is_there=True), raw) == message
