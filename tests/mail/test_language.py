"""The language of a short text, or an abstention."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.language import _counts, _kinds, guess

SAMPLES = {
    "vi": [
        "Xin chào, máy in của tôi bị hỏng.",
        "Đơn hàng",
        "Khi nào giao hàng?",
        "ok shop nhé",
        "Kính gửi quý công ty, chúng tôi cần báo giá 20 bộ máy tính.",
        "Toi muon hoan tien don hang nay",
        "shop oi cho minh hoi bao gio giao hang vay",
        "Xin chao, toi khong dang nhap duoc vao tai khoan",
        "May in bi loi, nho anh chi giup voi a",
        "Cam on shop nhieu",
        "Đã nhận được hàng, cảm ơn. Order DH-1234 please check",
        "Em gửi file thiết kế logo, anh xem giúp em: https://drive.example.com/please/check/the/order",
        unicodedata.normalize("NFD", "Tôi chưa nhận được hóa đơn"),
        "TÔI CẦN HỖ TRỢ GẤP",
        "Website cua toi bi loi 500, nho kiem tra giup",
        "Bao giá in 500 tờ rơi A4 giúp mình với",
    ],
    "zh": [
        "请问什么时候发货？",
        "打印机坏了",
        "发票",
        "您好，我的订单 DH-1234 还没有收到，请帮忙查询。",
        "無法登入帳號",
        "我的 Windows 10 电脑打不开 Outlook 了",
        "退款！",
        "谢谢",
        "Hi，请报价 500 张名片",
        "發票請寄給我，謝謝",
        "请取消订单，至急",
        "服务器报错，日志如下，请处理：ERROR worker failed, connection refused by upstream, not retried",
    ],
    "en": [
        "Where is my order?",
        "The printer is broken again, please help.",
        "I cannot log in to my account",
        "please send the invoice",
        "Hello, could you tell me when this will be delivered?",
        "Refund please",
        "We have not received your answer yet.",
        "My website has been down since this morning",
        "Thanks",
        "Thank you for the quick answer!",
        "It doesn't work",
        "How do I reset my password?",
    ],
    "": [
        "",
        " \n ",
        "12345",
        "DH-1234",
        "???",
        "👍",
        "a",
        "ABC XYZ",
        "https://example.com/the/and/you",
        "lan@khach.example",
        "プリンターが壊れました。修理をお願いします。",
        "お世話になっております。見積書を送付いたします。",
        "見積依頼",
        "請求書の件",
        "予約変更希望",
        "프린터가 고장났습니다. 도와주세요.",
        "Bonjour, je n'ai pas reçu ma facture. Pouvez-vous me l'envoyer ?",
        "Guten Tag, ich habe meine Rechnung noch nicht erhalten.",
        "Hola, no he recibido mi pedido todavía.",
        "Olá, não recebi o meu pedido ainda.",
        "Buongiorno, non ho ricevuto la fattura del mio ordine",
        "Здравствуйте, принтер не работает",
        "สวัสดีครับ เครื่องพิมพ์เสีย",
        "Selamat pagi, saya belum menerima pesanan saya, mohon bantuannya",
        "Dzień dobry, nie otrzymałem faktury",
        "Goedemorgen, ik heb mijn bestelling niet ontvangen",
        "Merhaba, siparişim henüz gelmedi, lütfen yardım edin",
    ],
}


@pytest.mark.parametrize(("language", "text"), [(key, text) for key, texts in SAMPLES.items() for text in texts])
def test_samples(language, text):
    assert guess(text) == language


HELD_OUT = {
    "vi": [
        "Chào anh, cho em hỏi phí ship về Đà Nẵng bao nhiêu ạ",
        "toi da chuyen khoan roi nhung chua thay xac nhan",
        "ban kiem tra lai giup minh voi",
        "Mất mật khẩu",
        "de nghi xuat hoa don do",
        "hang bi vo, yeu cau doi hang moi",
        "alo shop",
    ],
    "zh": ["怎么退货", "账号被锁定了，请尽快处理", "客服在吗", "快递单号是多少？", "网站打不开 error 502"],
    "en": [
        "Still waiting",
        "Any update on this?",
        "wrong size delivered",
        "Cancel my subscription",
        "The file you sent is corrupted",
        "URGENT: server down",
        "Could someone call me back",
    ],
}


def test_held_out_samples_are_never_taken_for_another_language():
    answers = [(language, guess(text)) for language, texts in HELD_OUT.items() for text in texts]
    assert not [pair for pair in answers if pair[1] not in ("", pair[0])]
    assert sum(wanted == got for wanted, got in answers) >= len(answers) * 0.7


@given(st.text(max_size=400))
def test_any_text_has_an_answer(text):
    assert guess(text) in ("vi", "zh", "en", "")


def test_hostile_text():
    for text in ("a\u0301\u0323" * 300_000, "\u0301" * 1_000_000, "@" * 1_000_000, "http://" * 100_000, "a'" * 500_000):
        guess(text)


@given(st.text(st.characters(exclude_categories=())))
def test_characters_are_counted_by_their_kinds(sample: str) -> None:
    """Those of ASCII are counted another way than the rest."""
    assert _counts(sample) == [sum(_kinds(character)[kind] for character in sample) for kind in range(6)]
