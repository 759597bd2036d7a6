"""Notice + content → a finished mail: header block, body, envelope sender. Pure: the same in, the same octets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256

from gateway.mail.header import check_block, clean, fold_ids, fold_mailboxes, fold_once, fold_text, valid_id
from gateway.mail.mime import Content
from gateway.mail.token import alarm_id, day_of, fits, sign_address, sign_message_id
from gateway.model import Mailbox, Notice, OutMail, Purpose
from gateway.options import Desk, Keys

REFERENCES_LIMIT = 20
_DAYS = {Purpose.REPLY: 400, Purpose.CONFIRM: 2}  # answers may come a year later
_DAYS_ELSE = 30

_REPLY = re.compile(
    r"\s*(?:(?:re|aw|sv|vs|ref|fwd?|wg|tr|trả lời|tra loi|chuyển tiếp|chuyen tiep|回复|回覆|答复|答覆|转发|轉發|转寄)"
    r"(?:\s?[\[(][0-9]{1,3}[\])])?\s?[:：])"
)


@dataclass(frozen=True, slots=True)
class ComposeContext:
    """What a mail needs that is not in the notice. `reply_modes`: key of a From mailbox → "plus" or "none"."""

    keys: Keys
    desk: Desk
    now: datetime
    reply_modes: Mapping[str, str]


def compose(notice: Notice, entity: Content, context: ComposeContext) -> OutMail:
    """The finished mail. Its Message-ID depends on kind, ticket, cause and recipient, so a repeat carries the same one;
    its body is that of `entity`, which mails to several people may share. ValueError for an address that cannot be
    written."""
    message_id = _message_id(notice, context)
    fields: list[tuple[str, bytes]] = [
        ("Date", _date(context.now)),
        ("From", fold_mailboxes("From", [notice.sender])),
        ("To", fold_mailboxes("To", notice.shown_to or (notice.to,))),
    ]
    if notice.shown_cc:
        fields.append(("Cc", fold_mailboxes("Cc", notice.shown_cc)))
    fields += _reply_to(notice, context)
    fields.append(("Subject", fold_text("Subject", notice.subject)))
    fields.append(("Message-ID", fold_ids("Message-ID", (message_id,))))
    fields += _thread(notice.in_reply_to, notice.references)
    if notice.auto_submitted:  # RFC 3834 §5, and what Exchange listens to
        fields.append(("Auto-Submitted", fold_text("Auto-Submitted", notice.auto_submitted)))
        fields.append(("X-Auto-Response-Suppress", b"X-Auto-Response-Suppress: All\r\n"))
    fields.append(("MIME-Version", b"MIME-Version: 1.0\r\n"))
    names, lines = zip(*fields, strict=True)
    header = b"".join((*lines, entity.header))
    check_block(header, names + entity.names)
    return OutMail(
        kind=notice.kind,
        ticket=notice.ticket,
        cause=notice.cause,
        recipient=_recipient(notice),
        envelope_from=_envelope_from(notice, context),
        message_id=message_id,
        header=header,
        body=entity.body,
        automatic=bool(notice.auto_submitted),
        staff=notice.staff,
        subject=notice.topic or normal_subject(notice.subject, context.desk.prefix),
        not_after=notice.not_after,
    )


@lru_cache(maxsize=64)  # the same subject goes to several people
def normal_subject(subject: str, prefix: str) -> str:
    """The subject as the caps compare it: lower case, without reply marks and our tags, blanks as one."""
    text = clean(subject).lower()
    text = _tag(prefix.lower()).sub(" ", text)
    while (mark := _REPLY.match(text)) is not None:
        text = text[mark.end() :]
    return " ".join(text.split())


@lru_cache(maxsize=4)
def _tag(prefix: str) -> re.Pattern[str]:
    return re.compile(r"\[" + re.escape(prefix) + r"-[0-9]{1,12}\]")


def _recipient(notice: Notice) -> str:
    fold_mailboxes("To", [notice.to])  # the envelope takes no other addresses than headers do
    return notice.to.address


@lru_cache(maxsize=16)
def _date(now: datetime) -> bytes:
    return f"Date: {format_datetime(now)}\r\n".encode("ascii")


def _expiry(purpose: Purpose, now: datetime) -> int:
    return day_of(now) + _DAYS.get(purpose, _DAYS_ELSE)


def _message_id(notice: Notice, context: ComposeContext) -> str:
    """Carries the same fields as the signed address, for mailboxes that cannot take one. Mail that belongs to no ticket
    has nothing to sign."""
    purpose = notice.reply_purpose or Purpose.REPLY
    number = notice.ticket if notice.reply_purpose is None else notice.reply_number
    cause = "\0".join((notice.kind, str(notice.ticket), notice.cause, notice.to.key))
    nonce = sha256(cause.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    if notice.kind == "alarm":
        return alarm_id(context.desk.domain, nonce)
    if number <= 0:
        return f"<{nonce}@{context.desk.domain}>"
    day = _expiry(purpose, context.now)
    return sign_message_id(context.desk.domain, purpose, number, notice.to.address, day, nonce, context.keys)


def _reply_to(notice: Notice, context: ComposeContext) -> list[tuple[str, bytes]]:
    """A signed address where the mailbox takes one; else answers go to From and the signed Message-ID routes them."""
    base, purpose, number = notice.sender.address, notice.reply_purpose, notice.reply_number
    if purpose is None or number <= 0 or context.reply_modes.get(notice.sender.key) != "plus" or not fits(base):
        return []
    signed = sign_address(base, purpose, number, notice.to.address, _expiry(purpose, context.now), context.keys)
    return [("Reply-To", fold_once("Reply-To", Mailbox(signed, notice.sender.name)))]


def _envelope_from(notice: Notice, context: ComposeContext) -> str:
    """VERP: what bounces names its ticket and its recipient (DSNs quote neither reliably)."""
    base = context.desk.bounce_address
    if notice.null_sender:
        return ""
    if not base:
        return notice.sender.address
    if notice.ticket <= 0 or not fits(base):
        return base
    day = _expiry(Purpose.BOUNCE, context.now)
    return sign_address(base, Purpose.BOUNCE, notice.ticket, notice.to.address, day, context.keys)


@lru_cache(maxsize=64)  # an acknowledgement and what agents are told stand in the same thread
def _thread(in_reply_to: str, references: tuple[str, ...]) -> tuple[tuple[str, bytes], ...]:
    """In-Reply-To and References (RFC 5322 §3.6.4); a stranger's unusable ids are left out."""
    fields = []
    valid = {one for one in {in_reply_to, *references} if valid_id(one)}
    if in_reply_to in valid:
        fields.append(("In-Reply-To", fold_ids("In-Reply-To", (in_reply_to,))))
    ids = bounded([one for one in (*references, in_reply_to) if one in valid])
    if ids:
        fields.append(("References", fold_ids("References", ids)))
    return tuple(fields)


def bounded(ids: Sequence[str]) -> list[str]:
    """At most 20 ids without repeats: the first, which names the thread, and the last ones, which place the mail."""
    once = list(dict.fromkeys(reversed(ids)))[::-1]  # of repeats the last stays: the parent stands at the end
    if len(once) <= REFERENCES_LIMIT:
        return once
    return [once[0], *once[-(REFERENCES_LIMIT - 1) :]]
