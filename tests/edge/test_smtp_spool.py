"""Large messages come in through files: octet for octet as through memory, and no file is left behind."""

from __future__ import annotations

import hashlib
import os
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.edge.smtp_spool import BLOCK, HOPS, Spools
from gateway.model import Received, Spooled
from gateway.store.blobs import Blobs
from gateway.store.errors import StoreUnavailable
from gateway.store.spool import Spool
from tests.edge.dialogs import Client, Desk, Stage
from tests.edge.test_smtp_in import TALK, assert_serves, wait_until

HEAD = TALK[: TALK.index(b"Subject")]
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


class _Place:
    """A listener, the desk behind it, and where it spools."""

    def __init__(self, folder: Path) -> None:
        self.blobs = Blobs(folder)
        self.blobs.prepare()
        self.scratch = folder / "tmp"
        self.desk = Desk()
        self.port = 0
        self.full = ""

    def left(self) -> list[str]:
        return os.listdir(self.scratch)

    def answer(self, octets: bytes) -> str:
        """To a message, which may hold anything; the final dot is not part of it."""
        client = Client(self.port)
        try:
            client.send(HEAD + octets + b".\r\nQUIT\r\n")
        except OSError:  # it was hung up on
            pass
        code, text = [client.reply() for _ in range(6)][-1]
        client.close()
        return f"{code} {text}"


@contextmanager
def _place(stage: Stage, folder: Path, **options: object) -> Iterator[_Place]:
    place = _Place(folder)
    spools = Spools(place.blobs.spool, lambda: place.full)
    with stage.listener(place.desk, spools=spools, **options) as listener:
        place.port = listener.port
        yield place


def _whole(received: Received) -> bytes:
    raw = received.raw
    if isinstance(raw, bytes):
        return raw
    octets = Path(raw.path).read_bytes()
    assert (len(octets), hashlib.sha256(octets).digest()) == (raw.size, raw.sha256)
    return octets


def _lines(size: int, seed: int) -> bytes:
    """Dots at the beginning of lines, bare line ends and short lines among it."""
    source = random.Random(seed)
    pieces = [
        b"..\r\n",
        b"..x\r\n",
        b"x\n",
        b"\r\r\n",
        b"\r\n",
        b"word " * 9 + b"\r\n",
        source.randbytes(40).hex().encode() + b"\r\n",
    ]
    chosen = source.choices(pieces, k=size // 20)
    return b"Subject: x\r\n\r\n" + b"".join(chosen)[:size].replace(b"\n.\r", b"\n x\r") + b"\r\n"


@pytest.mark.parametrize("size", [10, BLOCK, *range(BLOCK + 10_000, BLOCK + 30_000, 2_000), 5 * BLOCK + 77])
def test_the_same_octets_as_through_memory(size: int, stage: Stage, tmp_path: Path) -> None:
    octets = _lines(size, size)
    memory = Desk()
    with stage.listener(memory) as listener:
        client = Client(listener.port)
        client.send(HEAD + octets + b".\r\nQUIT\r\n")
        assert [client.reply()[0] for _ in range(7)][-2:] == ["250", "221"]
        client.close()
    with _place(stage, tmp_path / "blobs") as place:
        assert place.answer(octets).startswith("250")
        (kept,) = place.desk.kept
    assert _whole(kept) == _whole(memory.kept[0])
    content = len(kept.raw) - _whole(kept).index(b"Subject: x")
    assert isinstance(kept.raw, Spooled) == (content + 2 > BLOCK)  # with the line end before the data
    wanted = [Path(kept.raw.path).name] if isinstance(kept.raw, Spooled) else []
    assert place.left() == wanted


REFUSED = {
    "too large": (b"x" * 70 + b"\r\n", 3 * MIB, "552"),
    "smuggling": (b"y" * 70 + b"\r\n", MIB, "550"),
    "long line": (b"z" * 20_000, MIB, "554"),
    "hops": (b"Received: x\r\n" * (HOPS + 1) + b"\r\n" + b"x\r\n" * 100_000, 0, "554 5.4.6"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_leaves_no_file(name: str, stage: Stage, tmp_path: Path) -> None:
    unit, size, reply = REFUSED[name]
    octets = unit * (size // len(unit) or 1) + (b"\n.\r\n" if name == "smuggling" else b"\r\n")
    with _place(stage, tmp_path / "blobs", max_size=2 * MIB, line_limit=4096) as place:
        assert place.answer(octets).startswith(reply)
        wait_until(lambda: place.left() == [])
        assert place.desk.kept == []
        assert_serves(place.port)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_who_hangs_up_leaves_no_file(how: str, stage: Stage, tmp_path: Path) -> None:
    with _place(stage, tmp_path / "blobs") as place:
        client = Client(place.port)
        client.send(HEAD + _lines(3 * BLOCK, 1))
        wait_until(lambda: len(place.left()) == 1)
        if how == "reset":
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        wait_until(lambda: place.left() == [])
        assert place.desk.kept == []


class _Failing(Spool):
    error: Exception = StoreUnavailable("no space left: secret", full=True)
    at = "write"

    def write(self, octets: bytes) -> None:
        if self.at == "write":
            raise self.error
        super().write(octets)

    def end(self) -> Spooled:
        if self.at == "end":
            raise self.error
        return super().end()


@pytest.mark.parametrize("at", ["write", "end"])
@pytest.mark.parametrize(
    ("error", "reply"),
    [(StoreUnavailable("disk: secret", full=True), "452"), (StoreUnavailable("secret"), "451"), (OSError("s"), "451")],
)
def test_a_fault_of_the_file_is_ours(at: str, error: Exception, reply: str, stage: Stage, tmp_path: Path) -> None:
    with _place(stage, tmp_path / "blobs") as place:

        def failing() -> Spool:
            spool = _Failing(place.scratch)
            spool.at, spool.error = at, error
            return spool

        place.blobs.spool = failing  # type: ignore[method-assign]  # the listener has the method of before
    place.desk.kept.clear()
    with stage.listener(place.desk, spools=Spools(failing, lambda: "")) as listener:
        place.port = listener.port
        answer = place.answer(_lines(3 * BLOCK, 2))
        assert answer.startswith(reply)
        assert "secret" not in answer
        assert_serves(listener.port)
    wait_until(lambda: place.left() == [])


def test_a_disk_that_gets_full_is_said(stage: Stage, tmp_path: Path) -> None:
    with _place(stage, tmp_path / "blobs") as place:
        place.full = "only 3 MB are left"
        assert place.answer(_lines(3 * BLOCK, 3)).startswith("452 4.3.1")
        assert_serves(place.port)
        place.full = ""
        assert place.answer(_lines(3 * BLOCK, 3)).startswith("250")
    assert len(place.left()) == 1


# --- in the store ---


def _spooled(blobs: Blobs, octets: bytes) -> Spooled:
    spool = blobs.spool()
    for at in range(0, len(octets), 100_000):
        spool.write(octets[at : at + 100_000])
    spooled = spool.end()
    spool.drop()  # changes nothing any more
    return spooled


@pytest.mark.parametrize("in_files", [True, False])
@pytest.mark.parametrize("octets", [b"words " * 60_000, random.Random(1).randbytes(400_000), b"few"])
def test_a_spooled_blob_is_the_same_blob(octets: bytes, tmp_path: Path, *, in_files: bool) -> None:
    made = Blobs(tmp_path / "a" if in_files else None, tmp_path / "s")
    other = Blobs(tmp_path / "b" if in_files else None, tmp_path / "t")
    made.prepare()
    other.prepare()
    for _ in range(2):  # a second time it is there already
        packed = made.pack(_spooled(made, octets))
        assert packed == other.pack(octets)
        assert packed.content == other.pack(octets).content
        assert made.unpack(packed.sha256, packed.codec, packed.content) == octets
        assert os.listdir(tmp_path / "s") == []


def test_what_a_killed_run_had_spooled_is_removed(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    blobs.prepare()
    blobs.spool().write(b"x")
    _spooled(blobs, b"y")
    assert len(os.listdir(tmp_path / "blobs" / "tmp")) == 2
    blobs.prepare()
    assert os.listdir(tmp_path / "blobs" / "tmp") == []


def test_a_dropped_spool_takes_no_more(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.write(b"x")
    spool.drop()
    spool.drop()
    for use in (lambda: spool.write(b"y"), spool.end):
        with pytest.raises(StoreUnavailable):
            use()
    assert os.listdir(tmp_path) == []
