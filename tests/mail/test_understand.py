"""The whole reading of one message."""

from __future__ import annotations

from gateway.mail.token import sign_address, sign_message_id
from gateway.mail.understand import ReadContext, understand
from gateway.model import Evidence, MailKind, Purpose, Source
from tests.mail.made import AUTHOR, DESK, KEYS, OWN, TODAY, envelope, intake, message

CONTEXT = ReadContext(KEYS, "DESK", "desk.example", frozenset({"mx.desk.example"}), OWN, TODAY)
SIGNED = sign_address(DESK, Purpose.REPLY, 42, AUTHOR, TODAY + 9, KEYS)
SIGNED_ID = sign_message_id("desk.example", Purpose.REPLY, 42, AUTHOR, TODAY + 9, "n1", KEYS)
PASS = ("Authentication-Results", "mx.desk.example; dmarc=pass header.from=khach.example")


def test_a_first_mail_is_shown_with_its_signature() -> None:
    text = "Máy in hỏng.\n\nTrân trọng,\nLan\n0903 123 456"
    assert understand(message(text), intake(envelope()), CONTEXT).new_text == text
    assert understand(message(text, subject="Re: x"), intake(envelope()), CONTEXT).new_text == "Máy in hỏng."


def test_a_first_mail():
    reading = understand(message(), intake(envelope(vouched=False)), CONTEXT)
    assert (reading.kind, reading.may_answer, reading.is_work) == (MailKind.PERSON, True, True)
    assert (reading.evidence, reading.language, reading.tag) == (Evidence.E0, "vi", None)
    assert reading.new_text == reading.message.text
    assert reading.tokens == ()
    assert reading.own_ids == ()


def test_a_reply_to_a_signed_address():
    text = f"Máy đã chạy, cảm ơn.\n\nVào 14:05 3 thg 6, 2024, Hỗ trợ <{SIGNED}> đã viết:\n\n> Xong chưa ạ?\n"
    mail = message(text, subject="Re: [DESK-42] Máy in", to=[SIGNED], in_reply_to=[SIGNED_ID], headers=[PASS])
    reading = understand(mail, intake(envelope(rcpt=[SIGNED])), CONTEXT)
    assert reading.evidence is Evidence.E3
    assert reading.tag == 42
    assert reading.new_text == "Máy đã chạy, cảm ơn."
    assert [check.where for check in reading.tokens] == ["recipient", "reference"]
    assert reading.own_ids == (SIGNED_ID,)


def test_a_signed_message_id_answered_by_its_addressee_is_e2():
    mail = message(in_reply_to=[SIGNED_ID])
    assert understand(mail, intake(envelope()), CONTEXT).evidence is Evidence.E2
    stranger = message(in_reply_to=[SIGNED_ID], author="eve@evil.example")
    assert understand(stranger, intake(envelope()), CONTEXT).evidence is Evidence.E0


def test_confirmation_and_submission_give_e3():
    assert understand(message(), intake(envelope(), confirmed=True), CONTEXT).evidence is Evidence.E3
    submitted = intake(envelope(auth=AUTHOR), source=Source.SUBMISSION)
    assert understand(message(), submitted, CONTEXT).evidence is Evidence.E3


def test_forwards_and_first_mails_are_shown_whole():
    form = "Đơn mới:\n\nFrom: Lan <lan@khach.example>\nDate: 3/6/2024\nSubject: Hỏi giá\n\nBao nhiêu tiền một hộp mực?"
    assert understand(message(form, subject="Đơn từ web"), intake(envelope()), CONTEXT).new_text == form
    assert (
        understand(message(form, subject="Fwd: x", references=["<a@b>"]), intake(envelope()), CONTEXT).new_text == form
    )
    assert understand(message(form, subject="Re: x"), intake(envelope()), CONTEXT).new_text == "Đơn mới:"


def test_the_subject_helps_where_the_text_is_too_short():
    reading = understand(message("ok", subject="打印机坏了"), intake(envelope()), CONTEXT)
    assert reading.language == "zh"


def test_the_language_is_that_of_the_new_words():
    text = (
        "请问什么时候发货？\n\nOn 6/3/24 14:05, Support <a@b.example> wrote:\n\n> " + "Your order is on its way. " * 20
    )
    assert understand(message(text, subject="Re: x"), intake(envelope()), CONTEXT).language == "zh"
