"""winmail.dat, RTF, opaque signatures and uuencoded text: what is inside, and that damage costs nothing but itself."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.mail.cms import signed_content
from gateway.mail.parse import read_message
from gateway.mail.rtf import decompressed, rtf_text
from gateway.mail.tnef import read_tnef
from gateway.mail.unpack import enriched_text
from gateway.options import ReadLimits

CORPUS = Path(__file__).parent.parent / "corpus"
LIMITS = ReadLimits()
# the two examples of [MS-OXRTFCP] §4
SIMPLE = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a00726370673132354232 0af320 68656c09002062770 5b06c647d0a800fa0".replace(
        " ", ""
    )
)
CROSSING = bytes.fromhex("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")


def _tnef() -> bytes:
    raw = next(CORPUS.glob("164-*.eml")).read_bytes()
    import base64

    return base64.b64decode(raw.partition(b'filename="winmail.dat"\r\n\r\n')[2].partition(b"------=_")[0])


def test_compressed_rtf_as_the_standard_has_it() -> None:
    assert decompressed(SIMPLE) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    assert decompressed(CROSSING) == b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"
    assert decompressed(b"\x20\0\0\0\x10\0\0\0MELA\0\0\0\0plain") == b"plain"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (rb"{\rtf1\ansi\ansicpg936 \'c4\'e3\'ba\'c3\par world}", "你好\nworld"),
        (rb"{\rtf1{\fonttbl{\f0 Arial;}}{\*\generator x;}a\~b\tab c\u8364?\{d\}}", "a b\tc€{d}"),
        (rb"{\rtf1\uc0 Ti\u7871 ng{\pict 0102}\line Vi\u7879 t}", "Tiếng\nViệt"),
        (b"no rtf", ""),
    ],
)
def test_rtf_as_text(source: bytes, text: str) -> None:
    assert rtf_text(source) == text


def test_winmail_has_its_files_and_damage_ends_the_reading() -> None:
    octets = _tnef()
    found = read_tnef(octets)
    assert found is not None
    assert [(one.name, one.media, one.content) for one in found.files] == [
        ("Kết quả quý.xlsx", "application/vnd.ms-excel", b"PK\x03\x04 figures"),
        ("notes.txt", "", b"second file"),
    ]
    for end in range(len(octets)):
        cut = read_tnef(octets[:end])
        assert cut is None or len(cut.files) <= 2
    assert read_tnef(b"something else") is None


@given(st.binary(max_size=200), st.integers(0, 400))
@settings(deadline=None)
def test_anything_is_survived(octets: bytes, place: int) -> None:
    whole = _tnef()
    read_tnef(whole[:place] + octets + whole[place + len(octets) :])
    decompressed(SIMPLE[: place % 40] + octets)
    rtf_text(b"{\\rtf1 " + octets)
    signed_content(b"\x30\x80\x06\x09" + octets)
    enriched_text(octets)


def test_hostile_forms_are_linear() -> None:
    began = time.process_time()
    rtf_text(b"{\\rtf1" + b"{" * 300_000 + b"\\u1?" * 300_000)
    signed_content(b"\x30\x80" * 100_000)
    signed_content(b"\x30\x82\xff\xff" * 100_000)
    decompressed(b"\xff\xff\xff\x7f\xff\xff\xff\x7f\x4c\x5a\x46\x75\0\0\0\0" + b"\xff" + b"\x00\x0f" * 400_000)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("options", [[], ["-stream"], ["-indef"]])
def test_a_signature_of_openssl_gives_up_its_mail(tmp_path: Path, options: list[str]) -> None:
    run = {"cwd": tmp_path, "check": True, "capture_output": True}
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-out", "c", "-subj", "/CN=a"],
        **run,  # type: ignore[call-overload]
    )
    (tmp_path / "m").write_bytes("Content-Type: text/plain; charset=utf-8\r\n\r\nHợp đồng\r\n".encode() * 1)
    signed = subprocess.run(
        ["openssl", "cms", "-sign", "-nodetach", "-binary", "-signer", "c", "-inkey", "k", "-in", "m", *options],
        **run,  # type: ignore[call-overload]
    ).stdout
    message = read_message(b"From: a@b.example\nSubject: x\n" + signed, LIMITS)
    assert message.text.strip() == "Hợp đồng"
    assert [part.name for part in message.attachments] == ["smime.p7m"]


def test_uuencode_that_is_none_stays_text() -> None:
    text = b"From: a@b.example\n\nbegin 644 the day\nwith a walk, and\nend it so.\n\nbegin 755 x\n"
    message = read_message(text, LIMITS)
    assert "with a walk" in message.text
    assert not message.attachments
