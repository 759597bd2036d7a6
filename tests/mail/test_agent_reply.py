"""Agents' answers (law 6): what is internal never reaches a customer. Bodies are as the clients write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.agent_reply import agent_answer
from gateway.mail.token import sign_address
from gateway.model import Purpose
from tests.mail.made import DESK, KEYS, TODAY, attachment, message

MARK = "=#=#= "
SIGNED = sign_address(DESK, Purpose.AGENT, 42, "minh@agents.example", TODAY, KEYS)
SECRETS = (SIGNED, "minh@agents.example", "INTERNAL HISTORY", "Ghi chú nội bộ")
NOTICE = [
    "=#=#= Viết câu trả lời phía trên dòng này / 请在此行上方回复 / Write above this line",
    "",
    "[DESK-42] Máy in hỏng",
    "Khách: lan@khach.example",
    "Ghi chú nội bộ: khách VIP",
    "",
    "Xin chào, máy in của tôi bị hỏng.",
]
PLAIN = "\n".join(NOTICE)
QUOTED = "\n".join(f"> {line}".rstrip() for line in NOTICE)
TIGHT = "\n".join(f">{line}" for line in NOTICE)
ANSWERS = {
    "vi": "Kính thưa quý khách,\n\nKỹ thuật viên sẽ đến lúc 14:00 ngày mai.\n\nTrân trọng,\nMinh",
    "zh": "您好，\n\n工程师明天下午两点到。\n\n谢谢！\n小明",
    "en": "Dear customer,\n\nOn Monday we wrote: please restart.\nFrom: the menu choose Reset.\n\nRegards,\nMinh",
}

# what stands between the answer and the notification, by client
CLIENTS = {
    "gmail vi": f"\n\nVào Th 2, 3 thg 6, 2024 vào lúc 14:05 Hỗ trợ <\n{SIGNED}> đã viết:\n\n{QUOTED}\n",
    "gmail vi new": f"\n\nVào 14:05, Th 2, 3 thg 6, 2024 Hỗ trợ <{SIGNED}>\nđã viết:\n\n{QUOTED}\n",
    "gmail zh": f"\n\n客服 <{SIGNED}> 于2024年6月3日周一\n14:05写道：\n\n{QUOTED}\n",
    "gmail en": f"\n\nOn Mon, Jun 3, 2024 at 2:05 PM Support Desk <\n{SIGNED}> wrote:\n\n{QUOTED}\n",
    "gmail en three lines": f"\n\nOn Mon, Jun 3, 2024 at 2:05 PM\nSupport Desk <{SIGNED}>\nwrote:\n\n{QUOTED}\n",
    "outlook en html": f"\n\nFrom: Support <{SIGNED}>\nSent: Monday, June 3, 2024 2:05 PM\n"
    f"To: Minh <minh@agents.example>\n"
    f"Subject: [DESK-42] Máy in hỏng\n\n{PLAIN}\n",
    "outlook en spaced": f"\n\n*From:* Support <{SIGNED}>\n\n*Sent:* Monday, June 3, 2024 2:05 PM\n\n"
    f"*To:* Minh <minh@agents.example>\n\n*Subject:* [DESK-42] Máy in hỏng\n\n\n{PLAIN}\n",
    "outlook vi": f"\n\n________________________________\nTừ: Hỗ trợ <{SIGNED}>\n"
    f"Đã gửi: Thứ Hai, 3 tháng 6, 2024 14:05\n"
    f"Đến: Minh <minh@agents.example>\nCc: a@agents.example; \n b@agents.example\n"
    f"Chủ đề: [DESK-42] Máy in\n\n{PLAIN}\n",
    "outlook zh": f"\n\n发件人: 客服 <{SIGNED}>\n发送时间: 2024年6月3日 14:05\n收件人: minh@agents.example\n"
    f"抄送: x@agents.example\n主题: [DESK-42] 打印机\n\n{PLAIN}\n",
    "outlook plain": f"\n\n-----Original Message-----\nFrom: Support [mailto:{SIGNED}]\n"
    f"Sent: Monday, June 3, 2024 2:05 PM\n"
    f"To: Minh\nSubject: [DESK-42]\n\n{PLAIN}\n",
    "outlook plain zh": f"\n\n-----邮件原件-----\n发件人: 客服 <{SIGNED}>\n"
    f"发送时间: 2024年6月3日 14:05\n收件人: Minh\n主题: [DESK-42]\n\n{PLAIN}",
    "outlook mobile": f"\n\nGet Outlook for iOS\n________________________________\nFrom: Support <{SIGNED}>\n"
    f"Sent: Monday, June 3, 2024 2:05:00 PM\nTo: Minh <minh@agents.example>\nSubject: [DESK-42]\n\n{PLAIN}\n",
    "outlook de": f"\n\nVon: Support <{SIGNED}>\nGesendet: Montag, 3. Juni 2024 14:05\n"
    f"An: Minh\nBetreff: [DESK-42]\n\n{PLAIN}\n",
    "apple en": f"\n\n> On 3 Jun 2024, at 14:05, Support <{SIGNED}> wrote:\n> \n{QUOTED}\n",
    "apple vi": f"\n\n> Vào 14:05, 3 thg 6, 2024, Hỗ trợ <{SIGNED}> đã viết:\n> \n{QUOTED}\n",
    "apple zh": f"\n\n> 2024年6月3日 14:05，客服 <{SIGNED}> 写道：\n> \n{QUOTED}\n",
    "apple zh old": f"\n\n在 2024年6月3日，下午2:05，客服 <{SIGNED}> 写道：\n\n{QUOTED}\n",
    "iphone": f"\n\nSent from my iPhone\n\n> On 3 Jun 2024, at 14:05, Support <{SIGNED}> wrote:\n> \n{QUOTED}\n",
    "iphone vi": f"\n\nĐã gửi từ iPhone của tôi\n\n> Vào 14:05 3 thg 6, 2024, Hỗ trợ <{SIGNED}> đã viết:\n"
    f"> \n{QUOTED}\n",
    "thunderbird en": f"\n\nOn 6/3/24 14:05, Support wrote:\n{QUOTED}\n",
    "thunderbird vi": f"\n\nVào 03/06/2024 14:05, Hỗ trợ đã viết:\n{QUOTED}\n",
    "thunderbird zh": f"\n\n在 2024/6/3 14:05, 客服 写道:\n{QUOTED}\n",
    "thunderbird de": f"\n\nAm 03.06.24 um 14:05 schrieb Support:\n{QUOTED}\n",
    "gmail de": f"\n\nAm Mo., 3. Juni 2024 um 14:05 Uhr schrieb Support <\n{SIGNED}>:\n\n{QUOTED}\n",
    "gmail ja": f"\n\n2024年6月3日(月) 14:05 Support <{SIGNED}>:\n\n{QUOTED}\n",
    "gmail ko": f"\n\n2024년 6월 3일 (월) 오후 2:05, Support <{SIGNED}>님이\n작성:\n\n{QUOTED}\n",
    "gmail fr": f"\n\nLe lun. 3 juin 2024 à 14:05, Support <{SIGNED}> a\nécrit :\n\n{QUOTED}\n",
    "gmail th": f"\n\nในวันที่ จ. 3 มิ.ย. 2024 เวลา 14:05 Support <{SIGNED}>\nเขียนไว้ว่า:\n\n{QUOTED}\n",
    "qq": f'\n\n\n\n------------------ 原始邮件 ------------------\n发件人: "客服" <{SIGNED}>;\n'
    f'发送时间: 2024年6月3日(星期一) 下午2:05\n收件人: "Minh"<minh@agents.example>;\n主题: [DESK-42]\n\n\n\n{PLAIN}\n',
    "qq en": f'\n\n\n------------------ Original ------------------\nFrom: "Support"<{SIGNED}>;\n'
    f'Date: Mon, Jun 3, 2024 02:05 PM\nTo: "Minh"<minh@agents.example>;\nSubject: [DESK-42]\n\n\n{PLAIN}\n',
    "qq mobile": f'\n\n---原始邮件---\n发件人: "客服"<{SIGNED}>\n发送时间: 2024年6月3日(周一) 下午2:05\n'
    f'收件人: "Minh"<minh@agents.example>;\n主题: [DESK-42]\n\n{PLAIN}\n',
    "foxmail zh": f"\n\n\n\n发件人： 客服\n发送时间： 2024-06-03 14:05\n收件人： minh\n"
    f"主题： [DESK-42] 打印机\n{PLAIN}\n",
    "foxmail en": f"\n\n\n\nFrom: Support\nDate: 2024-06-03 14:05\nTo: minh\n"
    f"CC: lead\nSubject: [DESK-42] Printer\n{PLAIN}\n",
    "163": f'\n\n\n\n\n\n\n在 2024-06-03 14:05:00，"客服" <{SIGNED}> 写道：\n\n{QUOTED}\n',
    "163 plain quote": f'\n\n\n\nAt 2024-06-03 14:05:00, "Support" <{SIGNED}> wrote:\n\n{TIGHT}\n',
    "163 new": f"\n\n\n\n---- 回复的原邮件 ----\n| 发件人 | 客服<{SIGNED}> |\n| 发送日期 | 2024年06月03日 14:05 |\n"
    f"| 收件人 | Minh<minh@agents.example> |\n| 主题 | [DESK-42] |\n{PLAIN}\n",
    "aliyun": f"\n\n------------------------------------------------------------------\n发件人：客服 <{SIGNED}>\n"
    f"发送时间：2024年6月3日(星期一) 14:05\n收件人：Minh <minh@agents.example>\n主　题：[DESK-42]\n\n{PLAIN}\n",
    "yahoo": f"\n\n    On Monday, June 3, 2024 at 02:05:00 PM GMT+7, Support <{SIGNED}> wrote:  \n \n {PLAIN}\n",
    "zoho": f"\n\n---- On Mon, 03 Jun 2024 14:05:00 +0700 Support <{SIGNED}> wrote ----\n\n{PLAIN}\n",
    "samsung": f"\n\n-------- Tin nhắn gốc --------\nTừ: Hỗ trợ <{SIGNED}>\nNgày: 03/06/2024 14:05 (GMT+07:00)\n"
    f"Đến: minh@agents.example\nTiêu đề: [DESK-42]\n\n{PLAIN}\n",
    "k-9": f"\n\n-------- Original Message --------\nFrom: Support <{SIGNED}>\nSent: 3 June 2024 14:05:00 GMT+07:00\n"
    f"To: minh@agents.example\nSubject: [DESK-42]\n\n{PLAIN}\n",
    "k-9 inline": f"\n\nOn 3 June 2024 14:05:00 GMT+07:00, Support <{SIGNED}> wrote:\n{TIGHT}\n",
    "mutt top-posting": f"\n\nOn Mon, Jun 03, 2024 at 02:05:00PM +0700, Support wrote:\n{QUOTED}\n",
    "html blockquote": f"\n\nOn Mon, Jun 3, 2024 at 2:05 PM Support <{SIGNED}> wrote:\n\n"
    + "\n".join(f"> > {line}" for line in NOTICE),
    "indented": f"\n\nOn Mon, Jun 3, 2024 at 2:05 PM Support <{SIGNED}> wrote:\n\n    {PLAIN}\n",
    "table bars": f"\n\nOn Mon, Jun 3, 2024 at 2:05 PM Support <{SIGNED}> wrote:\n\n| |\n| *{PLAIN}\n",
    "logo above the line": f"\n\nOn Mon, Jun 3, 2024 at 2:05 PM Support <{SIGNED}> wrote:\n\n> [logo]\n>\n{QUOTED}\n",
    "outlook th": f"\n\nจาก: Support <{SIGNED}>\nส่ง: 3 มิถุนายน 2024 14:05\nถึง: Minh\nเรื่อง: [DESK-42]\n\n{PLAIN}\n",
    "owa rule": f"\n---\nTừ: Hỗ trợ <{SIGNED}>\nĐã gửi: 3/6/2024\nĐến: Minh\nChủ đề: [DESK-42]\n{PLAIN}\n",
    "foxmail signature": f"\n\n---\nMinh@Agents.example\n\n> 发件人： <{SIGNED}>\n> 发送时间： 2024-06-03\n"
    f"> 收件人： a\n{QUOTED}\n",
    "no lead at all": f"\n\n{PLAIN}\n",
    "signature": f"\n\n-- \nMinh, minh@agents.example\n0900 000 000\n\nOn 6/3/24 14:05, Support wrote:\n{QUOTED}\n",
    "server footer": f"\n\nOn 6/3/24 14:05, Support wrote:\n{QUOTED}\n\nThis e-mail is confidential.\n",
    "crlf": f"\n\nOn 6/3/24 14:05, Support wrote:\n{QUOTED}\n".replace("\n", "\r\n"),
}


def written(text: str, **fields):
    return message(text, author="minh@agents.example", **fields)


@pytest.mark.parametrize("language", ANSWERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_everything_above_the_line_and_nothing_else(client, language):
    answer = agent_answer(written(ANSWERS[language] + CLIENTS[client]), MARK, SECRETS)
    assert (answer.text, answer.trouble, answer.cut) == (ANSWERS[language], "", True)


@pytest.mark.parametrize("client", CLIENTS)
def test_nothing_written_is_empty_for_every_client(client):
    answer = agent_answer(written(CLIENTS[client]), MARK, SECRETS)
    assert answer.text == ""
    assert answer.trouble == ("below-the-line" if client == "server footer" else "empty")


@pytest.mark.parametrize("client", CLIENTS)
def test_attachments_alone_are_an_answer(client):
    mail = written(CLIENTS[client], attachments=[attachment("application/pdf")])
    assert agent_answer(mail, MARK, SECRETS).trouble in ("", "below-the-line")


@pytest.mark.parametrize("last", ["As agreed, Minh wrote:", "Dear customer, we wrote:", "Lan viết:"])
def test_a_last_line_of_the_agent_that_only_sounds_like_a_lead_stays(last):
    answer = agent_answer(written(f"Xin chào\n\n{last}\n\n{QUOTED}\n"), MARK, SECRETS)
    assert answer.text == f"Xin chào\n\n{last}"


BOTTOM = [
    f"On Mon, Jun 03, 2024 at 02:05:00PM +0700, Support wrote:\n{QUOTED}\n\nHere is the answer.\n",
    f"{QUOTED}\n\nHere is the answer.\n\n-- \nMinh\n",
    "Hello,\n\nOn 6/3/24 14:05, Support wrote:\n> =#=#= line\n> What colour?\n\nRed.\n\n> How many?\n\nTwo.\n",
    f"See below.\n\nOn 6/3/24 14:05, Support <{SIGNED}> wrote:\n> =#=#= line\n> What colour?\n\nRed.\n\n> How many?\n",
]


@pytest.mark.parametrize("text", BOTTOM)
def test_answers_below_the_line_go_back(text):
    answer = agent_answer(message(text), MARK, SECRETS)
    assert answer.trouble == "below-the-line"


def test_a_quoted_line_that_the_client_wrapped_is_no_answer():
    text = (
        "Xong.\n\nOn 6/3/24 14:05, A wrote:\n> =#=#= a very long line that\nwas wrapped\n> more\n> and\nmore\n> end\n"
    )
    assert agent_answer(message(text), MARK, SECRETS).trouble == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Đã xong.\n", "Đã xong."),
        ("Đã xong.\n\n-- \nMinh\nminh@agents.example", "Đã xong."),
        (f"Đã xong.\n\nVào 14:05 3/6/2024, Hỗ trợ <{SIGNED}> đã viết:\n\n> máy in hỏng\n", "Đã xong."),
        (
            f"On 6/3/24 14:05, Support <{SIGNED}> wrote:\n> What colour?\n\nRed.\n\n> How many?\n\nTwo.\n",
            "Red.\n\n\nTwo.",
        ),
        ("On 6/3/24 14:05, Support wrote:\n> Ghi chú nội bộ: VIP\n\nHere is the answer.\n", "Here is the answer."),
    ],
)
def test_without_the_line_what_is_not_quoted_is_the_answer(text, expected):
    answer = agent_answer(message(text), MARK, SECRETS)
    assert (answer.text, answer.trouble, answer.cut) == (expected, "", False)


@pytest.mark.parametrize(
    "text",
    [
        f"Xong.\n\nTừ: Hỗ trợ <{SIGNED}>\nĐã gửi: 3/6/2024\nĐến: Minh\nChủ đề: [DESK-42]\n\nmáy in hỏng",
        "Xong.\n\n-----Original Message-----\nmáy in hỏng",
        "Xong.\n\nGhi  chú\nnội bộ: khách VIP",
        "Xong.\n\nKính gửi Minh <minh@\nagents.example>",
        f"Xong.\n\nGửi lại vào {SIGNED.upper()} nhé",
        f"Xong. {SIGNED.partition('@')[0]}@\ndesk.example",
        "GHI CHÚ NỘI BỘ\u200b: x\n\n=#=#= dòng",
        "Xong.\n\nInternal\xa0history\n> =#=#= dòng",
    ],
)
def test_text_of_ours_in_the_answer_goes_back(text):
    assert agent_answer(message(text), MARK, SECRETS).trouble == "internal-text"


@pytest.mark.parametrize("text", ["", "\n \n", "-- \nMinh", f"{PLAIN}", f"{QUOTED}"])
def test_an_empty_answer_goes_back(text):
    assert agent_answer(message(text), MARK, SECRETS).trouble == "empty"


def test_text_on_the_line_itself_is_kept():
    answer = agent_answer(message(f"Đã xong. {PLAIN}"), MARK, SECRETS)
    assert (answer.text, answer.trouble) == ("Đã xong.", "")


def test_a_blank_mark_is_refused():
    with pytest.raises(ValueError, match="blank"):
        agent_answer(message("x"), " ", ())


words = st.text(st.sampled_from("abc ăđ写道:>-=#\n@._<"), max_size=60)


@given(words, words, words, st.sampled_from(list(CLIENTS)))
def test_law_6_no_secret_ever_goes_out(before, between, after, client):
    lead = CLIENTS[client]
    for text in (before + lead + after, before + lead.replace("=#=#=", between), between + lead[5:], lead[7:] + after):
        answer = agent_answer(message(text), MARK, SECRETS)
        packed = "".join(answer.text.split()).lower()
        if not answer.trouble:
            assert not any("".join(secret.split()).lower() in packed for secret in SECRETS)
            assert "=#=#=" not in answer.text


@pytest.mark.parametrize(
    "filler", [">" * 1_000_000, ">\n" * 500_000, "On 1/1/24 x wrote:\n" * 50_000, "From:\n" * 160_000]
)
def test_hostile_text_takes_linear_time(filler):
    agent_answer(message(filler), MARK, SECRETS)
    agent_answer(message(filler + "\n> =#=#= x\n" + filler), MARK, SECRETS)
