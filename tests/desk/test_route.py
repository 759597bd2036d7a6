"""Routing: which rules hold, what they set, and the reasons."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.desk.route import Routed, RuleTrace, route
from gateway.desk.rulebook import Rulebook, load_rulebook
from gateway.model import Attachment, Envelope, Evidence, Mailbox, MailKind, Message, Reading, Status, TicketFacts

EXAMPLE = Path(__file__).parents[2] / "rules"


def reading(
    subject: str = "",
    body: str = "",
    sender: str = "khach@customer.example",
    to: tuple[str, ...] = ("hotro@desk.example",),
    headers: tuple[tuple[str, str], ...] = (),
    attachments: tuple[Attachment, ...] = (),
    language: str = "",
    kind: MailKind = MailKind.PERSON,
    evidence: Evidence = Evidence.E0,
) -> Reading:
    message = Message(
        message_id="<1@customer.example>",
        in_reply_to=(),
        references=(),
        author=Mailbox(sender) if sender else None,
        shown_from=None,
        reply_to=(),
        to=tuple(Mailbox(address) for address in to),
        cc=(),
        subject=subject,
        date=None,
        headers=headers,
        content_type="text/plain",
        content_params={},
        text=body,
        html="",
        attachments=attachments,
        report=None,
        digest="0" * 64,
        size=len(body),
    )
    return Reading(message, kind, True, True, "", evidence, "", language, body, (), None)


def book(rules: str, more: Mapping[str, str] | None = None) -> Rulebook:
    main = """
include: [rules.yaml]
departments:
  sales: {addresses: [sales@d.example], agents: [s@p.example], leads: [s@p.example], escalate_to: [boss@p.example]}
  tech: {addresses: [tech@d.example], agents: [t@p.example], survey: false}
priorities:
  critical: {first_response: 1h, calendar: always}
  normal: {first_response: 8h}
lists: {vip: ['@big.example', lan@small.example, '*@*.group.example']}
observers: [ceo@p.example]
rules:
  - {name: last, when: always, then: {department: sales, priority: normal, tags: [seen]}}
"""
    return load_rulebook({"rulebook.yaml": main, "rules.yaml": f"rules:\n{rules}", **(more or {})})


def decide(rules: str, mail: Reading, door: str = "", on: str = "new", rcpt: tuple[str, ...] = ()) -> Routed:
    return route(book(rules), mail, Envelope(rcpt_to=rcpt), door, on)


PICTURE = Attachment("2", "Logo mới.PSD", "image/vnd.adobe.photoshop", b"x" * 2048)
CONDITIONS = [
    ("from: lan@SMALL.example", {"sender": "Lan@small.example"}, True),
    ("from: lan@small.example", {"sender": "lan@small.example.evil"}, False),
    ("from: '@big.example'", {"sender": "x@big.example"}, True),
    ("from: '@big.example'", {"sender": "x@sub.big.example"}, False),
    ("from: ['x@y.example', '*@*.group.example']", {"sender": "a@vn.group.example"}, True),
    ("from: {in: vip}", {"sender": "a@big.example"}, True),
    ("from: {in: vip}", {"sender": "a@other.example"}, False),
    ("from: '@big.example'", {"sender": ""}, False),
    ("to: tech@d.example", {"to": ("Tech+rabc1@D.example",)}, True),
    ("to: tech@d.example", {"to": ("sales@d.example",)}, False),
    ("subject: hóa đơn", {"subject": "Re: HOÁ ĐƠN tháng 11"}, True),
    ("subject: [hóa đơn, 发票]", {"subject": "请问发票"}, True),
    ("subject: {words: hủy, exact: true}", {"subject": "huy don hang nay"}, False),
    ("subject: 404", {"subject": "error 404"}, True),
    ("body: hóa đơn", {"subject": "hóa đơn"}, False),
    ("body: hóa đơn", {"body": "gửi em hóa đơn"}, True),
    ("subject: {regex: '(?i)\\b(DH|PO)-\\d{4,8}\\b'}", {"subject": "ve po-20261"}, True),
    ("subject: {regex: '(?i)\\b(DH|PO)-\\d{4,8}\\b'}", {"subject": "po-1"}, False),
    ("header: {name: X-Source}", {"headers": (("x-source", "a"),)}, True),
    ("header: {name: X-Source}", {}, False),
    ("header: {name: X-Source, words: web form}", {"headers": (("x-source", "a"), ("x-source", "Web Form"))}, True),
    ("header: {name: List-Id, regex: '<news\\.'}", {"headers": (("list-id", "News <news.example>"),)}, True),
    ("attachment: {name: '*.{ai,psd}'}", {"attachments": (PICTURE,)}, True),
    ("attachment: {name: '*.{ai,psd}', larger_than: 1KB}", {"attachments": (PICTURE,)}, True),
    ("attachment: {name: '*.{ai,psd}', larger_than: 2KB}", {"attachments": (PICTURE,)}, False),
    ("attachment: {type: 'image/*'}", {"attachments": (PICTURE,)}, True),
    ("attachment: {name: '*'}", {}, False),
    ("language: [vi, unsure]", {"language": ""}, True),
    ("language: zh", {"language": "en"}, False),
    ("kind: [machine, list]", {"kind": MailKind.LIST}, True),
    ("kind: machine", {}, False),
    ("evidence: E1", {"evidence": Evidence.E2}, True),
    ("evidence: E1", {"evidence": Evidence.E0}, False),
    ("{subject: lỗi, body: máy in}", {"subject": "bị lỗi", "body": "máy in"}, True),
    ("{subject: lỗi, body: máy in}", {"subject": "bị lỗi", "body": "máy tính"}, False),
    ("any: [{subject: lỗi}, {body: lỗi}]", {"body": "bị lỗi"}, True),
    ("all: [{subject: lỗi}, {body: lỗi}]", {"body": "bị lỗi"}, False),
    ("not: {subject: lỗi}", {"subject": "xin chào"}, True),
    ("{subject: lỗi, not: {from: {in: vip}}}", {"subject": "lỗi", "sender": "a@big.example"}, False),
    ("department: tech", {}, False),
]


@pytest.mark.parametrize(("when", "mail", "held"), CONDITIONS)
def test_condition(when: str, mail: dict[str, object], held: bool) -> None:
    when = when if when.startswith("{") else "{" + when + "}"
    routed = decide(f"  - {{name: R, when: {when}, then: {{tags: [hit]}}}}", reading(**mail))  # type: ignore[arg-type]
    assert ("hit" in routed.tags) is held
    trace = routed.trace[0]
    assert (trace.name, trace.place, trace.held) == ("R", "rules.yaml:2", held)
    assert trace.why
    assert len(trace.why) <= 400


def test_first_rule_wins_and_unions_grow() -> None:
    rules = """
  - {name: A, when: {subject: lỗi}, then: {priority: critical, tags: [a, b], notify: [ceo@p.example]}}
  - {name: B, when: {subject: lỗi}, then: {department: tech, priority: normal, tags: [b, c], notify: [s@p.example]}}
  - {name: C, when: {department: tech}, then: {tags: [d], language: en}}
  - {name: D, when: {tag: c, priority: critical}, then: {quarantine: true}}
"""
    routed = decide(rules, reading("lỗi rồi"))
    assert (routed.department, routed.priority, routed.language) == ("tech", "critical", "en")
    assert routed.tags == ("a", "b", "c", "d", "seen")
    assert routed.notify == ("ceo@p.example", "s@p.example")
    assert (routed.quarantine, routed.survey) == (True, False)
    assert routed.set_by["priority"] == "rules.yaml:3 A"
    assert routed.set_by["department"] == "rules.yaml:4 B"
    assert routed.set_by["tags"] == "rules.yaml:3 A, rules.yaml:4 B, rules.yaml:5 C, rulebook.yaml:12 last"
    assert routed.set_by["survey"] == "department"
    assert routed.fired == [
        {
            "rule": "A",
            "place": "rules.yaml:3",
            "set": {"priority": "critical", "tags": ["a", "b"], "notify": ["ceo@p.example"]},
        },
        {
            "rule": "B",
            "place": "rules.yaml:4",
            "set": {"department": "tech", "tags": ["c"], "notify": ["s@p.example"]},
        },
        {"rule": "C", "place": "rules.yaml:5", "set": {"language": "en", "tags": ["d"]}},
        {"rule": "D", "place": "rules.yaml:6", "set": {"quarantine": True}},
        {"rule": "last", "place": "rulebook.yaml:12", "set": {"tags": ["seen"]}},
    ]


def test_the_door_decides_unless_a_rule_does() -> None:
    rules = "  - {name: A, when: {subject: báo giá}, then: {department: sales}}"
    assert decide(rules, reading("hỏi"), door="tech").department == "tech"
    assert decide(rules, reading("hỏi"), door="tech").set_by["department"] == "door"
    assert decide(rules, reading("báo giá"), door="tech").department == "sales"
    assert decide(rules, reading("hỏi"), door="").department == "sales"
    assert decide(rules, reading("hỏi"), door="closed-since").department == "sales"


def test_on() -> None:
    rules = """
  - {name: N, when: {subject: lỗi}, then: {tags: [new]}}
  - {name: R, on: reply, when: {subject: lỗi}, then: {tags: [reply]}}
  - {name: E, on: any, when: {subject: lỗi}, then: {tags: [any]}}
"""
    assert decide(rules, reading("lỗi")).tags == ("new", "any", "seen")
    answered = decide(rules, reading("lỗi"), door="tech", on="reply")
    assert answered.tags == ("reply", "any")
    assert answered.department == "tech"
    assert answered.trace[0] == RuleTrace("N", "rules.yaml:3", False, "for mail of kind 'new', this is 'reply'")
    assert decide(rules, reading("lỗi"), on="reply").department == "sales"


def test_on_a_ticket() -> None:
    rules = """
  - {name: N, when: always, then: {tags: [new]}}
  - {name: S, on: any, when: {subject: lỗi}, then: {department: sales, tags: [old, any], notify: [managers]}}
  - {name: T, on: reply, when: {department: tech, priority: critical, tag: old}, then: {tags: [seen]}}
"""
    ticket = TicketFacts(
        number=1, version=1, status=Status.OPEN, door="", department="tech", subject="", requester=None, language="vi",
        created_at=datetime(2026, 1, 1, tzinfo=UTC), closed_at=None, assignee="", answered=False, participants=(),
        first=None, department_fixed=False, priority="critical", tags=("old",),
    )  # fmt: skip
    envelope = Envelope(rcpt_to=("sales@d.example",))
    routed = route(book(rules), reading("lỗi"), envelope, "sales", "reply", ticket)
    assert (routed.department, routed.priority, routed.tags) == ("tech", "critical", ("old", "any", "seen"))
    assert (routed.set_by["department"], "priority" in routed.set_by) == ("ticket", False)
    assert (routed.notify, routed.survey) == ((), False)  # the managers and the survey of the ticket's department
    gone = route(book(rules), reading("hỏi"), envelope, "sales", "reply", replace(ticket, department="closed since"))
    assert gone.department == "sales"


def test_stop_leaves_the_last_rule() -> None:
    rules = """
  - {name: A, when: {subject: lỗi}, then: {tags: [a], stop: true}}
  - {name: B, when: {subject: lỗi}, then: {tags: [b], department: tech}}
"""
    routed = decide(rules, reading("lỗi"))
    assert (routed.tags, routed.department, routed.stopped_by) == (("a", "seen"), "sales", "rules.yaml:3 A")
    assert [trace.held for trace in routed.trace] == [True, False, True]
    assert "A said stop" in routed.trace[1].why


def test_leads_and_managers_are_those_of_the_department_found() -> None:
    rules = "  - {name: A, when: {subject: lỗi}, then: {notify: [managers, leads]}}"
    assert decide(rules, reading("lỗi")).notify == ("boss@p.example", "s@p.example")
    assert decide(rules, reading("lỗi"), door="tech").notify == ()


WHY = [
    ({"subject": "Hỏi giá"}, "subject 'Hỏi giá' has none of [hóa đơn, 发票]"),
    ({"subject": "hoá đơn"}, "subject has [hóa đơn]"),
    ({"subject": "x" * 500}, "…' has none of"),
]


@pytest.mark.parametrize(("mail", "words"), WHY)
def test_reasons_show_the_value_seen(mail: dict[str, str], words: str) -> None:
    routed = decide("  - {name: A, when: {subject: [hóa đơn, 发票]}, then: {tags: [x]}}", reading(**mail))  # type: ignore[arg-type]
    assert words in routed.trace[0].why


def test_many_patterns_answer_like_each_alone() -> None:
    """From four patterns on, one pass decides them all."""
    patterns = [r"\bPO-\d+", "lỗi$", "^Re", "máy (in|tính)", "(?i)HÓA", "投.", "x{3}"]
    rules = "\n".join(
        f"  - {{name: P{i}, when: {{subject: {{regex: '{p}'}}}}, then: {{tags: [p{i}]}}}}"
        for i, p in enumerate(patterns)
    )
    together = book(rules)
    for subject in ("PO-1 lỗi", "Re: máy in", "hóa đơn PO-", "投诉 xxx", "", "e\u0302 lô\u0303i"):
        alone = [
            "p"
            in "".join(
                decide(
                    f"  - {{name: P, when: {{subject: {{regex: '{p}'}}}}, then: {{tags: [p]}}}}", reading(subject)
                ).tags[:1]
            )
            for p in patterns
        ]
        tags = route(together, reading(subject), Envelope(), "", "new").tags
        assert [f"p{i}" in tags for i in range(len(patterns))] == alone


def test_only_rules_that_may_hold_are_tried() -> None:
    """What the index leaves out would not have held: with reasons, for which each rule is tried, all is the same."""
    conditions = [condition if condition[0] == "{" else f"{{{condition}}}" for condition, _, _ in CONDITIONS]
    pairs = [*zip(conditions, conditions[7:], strict=False), *zip(conditions, conditions[3:], strict=False)]
    conditions += [f"{{{word}: [{one}, {two}]}}" for one, two in pairs for word in ("any", "all")]
    conditions += [f"{{not: {one}}}" for one in conditions]
    rules = "\n".join(f"  - {{name: R{n}, when: {one}, then: {{tags: [t{n}]}}}}" for n, one in enumerate(conditions))
    together = book(rules)
    for _, mail, _ in CONDITIONS:
        routed = route(together, reading(**mail), Envelope(), "", "new")  # type: ignore[arg-type]  # a table of fields
        assert [one.name for one in routed.trace if one.held] == [rule["rule"] for rule in routed.fired]  # type: ignore[index,union-attr,call-overload]


# --- the example rulebook ---

EXAMPLES = [
    ("Khiếu nại về đơn hàng", "", "care", "critical"),
    ("Toi muon khieu nai", "", "care", "critical"),
    ("产品投诉", "", "care", "critical"),
    ("Refund please", "", "care", "critical"),
    ("Máy chủ bị lỗi", "", "technical", "normal"),
    ("Server down since 8:00", "", "technical", "critical"),
    ("khong in duoc", "", "technical", "normal"),
    ("网站故障", "", "technical", "normal"),
    ("Thiết kế logo mới", "", "design", "normal"),
    ("Xin báo giá", "", "sales", "normal"),
    ("请开发票", "", "sales", "normal"),
    ("Invoice for November", "", "sales", "normal"),
    ("Góp ý giao diện", "", "care", "wish"),
    ("Xin chào", "", "care", "normal"),
    ("Xin chào", "Tôi bị lừa đảo", "care", "critical"),
]


@pytest.fixture(scope="module")
def example() -> Rulebook:
    return load_rulebook({path.name: path.read_text("utf-8") for path in EXAMPLE.glob("*.yaml")})


@pytest.mark.parametrize(("subject", "body", "department", "priority"), EXAMPLES)
def test_example(example: Rulebook, subject: str, body: str, department: str, priority: str) -> None:
    routed = route(example, reading(subject, body), Envelope(rcpt_to=("hotro@desk.example",)), "", "new")
    assert (routed.department, routed.priority) == (department, priority)
    assert routed.trace == route(example, reading(subject, body), Envelope(), "", "new").trace


def test_example_vip_keeps_the_door(example: Rulebook) -> None:
    routed = route(example, reading("Hỏi", sender="a@tapdoan-abc.example"), Envelope(), "design", "new")
    assert (routed.department, routed.priority, routed.tags) == ("design", "critical", ("vip",))
    assert routed.notify == ("giamdoc@people.desk.example",)


def test_time_grows_with_the_text_not_faster() -> None:
    """Law 9, by growth and not by the clock: eight times the body, at most about eight times the time."""
    rules = "\n".join(
        f"  - name: R{i}\n"
        f"    when: {{any: [{{body: [từ khóa {i}, 词{i}]}}, {{body: {{regex: '(\\w+\\s?)*{i}:$'}}}}]}}\n"
        f"    then: {{tags: [t]}}"
        for i in range(60)
    )
    rulebook = book(rules)

    def cost(size: int) -> float:
        mail = reading(body="từ khóa aaaaaaaa bbbbbb 词 " * (size // 25) + "!")
        begin = time.process_time()
        route(rulebook, mail, Envelope(), "", "new")
        return time.process_time() - begin

    small = min(cost(10_000) for _ in range(3))
    large = min(cost(80_000) for _ in range(3))
    assert large < 24 * max(small, 0.001)
