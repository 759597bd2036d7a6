"""Sameness: the path makes no difference, the words do (law 3)."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.parse import read_message
from gateway.options import ReadLimits

HEAD = {
    "From": "An <an@khach.example>", "To": "support@desk.example", "Cc": "b@khach.example",
    "Subject": "hóa đơn 4711 và giao hàng",
    "Date": "Mon, 2 Nov 2026 10:00:00 +0700", "Message-ID": "<1@khach.example>",
    "References": "<0@khach.example> <00@khach.example>",
}  # fmt: skip
TEXT, FILE = "Xin chào,\ndòng hai = 2\n", bytes(range(256))


def _mail(
    head: dict[str, str], text: str, file: bytes, encoding: str = "8bit", extra: str = "", end: str = "\r\n"
) -> bytes:
    octets = text.replace("\n", end).encode()
    bodies = {
        "8bit": octets,
        "quoted-printable": quopri.encodestring(octets.replace(b"\r\n", b"\n")),
        "base64": base64.encodebytes(octets),
    }
    lines = [extra] if extra else []
    lines += [f"{name}: {value}" for name, value in head.items()]
    lines += [
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain; charset=utf-8",
    ]
    lines += [f"Content-Transfer-Encoding: {encoding}", ""]
    top = "\n".join(lines).encode() + b"\n"
    rest = (
        b"\n--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(file)
        + b"--b--\n"
    )
    return (top + bodies[encoding].replace(b"\r\n", b"\n") + rest).replace(b"\n", end.encode())


def _digest(raw: bytes) -> str:
    return read_message(raw, ReadLimits()).digest


SAME = _digest(_mail(HEAD, TEXT, FILE))
PATHS = {
    "quoted-printable": _mail(HEAD, TEXT, FILE, "quoted-printable"),
    "base64": _mail(HEAD, TEXT, FILE, "base64"),
    "bare LF": _mail(HEAD, TEXT, FILE, end="\n"),
    "trace": _mail(HEAD, TEXT, FILE,
    extra="Received: from a by b; x\nDKIM-Signature: v=1\nX-Spam: no\nReturn-Path: <an@khach.example>"),
    "refolded": _mail(HEAD | {"Subject": HEAD["Subject"].replace(" ",
    "\n ", 1), "References": "<0@khach.example>\n\t<00@khach.example>"}, TEXT, FILE),
    "blank lines at the end": _mail(HEAD, TEXT + "\n\n", FILE),
    "order of fields": _mail(dict(reversed(HEAD.items())), TEXT, FILE),
}  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_another_path_is_the_same_message(path: str) -> None:
    assert _digest(PATHS[path]) == SAME


@pytest.mark.parametrize("name", HEAD)
def test_another_originator_field_is_another_message(name: str) -> None:
    assert _digest(_mail(HEAD | {name: HEAD[name].replace("0", "9").replace("a", "o")}, TEXT, FILE)) != SAME or not (
        set("0a") & set(HEAD[name])
    )
    assert _digest(_mail({key: value for key, value in HEAD.items() if key != name}, TEXT, FILE)) != SAME


@given(st.text(alphabet="ab \n", min_size=1, max_size=12), st.text(alphabet="ab \n", min_size=1, max_size=12))
def test_texts_differ_as_digests_do(one: str, two: str) -> None:
    same = one.rstrip("\n") == two.rstrip("\n")
    first, second = (_digest(_mail(HEAD, "x" + text, FILE, "base64")) for text in (one, two))
    assert (first == second) is same


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_attachments_differ_as_digests_do(one: bytes, two: bytes) -> None:
    assert (_digest(_mail(HEAD, TEXT, one)) == _digest(_mail(HEAD, TEXT, two))) is (one == two)


def test_moving_words_between_fields_is_another_message() -> None:
    assert _digest(_mail(HEAD | {"To": HEAD["Cc"], "Cc": HEAD["To"]}, TEXT, FILE)) != SAME
