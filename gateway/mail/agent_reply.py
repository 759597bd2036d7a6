"""An agent's answer: everything above our own cut line, and nothing else (law 6). Doubt is reported, never guessed.

The cut line is found by its mark wherever the client put it: quoted, indented, bold, in a table. Above it only what
clients write directly over a quote is taken off: attribution, header block, separator, blank quote lines. Whatever of
ours still stands in the result makes it `trouble`, so that it goes back to the agent instead of to the customer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.mail.attribution import attribution_start
from gateway.mail.header_block import header_block_end
from gateway.mail.quoting import is_blank, is_quoted, is_rule, label_of, lines_of, separator, trimmed, unquoted
from gateway.mail.signature import strip_mobile_signature, strip_signature
from gateway.mail.token import holds_staff_token, holds_token
from gateway.model import Message

_ROUNDS = 8
_BLOCK = 24
_WINDOW = 5
_PARAGRAPH = 10
_DECORATION = "*_|#[]()\"' \t\xa0\u3000"
_INVISIBLE = dict.fromkeys(map(ord, "\xad\u200b\u200c\u200d\u2060\ufeff"))


@dataclass(frozen=True, slots=True)
class AgentText:
    """What may go to the customer, if `trouble` is "".

    `trouble`: "empty" (nothing was written and nothing attached), "below-the-line" (text stands below the cut line or
    between its quotes, where it cannot be told from the quote), "internal-text" (text of ours is among it, or a mail
    of ours to staff is attached: clients can be set to attach the original).
    `cut`: the cut line was there.
    """

    text: str
    trouble: str
    cut: bool


def agent_answer(message: Message, cut_mark: str, secrets: Sequence[str]) -> AgentText:
    """The agent's words in `message`. `secrets` are fragments that must never reach a customer, in any spacing.

    Raises ValueError when `cut_mark` is blank.
    """
    mark = cut_mark.strip()
    if not mark:
        raise ValueError("cut_mark is blank")
    lines = lines_of(message.text)
    at = next((index for index, line in enumerate(lines) if mark in line), None)
    own_address = message.author.key if message.author else ""
    if at is None:
        text, doubt = _without_line(lines, own_address)
    else:
        text, doubt = _above_line(lines, at, mark, own_address)
    if any(_is_internal(one.content, mark) for one in message.attachments):
        doubt = "internal-text"
    trouble = _trouble(text, doubt, bool(message.attachments), secrets)
    return AgentText(text, trouble, at is not None)


def _is_internal(content: bytes, mark: str) -> bool:
    return mark.encode() in content or mark.encode("utf-16-le") in content or holds_staff_token(content)


def _trouble(text: str, doubt: str, has_attachments: bool, secrets: Sequence[str]) -> str:
    if _holds_secret(text, secrets):
        return "internal-text"
    if doubt:
        return doubt
    return "" if text or has_attachments else "empty"


def _above_line(lines: list[str], at: int, mark: str, own_address: str) -> tuple[str, str]:
    before = lines[at].partition(mark)[0]
    head = lines[:at]
    if before.strip(_DECORATION + ">＞"):
        head = [*head, before]
    text = _signed_off(_without_lead(head), own_address)
    below = lines[at + 1 :]
    if is_quoted(lines[at]) and _written_below(below, text):
        return text, "below-the-line"
    return text, ""


def _without_line(lines: list[str], own_address: str) -> tuple[str, str]:
    """The agent took the quote away, or trimmed it: what is not quoted is the answer."""
    kept: list[str] = []
    for index, line in enumerate(lines):
        if separator(line) == "reply" or (label_of(line) == "from" and header_block_end(lines, index)):
            return "\n".join(trimmed(kept)), "internal-text"
        if is_quoted(line):
            if not (index and is_quoted(lines[index - 1])):
                kept = _without_lead(kept)
                kept.append("")
            continue
        kept.append(line)
    return _signed_off(trimmed(kept), own_address), ""


def _signed_off(lines: list[str], own_address: str) -> str:
    """Without the signature. Foxmail signs with a drawn line and the bare address of the writer."""
    own = strip_mobile_signature(strip_signature(lines))
    if own and own_address and own[-1].strip(_DECORATION + "<>").lower() == own_address:
        own = _without_tail(own[:-1])
    if own and own[0].rstrip() == "--":
        own = []
    return "\n".join(line.rstrip() for line in trimmed(own))


def _without_lead(head: list[str]) -> list[str]:
    """Takes off, from below, what a client writes over a quote."""
    lines = _without_tail(head)
    for _ in range(_ROUNDS):
        shorter = _without_tail(lines[: _lead_start(lines)])
        if len(shorter) == len(lines):
            break
        lines = shorter
    return lines


def _without_tail(lines: list[str]) -> list[str]:
    """Without blank lines, drawn rules and quoted lines at the end."""
    end = len(lines)
    while end and _is_tail(lines[end - 1]):
        end -= 1
    return lines[:end]


def _is_tail(line: str) -> bool:
    """Blank, drawn, quoted, or what is left of an empty table or list: "|", "| |", "*"."""
    return is_blank(line) or is_rule(line) or is_quoted(line) or not unquoted(line).strip("|*")


def _lead_start(lines: list[str]) -> int:
    """Where the attribution, header block or separator at the very end begins; the length if there is none."""
    if not lines:
        return 0
    last = len(lines) - 1
    if separator(lines[last]):
        return last
    first = attribution_start(lines, last)
    if first is not None:
        return first
    first = _header_block_start(lines)
    return _foreign_lead_start(lines) if first is None else first


def _header_block_start(lines: list[str]) -> int | None:
    """The topmost line from which everything to the end is one header block."""
    for first in range(max(0, len(lines) - _BLOCK), len(lines)):
        if header_block_end(lines, first) == len(lines):
            return first
    return None


def _foreign_lead_start(lines: list[str]) -> int:
    """A lead in a language not in the tables: the last paragraph holds a signed address of ours.

    It must look like one: it ends as attributions do, or each of its three or more lines begins with a label.
    """
    first = len(lines)
    while first and len(lines) - first < _PARAGRAPH and not is_blank(lines[first - 1]):
        first -= 1
    paragraph = [line.strip() for line in lines[first:]]
    if not holds_token("".join(paragraph)):
        return len(lines)
    labelled = len(paragraph) >= 3 and all(":" in line[:40] or "：" in line[:40] for line in paragraph)
    ended = len(paragraph) <= _WINDOW and paragraph[-1].endswith((":", "：", ">", "-"))
    return first if labelled or ended else len(lines)


def _written_below(below: list[str], text: str) -> bool:
    """Whether the agent wrote below the line as well.

    With nothing above, any unquoted words count. With an answer above, only words between quoted lines do: what
    follows the last quote is a footer that servers add.
    """
    end = len(below)
    if text:
        while end and not is_quoted(below[end - 1]):
            end -= 1
    open_quote = True
    for line in below[:end]:
        if is_blank(line):
            open_quote = False
        elif is_quoted(line):
            open_quote = True
        elif not text or not open_quote:
            return True  # a line directly under a quoted one is that line, wrapped by the client
    return False


def _holds_secret(text: str, secrets: Sequence[str]) -> bool:
    packed = _packed(text)
    return holds_token("".join(text.split())) or any(_packed(secret) in packed for secret in secrets if secret.strip())


def _packed(text: str) -> str:
    """Without blanks, line ends and invisible characters, in one case: as a wrapped or re-typed copy compares."""
    return "".join(text.translate(_INVISIBLE).split()).casefold()
