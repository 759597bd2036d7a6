"""What a customer added (law 12: trimming changes what is shown first, never what is kept, and never to nothing)."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.reply import is_forward, new_text, separate
from gateway.model import Message, Region
from tests.mail.made import message
from tests.mail.test_agent_reply import CLIENTS

OWN = "Cảm ơn, máy in đã chạy.\n\nCho tôi hỏi thêm: bao giờ có mực?\n\nLan"
OLD = "Xin chào,\n\nKỹ thuật viên đã sửa xong.\n\nMinh"
QUOTED = "\n".join(f"> {line}".rstrip() for line in OLD.split("\n"))
A = "support@desk.example"
NOT_FOR_CUSTOMERS = ("server footer", "gmail th", "outlook th", "foxmail signature")  # need the cut line to be sure

REPLIES = {
    "gmail vi": f"{OWN}\n\nVào Th 2, 3 thg 6, 2024 vào lúc 14:05 Hỗ trợ <\n{A}> đã viết:\n\n{QUOTED}\n",
    "gmail zh": f"{OWN}\n\n客服 <{A}> 于2024年6月3日周一 14:05写道：\n\n{QUOTED}\n",
    "gmail html as text": f"{OWN}\n\nOn Mon, Jun 3, 2024 at 2:05 PM Support <{A}> wrote:\n\n{OLD}\n",
    "outlook en": f"{OWN}\n\nFrom: S <{A}>\nSent: Monday, June 3, 2024 2:05 PM\nTo: Lan\nSubject: RE: x\n\n{OLD}",
    "outlook vi": f"{OWN}\n\n________________________________\nTừ: A\nĐã gửi: 3/6/24\nTới: Lan\nTiêu đề: x\n\n{OLD}",
    "outlook zh": f"{OWN}\n\n发件人: 客服 <{A}>\n发送时间: 2024年6月3日 14:05\n收件人: Lan\n主题: x\n\n{OLD}",
    "old outlook": f"{OWN}\n\n-----Original Message-----\nFrom: S\nSent: Monday\nTo: Lan\nSubject: x\n\n{OLD}",
    "qq": f"{OWN}\n\n\n------------------ 原始邮件 ------------------\n发件人: <{A}>;\n发送时间: 2024年\n\n{OLD}",
    "foxmail": f"{OWN}\n\n\n发件人： 客服\n发送时间： 2024-06-03 14:05\n收件人： lan\n主题： x\n{OLD}",
    "163": f'{OWN}\n\n\n在 2024-06-03 14:05:00，"客服" <{A}> 写道：\n\n{OLD}',
    "apple": f"{OWN}\n\n> On 3 Jun 2024, at 14:05, Support <{A}> wrote:\n> \n{QUOTED}\n",
    "thunderbird": f"{OWN}\n\nOn 6/3/24 14:05, Support wrote:\n{QUOTED}\n",
    "lotus-like quote without lead": f"{OWN}\n\n{QUOTED}\n",
    "our own cut line": f"{OWN}\n\n=#=#= Viết phía trên dòng này\n\n{OLD}\n",
    "signature": f"{OWN}\n\n-- \nTrần Thị Lan\n0900 000 000\n\nOn 6/3/24 14:05, Support wrote:\n{QUOTED}\n",
    "mobile": f"{OWN}\n\nĐã gửi từ iPhone của tôi\n\nVào 14:05 3 thg 6, 2024, Hỗ trợ <{A}> đã viết:\n\n{QUOTED}\n",
    "mobile zh": f"{OWN}\n\n发自我的iPhone\n\n------------------ 原始邮件 ------------------\n发件人: x\n\n{OLD}",
    "bottom-posted": f"On 6/3/24 14:05, Support wrote:\n{QUOTED}\n\n{OWN}\n",
    "bottom-posted without lead": f"{QUOTED}\n\n{OWN}\n",
}


@pytest.mark.parametrize("text", REPLIES.values(), ids=REPLIES)
def test_only_the_new_words(text):
    assert new_text(text) == OWN


@pytest.mark.parametrize("client", [name for name in CLIENTS if name not in NOT_FOR_CUSTOMERS])
def test_the_forms_agents_use_are_known_for_customers_too(client):
    assert new_text(OWN + CLIENTS[client]) == OWN


def test_inline_answers_keep_the_quotes_between():
    text = (
        "Chào shop,\n\nOn 6/3/24 14:05, Support <support@desk.example> wrote:\n"
        "> Màu gì?\n\nMàu đỏ.\n\n> Mấy cái?\n\nHai cái.\n\n> Cảm ơn.\n> Minh\n"
    )
    assert new_text(text) == "Chào shop,\n\n> Màu gì?\n\nMàu đỏ.\n\n> Mấy cái?\n\nHai cái."


@pytest.mark.parametrize(
    "text",
    [
        "Xem giúp tôi.\n\n---------- Forwarded message ---------\nTừ: A <a@b.example>\nDate: x\nSubject: y\n\nNội dung",
        "请处理。\n\n-------- 转发的邮件 --------\n发件人: A\n主题: B\n\n内容",
        "FYI\n\nBegin forwarded message:\n\nFrom: A <a@b.example>\nSubject: x\nDate: y\nTo: z\n\ncontent",
        "Bắt đầu thư được chuyển tiếp:\n\nTừ: A <a@b.example>\nChủ đề: x\n\nnội dung",
    ],
)
def test_forwards_are_content(text):
    assert new_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "As my colleague wrote: it is broken.",
        "Hôm 12/5 anh Nam viết:\nmáy sẽ được sửa ngày mai",
        "Vào ngày 5/6 lúc 14:05 nhân viên của shop có viết:\nsẽ giao trong ngày. Nhưng chưa thấy.",
        "Giao hàng giúp tôi\nTừ: Hà Nội\nĐến: Sài Gòn\nNgày: 12/5\nGhi chú: gấp",
        "From: Hanoi\nTo: Saigon\nDate: 5 May\n\nPlease quote.",
        "发件人: 张三\n电话: 123\n地址: 上海",
        "Xin hỏi:\n- giá\n- thời gian\n\n---\n\nCảm ơn",
        "From: Lan <lan@khach.example>\nSubject: Hỏi giá\n\nMessage Body:\nBao nhiêu tiền?",
        "1 > 2 là sai\n2 < 3 là đúng",
        "The log says:\n\n> npm install\n> npm run build",
        "I typed this\n\n    >>> print(1)\n    >>> print(2)",
        "Mã lỗi:\n> ERROR 42 at line 7\n\nSửa giúp tôi.",
        "a\n--\nb",
    ][:-1],
)
def test_what_only_looks_like_a_quote_stays(text):
    assert new_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        QUOTED,
        f"On 6/3/24 14:05, Support <{A}> wrote:\n{QUOTED}",
        f"-----Original Message-----\nFrom: a@b.example\nSent: x\nTo: y\nSubject: z\n\n{OLD}",
        "Sent from my iPhone",
        "-- \nLan",
        "=#=#= line\nx",
        ">",
    ],
)
def test_nothing_is_trimmed_to_nothing(text):
    assert new_text(text) == text


@given(st.text(st.sampled_from("ab >:\n-写道：wrote@<1=#From"), max_size=300))
def test_never_empty_and_never_longer(text):
    result = new_text(text)
    assert len(result) <= len(text)
    assert bool(result) == bool(text)
    assert bool(result.strip()) == bool(text.strip())


@given(st.text(max_size=300))
def test_any_text_is_read(text):
    new_text(text)


LINES = st.lists(
    st.sampled_from(
        [
            "", " ", "Xin chào", "> quoted", ">", "> > deeper", "-- ", "--", "----------", "______________", "A wrote:",
            "On Mon, Jun 3, 2024 at 2:05 PM A <a@b.example> wrote:", "From: A <a@b.example>", "Sent: 3/6/2024", "To: x",
            "Subject: y", "-----Original Message-----", "Sent from my iPhone", "Kind regards,", "+84 903 123 456",
            "---------- Forwarded message ---------", "Confidential; notify the sender, the addressee; delete it.",
        ]
    ),
    max_size=14,
)  # fmt: skip


@given(LINES, st.sampled_from(["", "Re: x", "Fwd: x"]))
def test_every_line_is_in_exactly_one_part(lines, subject):
    text = "\n".join(lines)
    parts = separate(message(text, subject=subject))
    together = [parts.new_text, parts.quoted_text, parts.signature]
    found = sorted(line.strip() for part in together for line in part.split("\n") if line.strip())
    assert found == sorted(line.strip() for line in lines if line.strip())
    assert bool(parts.new_text.strip()) == bool(text.strip())


YAHOO = "Cảm ơn.\n\nOn Monday, A <a@b.example> wrote:\n\nDear Lan,\nplease check.\n\nMinh"


def marked(text: str, *regions: Region, **fields) -> Message:
    return replace(message(text, **fields), html="<p>", html_text=text, regions=regions)


def test_a_container_of_older_mail_needs_no_known_words():
    mail = marked("Aitäh\n\nSaatja: A\nTeema: B\n\nTere", Region("rest", 2, 4))
    assert separate(mail).new_text == "Aitäh"
    mail = marked(YAHOO.replace("wrote", "ጻፈ"), Region("quote", 2, 8))
    assert separate(mail).new_text == "Cảm ơn."
    assert separate(mail).quoted_text.startswith("On Monday")


def test_answers_in_a_container_stay():
    text = "Hi\n\nOn Monday, A <a@b.example> wrote:\n\n> one?\n\nyes\n\n> two?\n\nno\n\n> bye"
    mail = marked(text, Region("container", 2, 13), Region("lead", 2, 3), Region("quote", 4, 5), Region("quote", 8, 9))
    assert separate(mail).new_text == "Hi\n\n> one?\n\nyes\n\n> two?\n\nno"


def test_a_mark_is_found_again_in_the_plain_text():
    plain = "Aitäh\n\n*Saatja:* A <a@b.example>\n*Teema:* B\n\nTere"
    mail = replace(marked("Aitäh\n\nSaatja: A <a@b.example>\nTeema: B\n\nTere", Region("rest", 2, 4)), text=plain)
    assert separate(mail).new_text == "Aitäh"


def test_a_marked_signature_goes_unless_it_is_all():
    mail = marked("Hi\n\nAnna Berg\nAcme", Region("signature", 2, 4))
    assert (separate(mail).new_text, separate(mail).signature) == ("Hi", "Anna Berg\nAcme")
    assert separate(marked("Hi\nAnna", Region("signature", 0, 2))).new_text == "Hi\nAnna"


def test_marks_beyond_the_text_are_no_harm():
    mail = marked("Hi", Region("quote", 5, 9), Region("signature", 7, 8))
    assert separate(mail).new_text == "Hi"


HOSTILE = {
    "quotes in one line": ">" * 1_000_000,
    "quote lines": ">\n" * 500_000,
    "one long line": "a" * 1_000_000,
    "long lines": ("x@y " * 250 + ":\n") * 1000,
    "colons": ":\n" * 500_000,
    "labels": "From:\nSent:\nTo:\n" * 60_000,
    "from only": "From: a\n" * 120_000,
    "attributions": "On 1/1/24 x wrote:\n" * 50_000,
    "nearly attributions": ("On 1 " + "y" * 480 + " wrote:\n") * 2000,
    "addresses": ("@" * 590 + ":\n") * 1700,
    "rules": "-----\n" * 160_000,
    "signatures": "-- \n" * 250_000,
    "blanks": " " * 1_000_000,
    "blank lines": "\n" * 1_000_000,
    "combining": ("a" + "\u0301" * 550 + "wrote:\n") * 1800,
    "alternating": "a\n>\n" * 250_000,
    "carriage returns": "\r" * 1_000_000,
    "spaced labels": ("From" + " " * 60 + "x\n") * 15_000,
    "separator-like": ("-" * 99 + "x" + "-" * 99 + "\n") * 5000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_takes_linear_time(text):
    started = time.process_time()
    new_text(text)
    full = time.process_time() - started
    assert full < 2.5, full  # under 1 s on a free core; the margin is for busy ones


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Fwd: x", True),
        ("FW: x", True),
        ("转发：x", True),
        ("Chuyển tiếp: x", True),
        ("Re: Fwd: x", False),
        ("Fwd", False),
        ("Forward planning: x", False),
        ("", False),
    ],
)
def test_forwards_by_subject(subject, expected):
    assert is_forward(subject) is expected


def test_our_own_line_ends_the_answer_whatever_the_language_of_the_lead():
    lead = "ሰኞ 3 ጁን 2024 ከ 2:05 Support <support@desk.example> ጻፈ፦"
    assert new_text(f"Aitäh.\n\n{lead}\n\n> =#=#= Write above\n> old") == "Aitäh."
    assert new_text(f"Aitäh.\n\n{lead}\n\n=#=#= Write above\nold") == "Aitäh."


LEADS = (Path(__file__).parent / "leads.txt").read_text("utf-8").rstrip("\n").split("\n~\n")


@pytest.mark.parametrize("lead", LEADS)
def test_the_line_above_a_quote_in_every_form(lead):
    for apart in ("\n", "\n\n"):
        for below in ("\n", "\n\n"):
            text = f"Erste Zeile\nzweite Zeile{apart}{lead}{below}> alt\n> älter\n"
            assert new_text(text) == "Erste Zeile\nzweite Zeile"


OLD_LINE = "this is a line that goes on as long as seventy signs and is wrapped by"
ODD = {
    "a quoted line the client wrapped": f"> {OLD_LINE}\nthe client\n> second",
    "hanmail": "---------[ 받은 메일 내용 ]----------\n제목 : x\n날짜 : 2024-06-03\n보낸이 : A <a@b.example>\n\nold",
    "no recipient": "From: A <a@b.example>\nSent: Monday, June 3, 2024 2:05 PM\nSubject: x\n\nold",
    "bold as Markdown": "**From:** A <a@b.example>\n**Sent:** 3 June 2024 14:05\n**To:** x\n**Subject:** x\n\nold",
    "blank lines between": "From: A <a@b.example>\n\nSent: 3 June 2024 14:05\n\nTo: x@y.example\n\nSubject: x\n\nold",
    "huawei": "-------- 原始邮件 --------\n主题：订单\n发件人：A \n收件人：a@b.example\n抄送：\n\n\n您好",
    "vivo": "> 主题：订单\n> 来自：A <a@b.example>\n> 日期：2024年6月3日 14:05\n> 收件人：a@b.example\n>\n> 您好",
    "bars for a quote": "On Mon, Jun 3, 2024 at 2:05 PM A <a@b.example> wrote:\n| old\n| older",
}


@pytest.mark.parametrize("below", ODD.values(), ids=ODD)
def test_what_few_clients_write(below):
    assert new_text(f"Yes.\n\n{below}\n") == "Yes."


@pytest.mark.parametrize("answer", ["Yes.\n", "Yes, in red.\n", "no idea\n"])
def test_an_answer_between_quoted_lines_is_no_wrapped_line(answer):
    text = (
        f"Hi\n\n> Would you like to have it in red, or do you still want the blue one?\n{answer}> And when?\nToday.\n"
    )
    assert new_text(text) == text.strip()
