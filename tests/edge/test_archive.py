"""The file of a backup: whole or not there, and nothing altered, cut or foreign is believed."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.edge.archive import FORMAT, Archive, ArchiveProblem, ArchiveWriter

ABOUT = {"schema": "0001", "taken": 1_790_000_000, "tables": {"ticket": {"columns": ["number"], "rows": 2}}}
MEMBERS = {"state/keys": b"a 00", "tables/ticket/000001": b"[1]\n[2]\n", "blobs/00ff": os.urandom(2000)}


def written(path: Path, about: Mapping[str, Any] = ABOUT, members: Mapping[str, bytes] = MEMBERS) -> Path:
    with ArchiveWriter(path, about) as archive:
        for name, octets in members.items():
            archive.add(name, octets)
        archive.finish(damage=[])
    return path


def read(path: Path) -> dict[str, bytes]:
    with closing(Archive(path)) as archive:
        return dict(archive.members())


def rewritten(path: Path, change: Any) -> Path:
    """The same tar with other members: as somebody would make it who knows tar and gzip."""
    with tarfile.open(path) as tar:
        parts = [(member.name, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]  # files
    made = path.with_name("other.tar.gz")
    with tarfile.open(made, "w:gz") as tar:
        for name, octets in change(parts):
            member = tarfile.TarInfo(name)
            member.size = len(octets)
            tar.addfile(member, io.BytesIO(octets))
    return made


def test_what_goes_in_comes_out_and_tar_can_list_it(tmp_path: Path) -> None:
    path = written(tmp_path / "desk.tar.gz")
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["desk.tar.gz"]
    with closing(Archive(path)) as archive:
        assert archive.about == {"format": FORMAT, **ABOUT}
        assert archive.manifest["damage"] == []
        assert dict(archive.members()) == MEMBERS
        assert dict(archive.members()) == MEMBERS  # as often as wanted
    with tarfile.open(path) as tar:
        assert tar.getnames() == ["about.json", *MEMBERS, "manifest.json", "manifest.sha256"]


def test_unfinished_leaves_nothing_and_the_old_one_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "desk.tar.gz")
    before = path.read_bytes()
    with pytest.raises(RuntimeError), ArchiveWriter(path, ABOUT) as archive:
        archive.add("state/keys", b"x")
        raise RuntimeError
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["desk.tar.gz"]


def test_cut_short_anywhere(tmp_path: Path) -> None:
    octets = written(tmp_path / "desk.tar.gz").read_bytes()
    cut = tmp_path / "cut.tar.gz"
    for length in (0, 1, 10, *range(20, len(octets) - 1, 97), len(octets) - 8, len(octets) - 1):
        cut.write_bytes(octets[:length])
        with pytest.raises(ArchiveProblem, match=r"cut\.tar\.gz"):
            read(cut)


def test_one_octet_altered_anywhere(tmp_path: Path) -> None:
    octets = written(tmp_path / "desk.tar.gz").read_bytes()
    path = tmp_path / "altered.tar.gz"
    refused = 0
    places = range(0, len(octets), 23)
    for place in places:
        path.write_bytes(octets[:place] + bytes([octets[place] ^ 0x21]) + octets[place + 1 :])
        try:
            assert read(path) == MEMBERS  # the time in gzip's own header means nothing
        except ArchiveProblem:
            refused += 1
    assert refused >= len(places) - 1


def test_a_member_altered_lost_added_or_moved(tmp_path: Path) -> None:
    path = written(tmp_path / "desk.tar.gz")
    assert read(rewritten(path, lambda parts: parts)) == MEMBERS
    changes = {
        "state/keys": lambda parts: [(name, b"b 00" if name == "state/keys" else octets) for name, octets in parts],
        "blobs/00ff": lambda parts: [part for part in parts if part[0] != "blobs/00ff"],
        "tables/x/1": lambda parts: [*parts[:-2], ("tables/x/1", b"[]\n"), *parts[-2:]],
        "order": lambda parts: [parts[0], parts[2], parts[1], *parts[3:]],
        "after the manifest": lambda parts: [*parts[:-1], ("tables/x/1", b"[]\n"), parts[-1]],
        "after the end": lambda parts: [*parts, ("tables/x/1", b"[]\n")],
        "no end": lambda parts: parts[:-1],
        "manifest was altered": lambda parts: [
            (name, octets.replace(b"0001", b"0002") if name == "manifest.json" else octets) for name, octets in parts
        ],
        "begins with state/keys": lambda parts: parts[1:],
    }
    for said, change in changes.items():
        with pytest.raises(ArchiveProblem, match=said):
            read(rewritten(path, change))


@pytest.mark.parametrize("form", [FORMAT + 1, "1", None])
def test_an_unknown_format_is_refused_before_anything_is_read(tmp_path: Path, form: object) -> None:
    path = tmp_path / "desk.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        about = json.dumps({"format": form}).encode()
        member = tarfile.TarInfo("about.json")
        member.size = len(about)
        tar.addfile(member, io.BytesIO(about))
    with pytest.raises(ArchiveProblem, match="its format is"):
        read(path)


def test_what_is_no_backup_at_all(tmp_path: Path) -> None:
    for name, octets in {"text": b"hello", "empty": b"", "gzip": gzip.compress(b"hello"), "zeros": bytes(4096)}.items():
        (tmp_path / name).write_bytes(octets)
        with pytest.raises(ArchiveProblem, match=name):
            read(tmp_path / name)
    link = tmp_path / "link.tar.gz"
    with tarfile.open(link, "w:gz") as tar:
        member = tarfile.TarInfo("about.json")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(ArchiveProblem, match="not a file"):
        read(link)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nowhere")
