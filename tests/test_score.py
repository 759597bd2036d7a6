"""`gateway score`: what it counts, that it can fail, and what it says of a folder."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.options import ReadLimits
from gateway.reading import read_mail
from gateway.score import BadExpectation, judge

DOCS = Path(__file__).parent.parent / "docs" / "reading.md"
MAIL = (
    b"From: An <an@khach.example>\r\nTo: A <a@desk.example>, b@desk.example\r\nSubject: hello\r\n"
    b"Date: Tue, 24 Nov 2026 12:00:00 +0700\r\nMessage-ID: <1@khach.example>\r\n\r\nOne two three.\r\n"
)


def answers(**wanted: Any) -> list[tuple[bool, int, int, int]]:
    found = judge(read_mail(MAIL, ReadLimits()), wanted)
    return [(one.right, one.wanted, one.given, one.hits) for one in found]


def test_every_documented_key_is_a_question() -> None:
    table = DOCS.read_text("utf-8").rpartition("| key | the answer |")[2]
    keys = {key for row in re.findall(r"^\| (`.+?) \|", table, re.M) for key in re.findall(r"`(\w+)`", row)}
    texts = {f"{name}_has" for name in ("text", "html_text", "new_text", "quoted_text", "signature")}
    assert len(keys) > 30
    lists = {"to", "cc", "reply_to", "in_reply_to", "references", "defects", "attachments", "defects_have"}
    for key in (keys - {"wrong"}) | texts:
        value: Any = [] if key in lists or key.endswith(("_has", "_not")) else ""
        assert judge(read_mail(MAIL, ReadLimits()), {key: False if key in ("bounce", "forwarded") else value})
    with pytest.raises(BadExpectation, match="'sender' is no question"):
        answers(sender="x")
    with pytest.raises(BadExpectation, match="our_message_id"):
        answers(bounce={"address": "x"})


def test_right_and_wrong() -> None:
    assert answers(author="an@khach.example", subject="hallo") == [(True, 1, 1, 1), (False, 1, 1, 0)]
    assert answers(to=["a@desk.example"], cc=[]) == [(False, 1, 2, 1), (True, 0, 0, 0)]
    assert answers(to=["A <a@desk.example>", "b@desk.example"]) == [(True, 2, 2, 2)]
    assert answers(date="2026-11-24T05:00:00+00:00") == [(True, 1, 1, 1)]
    assert answers(text="One  two\nthree.") == [(True, 4, 4, 4)]
    assert answers(text="One two three four.") == [(False, 5, 4, 4)]
    assert answers(text_has=["One two", "four"], text_not=["three"]) == [(False, 2, 2, 1)]
    assert answers(bounce=False, forwarded={"from": "x"}) == [(True, 0, 0, 0), (False, 1, 0, 0)]
    assert answers(from_name="An", message_id="", quarantine=True) == [
        (True, 1, 1, 1), (False, 0, 1, 0), (False, 1, 0, 0)
    ]  # fmt: skip


def test_a_folder_is_scored(tmp_path: Path) -> None:
    for number, subject in enumerate(("hello", "hello", "bye")):
        (tmp_path / f"{number}.eml").write_bytes(MAIL)
        (tmp_path / f"{number}.toml").write_text(f'subject = "{subject}"\ntext_has = ["{subject}", "One"]')
    (tmp_path / "alone.eml").write_bytes(MAIL)
    result = CliRunner().invoke(main, ["score", str(tmp_path), "--json", "--quiet"])
    found = json.loads(result.stdout)
    assert found["questions"]["subject"] == {
        "asked": 3, "right": 2, "share": 0.6667, "recall": 0.6667, "precision": 0.6667
    }  # fmt: skip
    assert (found["mails"], found["text_lost"]) == (3, ["0", "1", "2"])
    assert {"mail": "2", "question": "subject", "expected": ["bye"], "found": ["hello"]} in found["misses"]
    page = CliRunner().invoke(main, ["score", str(tmp_path), "--misses", "--quiet"]).stdout
    assert "66.7%" in page
    assert "expected ['bye']" in page


def test_what_cannot_be_scored(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["score", str(tmp_path)]).exit_code == 1
    (tmp_path / "1.eml").write_bytes(MAIL)
    for text, reason in (("x =", "1.toml"), ('sender = "x"', "no question")):
        (tmp_path / "1.toml").write_text(text)
        result = CliRunner().invoke(main, ["score", str(tmp_path), "--quiet"])
        assert result.exit_code == 1
        assert reason in result.stderr
