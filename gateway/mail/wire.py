"""A `Message` as octets between the reading child and its parent: JSON, then the attachments' octets. Never pickle."""

from __future__ import annotations

import json
import struct
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from gateway.model import Attachment, DeliveryReport, Mailbox, Message, Region

_HEAD = struct.Struct(">4sI")
_MAGIC = b"MSG1"


def pack(message: Message) -> bytes:
    """`message` as octets that `unpack` turns into an equal one. Strings must hold no lone surrogate."""
    plain = {field.name: getattr(message, field.name) for field in fields(Message)}
    plain["author"] = _mailbox_out(message.author)
    plain["shown_from"] = _mailbox_out(message.shown_from)
    for name in ("reply_to", "to", "cc"):
        plain[name] = [_mailbox_out(mailbox) for mailbox in plain[name]]
    plain["date"] = message.date.isoformat() if message.date else None
    plain["content_params"] = dict(message.content_params)
    report = message.report
    plain["report"] = {field.name: getattr(report, field.name) for field in fields(report)} if report else None
    plain["attachments"] = [
        [part.path, part.name, part.type, part.inline, part.content_id, len(part.content)]
        for part in message.attachments
    ]
    head = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return b"".join([_HEAD.pack(_MAGIC, len(head)), head, *(part.content for part in message.attachments)])


def unpack(data: bytes) -> Message:
    """The message that `pack` made octets of. Raises ValueError for anything else."""
    try:
        return _unpack(data)
    except (struct.error, KeyError, TypeError, AttributeError, IndexError) as fault:
        raise ValueError(f"not a packed message: {type(fault).__name__}") from fault


def _unpack(data: bytes) -> Message:
    magic, size = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError("not a packed message")
    position = _HEAD.size + size
    plain: dict[str, Any] = json.loads(data[_HEAD.size : position])
    attachments = []
    for path, name, media, inline, content_id, length in plain["attachments"]:
        content = data[position : position + length]
        if len(content) != length:
            raise ValueError("a packed message is cut short")
        attachments.append(Attachment(path, name, media, content, inline, content_id))
        position += length
    if position != len(data):
        raise ValueError("octets after a packed message")
    return Message(**(plain | _typed(plain) | {"attachments": tuple(attachments)}))


def _typed(plain: dict[str, Any]) -> dict[str, Any]:
    """The fields that JSON has no type for."""
    report = plain["report"]
    return {
        "in_reply_to": tuple(plain["in_reply_to"]),
        "references": tuple(plain["references"]),
        "author": _mailbox_in(plain["author"]),
        "shown_from": _mailbox_in(plain["shown_from"]),
        "reply_to": tuple(_mailboxes(plain["reply_to"])),
        "to": tuple(_mailboxes(plain["to"])),
        "cc": tuple(_mailboxes(plain["cc"])),
        "date": datetime.fromisoformat(plain["date"]).astimezone(UTC) if plain["date"] else None,
        "headers": tuple((name, value) for name, value in plain["headers"]),
        "report": DeliveryReport(**(report | {"recipients": tuple(report["recipients"])})) if report else None,
        "defects": tuple(plain["defects"]),
        "regions": tuple(Region(*region) for region in plain["regions"]),
    }


def _mailbox_out(mailbox: Mailbox | None) -> list[str] | None:
    return None if mailbox is None else [mailbox.address, mailbox.name]


def _mailbox_in(plain: list[str] | None) -> Mailbox | None:
    return None if plain is None else Mailbox(plain[0], plain[1])


def _mailboxes(plain: list[list[str]]) -> list[Mailbox]:
    return [Mailbox(address, name) for address, name in plain]
