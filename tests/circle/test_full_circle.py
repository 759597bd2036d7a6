"""Customer → Postfix → gateway → Postfix → Dovecot mailbox → agent → back (issue 2), by real SMTP and IMAP."""

from __future__ import annotations

import smtplib
import time

import pytest

from tests.circle.letters import HUNG, MAI, THAO, Letter, Person, answer, write
from tests.circle.world import QUIET, Desk, Post, eventually

PICTURE = ("ảnh lỗi màn hình.png", "image/png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)


def assert_public(letter: Letter) -> None:
    """Nothing of the house in it: no colleague's address, no quote of a notice, no address signed for staff."""
    for secret in (b"people.desk.example", b"=#=#=", b"kythuat+a", b"#close"):
        assert secret not in letter.raw, letter.raw.decode("utf-8", "replace")
    for secret in ("people.desk.example", "=#=#=", "đã viết:", "#close"):
        assert secret not in letter.text
    assert not any(line.startswith(">") for line in letter.text.splitlines())
    assert "CTY-" in letter.subject


def open_ticket(post: Post, desk: Desk, customer: Person, subject: str) -> Letter:
    """A customer's first mail; returns the notice that an agent has of it."""
    to = desk.address("kythuat")
    post.send(customer, to, write(customer, to, subject, "Nhờ anh chị kiểm tra giúp."))
    return post.wait_letter(HUNG, subject)


def test_the_whole_circle(post: Post, desk: Desk) -> None:
    customer = post.newcomer("Nguyễn Văn Ân")
    to = desk.address("kythuat")
    raw = write(customer, to, "Website báo lỗi 500 từ sáng nay", "Chào anh chị,\n\nXem ảnh đính kèm.\n", file=PICTURE)
    post.send(customer, to, raw)

    receipt = post.wait_letter(customer, "CTY-")
    assert receipt.subject.startswith("Re: Website báo lỗi 500")  # our border host said dmarc=pass
    assert receipt.header("Auto-Submitted") == "auto-replied"
    assert receipt.returns_to.startswith("bounce+")
    for agent in (HUNG, THAO):
        notice = post.wait_letter(agent, "Website báo lỗi 500")
        assert notice.files[PICTURE[0]] == PICTURE[2]
        assert customer.address in notice.text

    notice = post.wait_letter(HUNG, "Website báo lỗi 500")
    post.submit(HUNG, notice.answer_to, answer(HUNG, notice, "Chúng tôi đã khởi động lại dịch vụ."))
    reply = post.wait_letter(customer, "khởi động lại dịch vụ")
    assert_public(reply)
    assert "Auto-Submitted" not in reply.message
    assert desk.ticket_of(customer)["status"] == "open"
    assert desk.outcomes(customer)[-1] == "answered: auth=pass and own token (recipient)"

    post.send(customer, reply.answer_to, answer(customer, reply, "Cám ơn, nhưng trang thanh toán vẫn còn lỗi."))
    second = post.wait_letter(HUNG, "trang thanh toán vẫn còn lỗi")
    assert len(desk.tickets(customer)) == 1

    post.submit(HUNG, second.answer_to, answer(HUNG, second, "Trang thanh toán cũng đã sửa xong.\n\n#close"))
    assert_public(post.wait_letter(customer, "Trang thanh toán cũng đã sửa xong"))
    survey = post.wait_letter(customer, "=#=#=")
    post.send(customer, survey.answer_to, answer(customer, survey, "1 2\nCám ơn rất nhiều"))
    ticket = desk.wait_ticket(customer, lambda one: one["surveys"])
    assert (ticket["surveys"][0]["worked"], ticket["surveys"][0]["more_needed"]) == (True, False)
    assert ticket["status"] == "closed"


def test_a_survey_answered_no_opens_the_ticket_again(post: Post, desk: Desk) -> None:
    customer = post.newcomer("Trần Thị Hoa")
    notice = open_ticket(post, desk, customer, "Máy in không in được hóa đơn")
    post.submit(HUNG, notice.answer_to, answer(HUNG, notice, "Đã cài lại trình điều khiển.\n\n#close"))
    survey = post.wait_letter(customer, "=#=#=")
    post.send(customer, survey.answer_to, answer(customer, survey, "2 1"))
    ticket = desk.wait_ticket(customer, lambda one: one["surveys"])
    assert (ticket["surveys"][0]["worked"], ticket["surveys"][0]["more_needed"]) == (False, True)
    assert ticket["status"] == "open"


def test_an_answer_through_the_gateways_own_submission_port(post: Post, desk: Desk) -> None:
    customer = post.newcomer("Lý Tiểu Long")
    notice = open_ticket(post, desk, customer, "Tên miền sắp hết hạn")
    raw = answer(HUNG, notice, "Tên miền đã được gia hạn đến năm 2028.")
    post.submit(HUNG, notice.answer_to, raw, port=desk.submission_port)
    assert_public(post.wait_letter(customer, "gia hạn đến năm 2028"))
    assert desk.outcomes(customer)[-1] == "answered: SMTP AUTH as the author"


def test_an_answer_vouched_for_by_our_dmarc_filter(post: Post, desk: Desk) -> None:
    """An agent who writes from elsewhere: the filter's dmarc=pass and the signed address together are enough."""
    customer = post.newcomer("Võ Thị Sáu")
    open_ticket(post, desk, customer, "Tường lửa chặn cổng 587")
    notice = post.wait_letter(MAI, "Tường lửa chặn cổng 587")
    post.send(MAI, notice.answer_to, answer(MAI, notice, "Cổng 587 đã được mở."))
    letter = post.wait_letter(customer, "Cổng 587 đã được mở")
    assert_public(letter)
    assert b"congty.example" not in letter.raw
    assert desk.outcomes(customer)[-1] == "answered: dmarc=pass and own token (recipient)"


def test_without_a_login_the_agent_is_asked_to_confirm(post: Post, desk: Desk) -> None:
    customer = post.newcomer("Phan Văn Tài")
    notice = open_ticket(post, desk, customer, "Hộp thư bị đầy")
    post.send(HUNG, notice.answer_to, answer(HUNG, notice, "Đã tăng dung lượng hộp thư lên 10 GB."))
    question = post.wait_letter(HUNG, lambda one: "+c" in one.answer_to and "10 GB" in one.text)
    assert desk.outcomes(customer)[-1] == "staged: own token (recipient)"
    assert not [one for one in post.letters(customer) if "10 GB" in one.text]

    post.send(HUNG, question.answer_to, answer(HUNG, question, ""))
    assert_public(post.wait_letter(customer, "10 GB"))
    assert any(one == "answered: confirmed by its author" for one in desk.outcomes(customer))
    time.sleep(QUIET)
    assert len([one for one in post.letters(customer) if "10 GB" in one.text]) == 1


RESULTS = "mx.desk.example; dmarc=pass header.from=people.desk.example; auth=pass smtp.auth=hung@people.desk.example"
LINE = """from laptop (unknown [192.0.2.7])
	(Authenticated sender: hung@people.desk.example)
	by mx.desk.example (Postfix) with ESMTPSA id 4FfWJc0yZLz9rxL
	for <kythuat@desk.example>; Mon, 23 Nov 2026 08:00:00 +0700 (+07)"""
FORGED = {
    "results": f"Authentication-Results: {RESULTS}\r\n",
    "quoted id": f'Authentication-Results: "mx.desk.example"{RESULTS.removeprefix("mx.desk.example")}\r\n',
    "folded": f"Authentication-Results:\r\n {RESULTS}\r\n",
    "commented": f"Authentication-Results: (x) {RESULTS}\r\n",
    "line": f"Received: {LINE}\r\n",
    "both": f"Received: {LINE}\r\nAuthentication-Results: {RESULTS}\r\n",
    "two lines": f"Received: from mx.desk.example (x [127.0.0.1]) by b.example with ESMTP id 1\r\nReceived: {LINE}\r\n",
}


@pytest.mark.parametrize("marks", FORGED.values(), ids=FORGED)
def test_forged_marks_of_our_border_host_prove_nothing(post: Post, desk: Desk, marks: str) -> None:
    stranger = post.newcomer(domain="elsewhere.example")
    raw = marks.replace("\r\n", "\n").replace("\n", "\r\n").encode() + write(
        HUNG, desk.address("kythuat"), f"Ai viết thư này? {stranger.mailbox}", "Chuyển tiền vào tài khoản 123."
    )
    post.send(stranger, desk.address("kythuat"), raw)
    post.wait_letter(THAO, f"Ai viết thư này? {stranger.mailbox}")
    ticket = next(one for one in desk.tickets(HUNG) if stranger.mailbox in one["subject"])
    found = desk.store.ticket(int(ticket["number"]))
    assert found is not None
    assert found["decisions"][0]["reasons"][-1] == "From header alone"


def test_a_colleagues_login_does_not_make_one_somebody_else(post: Post, desk: Desk) -> None:
    customer = post.newcomer("Đinh La Thăng")
    notice = open_ticket(post, desk, customer, "Cần xuất hóa đơn")
    raw = answer(HUNG, notice, "Hóa đơn số 77 đã được xuất.")
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="not owned by user"):
        post.submit(HUNG, notice.answer_to, raw, login=THAO.address)
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="not owned by user"):
        post.submit(HUNG, "somebody@elsewhere.example", raw, login=THAO.address)
    post.submit(THAO, notice.answer_to, raw)  # the envelope is her own, the From line is not
    post.wait_letter(HUNG, lambda one: "+c" in one.answer_to and "Hóa đơn số 77" in one.text)
    assert desk.outcomes(customer)[-1] == "staged: own token (recipient)"
    assert not [one for one in post.letters(customer) if "số 77" in one.text]


def test_an_unknown_address_of_the_desk(post: Post, desk: Desk) -> None:
    """The world is refused by Postfix, which asks the gateway; a host of the house gets the gateway's answer back."""
    writer = post.newcomer("Vũ Thị Nga")
    to = desk.address("khongcoai")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        post.send(writer, to, write(writer, to, "Có ai không?", "…"))
    code, text = refused.value.recipients[to]
    assert code == 550
    assert b"no such address here" in text

    post.send(writer, to, write(writer, to, "Có ai không?", "…"), port=post.front.inside_port)
    returned = post.wait_letter(writer, "Undelivered Mail")
    assert "no such address here" in " ".join(returned.text.split())
    assert desk.tickets(writer) == []
    eventually(desk.at_rest)
