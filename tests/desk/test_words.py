"""Words as people write them: which text holds which phrase, and in what time."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.desk.words import _MOST_KEPT, Lexicon, _Kept, _normal_tokens, _Phrase, _tokens, _Writing, normal, tokens


def holds(phrase: str, text: str, language: str = "", exact: bool = False) -> bool:
    lexicon = Lexicon()
    number = lexicon.add(phrase, exact)
    return number in lexicon.found(text, language)


FOUND = [
    ("khiếu nại", "Tôi muốn KHIẾU NẠI về đơn hàng"),
    ("khiếu nại", "khieu nai ve don hang 123"),
    ("khiếu nại", "em gửi khiếu\r\nnại ạ"),
    ("khiếu nại", "khiếu  nại"),
    ("khiếu nại", "đơn khiếu-nại"),
    ("hủy", "toi muon huy don hang"),
    ("hủy", "Cho em huỷ đơn"),
    ("hủy", "HUY"),
    ("hủy", "toi muon huy don hang\n\nNguyễn Văn Tuấn\nCông ty TNHH Thành Đạt"),
    ("hoà", "hòa"),
    ("hòa", "hoà"),
    ("hóa đơn", "hoá đơn"),
    ("hóa đơn", "gui cho minh hoa don thang nay voi"),
    ("đơn hàng", "Ðơn hàng"),  # eth, as old fonts write it
    ("lỗi", "website cua toi bi loi roi"),
    ("in được", "may khong in duoc"),
    ("refund", "I want a refund."),
    ("refund*", "two refunds, please"),
    ("trả lại*", "xin trả lại."),
    ("error 404", "It says: Error 404"),
    ("a/c", "my A/C number"),
    ("投诉", "我要投诉你们的产品"),
    ("投诉", "我要投\n诉"),
    ("投诉", "关于投 诉 的问题"),
    ("VAT发票", "请开ＶＡＴ发票"),
    ("환불", "환불해 주세요"),
    ("straße", "STRASSE"),
    ("soft", "so\u00adft"),
]
NOT_FOUND = [
    ("hủy", "Anh Huy đã nhận được hàng rồi nhé"),
    ("hủy", "Em muốn hỏi về đơn hàng của em ạ.\nCảm ơn anh chị.\nLe Van Huy\n"),
    ("hủy", "hụy"),
    ("lỗi", "lời nhắn"),
    ("các", "cắc"),
    ("sản phẩm", "sản phâm"),  # an accent in the mail must agree
    ("hoa don", "hóa đơn"),
    ("nợ", "there is no way"),
    ("khiếu nại", "khiếu. nại"),
    ("hóa đơn", "hoa@don.example"),
    ("hang", "thang"),
    ("refund", "refunds"),
    ("refund*", "prerefund"),
    ("máy", "Would you please call me in may"),
    ("发票", "發票"),
    ("投诉", "投票"),
]


@pytest.mark.parametrize(("phrase", "text"), FOUND)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_found(phrase: str, text: str, form: str) -> None:
    assert holds(unicodedata.normalize("NFC", phrase), unicodedata.normalize(form, text))
    assert holds(unicodedata.normalize("NFD", phrase), unicodedata.normalize(form, text))


@pytest.mark.parametrize(("phrase", "text"), NOT_FOUND)
def test_not_found(phrase: str, text: str) -> None:
    assert not holds(phrase, text)


def test_exact_asks_for_the_accents() -> None:
    assert holds("hủy", "xin HUỶ", exact=True)
    assert not holds("hủy", "toi muon huy don", exact=True)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_accents_are_missing_in_another_language(language: str) -> None:
    assert holds("máy", "may in hong roi")
    assert not holds("máy", "may in hong roi", language)


@pytest.mark.parametrize("phrase", ["", "  ", "...", "*", "!?", "\u0301"])
def test_a_phrase_without_letters_is_refused(phrase: str) -> None:
    with pytest.raises(ValueError, match="no letter or digit"):
        Lexicon().add(phrase)


def test_the_same_phrase_has_one_number() -> None:
    lexicon = Lexicon()
    assert lexicon.add("hóa đơn") == lexicon.add(unicodedata.normalize("NFD", "hóa đơn"))
    assert lexicon.add("hóa đơn", exact=True) != lexicon.add("hóa đơn")


SYLLABLES = st.sampled_from(
    ["tôi", "muốn", "hủy", "đơn", "hàng", "khiếu", "nại", "hóa", "lỗi", "may", "in", "404", "ok"]
)
PHRASES = st.lists(SYLLABLES, min_size=1, max_size=3).map(" ".join)


@given(PHRASES, st.lists(SYLLABLES, max_size=8), st.lists(SYLLABLES, max_size=8))
def test_a_phrase_that_stands_there_is_found(phrase: str, before: list[str], after: list[str]) -> None:
    text = " ".join([*before, phrase, *after])
    assert holds(phrase, text)
    assert holds(phrase, text, exact=True)
    assert holds(phrase, text.upper(), "en")


@given(st.lists(PHRASES, min_size=1, max_size=12), st.lists(SYLLABLES | st.just(".") | st.just("\n"), max_size=25))
def test_phrases_do_not_disturb_each_other(phrases: list[str], words: list[str]) -> None:
    """What a phrase answers is the same alone and among others, whatever it is looked up by."""
    text = " ".join(words)
    lexicon = Lexicon()
    numbers = {phrase: lexicon.add(phrase) for phrase in phrases}
    found = lexicon.found(text)
    assert {phrase: number in found for phrase, number in numbers.items()} == {p: holds(p, text) for p in phrases}


MIXED = SYLLABLES | st.sampled_from(["huy", "don", "hang", "hoa", "khieu", "DON", "ok!", ".", "\n", "hủ", "đơn,", "40"])


@given(
    st.lists(st.tuples(PHRASES, st.sampled_from(["", "*"]), st.booleans()), min_size=1, max_size=12),
    st.lists(MIXED, max_size=25),
    st.sampled_from(["", "vi", "en"]),
)
def test_looking_for_two_words_in_a_row_loses_nothing(
    phrases: list[tuple[str, str, bool]], words: list[str], language: str
) -> None:
    """A phrase is looked up by two of its words; that is quick, and changes no answer."""
    text = " ".join(words)
    found = []
    for pairs in (_Phrase.pairs, property(lambda _: [])):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_Phrase, "pairs", pairs)
            lexicon = Lexicon()
            for phrase, end, exact in phrases:
                lexicon.add(phrase + end, exact)
            found.append(lexicon.found(text, language))
    assert found[0] == found[1]


@given(st.text(max_size=300))
def test_any_text_can_be_searched(text: str) -> None:
    lexicon = Lexicon()
    for phrase in ("hủy", "đơn hàng", "refund*", "投诉", "in được"):
        lexicon.add(phrase)
    assert lexicon.found(text) == lexicon.found(unicodedata.normalize("NFC", text))


HOSTILE = {
    "one word": lambda n: "don " * (n // 4),
    "half a phrase": lambda n: "đơn hàn " * (n // 8),
    "marks": lambda n: "a" + "\u0301\u0316" * (n // 2),
    "blanks": lambda n: "投" + " " * n + "x",
    "one long word": lambda n: "x" * n,
    "one long accented word": lambda n: "é" * n,
    "han": lambda n: "投" * n,
    "spaced han": lambda n: "投 " * (n // 2),
    "dashes": lambda n: "-" * n,
    "lines": lambda n: "\n" * n,
    "words of marks": lambda n: "a\u0301\u0316 " * (n // 4),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_linear_time(name: str) -> None:
    """Eight times the text takes about eight times as long: quadratic work would take sixty-four times."""
    lexicon = Lexicon()
    for phrase in ("đơn hàng", "hủy đơn", "không in được", "投诉", "退款", "refund*"):
        lexicon.add(phrase)

    def cost(size: int) -> float:
        text = HOSTILE[name](size)
        times = []
        for _ in range(3):
            begin = time.process_time()
            lexicon.found(text)
            times.append(time.process_time() - begin)
        return min(times)

    small, large = cost(20_000), cost(160_000)
    assert large < 24 * max(small, 0.001)


@given(st.text(st.characters(max_codepoint=0x17F), max_size=30))
def test_what_is_kept_of_a_piece_is_what_its_normal_form_gives(piece: str) -> None:
    """Pieces of ASCII alone take a shorter way."""
    assert tokens(piece) == _normal_tokens(normal(piece))
    assert tokens(piece) == tokens(piece)


@given(
    st.lists(st.sampled_from(["hàng", "Đơn", "a.b", "12", " ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "…", "e\u0301"]))
)
def test_words_are_the_same_with_line_breaks_and_without(pieces: list[str]) -> None:
    text = "".join(pieces)
    words = [word for piece in text.split() for word in tokens(piece)]
    running = [word for piece in text.replace("\n", " \n ").split(" ") for word in tokens(piece)]
    assert words == [word for word in running if word != "\n"]
    assert len(_Writing(text, _tokens, words).lines) == len(words)


def test_what_is_kept_of_words_has_a_bound() -> None:
    kept = _Kept(str.upper)
    for number in range(2 * _MOST_KEPT):
        word = "".join(chr(ord("a") + int(digit)) for digit in str(number))
        assert kept[word] == word.upper()
        assert kept[f"w{number}"] == f"W{number}"
    assert 0 < len(kept) <= _MOST_KEPT
    assert not any(map(str.isdigit, "".join(kept)))
    assert kept["x" * 1000] == "X" * 1000
    assert "x" * 1000 not in kept
