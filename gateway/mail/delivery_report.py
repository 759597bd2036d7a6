"""Delivery reports (RFC 3464), receipts (RFC 8098), feedback reports (RFC 5965), read from a message's leaves."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.mail.body import Leaf
from gateway.mail.charset import decode
from gateway.mail.clean import one_line
from gateway.mail.encoded_word import decode_words
from gateway.mail.header_read import message_ids
from gateway.model import DeliveryReport

_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_OTHER_TYPES = frozenset(
    {"message/disposition-notification", "message/global-disposition-notification", "message/feedback-report"}
)
RETURNED_TYPES = frozenset(
    {"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers"}
)
_ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")  # the worst names the report
_MOST = 64 * 1024
_MOST_RECIPIENTS = 100
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_FIELD = re.compile(r"([!-9;-~]{1,80})[ \t]*:[ \t]*(.*)")
_FOLD = re.compile(r"\n(?=[ \t])")

Group = dict[str, str]


def read_report(leaves: Sequence[Leaf]) -> DeliveryReport | None:
    """The report in a message, None if it holds none.

    With several recipients the worst action, its status and its diagnostic stand for all. A receipt or feedback report
    has no action and no status. `original_message_id` is taken from what is returned, else from the report's own field.
    """
    status = next((leaf for leaf in leaves if leaf.type in _STATUS_TYPES), None)
    other = next((leaf for leaf in leaves if leaf.type in _OTHER_TYPES), None)
    if status is None and other is None:
        return None
    returned = next((leaf for leaf in leaves if leaf.type in RETURNED_TYPES), None)
    original = _original_id(returned.content) if returned else ""
    groups = _groups(status.content if status is not None else other.content if other is not None else b"")
    if not original:
        names = ("original-message-id", "x-original-message-id")
        original = next((ids[0] for group in groups for name in names if (ids := message_ids(group.get(name, "")))), "")
    if status is None:
        return DeliveryReport("", "", _recipients(groups), "", original)
    worst = min((group for group in groups if "action" in group), key=_severity, default={})
    found = _STATUS.search(worst.get("status", ""))
    return DeliveryReport(
        action=_action(worst),
        status=found.group() if found else "",
        recipients=_recipients(groups),
        diagnostic=one_line(_after_type(worst.get("diagnostic-code", "")), 500),
        original_message_id=original,
    )


def _groups(content: bytes) -> list[Group]:
    """Blocks of fields between blank lines; the first value of a repeated field counts."""
    text = decode(content[:_MOST], "")[0].replace("\r\n", "\n").replace("\r", "\n")
    groups: list[Group] = []
    for block in text.split("\n\n"):
        fields: Group = {}
        for line in _FOLD.sub("", block).split("\n"):
            field = _FIELD.match(line)
            if field:
                fields.setdefault(field[1].lower(), decode_words(field[2]).strip())
        if fields:
            groups.append(fields)
    return groups


def _action(group: Group) -> str:
    action = group.get("action", "").partition("(")[0].strip().lower()
    return action if action in _ACTIONS else ""


def _severity(group: Group) -> int:
    action = _action(group)
    return _ACTIONS.index(action) if action else len(_ACTIONS)


def _recipients(groups: list[Group]) -> tuple[str, ...]:
    """Each as the sender wrote it, where that is told (RFC 3464 §2.3.1): an alias leads elsewhere."""
    names = ("original-recipient", "final-recipient", "original-rcpt-to", "x-actual-recipient", "removal-recipient")
    found: dict[str, None] = {}
    for group in groups:
        address = next((one for name in names if (one := _address(group.get(name, "")))), "")
        if address:
            found.setdefault(address)
    return tuple(found)[:_MOST_RECIPIENTS]


def _address(value: str) -> str:
    address = one_line(_after_type(value), 320).strip("<> ")
    return address if "@" in address and not any(sign in address for sign in " \t<>,") else ""


def _after_type(value: str) -> str:
    """`rfc822; a@b` → `a@b` (RFC 3464 §2.1.2)."""
    kind, semicolon, rest = value.partition(";")
    return rest.strip() if semicolon and "@" not in kind and len(kind) < 40 else value.strip()


def _original_id(content: bytes) -> str:
    found = message_ids(header_value(content, "message-id"))
    return found[0] if found else ""


def header_value(content: bytes, name: str) -> str:
    """The first field of this name (lower case) in the header of a returned message, unfolded, "" if there is none; the
    body is not looked at."""
    head = content[:_MOST].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n").partition(b"\n\n")[0]
    for line in _FOLD.sub("", head.decode("latin-1")).split("\n"):
        field, colon, value = line.partition(":")
        if colon and field.strip().lower() == name:
            return value
    return ""
