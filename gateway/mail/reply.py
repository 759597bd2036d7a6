"""What the author added: a customer's reply without the mail it answers. For showing first; the full text is kept.

Inline answers keep the quotes between them, forwards are content, and nothing is ever trimmed to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.mail.phrases import CUT_MARK, FORWARD_PREFIXES, REPLY_PREFIXES
from gateway.mail.quoting import (
    attribution_start,
    folded,
    header_block_end,
    is_blank,
    is_quoted,
    is_rule,
    is_strong,
    label_of,
    lines_of,
    separator,
    strip_mobile_signature,
    strip_signature,
    trimmed,
)
from gateway.model import Message

_LONGEST = 1000
_SHORTEST = 3  # "작성:": nothing shorter begins or ends what a client writes
_FIRST_CHARS = "-_=*~—–─"


@dataclass(frozen=True, slots=True)
class _History:
    """Where the older mail begins: lines `start` to `end` are what the client wrote above it."""

    start: int
    end: int
    forward: bool = False


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Whose mail is passed on: what its header block says of author, date and subject, "" where it is silent."""

    sender: str
    date: str
    subject: str


@dataclass(frozen=True, slots=True)
class Separated:
    """A mail's text taken apart. `new_text` is never blank where the text is not; a forward is new text as a whole."""

    new_text: str
    quoted_text: str
    signature: str
    forwarded: Forwarded | None


def separate(message: Message) -> Separated:
    """What the author of `message` wrote, what is older, the signature, and whose mail is passed on. Linear.

    Only an answer holds older mail: "From: … Subject: …" in a first mail is a form, in a forward content.
    """
    answers = bool(message.in_reply_to or message.references) or is_reply(message.subject)
    text = message.text if not answers or is_forward(message.subject) else new_text(message.text)
    return Separated(text.rstrip().lstrip("\r\n") or message.text, "", "", None)


def new_text(text: str) -> str:
    """The author's own words, not empty unless `text` is. Linear in the length of the text."""
    lines = lines_of(text)
    history = _history(lines)
    if history and history.forward:
        return text.strip("\r\n")
    own = _without_quotes(*_around(lines, history))
    own = strip_mobile_signature(strip_signature(own))
    result = "\n".join(trimmed(own)).rstrip()
    return result if result.strip() else text


def is_forward(subject: str) -> bool:
    """Whether the first prefix of a subject says that the mail is passed on, not answered."""
    return _prefix(subject) in FORWARD_PREFIXES


def is_reply(subject: str) -> bool:
    """Whether the first prefix of a subject says that the mail answers another."""
    return _prefix(subject) in REPLY_PREFIXES


def _prefix(subject: str) -> str:
    head, colon, _ = subject[:40].replace("：", ":").partition(":")
    return folded(head.strip(" [(【").rstrip("0123456789[]()^ ")) if colon else ""


def _history(lines: list[str]) -> _History | None:
    for index, line in enumerate(lines):
        bare = line.strip()
        if len(bare) < _SHORTEST:
            continue
        if len(bare) > _LONGEST or bare[0] in ">＞":
            if CUT_MARK in bare[:_LONGEST]:
                return _History(_above_rules(lines, index), index + 1)
            continue
        found = _history_at(lines, index, bare)
        if found:
            return found
    return None


def _history_at(lines: list[str], index: int, bare: str) -> _History | None:
    if CUT_MARK in bare:
        return _History(_above_rules(lines, index), index + 1)
    label = label_of(bare) if _may_be_label(bare) else ""
    if label:
        end = header_block_end(lines, index) if label == "from" else None
        return _History(_above_rules(lines, index), end) if end else None
    if bare[0] in _FIRST_CHARS or bare[-1] in ":：":
        kind = separator(bare)
        if kind:
            return _History(_above_rules(lines, index), index + 1, kind == "forward")
    if bare[-1] in ":：-":
        first = attribution_start(lines, index)
        if first is not None and (is_strong(lines, first, index) or _quote_follows(lines, index + 1)):
            return _History(first, index + 1)
    return None


def _may_be_label(bare: str) -> bool:
    head = bare[:40]
    return ":" in head or "：" in head or "|" in head


def _quote_follows(lines: list[str], index: int) -> bool:
    following = (line for line in lines[index : index + 3] if not is_blank(line))
    return is_quoted(next(following, ""))


def _above_rules(lines: list[str], index: int) -> int:
    """The first of the blank lines and drawn rules directly above `index`."""
    while index > 0 and (is_blank(lines[index - 1]) or is_rule(lines[index - 1])):
        index -= 1
    return index


def _around(lines: list[str], history: _History | None) -> tuple[list[str], list[str]]:
    """What stands above the older mail, and what may hold answers between or below its quotes."""
    if history is None:
        return [], lines
    head, tail = trimmed(lines[: history.start]), lines[history.end :]
    if not _quote_follows(tail, 0):
        return [], head
    while head and (is_quoted(head[-1]) or is_blank(head[-1])):
        head.pop()
    return head, tail


def _without_quotes(head: list[str], tail: list[str]) -> list[str]:
    """`head` and the answers in `tail`.

    One quote with the answer below it goes; several with answers between them stay, the last unanswered one goes.
    """
    quoted = [is_quoted(line) for line in tail]
    last = _last_own(tail, quoted)
    if last < 0:
        return head
    if head:
        head = [*head, ""]
    runs = _quote_runs(tail[: last + 1], quoted)
    if len(runs) == 1 and (runs[0][0] == 0 or head):
        first, end = runs[0]
        return [*head, *tail[:first], *tail[end : last + 1]]
    return [*head, *tail[: last + 1]]


def _last_own(tail: list[str], quoted: list[bool]) -> int:
    for index in range(len(tail) - 1, -1, -1):
        if not quoted[index] and not is_blank(tail[index]):
            return index
    return -1


def _quote_runs(tail: list[str], quoted: list[bool]) -> list[tuple[int, int]]:
    """Runs of quoted lines as (first, end); blank lines between quoted lines belong to the run."""
    runs: list[tuple[int, int]] = []
    own_since = True
    for index, line in enumerate(tail):
        if quoted[index]:
            if own_since:
                runs.append((index, index + 1))
            else:
                runs[-1] = (runs[-1][0], index + 1)
            own_since = False
        elif not is_blank(line):
            own_since = True
    return [(0, end) if all(map(is_blank, tail[:first])) else (first, end) for first, end in runs[:1]] + runs[1:]
