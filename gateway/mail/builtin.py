"""The kinds of notices, the values each is given, and plain built-in texts for when a template fails.

The built-in texts are for the day a template is broken: short, complete, three languages, no template engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

LANGUAGES = ("vi", "zh", "en")
ALWAYS = ("tag", "department", "desk")


@dataclass(frozen=True, slots=True)
class Kind:
    """What one notice is given. `optional` values have the stated default when the caller leaves them out."""

    required: tuple[str, ...]
    optional: Mapping[str, object] = field(default_factory=dict)
    staff: bool = False

    @property
    def names(self) -> frozenset[str]:
        return frozenset((*ALWAYS, *self.required, *self.optional))


_STAFF: dict[str, object] = {"cut": "", "subject": ""}

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "acknowledgement": Kind(
            ("promise",), {"subject": "", "due": "", "hours": "", "urgent": False, "another_matter": False}
        ),
        "answer": Kind(("text",), {"agent_name": "", "closing": False, "greet": True}),
        "survey": Kind(("cut",), {"subject": ""}),
        "survey-thanks": Kind((), {"worked": None, "reopened": False}),
        "agent-notice": Kind(
            ("cut", "what", "customer_address", "body"),
            {
                "subject": "",
                "customer_name": "",
                "evidence": "",
                "due": "",
                "assignee": "",
                "also_to": (),
                "not_included": (),
                "hints": (),
                "history": (),
                "commands_help": False,
            },
            staff=True,
        ),
        "returned": Kind(("reason", "text"), {**_STAFF, "detail": "", "suggestion": "", "commands": ()}, staff=True),
        "confirm": Kind(("text",), {**_STAFF, "why": ""}, staff=True),
        "escalation": Kind(
            ("cut", "due", "late_by"),
            {
                "subject": "",
                "customer_name": "",
                "customer_address": "",
                "assignee": "",
                "agents": (),
                "history": (),
            },
            staff=True,
        ),
        "undelivered": Kind(("recipient",), {**_STAFF, "reply": "", "text": "", "because": "refused"}, staff=True),
        "note-copy": Kind(("cut", "author", "text"), {"subject": ""}, staff=True),
        "assigned": Kind(("cut", "by"), {"subject": "", "body": ""}, staff=True),
        "alarm": Kind(("alarms", "text"), staff=True),
    }
)

_OPEN = {"vi": "Kính thưa quý khách,", "zh": "尊敬的客户：\n\n您好！", "en": "Dear customer,"}
_CLOSE = {
    "vi": "Cám ơn quý khách đã quan tâm đến sản phẩm và dịch vụ của chúng tôi.",
    "zh": "感谢您对我们产品和服务的关注。",
    "en": "Thank you for your interest in our products and services.",
}
_CUSTOMER = {
    "acknowledgement": {
        "vi": "Chúng tôi đã nhận được thư của quý khách. Mã yêu cầu: {tag}. Thời hạn trả lời: {promise}.\n"
        "Nếu cần bổ sung, xin trả lời email này và giữ nguyên mã trong tiêu đề.",
        "zh": "我们已收到您的来信，编号：{tag}。答复时限：{promise}。\n"
        "如需补充，请直接回复本邮件，并保留主题中的编号。",
        "en": "We have received your mail. Your reference is {tag}. We will answer within {promise}.\n"
        "To add anything, just reply to this mail and keep the reference in the subject.",
    },
    "answer": {"vi": "{text}", "zh": "{text}", "en": "{text}"},
    "survey": {
        "vi": "Xin quý khách trả lời email này với hai dòng, mỗi dòng 1 (có) hoặc 2 (không):\n"
        "1. Vấn đề đã được giải quyết chưa?\n2. Quý khách có cần giải thích thêm không?",
        "zh": "请回复本邮件，写两行，每行填 1（是）或 2（否）：\n1. 问题解决了吗？\n2. 您需要进一步说明吗？",
        "en": "Please reply with two lines, 1 (yes) or 2 (no) on each:\n"
        "1. Did it work?\n2. Do you need more explanation?",
    },
    "survey-thanks": {
        "vi": "Chúng tôi đã ghi nhận ý kiến của quý khách.",
        "zh": "您的反馈我们已收到。",
        "en": "We have noted your answer.",
    },
}
_STAFF_HEAD = {
    "agent-notice": {"vi": "Thư của khách", "zh": "客户来信", "en": "Mail from a customer"},
    "returned": {
        "vi": "Thư của bạn CHƯA được gửi cho khách",
        "zh": "您的邮件尚未发送给客户",
        "en": "Your mail was NOT sent on",
    },
    "confirm": {
        "vi": "Có thư viết dưới tên bạn. Trả lời email này để cho gửi đi; bỏ qua nếu không phải bạn",
        "zh": "有人以您的名义来信。若是您本人，请回复本邮件以放行；否则请忽略",
        "en": "Somebody wrote as you. Reply to this mail to release it; leave it if it was not you",
    },
    "escalation": {"vi": "Yêu cầu quá hạn", "zh": "工单已逾期", "en": "A ticket is overdue"},
    "undelivered": {"vi": "Thư không gửi được", "zh": "邮件未能送达", "en": "A mail could not be delivered"},
    "note-copy": {
        "vi": "Ghi chú nội bộ, khách không nhìn thấy",
        "zh": "内部备注，客户看不到",
        "en": "Internal note, not seen by the customer",
    },
    "assigned": {"vi": "Yêu cầu được giao cho bạn", "zh": "工单已分配给您", "en": "A ticket was assigned to you"},
    "alarm": {
        "vi": "Hệ thống yêu cầu cần người quản trị xem. Lệnh để xem: gateway status",
        "zh": "工单系统需要管理员查看。查看命令：gateway status",
        "en": "The ticket gateway needs a look by those who run it. To look: gateway status",
    },
}
_FACTS = (
    *("what", "reason", "detail", "suggestion", "why", "customer_name", "customer_address", "evidence", "due"),
    *("late_by", "assignee", "agents", "also_to", "not_included", "hints", "recipient", "reply", "author", "by"),
)


def builtin_text(kind: str, language: str, values: Mapping[str, object]) -> str:
    """The built-in text of a notice. Never raises; missing values are left out; an unknown kind shows tag and desk."""
    language = language if language in LANGUAGES else "en"
    if kind in _CUSTOMER:
        words = _CUSTOMER[kind][language]
        said = words.replace("{tag}", _said(values, "tag")).replace("{promise}", _said(values, "promise"))
        said = said.replace("{text}", _said(values, "text"))
        signed = " · ".join(one for one in (_said(values, "department"), _said(values, "desk")) if one)
        pieces = [_said(values, "cut"), _OPEN[language], said, _CLOSE[language], signed, _said(values, "tag")]
    else:
        head = _STAFF_HEAD.get(kind, {}).get(language, "")
        facts = "\n".join(f"{name}: {said}" for name in _FACTS if (said := _said(values, name)))
        headline = f"{_said(values, 'tag')} {_said(values, 'subject')}".strip()
        pieces = [_said(values, "cut"), head, headline, facts, _said(values, "text"), _said(values, "body")]
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


_CODES: Mapping[str, tuple[str, tuple[object, ...]]] = {
    "agent-notice": ("what", ("new", "reply", "reopened", "survey-no", "survey-words", "flood")),
    "returned": ("reason", ("unknown-command", "empty", "below-the-line", "internal-text", "not-yours",
                            "closed-without-answer", "no-ticket", "impossible-command", "files-without-words",
                            "other-department", "not-for-you")),
    "survey-thanks": ("worked", (True, False, None)),
}  # fmt: skip
_LISTS: Mapping[str, tuple[object, ...]] = {
    "history": ({"who": "Who", "when": "When", "text": "Text\nof two lines"},) * 2,
    "commands": ({"name": "#close", "help": "help"},) * 2,
    "alarms": (
        {
            "mark": "Alarm",
            "title": "Title <&>",
            "since": "since",
            "until": "",
            "means": "means",
            "do": "do",
            "look": "look",
            "detail": "detail <&>",
        },
        {
            "mark": "Over",
            "title": "Title",
            "since": "since",
            "until": "until",
            "means": "means",
            "do": "",
            "look": "look",
            "detail": "",
        },
    ),
}
_NAMED = ("also_to", "not_included", "hints", "agents")


def sample_sets() -> tuple[Mapping[str, Mapping[str, object]], ...]:
    """Values of every kind for a trial run: everything given, with every code; and only what is required."""
    turns = max(len(codes) for _, codes in _CODES.values())
    full = tuple({kind: _sample(kind, turn) for kind in KINDS} for turn in range(turns))
    bare = {kind: {name: full[0][kind][name] for name in (*ALWAYS, *KINDS[kind].required)} for kind in KINDS}
    return (*full, bare)


def _sample(kind: str, turn: int) -> dict[str, object]:
    values: dict[str, object] = {}
    for name in (*ALWAYS, *KINDS[kind].required, *KINDS[kind].optional):
        if name in _LISTS:
            values[name] = _LISTS[name]
        elif name in _NAMED:
            values[name] = (f"{name} 1", f"{name} 2")
        elif isinstance(KINDS[kind].optional.get(name), bool):
            values[name] = turn % 2 == 0
        else:
            values[name] = f"{name} <&> sample"
    code, choices = _CODES.get(kind, ("", ()))
    if choices:
        values[code] = choices[turn % len(choices)]
    return values


def _said(values: Mapping[str, object], name: str) -> str:
    value = values.get(name)
    if isinstance(value, str):
        return value.strip("\n")
    if isinstance(value, (list, tuple)):
        return ", ".join(one for one in value if isinstance(one, str))
    return ""
