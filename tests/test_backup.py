"""`gateway backup`, `restore`, `outbox`: what is said, what is refused, the exit statuses. Without a daemon."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.build import shipped
from gateway.cli import main
from gateway.keyring import add_key, load_keys
from gateway.model import Envelope, Received, Source
from gateway.progress import progress
from gateway.store.store import migrate, open_store

CONFIG = """
state_dir: state
rules_dir: rules
desk: {prefix: %s, domain: desk.example, bounce_address: bounce@desk.example}
"""
RAW = b"From: <kim@customer.example>\r\nSubject: hello\r\n\r\n" + b"x" * 300 * 1024


def desk(root: Path, prefix: str = "CTY", lived_in: bool = False) -> Path:
    root.mkdir()
    shutil.copytree(shipped("rules"), root / "rules")
    config = root / "gateway.yaml"
    config.write_text(CONFIG % prefix, encoding="utf-8")
    if lived_in:
        state = root / "state"
        state.mkdir(mode=0o700)
        load_keys(state)
        url = f"sqlite:///{state / 'gateway.sqlite'}"
        migrate(url, shipped("migrations"))
        store = open_store(url, state)
        envelope = Envelope("kim@customer.example", ("help@desk.example",))
        store.accept(Received(Source.SMTP, envelope, RAW, datetime.now(UTC))).result(10)
        store.close()
    return config


def run(config: Path, *words: str, status: int = 0) -> Any:
    result = CliRunner().invoke(main, [*words, "-c", str(config)])
    assert result.exit_code == status, (words, result.output, result.exception)
    return result


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return desk(tmp_path / "old", lived_in=True)


@pytest.fixture
def archive(old: Path, tmp_path: Path) -> Path:
    run(old, "backup", str(tmp_path / "desk.tar.gz"))
    return tmp_path / "desk.tar.gz"


def test_what_is_said(old: Path, tmp_path: Path) -> None:
    path = tmp_path / "desk.tar.gz"
    said = run(old, "backup", str(path))
    assert said.stdout.startswith(f"{path}: 0.0 MB, 0 tickets, 1 mails in, 0 out, 1 large")
    assert "intake: 1" in said.stderr
    assert "exists" in run(old, "backup", str(path), status=2).stderr
    told = run(old, "backup", str(path), "--replace", "--json")
    assert told.stderr == ""
    answer = json.loads(told.stdout)
    assert (answer["rows"]["intake"], answer["large"], answer["damage"]) == (1, 1, [])
    assert run(old, "backup", "--verify", str(path)).stdout.startswith(f"{path}: whole; desk CTY at 20")
    assert json.loads(run(old, "backup", "--verify", str(path), "--json").stdout)["ok"] is True


def test_what_cannot_be_saved_is_named_and_the_rest_is_saved(old: Path, tmp_path: Path) -> None:
    sha = hashlib.sha256(RAW).hexdigest()
    (old.parent / "state" / "blobs" / sha[:2] / sha).unlink()
    said = run(old, "backup", str(tmp_path / "desk.tar.gz"), status=1)
    assert f"NOT SAVED: large mail 1: {sha}" in said.stderr
    verified = run(old, "backup", "--verify", str(tmp_path / "desk.tar.gz"))
    assert f"was not saved: large mail 1: {sha}" in verified.stderr
    (old.parent / "state" / "keys").unlink()
    said = run(old, "backup", str(tmp_path / "two.tar.gz"), status=1)
    assert "keys is missing" in said.stderr
    fresh = desk(tmp_path / "fresh")
    assert "was not in the backup: large mail 1" in run(fresh, "restore", str(tmp_path / "desk.tar.gz")).stderr


def test_no_backup_is_left_where_none_could_be_made(old: Path, tmp_path: Path) -> None:
    assert "no backup was made" in run(old, "backup", str(tmp_path / "no" / "desk.tar.gz"), status=1).stderr
    (old.parent / "state" / "gateway.sqlite").write_bytes(b"no database" * 1000)
    assert "no backup was made" in run(old, "backup", str(tmp_path / "desk.tar.gz"), status=1).stderr
    assert "no backup was made" in run(desk(tmp_path / "fresh"), "backup", str(tmp_path / "x.gz"), status=1).stderr
    assert sorted(os.listdir(tmp_path)) == ["fresh", "old"]


def test_a_restored_desk(archive: Path, tmp_path: Path) -> None:
    fresh = desk(tmp_path / "fresh")
    said = run(fresh, "restore", str(archive)).stdout
    assert "The next ticket is CTY-1001" in said
    assert "gateway outbox release --all" in said
    state = fresh.parent / "state"
    assert (state / "keys").read_bytes() == (tmp_path / "old" / "state" / "keys").read_bytes()
    assert {path.stat().st_mode & 0o077 for path in state.iterdir()} == {0}
    status = json.loads(run(fresh, "status", "--json").stdout)["status"]
    assert status["on_hold"]["why"].startswith("restored from a backup of 20")
    assert (status["waiting"], status["intake"]) == (1, {"waiting": 1, "done": 1})
    assert "ON HOLD since 20" in run(fresh, "outbox").stderr
    assert run(fresh, "outbox").stdout == "nothing waits\n"
    assert json.loads(run(fresh, "outbox", "--json").stdout)["outbox"] == []
    assert "either ids or --all" in run(fresh, "outbox", "release", status=2).stderr
    assert "none of 7 is held" in run(fresh, "outbox", "release", "7", status=1).stderr
    assert run(fresh, "outbox", "release", "--all").stdout == "released 0\n"
    assert run(fresh, "outbox").stderr == ""
    assert "on hold; 0 mails were stopped" in run(fresh, "outbox", "hold", "--reason", "the relay moves").stdout
    assert "the relay moves" in run(fresh, "outbox").stderr


def test_what_is_not_restored_leaves_all_as_it_was(archive: Path, old: Path, tmp_path: Path) -> None:
    other = desk(tmp_path / "other", prefix="FLT")
    assert "desk.prefix: FLT" in run(other, "restore", str(archive), status=1).stderr
    assert not (other.parent / "state").exists()
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(archive.read_bytes()[:-20])
    fresh = desk(tmp_path / "fresh")
    assert "cut short" in run(fresh, "restore", str(cut), status=1).stderr
    assert "cut short" in run(fresh, "backup", "--verify", str(cut), status=1).stderr
    assert not (fresh.parent / "state").exists()
    assert "the database is not empty" in run(old, "restore", str(archive), status=1).stderr
    strange = desk(tmp_path / "strange")
    (strange.parent / "state").mkdir(mode=0o700)
    add_key(strange.parent / "state")
    assert "other signing keys" in run(strange, "restore", str(archive), status=1).stderr
    assert (
        os.listdir(strange.parent / "state") == ["keys", "daemon.lock"]
        or not (strange.parent / "state" / "gateway.sqlite").exists()
    )


def test_a_restore_that_was_killed_is_run_again(archive: Path, tmp_path: Path) -> None:
    """The keys and the files of large mail are there, the database is empty."""
    fresh = desk(tmp_path / "fresh")
    state = fresh.parent / "state"
    shutil.copytree(tmp_path / "old" / "state", state, ignore=shutil.ignore_patterns("gateway.sqlite*"))
    migrate(f"sqlite:///{state / 'gateway.sqlite'}", shipped("migrations"))
    run(fresh, "restore", str(archive))
    assert json.loads(run(fresh, "status", "--json").stdout)["status"]["waiting"] == 1


def test_a_newer_schema_is_refused(old: Path, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = desk(tmp_path / "fresh")
    monkeypatch.setattr("gateway.backup.REVISION", "0099")
    run(old, "backup", str(tmp_path / "newer.tar.gz"))
    monkeypatch.undo()
    assert "its schema is 0099" in run(fresh, "restore", str(tmp_path / "newer.tar.gz"), status=1).stderr


def test_progress_on_a_terminal_is_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress(False) as tell:
        for done in range(5):
            tell("ticket", done, 4)
        tell("large mail", 1, 0)
    assert "ticket" in capsys.readouterr().err
    with progress(True) as tell:
        tell("ticket", 1, 1)
    assert capsys.readouterr().err == ""
