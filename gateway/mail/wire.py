"""A `Message` as octets between the reading child and its parent: JSON, then the attachments' octets. Never pickle."""

from __future__ import annotations

import json
import struct
from binascii import a2b_base64
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from gateway.model import Attachment, DeliveryReport, Encoded, Mailbox, Message, Region

_HEAD = struct.Struct(">4sI")
_MAGIC = b"MSG1"


def pack(message: Message, *, raw_is_there: bool = False) -> bytes:
    """`message` as octets that `unpack` turns into an equal one. Strings must hold no lone surrogate. `raw_is_there`:
    `unpack` will be given the raw octets of the message, from which it takes large attachments."""
    plain = {field.name: getattr(message, field.name) for field in fields(Message)}
    plain["author"] = _mailbox_out(message.author)
    plain["shown_from"] = _mailbox_out(message.shown_from)
    for name in ("reply_to", "to", "cc"):
        plain[name] = [_mailbox_out(mailbox) for mailbox in plain[name]]
    plain["date"] = message.date.isoformat() if message.date else None
    plain["content_params"] = dict(message.content_params)
    report = message.report
    plain["report"] = {field.name: getattr(report, field.name) for field in fields(report)} if report else None
    places = [_place(part.encoded if raw_is_there else None) for part in message.attachments]
    plain["attachments"] = [
        [part.path, part.name, part.type, part.inline, part.content_id, len(part.content), place]
        for part, place in zip(message.attachments, places, strict=True)
    ]
    head = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    contents = [part.content for part, place in zip(message.attachments, places, strict=True) if place is None]
    return b"".join([_HEAD.pack(_MAGIC, len(head)), head, *contents])


def _place(encoded: Encoded | None) -> list[int] | None:
    return None if encoded is None else [encoded.at, len(encoded.octets)]


def unpack(data: bytes, raw: bytes = b"") -> Message:
    """The message that `pack` made octets of; `raw` as said there. Raises ValueError for anything else."""
    try:
        return _unpack(data, raw)
    except (struct.error, KeyError, TypeError, AttributeError, IndexError) as fault:
        raise ValueError(f"not a packed message: {type(fault).__name__}") from fault


def _unpack(data: bytes, raw: bytes) -> Message:
    magic, size = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError("not a packed message")
    position = _HEAD.size + size
    plain: dict[str, Any] = json.loads(data[_HEAD.size : position])
    attachments = []
    for path, name, media, inline, content_id, length, place in plain["attachments"]:
        encoded = None if place is None else Encoded(memoryview(raw)[place[0] : place[0] + place[1]], place[0])
        content = data[position : position + length] if encoded is None else a2b_base64(encoded.octets)
        if len(content) != length:
            raise ValueError("a packed message is cut short")
        attachments.append(Attachment(path, name, media, content, inline, content_id, encoded))
        position += length if encoded is None else 0
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
