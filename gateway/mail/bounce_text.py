"""What a bounce says in words: which addresses, which status, which mail of ours. For bounces without a report that can
be read (RFC 3464), and for what such a report leaves out.

Line by line, linear, at most the first 400 lines. Whether a mail is a bounce is decided in `bounce`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gateway.mail.bounce_phrases import COPY_MARKS, FAILURE_WORDS, SOFT_WORDS
from gateway.mail.clean import one_line
from gateway.mail.delivery_report import RETURNED_TYPES, header_value
from gateway.mail.folding import plain
from gateway.mail.header_read import message_ids
from gateway.model import DeliveryReport, Message, address_key

_LINES = 400
_LINE = 1000
_OPENING = 3000
_COPY = 64 * 1024
_MOST_RECIPIENTS = 100

_ADDRESS = (
    r"[\w!#$%&'*+/=?^`{|}~-][\w.!#$%&'*+/=?^`{|}~-]{0,63}@(?:[A-Za-z0-9_](?:[\w-]{0,62})\.){1,8}[A-Za-z0-9-]{2,63}"
)
_ANYWHERE = re.compile(rf"(?<![\w.@/+=-]){_ADDRESS}(?![\w@])")
_FIRST = re.compile(
    rf"[\s>*•·#|-]{{0,12}}(?:\"[^\"]{{0,80}}\"\s?)?[<\"'\[(]?(?:mailto:|rfc822;\s?)?({_ADDRESS})(?![\w@])"
)
_RCPT = re.compile(rf"(?i)rcpt\s*to\s*:\s*<?({_ADDRESS})")
_FIELD = re.compile(r"\s{0,12}[*•·-]?\s?([^\W\d_][^:：]{0,60})[:：]")
_LABELLED = re.compile(rf"\s*(?:rfc822;\s*)?(?:\"[^\"]{{0,80}}\"\s*)?[<(]?({_ADDRESS})")
_RECEIVER = re.compile(
    r"(?i)recip|addressee|failed|failing|user|destinat|empf|получател|người nhận|địa chỉ|收件|收信|"
    r"宛先|受信|받는|수신|ontvanger|mottagar|odbiorc|adresat|alıcı|undeliver"
)
_TO = re.compile(r"(?i)^(?:to|tới|đến|an|à|para|a|aan|do|till|kime|кому)\s*$")
_SENDER = re.compile(
    r"(?i)^(?:from|sender|reply|return|mail from|von|de|da|van|från|od|kimden|от|từ|người gửi|发件|寄件|發件|差出|보낸|"
    r"message[- ]?id|contact|e-?mail|mailto|support|help|questions?|postmaster)"
)
_SENT_BY = re.compile(
    r"(?i)mail\s*from\s*:|message-?\s?id|mts-id|contact|postmaster|abuse|helpdesk|questions|assistance|https?://"
)
_NEXT = re.compile(r"(?i)(?:recipient|address|addresses|user|users|recipients|deliver\w*|to|a|à|an)\W{0,6}$")

# one that is known (RFC 3463 and the registry): versions of programs look alike
_ENHANCED = re.compile(
    r"(?<![\w.])[45]\.(?:0\.0|1\.(?:1[01]|\d)|2\.[0-5]|3\.[0-6]|4\.\d|5\.[0-7]|6\.\d{1,2}|7\.\d{1,3})(?![\w]|\.\d)"
)
_TOLD = re.compile(
    r"(?i)(?<![\d.])[45]\d\d[\s-]{0,3}[#(]?\s?([45]\.\d{1,3}\.\d{1,3})(?![\w]|\.\d)|#\s?([45]\.\d{1,3}\.\d{1,3})(?![\w]|\.\d)"
    r"|status[^\d\n]{0,20}([45]\.\d{1,3}\.\d{1,3})(?![\w]|\.\d)"
)
_CODE = re.compile(r"(?<![\w.#:/-])([45][0-5]\d)(?=[\s:,)\]-]|$)(?!\s?(?:kb|mb|gb|bytes|px|ms)\b)")
_COPIED = re.compile(
    r"(?i)[>|\s]{0,4}(?:received:\s*(?:from|by|\()|return-path:|message-id:\s|dkim-signature:|mime-version:\s|x-mailer:|"
    r"x-originating|delivered-to:|arc-seal:)"
)
_COPIED_ID = re.compile(r"(?im)^[>|\s]{0,4}(?:x-)?(?:original-)?message-id\s*[:：]\s{0,4}(<[^<>\s]{3,250}>)")
_ROBOTS = re.compile(r"(?i)^(?:postmaster|mailer-?daemon|abuse|hostmaster|mdaemon|no-?reply|helpdesk)$")


@dataclass(frozen=True, slots=True)
class Words:
    """What the text of a bounce holds. `code` is the first digit of an SMTP code, "" if none; `copied`: a header of the
    mail that came back stands in it or is attached."""

    recipients: tuple[str, ...]
    status: str
    code: str
    original_message_id: str
    diagnostic: str
    copied: bool
    soft: bool  # no code, but words of a failure that passes

    @property
    def telling(self) -> bool:
        """It names an address or a code, or returns a mail: more than a person says."""
        return bool(self.recipients or self.status or self.code or self.copied)


def read_words(message: Message) -> Words:
    """The words of a mail that may be a bounce."""
    lines, copy = _report_and_copy(message.text)
    named = tuple(address_key(box.address) for box in (*message.to, *message.cc))
    sender = message.author or message.shown_from
    own = frozenset((*named, address_key(sender.address) if sender else ""))
    text = "\n".join(lines)
    status, code = _status(text)
    original = _original_id(message, copy)
    return Words(
        recipients=_recipients(message, lines, own) or _copied_receivers(message, copy, own),
        status=status,
        code=code,
        original_message_id=original,
        diagnostic=_diagnostic(lines),
        copied=bool(copy) or any(part.type in RETURNED_TYPES for part in message.attachments),
        soft=not status and not code and _speaks_of_passing(text),
    )


def completed(report: DeliveryReport | None, words: Words, delayed: bool) -> DeliveryReport:
    """`report` with what only the words say; without one, all of it from the words."""
    if report is None:
        return DeliveryReport(
            action="delayed" if delayed else "failed",
            status=words.status,
            recipients=words.recipients,
            diagnostic=words.diagnostic,
            original_message_id=words.original_message_id,
            soft=delayed or _soft(words),
        )
    return replace(
        report,
        status=report.status or words.status,
        recipients=report.recipients or words.recipients,
        diagnostic=report.diagnostic or words.diagnostic,
        original_message_id=report.original_message_id or words.original_message_id,
        soft=report.soft or (not report.status and _soft(words)),
    )


def _soft(words: Words) -> bool:
    return words.soft or (words.status or words.code).startswith("4")


def _speaks_of_passing(text: str) -> bool:
    folded = plain(text[:_OPENING])
    return any(phrase in folded for phrase in SOFT_WORDS)


def _report_and_copy(text: str) -> tuple[list[str], str]:
    """The lines of the report, and what was copied below it, from its first header on."""
    lines = text[: 4 * _COPY].split("\n")[:_LINES]
    for index, line in enumerate(lines):
        if _COPIED.match(line) or (line and _marks_copy(line)):
            above = lines[:index]
            if any(line.strip() for line in above):
                return [line[:_LINE] for line in above], "\n".join(lines[index:])[:_COPY]
    return [line[:_LINE] for line in lines], ""


def _marks_copy(line: str) -> bool:
    if len(line) > 120 or not ("-" in line or line.rstrip().endswith((":", "：", "."))):
        return False
    folded = plain(line)
    return any(mark in folded for mark in COPY_MARKS)


def _recipients(message: Message, lines: list[str], own: frozenset[str]) -> tuple[str, ...]:
    """The first of these that names any: X-Failed-Recipients, a line that an address begins or a label introduces, a
    line that speaks of failure, the subject, "To: …", any other line."""
    told = message.header("x-failed-recipients")
    found = _each(_ANYWHERE.findall(told[:4000]), frozenset())
    if found:
        return found
    for search in (_placed, _failing):
        found = _each(search(lines), own)
        if found:
            return found
    subject = _each(_ANYWHERE.findall(message.subject), own)
    return subject or _each(_labelled(lines, _TO), own) or _each(_loose(lines), own)


def _each(addresses: Iterable[str], own: frozenset[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for address in addresses:
        address = address.rstrip(".").lstrip("'`")
        key = address_key(address)
        if key not in own and not _ROBOTS.match(address.partition("@")[0]):
            found.setdefault(key, one_line(address, 320))
    return tuple(found.values())[:_MOST_RECIPIENTS]


def _placed(lines: list[str]) -> Iterator[str]:
    before = ""
    for line in lines:
        if "@" in line:
            yield from _placed_in(line, before)
        if line.strip():
            before = line


def _placed_in(line: str, before: str) -> Iterator[str]:
    told = _RCPT.search(line)
    if told:
        yield told.group(1)
        return
    if _SENT_BY.search(line):
        return
    first = _FIRST.match(line)
    if first:
        if not _SENDER.match(before.strip()[:40]) or _NEXT.search(before):
            yield first.group(1)
    elif before.rstrip().endswith((":", "：")) and _speaks_of_failure(before):
        yield from _ANYWHERE.findall(line.replace("=", " "))
    else:
        yield from _labelled([line], _RECEIVER)


def _labelled(lines: list[str], labels: re.Pattern[str]) -> Iterator[str]:
    for line in lines:
        label = _FIELD.match(line) if "@" in line else None
        if label and labels.search(label.group(1)) and not _SENDER.match(label.group(1).strip()):
            found = _LABELLED.match(line, label.end())
            if found:
                yield found.group(1)


def _failing(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if "@" in line and not _SENT_BY.search(line) and (_CODE.search(line) or _speaks_of_failure(line)):
            yield from _ANYWHERE.findall(line)


def _speaks_of_failure(line: str) -> bool:
    folded = plain(line)
    return any(words in folded for words in FAILURE_WORDS)


def _loose(lines: list[str]) -> Iterator[str]:
    for line in lines:
        label = _FIELD.match(line)
        if "@" in line and not _SENT_BY.search(line) and not (label and _SENDER.match(label.group(1).strip())):
            yield from _ANYWHERE.findall(line)


def _copied_receivers(message: Message, copy: str, own: frozenset[str]) -> tuple[str, ...]:
    """To whom the returned mail went, where that is one address: better than nothing."""
    values = [header_value(part.content, "to") for part in message.attachments if part.type in RETURNED_TYPES]
    values.append(header_value(copy.encode("utf-8", "replace"), "to") if copy else "")
    found = _each((one for value in values for one in _ANYWHERE.findall(value[:2000])), own)
    return found if len(found) == 1 else ()


def _status(text: str) -> tuple[str, str]:
    told = _TOLD.search(text)
    status = next((group for group in told.groups() if group), "") if told else ""
    if not status:
        loose = _ENHANCED.search(text)
        status = loose.group() if loose else ""
    codes = _CODE.findall(text)
    code = "5" if any(one[0] == "5" for one in codes) else "4" if codes else ""
    return status, code


def _diagnostic(lines: list[str]) -> str:
    """The first line with a code or a status, else the first that speaks of failure."""
    said = [line for line in lines[:100] if line.strip()]
    telling = next((line for line in said if _TOLD.search(line) or _CODE.search(line)), "")
    return one_line(telling or next((line for line in said if _speaks_of_failure(line)), ""), 500)


def _original_id(message: Message, copy: str) -> str:
    told = message.header("x-original-message-id")
    ids = [*message_ids(told)]
    for part in message.attachments:
        if part.type in RETURNED_TYPES:
            ids += message_ids(header_value(part.content, "message-id"))
    for text in (copy, message.text[:_COPY]):
        match = _COPIED_ID.search(text) if "essage-" in text or "ESSAGE-" in text else None
        ids += message_ids(match.group(1)) if match else ()
    ids += [*message.in_reply_to, *message.references[-1:]]
    return ids[0] if ids else ""
