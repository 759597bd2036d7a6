"""Survey answers: phrases of three languages, digits, negation."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.desk.survey import Answer, read_answer

T, F, N = True, False, None

PHRASES = [
    ("1", T, N),
    ("2", F, N),
    ("1 2", T, F),
    ("2 1", F, T),
    ("1, 2", T, F),
    ("1/2", T, F),
    ("12", T, F),
    ("21", F, T),
    ("1-1", T, T),
    ("2 2", F, F),
    ("１ ２", T, F),
    ("①②", T, F),
    ("1️⃣ 2️⃣", T, F),
    ("1\n2", T, F),
    ("2\n1", F, T),
    ("1) có 2) không", T, F),
    ("1. yes", T, N),
    ("2. no", N, F),
    ("1. yes\n2. no", T, F),
    ("1: 1\n2: 2", T, F),
    ("1. 2\n2. 1", F, T),
    ("1) 1 2) 2", T, F),
    ("1. Rồi\n2. Không cần", T, F),
    ("1 rồi, 2 không", T, F),
    ("Câu 1: có. Câu 2: không", T, F),
    ("1、是 2、否", T, F),
    ("1.是\n2.不需要", T, F),
    ("1: yes it works, 2: no", T, F),
    ("1 cảm ơn shop", T, N),
    ("1. chưa được\n2. có, cần giải thích thêm", F, T),
    ("Q1: no\nQ2: yes", F, T),
    ("Có", T, N),
    ("có ạ", T, N),
    ("Dạ có", T, N),
    ("Không", F, N),
    ("không ạ", F, N),
    ("Rồi", T, N),
    ("Rồi ạ, cảm ơn shop", T, N),
    ("Chưa", F, N),
    ("chưa ạ", F, N),
    ("Được rồi", T, N),
    ("duoc roi", T, N),
    ("Dạ được rồi ạ, em cảm ơn", T, N),
    ("co", T, N),
    ("khong", F, N),
    ("chua", F, N),
    ("roi", T, N),
    ("chua duoc", F, N),
    ("Không được", F, N),
    ("vẫn chưa được", F, N),
    ("Vẫn lỗi như cũ", F, N),
    ("van loi", F, N),
    ("có, không", T, F),
    ("Có. Không.", T, F),
    ("co khong", T, F),
    ("Được, không cần thêm", T, F),
    ("duoc roi khong can nua", T, F),
    ("Rồi, không cần giải thích thêm", T, F),
    ("Chưa được, cần hướng dẫn thêm", F, T),
    ("chưa được cần giải thích thêm", F, T),
    ("Không cần giải thích thêm", N, F),
    ("Tôi chưa hiểu", N, T),
    ("Đã hiểu", N, F),
    ("Máy chạy bình thường rồi, cảm ơn", T, N),
    ("hết lỗi rồi", T, N),
    ("Không còn lỗi nữa", T, N),
    ("Ok", T, N),
    ("ok shop", T, N),
    ("Lỗi đã được khắc phục", T, N),
    ("Không hoạt động", F, N),
    ("nó hoạt động tốt", T, N),
    ("no hoat dong tot", N, N),
    ("Được rồi ạ, vâng cảm ơn", T, N),
    ("được không?", N, N),
    ("Có ai giúp tôi không?", N, N),
    ("Tôi có một câu hỏi khác về hóa đơn tháng trước của công ty", N, N),
    ("Cô ơi", N, N),
    ("ko", F, N),
    ("ko được", F, N),
    ("dc rồi", T, N),
    ("是", T, N),
    ("否", F, N),
    ("是的，谢谢", T, N),
    ("好了", T, N),
    ("好了，谢谢", T, N),
    ("没有", F, N),
    ("没有解决", F, N),
    ("还没有解决", F, N),
    ("没解决", F, N),
    ("解决了", T, N),
    ("已经解决了，谢谢！", T, N),
    ("解决了，不需要", T, F),
    ("问题解决了", T, N),
    ("问题还没解决", F, N),
    ("不需要", N, F),
    ("需要", N, T),
    ("不用了", N, F),
    ("还是不行", F, N),
    ("不行", F, N),
    ("可以了", T, N),
    ("不可以", F, N),
    ("是，否", T, F),
    ("是 否", T, F),
    ("否，是", F, T),
    ("没问题了", T, N),
    ("没有问题", T, N),
    ("还没好", F, N),
    ("不太好", F, N),
    ("有效，但是需要进一步说明", T, T),
    ("没有完全解决", F, N),
    ("看不懂", N, T),
    ("不明白", N, T),
    ("明白了", N, F),
    ("我的问题已经完全解决", T, N),
    ("没有其他问题", N, F),
    ("解决了吗？", N, N),
    ("部分解决", N, N),
    ("打印机还是不能用", F, N),
    ("已解决，无需更多说明", T, F),
    ("對", N, N),
    ("Yes", T, N),
    ("No", F, N),
    ("y", T, N),
    ("yes, no", T, F),
    ("Yes. No.", T, F),
    ("yes no", T, F),
    ("no yes", F, T),
    ("It works now, thanks!", T, N),
    ("worked", T, N),
    ("not really", F, N),
    ("Not yet", F, N),
    ("No, not really", F, N),
    ("It did not work", F, N),
    ("It doesn't work", F, N),
    ("doesn’t work", F, N),
    ("still not working", F, N),
    ("no it does not work", F, N),
    ("Problem solved", T, N),
    ("The problem is not solved", F, N),
    ("no longer broken", T, N),
    ("no problem", T, N),
    ("It worked but I need more explanation", T, T),
    ("Yes, no more explanation needed", T, F),
    ("Yes, that's all", T, F),
    ("No, please explain", F, T),
    ("yes please explain", N, T),
    ("I don't understand", N, T),
    ("no need", N, F),
    ("Yes I could log in", T, N),
    ("No one answered me", N, N),
    ("No I still get the message", F, N),
    ("Yes, but it still fails", F, N),
    ("It never worked", F, N),
    ("Works perfectly", T, N),
    ("It hasn't been fixed", F, N),
    ("no further questions", N, F),
    ("Not sure", N, N),
    ("It works, no", T, F),
    ("Did it work? I will test tomorrow", N, N),
    ("Thank you very much", N, N),
    ("I have 2 printers that are old", N, N),
    ("👍", T, N),
    ("> 1) yes\n", N, N),
    ("Dear team\n\n1\n2\n\nRegards", T, F),
    ("It did not", F, N),
    ("Yes, it did", T, N),
    ("不，还没有", F, N),
    ("chưa, không", F, F),
    ("không, chưa", F, N),
    ("Vâng, đúng rồi ạ", T, N),
    ("有用", T, N),
    ("没用", F, N),
    ("It did work", T, N),
    ("It couldn't be better", N, N),
    ("can't complain", N, N),
    ("not bad", T, N),
    ("Tôi muốn mua thêm bản quyền cho phòng kế toán, xin gửi báo giá trước thứ Sáu", N, N),
    ("Không, tôi vẫn không đăng nhập được", F, N),
    ("Có, tôi đăng nhập được rồi. Không cần thêm gì nữa.", T, F),
    ("Chưa hẳn", F, N),
    ("vấn đề chưa được giải quyết", F, N),
    ("Vấn đề đã được giải quyết", T, N),
    ("Đã xong, không có thắc mắc gì", T, F),
    ("xong rồi nhé", T, N),
    ("Dạ chưa, em vẫn bị lỗi cũ", F, N),
    ("Không phải là không được", N, N),
    ("I can log in now", N, N),
    ("问题一：是；问题二：否", T, F),
    ("第一：解决了 第二：不需要", T, F),
    ("Unfortunately not", F, N),
    ("đã giải quyết được vấn đề", T, N),
    ("Không có gì thêm", N, F),
    ("Em dùng được rồi nhé, không cần giải thích thêm đâu ạ", T, F),
    ("Vẫn không vào được hệ thống anh ơi", F, N),
    ("khong can them", N, F),
    ("1=yes, 2=no", T, F),
    ("1- rồi\n2- chưa", T, F),
    ("Máy in đã in được", T, N),
    ("It's working, but could you explain why?", T, N),
    ("谢谢，已经恢复正常", T, N),
    ("a) yes b) no", T, F),
    ("2 vẫn lỗi", F, N),
    ("1 không cần thêm", T, F),
    ("1. Tôi vẫn thấy màn hình xanh", N, N),
    ("Được. Không được.", N, N),
    ("", N, N),
    ("3", N, N),
    ("10", N, N),
    ("Good morning", N, N),
    ("cả hai đều có", T, T),
    ("Yes to both", T, T),
    ("Neither", F, F),
    ("都不是", F, F),
    ("修好了吗", N, N),
    ("Đã nhận được, cảm ơn", N, N),
    ("收到，谢谢", N, N),
    ("It works. But now the invoice page is broken.", N, N),
    ("Được rồi nhưng giờ lại bị lỗi khác", N, N),
    ("Cách giải quyết của các anh rất tệ", F, N),
    ("1 trong các lỗi đã hết", N, N),
    ("Rồi nhưng chưa rõ lắm", T, T),
    ("不满意", F, N),
]


@pytest.mark.parametrize(("text", "worked", "more_needed"), PHRASES)
def test_phrase(text: str, worked: bool | None, more_needed: bool | None) -> None:
    answer = read_answer(text)
    assert (answer.worked, answer.more_needed) == (worked, more_needed)
    assert answer.understood == (worked is not None or more_needed is not None)


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("1 2\nCảm ơn, nhưng lần sau xin gọi trước.\n", "Cảm ơn, nhưng lần sau xin gọi trước."),
        ("Có\n\nMáy in màu vẫn hơi mờ", "Máy in màu vẫn hơi mờ"),
        ("Chưa, vẫn báo lỗi 0x80070005", "Chưa, vẫn báo lỗi 0x80070005"),
        ("1) có 2) không", ""),
        ("1\n2\n> On Monday you wrote\n> 2", ""),
        ("  Xin báo giá 5 bản quyền \n", "Xin báo giá 5 bản quyền"),
    ],
)
def test_comment(text: str, comment: str) -> None:
    assert read_answer(text).comment == comment


def test_only_the_first_ten_lines_count() -> None:
    letter = "\n".join(f"Dòng thứ {name} của một lá thư dài" for name in "abcdefghij")
    assert read_answer(f"{letter}\nCó") == Answer(None, None, f"{letter}\nCó", understood=False)
    assert read_answer(f"Có\n{letter}") == Answer(True, None, letter, understood=True)


STATES = ["được", "giải quyết được", "dùng được", "hoạt động", "ổn", "thành công", "xong", "khắc phục được"]
STATES_ZH, STATES_EN = ["解决", "好", "可以", "成功", "修好", "行"], ["working", "fixed", "solved", "resolved", "ok"]


@pytest.mark.parametrize(
    ("negation", "state"),
    [
        *((word, state) for word in ("không ", "chưa ", "vẫn chưa ", "vẫn không ", "chua ", "ko ") for state in STATES),
        *((word, state) for word in ("没", "没有", "还没", "还没有", "并没有", "不") for state in STATES_ZH),
        *((word, state) for word in ("not ", "it's not ", "still not ", "isn't ", "never ") for state in STATES_EN),
    ],
)
def test_law_a_negated_state_is_never_a_yes(negation: str, state: str) -> None:
    assert read_answer(f"{negation}{state}").worked is False
    assert read_answer(state).worked is True


@given(st.lists(st.sampled_from([text for text, _, _ in PHRASES] + list("12.):?，。 \n")), max_size=12).map(" ".join))
def test_law_never_raises_and_keeps_what_it_does_not_understand(text: str) -> None:
    answer = read_answer(text)
    if not answer.understood:
        assert answer == Answer(None, None, text.strip(), understood=False)


@given(st.text())
def test_law_any_text_will_do(text: str) -> None:
    read_answer(text)


@pytest.mark.parametrize(
    "text", ["1 " * 500_000, "không " * 200_000, "不" * 300_000, "a\u0301" * 300_000, "1)\n" * 300_000]
)
def test_a_megabyte_is_cheap(text: str) -> None:
    begin = time.process_time()
    read_answer(text)
    assert time.process_time() - begin < 2
