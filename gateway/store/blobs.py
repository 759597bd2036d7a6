"""Octets kept once, by their sha256: compressed, small ones in the database, large ones in files.

zstd level 1: of a mail of 2 KB and the two that are written about it, zlib makes the same size in 180 µs instead of 45,
as much as parsing, threading and routing it together. Higher levels take longer for a few per cent less.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import zstandard
from sqlalchemy.engine import Connection

from gateway.model import Spooled
from gateway.store import schema
from gateway.store.errors import store_error
from gateway.store.folders import make_folder, sync_folder
from gateway.store.sets import or_nothing, upsert
from gateway.store.spool import Spool

FILE_FROM = 128 * 1024
_LEVEL = 1
_BLOCK = 256 * 1024
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

    `folder` None: large ones are in the database too, where several machines find them. `scratch`: where spooled ones
    are until then; of the folder by default.
    """

    def __init__(self, folder: Path | None, scratch: Path | None = None) -> None:
        self._files = folder is not None
        folder = folder or Path(os.devnull)
        self._folder = folder
        self._scratch = scratch or folder / "tmp"
        self._certain = set[Path]()  # inner folders that this process has seen on disk

    def prepare(self) -> None:
        """Makes the folder and removes what a killed run left half-written."""
        if self._files:
            make_folder(self._folder)
        make_folder(self._scratch)
        for left in self._scratch.iterdir():
            left.unlink()

    def path(self, sha256: bytes) -> Path:
        name = sha256.hex()
        return self._folder / name[:2] / name

    def spool(self) -> Spool:
        """For large octets that are still to come. Raises StoreUnavailable."""
        return Spool(self._scratch)

    def pack(self, raw: bytes | Spooled) -> Packed:
        """Compresses `raw`; a large one is in its file, synced, on return. A spooled one has become its file, or is
        gone, whatever happens. Raises StoreUnavailable."""
        if isinstance(raw, Spooled):
            return self._pack_spooled(raw)
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

    def _pack_spooled(self, raw: Spooled) -> Packed:
        path = Path(raw.path)
        try:
            if raw.size <= FILE_FROM or not self._files:
                return self.pack(path.read_bytes())
            codec = "raw"
            if _file_is_worth_it(path, raw.size):
                squeezed = self._squeezed_file(path, raw.size)
                codec, path = (_SQUEEZED, squeezed) if squeezed.stat().st_size < raw.size else (codec, path)
            self._move(self.path(raw.sha256), path)
            return Packed(raw.sha256, raw.size, codec, None)
        except OSError as error:
            self._certain.clear()
            raise store_error(error) from error
        finally:
            for left in {path, Path(raw.path)}:
                left.unlink(missing_ok=True)

    def _squeezed_file(self, path: Path, size: int) -> Path:
        """As `_squeezed`, from file to file."""
        fd, scratch = tempfile.mkstemp(dir=self._scratch)
        try:
            with path.open("rb") as whole, os.fdopen(fd, "wb") as file:
                _tools.compressor.copy_stream(whole, file, size)
        except BaseException:
            Path(scratch).unlink(missing_ok=True)
            raise
        return Path(scratch)

    def unpack(self, sha256: bytes, codec: str, content: bytes | None) -> bytes:
        """The octets, checked against their sha256; BlobDamaged if they are not those."""
        return self._read(sha256, codec, content)[1]

    def look_over(self, sha256: bytes, codec: str) -> tuple[int, bool]:
        """Size of a large one, and whether it is all ASCII; BlobDamaged if it is not what was put there."""
        digest, size, plain = hashlib.sha256(), 0, True
        try:
            for block in self.blocks(sha256, codec):
                digest.update(block)
                size, plain = size + len(block), plain and block.isascii()
        except (FileNotFoundError, NotADirectoryError, zstandard.ZstdError) as error:
            raise BlobDamaged(f"{sha256.hex()}: {error}") from error
        except OSError as error:
            raise store_error(error) from error
        if digest.digest() != sha256:
            raise BlobDamaged(f"{sha256.hex()}: the content has changed")
        return size, plain

    def blocks(self, sha256: bytes, codec: str) -> Iterator[bytes]:
        """The octets of a large one, block by block, unchecked."""
        with self.path(sha256).open("rb") as file:
            source = zstandard.ZstdDecompressor().stream_reader(file) if codec == _SQUEEZED else file
            while block := source.read(_BLOCK):
                yield block

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

    def _ensure(self, folder: Path) -> None:
        if folder not in self._certain:  # one that is there may not be on disk yet: a killed run or another thread
            make_folder(folder)
            self._certain.add(folder)

    def _move(self, path: Path, scratch: Path) -> None:
        """As `_write`, from a file."""
        self._ensure(path.parent)
        if not _alike(path, scratch):
            with scratch.open("rb+") as file:
                os.fsync(file.fileno())
            os.rename(scratch, path)
        sync_folder(path.parent)

    def _write(self, path: Path, content: bytes) -> None:
        self._ensure(path.parent)
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


def _is_worth_it(middle: bytes) -> bool:
    return len(_tools.compressor.compress(middle)) <= len(middle) * _WORTH


def _file_is_worth_it(path: Path, size: int) -> bool:
    with path.open("rb") as file:
        file.seek(size // 2)
        return _is_worth_it(file.read(_SAMPLE))


def _squeezed(raw: bytes) -> bytes:
    if len(raw) > FILE_FROM and not _is_worth_it(raw[len(raw) // 2 : len(raw) // 2 + _SAMPLE]):
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


def _alike(path: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(path, other, shallow=False)
    except FileNotFoundError:
        return False


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except FileNotFoundError:
        return False
