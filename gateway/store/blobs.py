"""Octets kept once, by their sha256: compressed, small ones in the database, large ones in files (DECISIONS 24).

zstd level 1: of a mail of 2 KB and the two that are written about it, zlib makes the same size in 180 µs instead of 45,
as much as parsing, threading and routing it together. Higher levels take longer for a few per cent less.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import zstandard
from sqlalchemy.engine import Connection

from gateway.store import schema
from gateway.store.errors import store_error
from gateway.store.folders import make_folder, sync_folder
from gateway.store.sets import or_nothing, upsert

FILE_FROM = 128 * 1024
_LEVEL = 1
_WORTH = 0.7  # attachments are squeezed already: of their base64 a quarter could be saved, for 26 ms of CPU a MB
_SAMPLE = 16 * 1024
_LARGEST = 1 << 30
_SQUEEZED = "zstd"


class BlobDamaged(Exception):
    """What is kept is missing or is not what was put there."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Octets made ready outside the write transaction. `content` None: they are in a file, synced."""

    sha256: bytes
    size: int
    codec: str
    content: bytes | None = field(repr=False)


class Blobs:
    """The folder of large ones: `<folder>/aa/<sha256>`, made by temporary file, fsync, rename, fsync of the folder.

    `folder` None: large ones are in the database too, where several machines find them.
    """

    def __init__(self, folder: Path | None) -> None:
        self._files = folder is not None
        folder = folder or Path(os.devnull)
        self._folder = folder
        self._scratch = folder / "tmp"
        self._certain = set[Path]()  # inner folders that this process has seen on disk

    def prepare(self) -> None:
        """Makes the folder and removes what a killed run left half-written."""
        if not self._files:
            return
        make_folder(self._folder)
        make_folder(self._scratch)
        for left in self._scratch.iterdir():
            left.unlink()

    def path(self, sha256: bytes) -> Path:
        name = sha256.hex()
        return self._folder / name[:2] / name

    def pack(self, raw: bytes) -> Packed:
        """Compresses `raw`; a large one is in its file, synced, on return. Raises StoreUnavailable."""
        sha256 = hashlib.sha256(raw).digest()
        squeezed = _squeezed(raw)
        codec, content = (_SQUEEZED, squeezed) if len(squeezed) < len(raw) else ("raw", raw)
        if len(raw) <= FILE_FROM or not self._files:
            return Packed(sha256, len(raw), codec, content)
        try:
            self._write(self.path(sha256), content)
        except OSError as error:
            self._certain.clear()  # a folder may have been taken away: it is made again next time
            raise store_error(error) from error
        return Packed(sha256, len(raw), codec, None)

    def unpack(self, sha256: bytes, codec: str, content: bytes | None) -> bytes:
        """The octets, checked against their sha256; BlobDamaged if they are not those."""
        return self._read(sha256, codec, content)[1]

    def checked(self, sha256: bytes, codec: str, content: bytes | None) -> bytes:
        """As they are stored, compressed; BlobDamaged if they are not those of their sha256."""
        return self._read(sha256, codec, content)[0]

    def put_stored(self, connection: Connection, sha256: bytes, content: bytes) -> None:
        """Puts what `checked` gave where large ones are kept; the row is there. Raises StoreUnavailable."""
        if not self._files:
            row = sa.update(schema.blob).where(schema.blob.c.sha256 == sha256)
            connection.execute(row.values(content=content))
            return
        try:
            self._write(self.path(sha256), content)
        except OSError as error:
            raise store_error(error) from error

    def _read(self, sha256: bytes, codec: str, content: bytes | None) -> tuple[bytes, bytes]:
        try:
            kept = self.path(sha256).read_bytes() if content is None else content
            raw = _opened(kept) if codec == _SQUEEZED else kept
        except (FileNotFoundError, NotADirectoryError, zstandard.ZstdError) as error:
            raise BlobDamaged(f"{sha256.hex()}: {error}") from error
        except OSError as error:
            raise store_error(error) from error
        if hashlib.sha256(raw).digest() != sha256:
            raise BlobDamaged(f"{sha256.hex()}: the content has changed")
        return kept, raw

    def _write(self, path: Path, content: bytes) -> None:
        if path.parent not in self._certain:  # one that is there may not be on disk yet: a killed run or another thread
            make_folder(path.parent)
            self._certain.add(path.parent)
        if not _holds(path, content):
            fd, scratch = tempfile.mkstemp(dir=self._scratch)
            try:
                with os.fdopen(fd, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.rename(scratch, path)
            except BaseException:
                Path(scratch).unlink(missing_ok=True)
                raise
        # also for a file that was there: the run that renamed it may have died before this
        sync_folder(path.parent)


def put(connection: Connection, packed: Sequence[Packed]) -> None:
    """Writes the rows that are not there yet, in an order of their own: two daemons that have the same cannot wait for
    each other."""
    rows = {p.sha256: {"sha256": p.sha256, "size": p.size, "codec": p.codec, "content": p.content} for p in packed}
    upsert(connection, schema.blob, or_nothing, [rows[sha256] for sha256 in sorted(rows)])


def damaged_files(connection: Connection, blobs: Blobs) -> list[str]:
    """The files that the database counts on and that are not there."""
    in_files = sa.select(schema.blob.c.sha256).where(schema.blob.c.content.is_(None))
    paths: list[Any] = [blobs.path(row.sha256) for row in connection.execute(in_files)]
    return [f"file {path.name} is missing" for path in paths if not path.is_file()]


def _squeezed(raw: bytes) -> bytes:
    if len(raw) > FILE_FROM:
        middle = raw[len(raw) // 2 : len(raw) // 2 + _SAMPLE]
        if len(_tools.compressor.compress(middle)) > len(middle) * _WORTH:
            return raw
    return _tools.compressor.compress(raw)


def _opened(kept: bytes) -> bytes:
    if zstandard.frame_content_size(kept) > _LARGEST:  # memory is asked for by what damaged octets say
        raise zstandard.ZstdError("it says that it is larger than any mail")
    return _tools.decompressor.decompress(kept)


class _Tools(threading.local):
    """Each thread's own: they are made for one, and making one takes as long as squeezing 2 KB."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_tools = _Tools()


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except FileNotFoundError:
        return False
