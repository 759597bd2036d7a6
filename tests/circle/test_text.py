"""Names, subjects, texts and files come out as they went in: by mail servers, parser, store, composer and back."""

from __future__ import annotations

import random
import smtplib
import unicodedata
from email.header import Header
from email.utils import formatdate, make_msgid
from hashlib import sha256

import pytest

from tests.circle.letters import HUNG, THAO, Letter, Person, answer, write
from tests.circle.world import Desk, Post, eventually

VIETNAMESE = (
    "Đề nghị kiểm tra gấp hệ thống thư điện tử của chi nhánh Đắk Lắk: từ sáng thứ Hai ngày 23 tháng 11 năm 2026, "
    "nhiều người dùng không gửi được thư có tệp đính kèm lớn hơn mười mê-ga-bai, kể cả trong nội bộ"
)
CHINESE = (
    "关于贵公司二〇二六年十一月服务费发票金额与合同约定不一致的核对请求"
    "（附件为发票扫描件及合同第三页，请尽快回复）【第二次】𠮷野家"
)
MIXED = "Re: [URGENT] Lỗi “không in được” – 打印机故障 – printer «HP-2055» не работает 🖨️ (lần thứ 3)"


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("Nguyễn Thị Hoàng Oanh (Phòng Kế toán, Chi nhánh Đắk Lắk)", VIETNAMESE),
        ("Nguyễn Thị Quỳnh", unicodedata.normalize("NFD", VIETNAMESE[:150])),
        ("欧阳修—深圳市某某科技有限公司采购部", CHINESE),
        ('Trần "Bảo" Ngọc, Jr.', MIXED),
    ],
    ids=["vi", "vi-decomposed", "zh", "mixed"],
)  # fmt: skip
def test_subjects_and_names(post: Post, desk: Desk, name: str, subject: str) -> None:
    customer = post.newcomer(name)
    to = desk.address("kythuat")
    post.send(customer, to, written(customer, to, subject, "Xin xem tiêu đề. Chữ cuối cùng: 完。"))
    receipt = post.wait_letter(customer, "CTY-")
    composed = composed_form(subject).removeprefix("Re: ")
    tag = receipt.subject.rpartition(" ")[2]
    assert composed_form(receipt.subject) == f"Re: {composed} {tag}"

    notice = post.wait_letter(HUNG, lambda one: composed_form(one.subject) == f"{tag} {composed}")
    assert shown_name(notice, "From").startswith(f"{name} · Phòng"[:60])
    post.submit(HUNG, notice.answer_to, answer(HUNG, notice, "Đã xem. 已经看过。"))
    reply = post.wait_letter(customer, "Đã xem. 已经看过。")
    assert composed_form(reply.subject) == f"Re: {composed} {tag}"
    assert shown_name(reply, "To") == name
    assert all(len(line) <= 78 for line in reply.raw.partition(b"\r\n\r\n")[0].split(b"\r\n") if b"=?" in line)


def composed_form(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def shown_name(letter: Letter, field: str) -> str:
    return letter.header(field).rpartition("<")[0].strip().removeprefix('"').removesuffix('"')


def written(customer: Person, to: str, subject: str, text: str) -> bytes:
    """As most clients write it: name and subject as one run of encoded words each."""
    sender = Header(customer.name, "utf-8", header_name="From").encode()
    fields = [
        f"From: {sender}\n <{customer.address}>",
        f"To: {to}",
        f"Subject: {Header(subject, 'utf-8', header_name='Subject').encode()}",
        f"Date: {formatdate()}",
        f"Message-ID: {make_msgid(domain='khach.example')}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
    ]
    return "\n".join([*fields, "", text, ""]).replace("\n", "\r\n").encode()


def test_a_body_in_eight_bits(post: Post, desk: Desk) -> None:
    customer = post.newcomer()
    to = desk.address("kythuat")
    text = "Chữ Việt không mã hóa: ạ ế ữ Đ; 中文也不编码；dấu chấm đầu dòng:\r\n.\r\n..hai chấm\r\nhết"
    head = f"From: {customer.address}\r\nTo: {to}\r\nSubject: eight bits {customer.mailbox}\r\nMIME-Version: 1.0\r\n"
    head += "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    post.send(customer, to, f"{head}{text}\r\n".encode())
    notice = post.wait_letter(HUNG, f"eight bits {customer.mailbox}")
    assert text.replace("\r\n", "\n") in notice.text
    assert desk.ticket_of(customer)["language"] == "vi"


def test_a_sender_beyond_ascii(post: Post, desk: Desk) -> None:
    """SMTPUTF8: the mail becomes a ticket and is seen."""
    address, to = "nguyễn.ngọc@khách.example", desk.address("kythuat")
    head = f"From: Nguyễn Ngọc <{address}>\r\nTo: {to}\r\nSubject: Địa chỉ có dấu\r\nMessage-ID: <u1@khach.example>\r\n"
    head += "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    with smtplib.SMTP("127.0.0.1", post.front.smtp_port, "laptop", timeout=60) as smtp:
        smtp.ehlo()
        assert smtp.has_extn("smtputf8")
        smtp.sendmail(address, [to], f"{head}Trả lời tôi được không?\r\n".encode(), ["SMTPUTF8", "BODY=8BITMIME"])
    notice = post.wait_letter(HUNG, "Địa chỉ có dấu")
    assert address in notice.text
    ticket = desk.wait_ticket(Person(address))
    assert [event["data"] for event in ticket["events"] if event["kind"] == "not-acknowledged"]
    eventually(desk.at_rest)


def test_a_large_attachment_arrives_whole(post: Post, desk: Desk) -> None:
    customer = post.newcomer("Đỗ Quyên")
    octets = random.Random(5).randbytes(5 * 1024 * 1024)
    name = "Bản vẽ thiết kế (lần 3) 图纸.zip"
    to = desk.address("kythuat")
    post.send(customer, to, write(customer, to, "Gửi bản vẽ", "Tệp 5 MB.", file=(name, "application/zip", octets)))
    for agent in (HUNG, THAO):
        notice = post.wait_letter(agent, "Gửi bản vẽ")
        assert list(notice.files) == [name]
        assert sha256(notice.files[name]).digest() == sha256(octets).digest()

    back = octets[::-1]
    notice = post.wait_letter(HUNG, "Gửi bản vẽ")
    raw = answer(HUNG, notice, "Bản vẽ đã sửa.", file=("đã sửa.zip", "application/zip", back))
    post.submit(HUNG, notice.answer_to, raw)
    reply = post.wait_letter(customer, "Bản vẽ đã sửa")
    assert sha256(reply.files["đã sửa.zip"]).digest() == sha256(back).digest()
