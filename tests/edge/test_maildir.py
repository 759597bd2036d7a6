"""Delivery into Maildirs."""

from __future__ import annotations

import mailbox
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge import maildir_out
from gateway.edge.maildir_out import MaildirSender, file_name, folder_name
from gateway.model import Outgoing, Sent, address_key


def mail(number: int = 1, recipient: str = "Ann@x.example", sender: str = "b@desk.example") -> Outgoing:
    data = b"Subject: hello\r\n\r\none\r\n"
    at = datetime(2026, 11, 22, tzinfo=UTC)
    return Outgoing(number, 1, "ack", recipient, sender, f"<{number}@desk.example>", data, 0, at)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "out"


def files(root: Path) -> list[str]:
    return sorted(str(each.relative_to(root)) for each in root.rglob("*") if each.is_file())


def test_a_real_maildir(root: Path) -> None:
    results = MaildirSender(root).send([mail(1), mail(2), mail(3, "c@x.example", "")])
    assert [each.sent for each in results] == [Sent.DELIVERED] * 3
    assert all(each.reply.startswith("250 ") for each in results)
    box = mailbox.Maildir(root / "ann@x.example", create=False)
    assert len(box) == 2
    for message in box:
        assert message["Return-Path"] == "<b@desk.example>"
        assert message["Delivered-To"] == "Ann@x.example"
        assert message["Subject"] == "hello"
        assert message.get_payload() == "one\n"
    other = next((root / "c@x.example" / "new").iterdir())
    assert other.read_bytes() == b"Return-Path: <>\nDelivered-To: c@x.example\nSubject: hello\n\none\n"


def test_a_repeat_is_one_mail(root: Path) -> None:
    MaildirSender(root).send([mail()])
    before = files(root)
    MaildirSender(root).send([mail()])
    assert files(root) == before
    assert len(before) == 1


def test_a_repeat_after_a_reader_moved_it_is_one_mail(root: Path) -> None:
    MaildirSender(root).send([mail()])
    folder = root / "ann@x.example"
    name = file_name(mail())
    (folder / "new" / name).rename(folder / "cur" / f"{name}:2,S")
    assert MaildirSender(root).send([mail()])[0].sent is Sent.DELIVERED
    assert files(root) == [f"ann@x.example/cur/{name}:2,S"]


def test_a_crash_between_sync_and_rename_leaves_nothing_in_new(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", crash)
        with pytest.raises(KeyboardInterrupt):
            MaildirSender(root).send([mail()])
    assert not list((root / "ann@x.example" / "new").iterdir())
    MaildirSender(root).send([mail()])
    assert len(list((root / "ann@x.example" / "new").iterdir())) == 1


def test_order_of_sync_and_rename(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    MaildirSender(root).send([mail(1)])
    sender, done = MaildirSender(root), []
    sender.send([mail(2)])
    real_sync, real_rename = os.fsync, Path.rename
    monkeypatch.setattr(maildir_out.os, "fsync", lambda handle: (done.append("sync"), real_sync(handle))[1])
    monkeypatch.setattr(Path, "rename", lambda self, to: (done.append("rename"), real_rename(self, to))[1])
    sender.send([mail(3)])
    assert done == ["sync", "rename", "sync"]


def test_what_cannot_be_written_is_later_and_the_others_go(root: Path) -> None:
    root.mkdir()
    (root / "bad@x.example").write_text("a file where a folder should be")
    results = MaildirSender(root).send([mail(1), mail(2, "bad@x.example"), mail(3, "c@x.example")])
    assert [each.sent for each in results] == [Sent.DELIVERED, Sent.LATER, Sent.DELIVERED]
    assert results[1].reply.startswith("451 ")


def test_a_folder_taken_away_is_made_again(root: Path) -> None:
    sender = MaildirSender(root)
    sender.send([mail(1)])
    (root / "ann@x.example").rename(root / "elsewhere")
    assert sender.send([mail(2)])[0].sent is Sent.LATER
    assert sender.send([mail(2)])[0].sent is Sent.DELIVERED


def test_nothing_in_an_address_makes_a_header(root: Path) -> None:
    MaildirSender(root).send([mail(1, "a@x.example\nBcc: evil@x.example", "b@x\r\nX: y")])
    text = next(each for each in root.rglob("*") if each.is_file()).read_text()
    assert text.count("\n") == len(["Return-Path", "Delivered-To", "Subject", "", "one"])


@given(st.text(max_size=300), st.text(max_size=300))
def test_folder_names_are_one_safe_component_and_distinct(one: str, other: str) -> None:
    name = folder_name(one)
    assert name not in ("", ".", "..")
    assert not set(name) & set("/\\\0\n")
    assert not name.startswith(".")
    assert len(name.encode()) <= 200
    same = address_key(one).encode("utf-8", "replace") == address_key(other).encode("utf-8", "replace")
    assert (folder_name(other) == name) == same
