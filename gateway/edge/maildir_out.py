"""Mail goes out into Maildirs: one folder for each recipient, for demonstrations, tests and local delivery.

A mail is in `new/` whole and synced, or not there. Its file name comes from its Message-ID and its time, so that a
repeat after a crash replaces the same file, or is recognised after a mail reader has moved it to `cur/`: one mail.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gateway.model import Outgoing, SendResult, Sent, address_key

_UNSAFE = re.compile(r"[^a-z0-9@+=_.-]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST = 200  # octets of a folder's name; file systems allow 255
# no mail can be written now, whoever it is for
_OF_ALL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class MaildirSender:
    """Delivers below `root`, which is made when it is missing. May be called from several threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: set[Path] = set()

    def send(self, batch: Sequence[Outgoing], then: Outgoing | None = None) -> list[SendResult]:  # noqa: ARG002 - nothing of a mail goes ahead here
        """One result for each mail, in order; what cannot be written is LATER, or TROUBLE where nothing can be. Never
        raises."""
        return [self._deliver(mail) for mail in batch]

    def _deliver(self, mail: Outgoing) -> SendResult:
        try:
            folder = self._folder(mail.recipient)
            name = file_name(mail)
            if not _was_moved(folder, name):
                _write(folder, name, _headed(mail))
        except OSError as error:
            self._known.clear()  # a folder may have been taken away: make it again next time
            sent = Sent.TROUBLE if error.errno in _OF_ALL else Sent.LATER
            return SendResult(mail.id, sent, f"451 4.3.0 Maildir: {error.strerror or type(error).__name__}"[:500])
        return SendResult(mail.id, Sent.DELIVERED, f"250 2.0.0 {name}")

    def _folder(self, recipient: str) -> Path:
        folder = self._root / folder_name(recipient)
        if folder not in self._known:
            for part in ("tmp", "new", "cur"):
                (folder / part).mkdir(parents=True, exist_ok=True)
            for directory in (folder, self._root):
                _sync(directory)
            with suppress(PermissionError):  # where we may not look, somebody else has made the root
                _sync(self._root.parent)
            self._known.add(folder)
        return folder


def folder_name(recipient: str) -> str:
    """One safe path component, the same for every spelling of the same address, different for different ones."""
    key = address_key(recipient)
    name = _UNSAFE.sub(lambda match: "".join(f"%{octet:02x}" for octet in match[0].encode("utf-8", "replace")), key)
    if name.startswith("."):
        name = f"%2e{name[1:]}"
    if len(name) > _LONGEST:
        name = f"{name[: _LONGEST - 34]}%_{_hash(key)}"
    return name or "%"


def file_name(mail: Outgoing) -> str:
    """Time, hash of Message-ID and recipient, "gateway" for the host: unique as Maildir wants it, and repeatable."""
    return f"{int(mail.created_at.timestamp())}.{_hash(f'{mail.message_id} {address_key(mail.recipient)}')}.gateway"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _headed(mail: Outgoing) -> bytes:
    """With Return-Path and Delivered-To in front (RFC 5321 §4.4), line ends as files have them."""
    sender, recipient = (_CONTROL.sub("?", text) for text in (mail.envelope_from, mail.recipient))
    head = f"Return-Path: <{sender}>\nDelivered-To: {recipient}\n".encode("utf-8", "replace")
    data = mail.data if isinstance(mail.data, bytes) else b"".join(mail.data.blocks())
    return head + data.replace(b"\r\n", b"\n")


def _was_moved(folder: Path, name: str) -> bool:
    """Has a mail reader taken it to cur/, with flags behind its name?"""
    with os.scandir(folder / "cur") as entries:
        return any(entry.name.partition(":")[0] == name for entry in entries)


def _write(folder: Path, name: str, octets: bytes) -> None:
    temporary = folder / "tmp" / f"{name}.{os.getpid()}.{threading.get_ident()}"
    try:
        with temporary.open("wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(folder / "new" / name)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync(folder / "new")


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
