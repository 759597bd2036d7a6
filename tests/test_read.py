"""`gateway read`: the record and its documentation, many mails, and mails that cost only themselves."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.mailbag import Place, find_mails
from gateway.options import MIB, ReadLimits
from gateway.read_many import Readers
from gateway.reading import read_mail

CORPUS = Path(__file__).parent / "corpus"
DOCS = Path(__file__).parent.parent / "docs" / "reading.md"
LIMITS = ReadLimits()
MAIL = b"From: An <an@khach.example>\r\nTo: help@desk.example\r\nSubject: s%d\r\n\r\nhello\r\n"


def gateway(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["read", *map(str, arguments)])


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.split("\n")[:-1]]


def test_every_field_is_documented_and_always_there() -> None:
    table = DOCS.read_text("utf-8").partition("## The record")[2].partition("\n## ")[0]
    documented = [name for row in re.findall(r"^\| (`.+?) \|", table, re.M) for name in re.findall(r"`(\w+)`", row)]
    for number in ("013", "006", "025"):
        raw = next(CORPUS.glob(f"{number}-*.eml")).read_bytes()
        assert [*read_mail(raw, LIMITS), "seconds"] == [name for name in documented if name not in ("path", "index")]


def test_one_mail_for_machines_and_for_people() -> None:
    mail = next(CORPUS.glob("006-*.eml"))
    found = json.loads(gateway("--json", mail).stdout)
    assert found["from"] == {"name": "Trần Minh", "address": "minh@gmail.example"}
    assert found["attachments"][0] == {
        "path": "1.2", "name": "loi.png", "type": "image/png", "size": 72, "inline": True, "content_id": "ii_1"
    }  # fmt: skip
    assert (found["kind"], found["language"], found["quarantine"]) == ("person", "vi", None)
    page = gateway(mail).stdout
    assert all(word in page for word in ("Trần Minh <minh@gmail.example>", "Lỗi đăng nhập", "hóa đơn.pdf"))


def test_a_folder_a_maildir_and_an_mbox_in_order(tmp_path: Path) -> None:
    (tmp_path / "a" / "cur").mkdir(parents=True)
    (tmp_path / "a" / "cur" / "2:2,S").write_bytes(MAIL % 2)
    (tmp_path / "a" / "cur" / "1:2,S").write_bytes(MAIL % 1)
    (tmp_path / "a" / "notes.toml").write_text("x = 1")
    (tmp_path / "a" / ".hidden").write_bytes(MAIL % 9)
    first = b"From a@b.example Tue Nov 24 12:00:00 2026\n"
    box = first + MAIL % 3 + b"\n>From here on\n>>From there\n\nFrom now on it works.\n\n" + first + MAIL % 4
    (tmp_path / "box").write_bytes(box)
    result = gateway("--jsonl", tmp_path)
    found = lines(result)
    assert (result.exit_code, result.stderr) == (0, "reading: 4\n")
    assert [(one["subject"], one.get("index")) for one in found] == [("s1", None), ("s2", None), ("s3", 0), ("s4", 1)]
    assert found[2]["text"] == "hello\n\nFrom here on\n>From there\n\nFrom now on it works.\n\n"
    assert [one["path"] for one in found[:2]] == [str(tmp_path / "a/cur/1:2,S"), str(tmp_path / "a/cur/2:2,S")]
    assert all(one["seconds"] >= 0 for one in found)


def test_an_mbox_is_cut_at_every_place_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = b"From a@b.example Tue Nov 24 12:00:00 2026\r\n"
    mails = [first + MAIL % n + b"x" * n + b"\r\n\r\n" for n in range(40)]
    (tmp_path / "x.mbox").write_bytes(b"".join(mails))
    for chunk in (1, 7, 2001, 1 << 20):
        monkeypatch.setattr("gateway.mailbag._CHUNK", chunk)
        monkeypatch.setattr("gateway.mailbag._OVERLAP", 60)
        if chunk < len(first):
            monkeypatch.setattr("gateway.mailbag.is_mbox", lambda path: True)
        assert [place.read(MIB) for place in find_mails([tmp_path / "x.mbox"])] == mails
        monkeypatch.undo()


@pytest.fixture
def bag(tmp_path: Path) -> list[Place]:
    """A mail, one that is too much for its reader, another mail."""
    (tmp_path / "1.eml").write_bytes(MAIL % 1)
    (tmp_path / "2.eml").write_bytes(
        b"Subject: big\r\nContent-Type: text/plain\r\n\r\n" + b"\xe1\xba\xa1 \n" * (6 * MIB)
    )
    (tmp_path / "3.eml").write_bytes(MAIL % 3)
    return list(find_mails([tmp_path]))


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (replace(LIMITS, child_memory=110 * MIB), "memory|killed|ended"),
        (replace(LIMITS, child_wall=0.05), "too long"),
        (replace(LIMITS, message=MIB), "larger than 1048576 octets"),
    ],
)
def test_a_mail_costs_only_itself(bag: list[Place], limits: ReadLimits, reason: str) -> None:
    if "long" in reason:
        bag = bag[1:2]  # so short a time is too short for an ordinary mail on a busy machine
    with Readers(limits, children=1) as readers:
        found = {place.path.stem: record for place, record in readers.records(bag)}
    bad = found.pop("2")
    assert re.search(reason, bad["quarantine"])
    assert (bad["subject"], bad["kind"], bad["size"]) == ("big", None, bag[-2 if len(bag) > 1 else 0].size)
    assert all(one["quarantine"] is None and one["text"] == "hello\n" for one in found.values())


def test_over_a_limit_is_put_aside_and_unreadable_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "1.eml").write_bytes(b"X: y\r\n" * 2000 + MAIL % 1)
    result = gateway("--jsonl", "--quiet", tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "header fields" in lines(result)[0]["quarantine"]
    (tmp_path / "2.eml").symlink_to(tmp_path / "nowhere")
    result = gateway("--jsonl", "--quiet", tmp_path)
    assert result.exit_code == 1
    assert "cannot be read" in lines(result)[1]["quarantine"]


def test_no_mail_and_wrong_arguments(tmp_path: Path) -> None:
    assert (gateway("--jsonl", tmp_path).exit_code, gateway("--json", tmp_path).exit_code) == (1, 2)
    assert gateway("--jsonl", tmp_path / "nowhere").exit_code == 2


def test_html_that_may_be_shown(tmp_path: Path) -> None:
    html = b"<p onclick=x>a<img src=https://t.example/x></p><script>x</script>"
    (tmp_path / "1.eml").write_bytes(b"Subject: x\nContent-Type: text/html\n\n" + html)
    assert gateway("--safe-html", tmp_path / "1.eml").stdout == "<p>a</p>\n"
    assert lines(gateway("--safe-html", "--jsonl", "--quiet", tmp_path))[0]["safe_html"] == "<p>a</p>"


def test_whose_word_counts() -> None:
    raw = b"Authentication-Results: mx.example; dmarc=pass header.from=khach.example\r\n" + MAIL % 1
    assert read_mail(raw, LIMITS)["sender_evidence"]["level"] == "E0"
    assert read_mail(raw, LIMITS, frozenset({"mx.example"}))["sender_evidence"]["level"] == "E1"
