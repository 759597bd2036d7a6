"""What the author added: a reply without the mail it answers. For showing first; the full text is kept (law 12).

Inline answers keep the quotes between them, forwards are content, and nothing is ever trimmed to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.mail.attribution import address_in
from gateway.mail.forwarded import Forwarded, forwarded_in
from gateway.mail.history import History, Lines, find_history, quote_runs
from gateway.mail.html_boundary import NONE, Marks, marks_of
from gateway.mail.phrases import FORWARD_PREFIXES, REPLY_PREFIXES
from gateway.mail.quoting import BLANKS, folded, is_blank, lines_of
from gateway.mail.signature import cut_signature
from gateway.model import Message

__all__ = ["Forwarded", "Separated", "is_answer", "is_forward", "is_reply", "new_text", "separate"]


@dataclass(frozen=True, slots=True)
class Separated:
    """A mail's text taken apart. `new_text` is never blank where the text is not; a forward is new text as a whole."""

    new_text: str
    quoted_text: str
    signature: str
    forwarded: Forwarded | None


def separate(message: Message) -> Separated:
    """What the author of `message` wrote, what is older, the signature, and whose mail is passed on. Linear.

    Headers and subject say whether it is an answer or a forward, the HTML where its marks are clear, else the text.
    """
    lines = lines_of(message.text)
    marks = marks_of(message, lines)
    answers = is_answer(message) or marks.start >= 0
    author = message.author.key if message.author else ""
    return _separated(message.text, lines, marks, answers, is_forward(message.subject), author)


def is_answer(message: Message) -> bool:
    """Whether headers or subject say that the mail answers another."""
    return bool(message.in_reply_to or message.references) or is_reply(message.subject)


def new_text(text: str) -> str:
    """The author's own words in the text of an answer, not empty unless `text` is. Linear in its length."""
    return _separated(text, lines_of(text), NONE, True, False, "").new_text


def is_forward(subject: str) -> bool:
    """Whether the first prefix of a subject says that the mail is passed on, not answered."""
    prefix = _prefix(subject)
    return prefix in FORWARD_PREFIXES and prefix not in REPLY_PREFIXES


def is_reply(subject: str) -> bool:
    """Whether the first prefix of a subject says that the mail answers another."""
    return _prefix(subject) in REPLY_PREFIXES


def _prefix(subject: str) -> str:
    head, colon, _ = subject[:40].replace("：", ":").partition(":")
    return folded(head.strip(" [(【").rstrip("0123456789[]()^ .")) if colon else ""


def _separated(text: str, lines: list[str], marks: Marks, answers: bool, forwards: bool, author: str) -> Separated:
    parts = Lines(lines, marks)
    history = find_history(parts, answers or forwards)
    if forwards or (history and history.forward):
        whole = text.rstrip().lstrip("\r\n") or text
        return Separated(whole, "", "", forwarded_in(lines, history))
    if history is None and not answers:
        own, footer, older = list(range(len(lines))), len(lines), False
    else:
        (own, footer), older = _own_lines(parts, history), True
    own, signed = _unsigned(lines, own, marks, author)
    signed += range(footer, len(lines))
    result = "\n".join(lines[index] if index >= 0 else "" for index in own).rstrip().lstrip("\r\n")
    if not result.strip():
        return Separated(text, "", "", forwarded_in(lines, history) if history and history.block else None)
    return Separated(result, _quoted_text(lines, own, signed) if older else "", _joined(lines, signed), None)


def _joined(lines: list[str], places: list[int]) -> str:
    return "\n".join(lines[index] if index >= 0 else "" for index in places).strip("\r\n").rstrip()


def _quoted_text(lines: list[str], own: list[int], signed: list[int]) -> str:
    taken = {*own, *signed}
    return _joined(lines, [index for index in range(len(lines)) if index not in taken])


def _own_lines(text: Lines, history: History | None) -> tuple[list[int], int]:
    """The places of the author's lines, -1 for a blank line between two pieces, and where a footer begins.

    One quote with the answer below it goes; several with answers between them stay, the last unanswered one goes.
    """
    lines = text.lines
    head = _trimmed(lines, list(range(history.start))) if history else []
    first = history.end if history else 0
    if history and (history.rest or not text.quote_follows(first)):
        return head, len(lines)
    while head and (text.quoted[head[-1]] or is_blank(lines[head[-1]])):
        head.pop()
    return _with_answers(text, head, first, history is not None)


def _with_answers(text: Lines, head: list[int], first: int, has_lead: bool) -> tuple[list[int], int]:
    """`head` and what the author wrote between and below the quotes that begin at `first`."""
    lines = text.lines
    if not has_lead and _announces_quote(text):
        return list(range(len(lines))), len(lines)
    end = _footer_start(text, first) if head or has_lead else len(lines)
    last = next((at for at in range(end - 1, first - 1, -1) if not text.quoted[at] and not is_blank(lines[at])), -1)
    if last < first:
        return head, end
    quoted = text.quoted[first : last + 1]
    runs = quote_runs(quoted, [is_blank(line) for line in lines[first : last + 1]])
    tail = list(range(first, last + 1))
    if len(runs) == 1 and (all(map(is_blank, lines[first : first + runs[0][0]])) or head):
        start, stop = runs[0]
        start = 0 if all(map(is_blank, lines[first : first + start])) else start
        tail = [*tail[:start], *tail[stop:]]
    return ([*head, -1, *_trimmed(lines, tail)] if head else tail), end


def _announces_quote(text: Lines) -> bool:
    """Whether the author leads to the first quoted lines: "The log says:"."""
    first = next((index for index, quoted in enumerate(text.quoted) if quoted), 0)
    above = next((text.lines[at] for at in range(first - 1, -1, -1) if not is_blank(text.lines[at])), "")
    return above.rstrip(BLANKS).endswith((":", "："))


def _footer_start(text: Lines, first: int) -> int:
    """Where what servers and apps add below the last quote begins: a list's footer, a disclaimer, "Sent from …"."""
    kept, _ = cut_signature(text.lines[first:])
    lead = next((place for place in range(first, len(text.lines)) if not is_blank(text.lines[place])), first)
    return lead + len(kept)


def _unsigned(lines: list[str], own: list[int], marks: Marks, author: str) -> tuple[list[int], list[int]]:
    """`own` without the signature, and the signature. Foxmail signs with the bare address of the writer."""
    own = _trimmed(lines, own)
    kept = len(own)
    if marks.signature:
        first, end = marks.signature
        inside = [place for place, index in enumerate(own) if first <= index < end]
        if inside and inside[0] > 0 and all(own[place] < end for place in range(inside[0], kept)):
            kept = inside[0]
    words, _ = cut_signature([lines[index] if index >= 0 else "" for index in own[:kept]])
    kept = min(kept, len(words))
    while author and kept > 1 and address_in(lines[own[kept - 1]]).lower() == author == _bare(lines[own[kept - 1]]):
        kept -= 1
        kept -= sum(1 for _ in _tail_blank(lines, own[:kept]))
    return own[:kept], own[kept:]


def _bare(line: str) -> str:
    return line.strip(" \t<>*_|").lower()


def _tail_blank(lines: list[str], own: list[int]) -> list[int]:
    blank = []
    for index in reversed(own):
        if index >= 0 and not is_blank(lines[index]) and lines[index].strip(" -_"):
            break
        blank.append(index)
    return blank


def _trimmed(lines: list[str], places: list[int]) -> list[int]:
    first, last = 0, len(places)
    while first < last and (places[first] < 0 or is_blank(lines[places[first]])):
        first += 1
    while last > first and (places[last - 1] < 0 or is_blank(lines[places[last - 1]])):
        last -= 1
    return places[first:last]
