"""Commands in agents' mails: lines that begin with `#` and a letter, above the cut.

The law: an unknown command or a bad argument stops the whole mail (elsewhere `#close` typos have gone to customers).
So whatever looks like an attempt at a command (full-width ＃ and letters, invisible characters, bold marks or a blank
around the `#` of a known name) is obeyed or refused, and never passed on as text. What begins otherwise ("#1 first
point", "# heading", "#5443 is your order number", a quoted "> #close") is text; `\\#word` is the literal text "#word".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

HELP: tuple[tuple[str, Mapping[str, str]], ...] = (
    (
        "#note",
        {
            "vi": "toàn bộ thư này là ghi chú nội bộ, không gửi cho khách hàng",
            "zh": "整封邮件作为内部备注，不会发给客户",
            "en": "the whole of this mail is an internal note; the customer does not get it",
        },
    ),
    ("#take", {"vi": "nhận xử lý yêu cầu này", "zh": "由我负责处理", "en": "the ticket becomes yours"}),
    (
        "#assign ADDRESS",
        {
            "vi": "giao yêu cầu cho đồng nghiệp có địa chỉ này",
            "zh": "将工单转交给该地址的同事",
            "en": "give the ticket to the colleague with this address",
        },
    ),
    (
        "#wait",
        {
            "vi": "chờ khách hàng trả lời; thời hạn xử lý tạm dừng",
            "zh": "等待客户回复，处理时限暂停计算",
            "en": "wait for the customer; the clock pauses",
        },
    ),
    (
        "#close [withdrawn|duplicate|machine REASON]",
        {
            "vi": "đóng yêu cầu; nếu chưa trả lời bằng văn bản thì ghi rõ lý do: withdrawn (khách đã rút), "
            "duplicate (trùng), machine (thư tự động)",
            "zh": "关闭工单；若未书面答复，须注明原因：withdrawn（客户撤回）、duplicate（重复）、machine（自动邮件）",
            "en": "close the ticket; without a written answer only with a reason: withdrawn (by the customer), "
            "duplicate, machine (automatic mail)",
        },
    ),
    (
        "#cc ADDRESS",
        {
            "vi": "thêm người này vào cuộc trao đổi; thư trả lời cũng được gửi cho họ",
            "zh": "将此人加入会话，答复也会发给对方",
            "en": "include this person: answers go to them too",
        },
    ),
    (
        "#uncc ADDRESS",
        {
            "vi": "bỏ người này khỏi cuộc trao đổi",
            "zh": "将此人移出会话",
            "en": "leave this person out of further answers",
        },
    ),
)
NAMES = ("note", "take", "assign", "wait", "close", "cc", "uncc")
CLOSE_REASONS = ("withdrawn", "duplicate", "machine")


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `argument`: an address for assign, cc, uncc; "" or "withdrawn|duplicate|machine[ reason]" for
    close; "" for the others (words on the line of `#note` are part of `Commands.text`). `line` counts from 1."""

    name: str
    argument: str
    line: int


@dataclass(frozen=True, slots=True)
class Problem:
    """Why the mail must not be acted on. `what` is a sentence in English, `suggestion` the line that was probably
    meant, or ""; `code` names the sort of problem and `written` the line, for `explain`."""

    line: int
    what: str
    suggestion: str
    code: str = ""
    written: str = ""


@dataclass(frozen=True, slots=True)
class Commands:
    """What a mail orders, and its text without the orders. With any problem: obey nothing, send nothing on."""

    commands: tuple[Command, ...]
    text: str
    problems: tuple[Problem, ...]

    @property
    def note(self) -> bool:
        """Is all of this mail an internal note?"""
        return any(command.name == "note" for command in self.commands)


_WHAT = {
    "unknown": {
        "vi": "không có lệnh này (nếu đây là nội dung thư, hãy viết \\# thay cho #)",
        "zh": "没有这个命令（如果这是正文，请将 # 写成 \\#）",
        "en": "there is no such command (if it is text, write \\# instead of #)",
    },
    "shape": {
        "vi": "lệnh phải đứng đầu dòng, dấu # viết liền với tên lệnh (nếu là nội dung thư, hãy viết \\# thay cho #)",
        "zh": "命令必须位于行首，# 与命令名之间不能有空格或其他符号（如果这是正文，请将 # 写成 \\#）",
        "en": "a command begins its line, with nothing between # and its name (if it is text, write \\# instead of #)",
    },
    "address": {
        "vi": "lệnh này cần đúng một địa chỉ email hợp lệ",
        "zh": "此命令后须填写一个有效的邮件地址",
        "en": "this command needs one valid mail address",
    },
    "argument": {
        "vi": "lệnh này phải đứng một mình trên dòng",
        "zh": "此命令须单独占一行，后面不能有其他内容",
        "en": "this command stands alone on its line",
    },
    "reason": {
        "vi": "sau #close chỉ được ghi withdrawn, duplicate hoặc machine, rồi đến lý do",
        "zh": "#close 之后只能写 withdrawn、duplicate 或 machine，再写原因",
        "en": "after #close only withdrawn, duplicate or machine may follow, then the reason",
    },
    "conflict": {
        "vi": "lệnh này mâu thuẫn với một lệnh khác trong cùng thư",
        "zh": "此命令与同一邮件中的另一个命令相矛盾",
        "en": "this command contradicts another one in the same mail",
    },
}

_HASH = "#＃﹟"
# The invisible characters that mail programs and web editors leave at the start of a line.
_UNSEEN = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff"
_INVISIBLE = re.compile(f"[{_UNSEEN}]")
_COMMAND = re.compile(r"\s*#([^\W\d_][\w'/@-]*)[ \t]*[:.,;!。、]*(.*)", re.DOTALL)
_LOOKALIKE = re.compile(r"[\s*_~`•·\[(–—-]*#[\s*_~`#–—-]*([^\W\d_]+)", re.DOTALL)
_ESCAPED = re.compile(rf"([\s{_UNSEEN}]*)[\\＼](?=[{_HASH}])")
_NOTE_HEAD = re.compile(rf"[\s{_UNSEEN}]*[{_HASH}][\w{_UNSEEN}]+[ \t]*[:：.,;!。，；！、]*[ \t]*")
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)
_PROBE = 2000  # characters of a line that are looked at; a longer argument is refused with the command
_ENOUGH = 20  # problems, after which the rest of the mail is not read: it is stopped anyway


def parse(text: str) -> Commands:
    """Splits an agent's text (above the cut) into commands, remaining text and problems. Linear in its length."""
    commands: list[Command] = []
    problems: list[Problem] = []
    kept: list[str] = []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if len(problems) >= _ENOUGH or not any(mark in line for mark in _HASH):
            kept.append(line)
            continue
        words = _read_line(line, number, commands, problems)
        if words is not None:
            kept.append(words)
    problems.extend(_contradictions(commands, text))
    problems.sort(key=lambda problem: problem.line)
    return Commands(tuple(dict.fromkeys(commands)), "".join(kept).strip(), tuple(problems))


def explain(problem: Problem, language: str) -> str:
    """The problem for the agent who wrote it, in "vi", "zh" or (any other) English."""
    words = _WHAT[problem.code]
    return words.get(language.lower().replace("_", "-").split("-")[0], words["en"])


def _read_line(line: str, number: int, commands: list[Command], problems: list[Problem]) -> str | None:
    """The text that stays of a line with a `#` in it; None where the line was a command or a failed one."""
    probe = unicodedata.normalize("NFKC", _INVISIBLE.sub("", line[:_PROBE]))
    found = _COMMAND.match(probe)
    if found is None:
        looks_like = _LOOKALIKE.match(probe)
        if looks_like and looks_like[1].lower() in NAMES:
            problems.append(_problem(number, "shape", line, f"#{looks_like[1].lower()}"))
            return None
        escaped = _ESCAPED.match(line)
        return escaped[1] + line[escaped.end() :] if escaped else line
    name, rest = found[1].lower(), found[2].strip()
    if name not in NAMES:
        problems.append(_problem(number, "unknown", line, _nearest(name)))
        return None
    if name == "note":
        return _read_note(line, rest, number, commands, problems)
    argument, fault = _read_argument(name, rest) if len(line) <= _PROBE else ("", ("argument", f"#{name}"))
    if fault:
        problems.append(_problem(number, fault[0], line, fault[1]))
    else:
        commands.extend(Command(name, one, number) for one in argument.split("\n"))
    return None


def _read_note(line: str, rest: str, number: int, commands: list[Command], problems: list[Problem]) -> str | None:
    """`#note words`: the words belong to the note. Another command on the line is refused, not swallowed."""
    if rest.startswith("#"):
        problems.append(_problem(number, "argument", line, "#note"))
        return None
    commands.append(Command("note", "", number))
    head = _NOTE_HEAD.match(line)
    words = line[head.end() :] if head else line
    return words if words.strip() else None


def _read_argument(name: str, rest: str) -> tuple[str, tuple[str, str] | None]:
    """(argument, None) or ("", (code, suggestion)). Several addresses come back with newlines between them."""
    if name == "close":
        return _read_reason(rest)
    if name in ("take", "wait"):
        return ("", ("argument", f"#{name}")) if rest else ("", None)
    found = _addresses(rest)
    if not found or (name == "assign" and len(found) > 1):
        return "", ("address", f"#{name} {found[0] if found else 'name@example.com'}")
    return "\n".join(found), None


def _read_reason(rest: str) -> tuple[str, tuple[str, str] | None]:
    if not rest:
        return "", None
    kind, _, reason = rest.partition(" ")
    kind, reason = kind.rstrip(":,.;").lower(), " ".join(reason.split())
    if kind in CLOSE_REASONS:
        return f"{kind} {reason}".strip(), None
    close = get_close_matches(kind, CLOSE_REASONS, 1, 0.6)
    return "", ("reason", f"#close {close[0]}" if close else "#close")


def _addresses(rest: str) -> list[str]:
    """The addresses of `a@x.vn, Lan <b@x.vn>`; none if anything else is left over or one is malformed.

    `a@x.vn<mailto:a@x.vn>` is what mail programs make of a link: one address.
    """
    found: list[str] = []
    for piece in re.split(r"[,;、]", rest):
        piece = re.sub(r"\bmailto:", "", piece.strip(), flags=re.IGNORECASE)
        angled = re.fullmatch(r"([^<>]*)<([^<>]*)>", piece)
        label, candidates = (angled[1], [angled[2].strip()]) if angled else ("", piece.split())
        if "@" in label and label.strip() != candidates[0]:
            return []
        if not candidates or not all(len(one) <= 254 and _ADDRESS.fullmatch(one) for one in candidates):
            return []
        found.extend(candidates)
    return list(dict.fromkeys(found))


def _contradictions(commands: list[Command], text: str) -> list[Problem]:
    """Orders that cannot both be obeyed: the later one is the problem."""
    problems: list[Problem] = []
    lines = text.splitlines()
    seen: dict[str, set[str]] = {name: set() for name in NAMES}
    for command in commands:
        argument = command.argument.lower()
        if _contradicts(seen, command.name, argument) and len(problems) < _ENOUGH:
            problems.append(_problem(command.line, "conflict", lines[command.line - 1], ""))
        seen[command.name].add(argument)
    return problems


def _contradicts(seen: Mapping[str, set[str]], name: str, argument: str) -> bool:
    if name in _EXCLUDES:
        return bool(seen[_EXCLUDES[name]]) or (name in ("assign", "close") and not seen[name] <= {argument})
    other = {"cc": "uncc", "uncc": "cc"}.get(name)
    return other is not None and argument in seen[other]


_EXCLUDES = {"close": "wait", "wait": "close", "take": "assign", "assign": "take"}


def _nearest(name: str) -> str:
    close = get_close_matches(name[:40], NAMES, 1, 0.5)
    return f"#{close[0]}" if close else ""


def _problem(number: int, code: str, line: str, suggestion: str) -> Problem:
    written = " ".join(_INVISIBLE.sub("", line[:200]).split())[:80]
    return Problem(number, f"{written!r}: {_WHAT[code]['en']}", suggestion, code, written)
