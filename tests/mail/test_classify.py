"""Automatic mail: two questions, asked apart (law 5). May it be answered automatically? Is it work?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.classify import classify
from gateway.mail.token import sign_address, sign_message_id
from gateway.model import DeliveryReport, MailKind, Purpose
from tests.mail.made import DESK, KEYS, OWN, TODAY, attachment, envelope, message

BOUNCE_TO = sign_address("bounce@desk.example", Purpose.BOUNCE, 42, "x@khach.example", TODAY, KEYS)
REPLY_TO = sign_address(DESK, Purpose.REPLY, 42, "lan@khach.example", TODAY, KEYS)
OWN_ID = sign_message_id("desk.example", Purpose.REPLY, 42, "lan@khach.example", TODAY, "n", KEYS)
NULL = envelope("")


def look(mail, env=None):
    found = classify(mail, env or envelope(), OWN)
    assert found.reason
    return (found.kind, found.may_answer, found.is_work)


PERSON = (MailKind.PERSON, True, True)
QUIET_PERSON = (MailKind.PERSON, False, True)
MACHINE = (MailKind.MACHINE, False, True)
LIST = (MailKind.LIST, False, True)
AWAY = (MailKind.OUT_OF_OFFICE, False, False)
BOUNCE = (MailKind.BOUNCE, False, False)
DELAY = (MailKind.DELAY, False, False)
RECEIPT = (MailKind.RECEIPT, False, False)
OURS = (MailKind.OWN, False, False)
AUTO = (MailKind.AUTO_REPLY, False, False)
AUTO_WORK = (MailKind.AUTO_REPLY, False, True)

HEADERS = [
    ((), PERSON),
    ((("Auto-Submitted", "no"),), PERSON),
    ((("Auto-Submitted", "No (a person wrote this)"),), PERSON),
    ((("AUTO-SUBMITTED", '"no"'),), PERSON),
    ((("Auto-Submitted", "auto-generated"),), MACHINE),
    ((("Auto-Submitted", "Auto-Generated"),), MACHINE),
    ((("Auto-Submitted", "(no) auto-generated"),), MACHINE),
    ((("Auto-Submitted", "auto-notified; owner-email=x@y.example"),), MACHINE),
    ((("Auto-Submitted", ""),), MACHINE),
    ((("Auto-Submitted", "yes"),), MACHINE),
    ((("Auto-Submitted", "no"), ("Auto-Submitted", "auto-generated")), MACHINE),
    ((("Auto-Submitted", "auto-replied"),), AUTO_WORK),
    ((("Precedence", "bulk"),), MACHINE),
    ((("Precedence", " Junk "),), MACHINE),
    ((("Precedence", "first-class"),), PERSON),
    ((("Precedence", "list"),), LIST),
    ((("Precedence", "auto_reply"),), AUTO_WORK),
    ((("List-Id", "Users <users.other.example>"),), LIST),
    ((("List-Post", "<mailto:users@other.example>"),), LIST),
    ((("List-Unsubscribe", "<https://x.example>"),), MACHINE),
    ((("List-Id", "Support <support.desk.example>"), ("Precedence", "list"), ("List-Unsubscribe", "<x>")), PERSON),
    ((("List-Id", "<SUPPORT.desk.example>"), ("Precedence", "bulk")), PERSON),
    ((("List-Id", "support.desk.example"), ("Auto-Submitted", "auto-generated")), MACHINE),
    ((("X-Auto-Response-Suppress", "All"),), MACHINE),
    ((("X-Auto-Response-Suppress", "DR, OOF, AutoReply"),), MACHINE),
    ((("X-Auto-Response-Suppress", "DR, RN, NRN"),), PERSON),
    ((("X-Autoreply", "yes"),), AUTO_WORK),
    ((("X-Amazon-Auto-Reply", "true"),), AUTO_WORK),
    ((("X", "yes"),), PERSON),
    ((("X-Autorespond", ""),), AUTO_WORK),
    ((("X-Autoreply", "no"),), PERSON),
    ((("X-FC-Machinegenerated", "true"),), MACHINE),
    ((("Feedback-ID", "1:2:3:x"),), MACHINE),
    ((("X-Loop", "x@y.example"),), QUIET_PERSON),
    ((("X-Spam-Flag", "YES"),), QUIET_PERSON),
    ((("X-Spam-Flag", "NO"),), PERSON),
    ((("X-Spamd-Result", "default: True [7.40 / 15.00]; A(1.0)[x]"),), QUIET_PERSON),
    ((("X-Spamd-Result", "default: False [-3.40 / 15.00]; A(9.0)[x]"),), PERSON),
    ((("X-Spam-Status", "Yes, score=7.1 required=5.0"),), QUIET_PERSON),
    ((("X-Spam-Status", "No, score=-1.1 required=5.0"),), PERSON),
    ((("X-MS-Exchange-Organization-SCL", "6"),), QUIET_PERSON),
    ((("X-MS-Exchange-Organization-SCL", "-1"),), PERSON),
    ((("X-MS-Exchange-Organization-SCL", "1"),), PERSON),
    (tuple(("Received", "from a by b") for _ in range(51)), QUIET_PERSON),
    (tuple(("Received", "from a by b") for _ in range(50)), PERSON),
    ((("From", "a@b.example"), ("From", "c@d.example")), QUIET_PERSON),
    ((("Return-Receipt-To", "x@y.example"), ("Disposition-Notification-To", "x@y.example")), PERSON),
    ((("X-Mailer", "Foxmail 7"), ("X-Priority", "3"), ("Importance", "high"), ("Reply-To", DESK)), PERSON),
]


@pytest.mark.parametrize(("headers", "expected"), HEADERS)
def test_headers(headers, expected):
    assert look(message(headers=headers)) == expected


@pytest.mark.parametrize(("threshold", "expected"), [(0.0, PERSON), (5.0, QUIET_PERSON), (8.0, PERSON)])
def test_spam_scores_count_from_the_threshold_and_not_without_one(threshold, expected):
    scored = message(headers=(("X-Spam-Status", "Yes, score=7.1 required=5.0"),))
    found = classify(scored, envelope(), replace(OWN, spam_threshold=threshold))
    assert (found.kind, found.may_answer, found.is_work) == expected


SENDERS = [
    ("lan@khach.example", PERSON),
    ("no-reply@bank.example", MACHINE),
    ("noreply@bank.example", MACHINE),
    ("No_Reply@bank.example", MACHINE),
    ("donotreply@bank.example", MACHINE),
    ("do-not-reply+12@bank.example", MACHINE),
    ("orders-noreply@shop.example", MACHINE),
    ("bounces+1-a=b@esp.example", MACHINE),
    ("list-bounces@other.example", MACHINE),
    ("postmaster@partner.example", MACHINE),
    ("bouncer.nguyen@khach.example", PERSON),
    ("norepley@khach.example", PERSON),
    ("reply@khach.example", PERSON),
    ("postmasters.guild@khach.example", PERSON),
    ("daemon.lee@khach.example", PERSON),
]


@pytest.mark.parametrize(("author", "expected"), SENDERS)
def test_senders(author, expected):
    assert look(message(author=author)) == expected


@pytest.mark.parametrize(
    "mail",
    [
        message(author=DESK),
        message(author="Support@DESK.example"),
        message(author=REPLY_TO),
        message(author=None, shown=DESK),
        message(author="bounce@desk.example"),
        message(message_id=OWN_ID),
        message(message_id=OWN_ID, author="forwarder@khach.example", headers=[("Auto-Submitted", "auto-replied")]),
    ],
)
def test_our_own_mail_is_recorded(mail):
    assert look(mail) == OURS


def test_without_a_sender_it_is_recorded():
    assert look(message(author=None)) == (MailKind.MACHINE, False, False)
    assert look(message("", author=None, headers=[("From", "Lan")])) == (MailKind.MACHINE, False, False)


def test_a_sender_without_an_address_is_work_that_nobody_is_answered_for():
    assert look(message(author=None, headers=[("From", "Lan")])) == QUIET_PERSON
    assert look(message(author=None, headers=[("From", "Lan"), ("Auto-Submitted", "auto-generated")])) == MACHINE


def test_an_author_only_shown_is_still_a_person():
    assert look(message(author=None, shown="lan@khach.example")) == PERSON


ORDINARY = ["Xin chào, tôi cần báo giá.", "请问什么时候发货？", "The printer is broken again.", ""]


@pytest.mark.parametrize("text", ORDINARY)
def test_a_null_sender_with_ordinary_text_is_work_and_never_answered(text):
    assert look(message(text), NULL) == MACHINE
    assert look(message(text), envelope("<>")) == MACHINE
    assert look(message(text, headers=[("Return-Path", "<>")]), envelope(None)) == MACHINE
    assert look(message(text, headers=[("Return-Path", "<>")]), envelope("a@b.example")) == PERSON


def report(action: str, status: str, kind: str = "delivery-status", author: str = "mailer-daemon@x.example"):
    return message(
        author=author,
        subject="x",
        content_type="multipart/report",
        params={"report-type": kind} if kind else {},
        report=DeliveryReport(action, status, ("a@b.example",)),
    )


@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        (report("failed", "5.1.1"), BOUNCE),
        (report("", "5.1.1"), BOUNCE),
        (report("", ""), BOUNCE),
        (report("failed", "4.4.7"), BOUNCE),
        (report("delayed", "4.4.1"), DELAY),
        (report("", "4.4.1"), DELAY),
        (report("delivered", "2.0.0"), RECEIPT),
        (report("relayed", "2.0.0"), RECEIPT),
        (report("failed", "5.1.1", "", "someone@x.example"), BOUNCE),
        (report("failed", "5.1.1", '"Delivery-Status"', "someone@x.example"), BOUNCE),
        (message(content_type="multipart/report", params={"report-type": "delivery-status"}), BOUNCE),
        (message(content_type="multipart/report", params={"report-type": "disposition-notification"}), RECEIPT),
        (
            message(content_type="multipart/report", attachments=[attachment("message/disposition-notification")]),
            RECEIPT,
        ),
        (
            message(content_type="multipart/report", params={"report-type": "feedback-report"}),
            (MailKind.FEEDBACK, False, False),
        ),
        (message(content_type="multipart/report", params={"report-type": "tlsrpt"}), MACHINE),
        # a person who passes a report on, and asks
        (
            message(
                "Vì sao tôi nhận được thư này?",
                subject="Fwd: Undelivered Mail Returned to Sender",
                content_type="multipart/mixed",
                report=DeliveryReport("failed", "5.1.1", ()),
            ),
            PERSON,
        ),
    ],
)
def test_reports(mail, expected):
    assert look(mail, envelope("someone@x.example")) == expected


BOUNCES = [
    ("mailer-daemon@x.example", "Undelivered Mail Returned to Sender", "This is the mail system", None),
    ("MAILER-DAEMON@x.example", "failure notice", "Hi. This is the qmail-send program at x.", None),
    ("postmaster@qq.com", "系统退信", "抱歉，您的邮件被退回来了……", None),
    ("Postmaster@163.com", "系统退信/Systems bounce", "收件人不存在", None),
    ("mailer-daemon@googlemail.com", "Delivery Status Notification (Failure)", "Address not found", None),
    ("postmaster@outlook.com", "Undeliverable: Máy in", "Your message couldn't be delivered", None),
    ("postmaster@outlook.com", "Không gửi được: Máy in", "", None),
    ("postmaster@outlook.com", "无法送达: 打印机", "", None),
    ("postmaster@x.example", "x", "Recipient address rejected: User unknown", None),
    ("someone@x.example", "Unzustellbar: x", "", NULL),
    ("someone@x.example", "Thư của bạn", "host said: 550 5.1.1 <a@b.example> unknown", NULL),
    ("someone@x.example", "x", "hello", envelope("", [BOUNCE_TO])),
    ("someone@x.example", "Delivery failed", "", envelope("someone@x.example", [BOUNCE_TO])),
]


@pytest.mark.parametrize(("author", "subject", "text", "env"), BOUNCES)
def test_bounces_without_a_report(author, subject, text, env):
    assert look(message(text, author=author, subject=subject), env) == BOUNCE


def test_failed_recipients_from_a_mailer():
    mail = message("x", author="mailer-daemon@x.example", subject="x", headers=[("X-Failed-Recipients", "a@b.example")])
    assert look(mail) == BOUNCE


def test_delays_without_a_report():
    subject = "Delivery Status Notification (Delay)"
    assert look(message(author="mailer-daemon@x.example", subject=subject)) == DELAY
    assert look(message(author="postmaster@x.example", subject="邮件投递延迟")) == DELAY


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Mail delivery failed", "Every mail I send from my shop says: mailbox full. Can you fix it?"),
        ("Undeliverable: báo giá", "Khách của tôi nhận được 550 5.1.1 khi gửi mail cho tôi, nhờ kiểm tra."),
        ("系统退信", "我收到了退信，请帮忙看看。"),
        ("Không gửi được thư", "Hộp thư đầy, làm sao tăng dung lượng?"),
        ("Delivery delayed", "My parcel DH-123 is delayed. When will it come?"),
        ("Failure notice on the machine", "The display shows: failure notice 5.1.2"),
    ],
)
def test_people_write_about_bounces(subject, text):
    assert look(message(text, subject=subject)) == PERSON


def test_a_person_at_our_bounce_address_is_a_person():
    mail = message("Vì sao tôi nhận được thư này? Xin trả lời.", subject="Re: [DESK-42] Máy in")
    assert look(mail, envelope(rcpt=[BOUNCE_TO])) == PERSON


def test_a_vacation_answer_to_the_bounce_address_is_no_bounce():
    mail = message("I am out of the office.", subject="Out of office", headers=[("Auto-Submitted", "auto-replied")])
    assert look(mail, envelope("", [BOUNCE_TO])) == AWAY
    assert look(message("I am out of the office.", subject="Out of office"), envelope("", [BOUNCE_TO])) == AWAY


AWAY_SUBJECTS = [
    "Automatic reply: [DESK-42] Máy in",
    "AUTOMATIC REPLY: x",
    "Out of Office AutoReply: x",
    "Trả lời tự động: [DESK-42] Máy in",
    "Tự động trả lời: x",
    "自动答复: 打印机",
    "自动回复：打印机",
    "[自动回复] : 打印机",
    "自動回覆: x",
    "自動応答: x",
    "자동 회신: x",
    "Automatische Antwort: x",
    "Abwesenheitsnotiz: x",
    "Réponse automatique : x",
    "Respuesta automática: x",
    "Resposta automática: x",
    "Автоматический ответ: x",
    "Risposta automatica: x",
    "Automatisch antwoord: x",
    "Odpowiedź automatyczna: x",
    "Autosvar: x",
    "Otomatik Yanıt: x",
]


@pytest.mark.parametrize("subject", AWAY_SUBJECTS)
def test_out_of_office_in_the_words_of_mail_systems(subject):
    assert look(message("...", subject=subject)) == AWAY


WEAK = [
    ("Out of office", "I am out of the office until Monday with limited access to email."),
    ("Out of Office: x", "I'm out of the office. Please call my colleague."),
    ("Vắng mặt", "Tôi đang nghỉ phép đến hết ngày 5/6. Xin liên hệ anh Nam."),
    ("Nghỉ phép", "Tôi hiện đang đi vắng."),
    ("休假", "我正在休假，无法及时回复邮件。"),
    ("不在办公室", "您好，我目前不在办公室。"),
    ("不在", "出張のため不在にしております。"),
    ("부재중", "휴가 중입니다."),
    ("Abwesend", "Ich bin im Urlaub und ab Montag wieder da."),
    ("Absent", "Je suis absent jusqu'au 5 juin."),
    ("Fuera de la oficina", "Estoy de vacaciones."),
    ("Fora do escritório", "Estou de férias."),
    ("В отпуске", "Я в отпуске до понедельника."),
    ("Afwezig", "Ik ben afwezig tot maandag."),
    ("Fuori sede", "Sono fuori ufficio."),
    ("Poza biurem", "Jestem na urlopie."),
    ("På semester", "Jag är på semester."),
    ("Ofis dışında", "Şu anda ofis dışındayım."),
]


@pytest.mark.parametrize(("subject", "text"), WEAK)
def test_out_of_office_by_subject_and_text(subject, text):
    assert look(message(text, subject=subject)) == AWAY
    assert look(message("...", subject=subject, headers=[("Auto-Submitted", "auto-replied")])) == AWAY
    assert look(message("...", subject=subject), NULL) == AWAY
    assert look(message(text, subject=f"Re: {subject}", headers=[("Auto-Submitted", "auto-replied")])) == AWAY


PEOPLE = [
    ("Out of office setup", "I am out of the office next week. How do I set an automatic reply?"),
    ("Out of office", "How do I switch it on in webmail?"),
    ("Re: Automatic reply: Máy in", "Anh về chưa ạ? Máy in vẫn hỏng."),
    ("Automatic reply does not work", "Please help."),
    ("Nghỉ phép", "Phần mềm chấm công báo lỗi khi tôi xin nghỉ phép. Tôi đang nghỉ phép, làm sao sửa?"),
    ("Đơn hàng trước kỳ nghỉ", "Tôi đi vắng tuần sau, xin giao trước thứ Sáu."),
    ("休假前能发货吗", "我正在休假，请下周发货。"),
    ("Holiday opening hours?", "Are you open on Monday?"),
    ("Vacation rental invoice", "I am on vacation and need the invoice."),
    ("Absence of signal", "The antenna shows nothing."),
    ("Autosvar virker ikke", "Hjelp."),
    ("请问自动回复怎么设置", "我在休假期间想设置自动回复"),
    ("Máy in hỏng", "Tôi đang nghỉ phép nhưng máy in ở nhà bị hỏng, nhờ sửa giúp."),
    ("Xin nghỉ phép cho nhân viên bảo trì", "Thứ Hai kỹ thuật viên của quý công ty có nghỉ không?"),
    ("Away team jerseys", "Please print 20."),
    ("Auto reply: not working", "My auto reply is not sent."),
    ("休假通知模板", "请帮我设计一个休假通知模板。"),
]


@pytest.mark.parametrize(("subject", "text"), PEOPLE)
def test_a_person_who_writes_about_holidays_stays_a_person(subject, text):
    assert look(message(text, subject=subject)) == PERSON


@pytest.mark.parametrize(
    ("subject", "text", "headers"),
    [
        ("Vacation deals for you", "Book now", [("List-Unsubscribe", "<x>"), ("Precedence", "bulk")]),
        ("Holiday: 20 % off", "I will be back with more", [("Feedback-ID", "x"), ("List-Unsubscribe", "<x>")]),
        ("Absence: leave request of Minh", "Please approve.", [("Auto-Submitted", "auto-generated")]),
        ("Alarm: disk full", "server1", [("Auto-Submitted", "auto-generated")]),
    ],
)
def test_machines_that_write_about_holidays_are_work(subject, text, headers):
    assert look(message(text, subject=subject, headers=headers)) == MACHINE


@pytest.mark.parametrize(
    ("subject", "text", "expected"),
    [
        ("Read: [DESK-42] Máy in", "Your message was read on Monday, June 3, 2024 2:05 PM.", RECEIPT),
        ("已读：打印机", "这是邮件收条，您发送的邮件已被阅读。", RECEIPT),
        ("Đã đọc: Máy in", "Thư của bạn đã được đọc lúc 14:05.", RECEIPT),
        ("Read: error on disk 1", "The machine says read error.", PERSON),
        ("已读：不明白", "请再解释一次。", PERSON),
    ],
)
def test_receipts_without_a_report(subject, text, expected):
    assert look(message(text, subject=subject)) == expected


REPLIED = [("Auto-Submitted", "auto-replied")]


@pytest.mark.parametrize(
    ("mail", "env", "expected"),
    [
        (message(headers=REPLIED, in_reply_to=[OWN_ID]), None, AUTO),
        (message(headers=REPLIED, references=["<x@y.example>"]), None, AUTO),
        (message(headers=REPLIED, subject="Re: [DESK-42] x"), None, AUTO),
        (message(headers=REPLIED, subject="回复：x"), None, AUTO),
        (message(headers=REPLIED), envelope(rcpt=[REPLY_TO]), AUTO),
        (message(headers=REPLIED, subject="New order 5512"), None, AUTO_WORK),
        (message(headers=[("X-Autoreply", "yes")], in_reply_to=[OWN_ID]), NULL, AUTO),
    ],
)
def test_automatic_answers_are_recorded_when_they_answer_something(mail, env, expected):
    assert look(mail, env) == expected


REPLY_PART = b"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR"


@pytest.mark.parametrize(
    ("mail", "expected"),
    [
        (message(attachments=[attachment("text/calendar", REPLY_PART)]), (MailKind.CALENDAR, False, False)),
        (message(content_type="text/calendar", params={"method": "REPLY"}), (MailKind.CALENDAR, False, False)),
        (message(attachments=[attachment("text/calendar", b"METHOD:REQUEST")]), PERSON),
        (message(attachments=[attachment("text/plain", REPLY_PART)]), PERSON),
    ],
)
def test_calendar(mail, expected):
    assert look(mail) == expected


@given(
    st.text(max_size=80),
    st.text(max_size=200),
    st.lists(
        st.tuples(
            st.sampled_from(["auto-submitted", "precedence", "list-id", "x-spamd-result", "x-spam-status", "received"]),
            st.text(max_size=60),
        ),
        max_size=4,
    ),
    st.sampled_from([None, "", "<>", "a@b.example", "\x00"]),
)
def test_law_5_whatever_it_is_the_answers_agree(subject, text, headers, mail_from):
    found = classify(message(text, subject=subject, headers=headers), envelope(mail_from), OWN)
    assert not (found.may_answer and not found.is_work)
    if found.may_answer:
        assert found.kind is MailKind.PERSON
        assert mail_from not in ("", "<>")
        submitted = [value for name, value in headers if name == "auto-submitted"]
        assert all("no" in value.lower() for value in submitted)


def test_hostile_headers_take_linear_time():
    for value in ("(" * 60_000, "<" * 60_000, "no" + " (" * 30_000, "[" * 60_000, "score=" * 10_000, "1" * 60_000):
        names = ("auto-submitted", "list-id", "x-spamd-result", "x-spam-status", "precedence", "return-path")
        look(message(">" * 1_000_000, subject="a" * 255, headers=[(name, value) for name in names]))


ALARM = "<alarm.0123456789abcdef@desk.example>"


@pytest.mark.parametrize(
    ("to", "answers", "found"),
    [
        ("bounce@desk.example", ALARM, AUTO),
        ("bounce@desk.example", "<alarm.x@elsewhere.example>", PERSON),
        ("bounce@desk.example", "<q@desk.example>", PERSON),
        (DESK, ALARM, PERSON),  # an administrator passes it on to the desk
    ],
)
def test_what_answers_an_alarm_is_for_nobody(to: str, answers: str, found: object) -> None:
    """Another helpdesk that gets our alarms acknowledges them, perhaps without any mark."""
    assert look(message(in_reply_to=(answers,), to=()), replace(envelope(), rcpt_to=(to,))) == found
