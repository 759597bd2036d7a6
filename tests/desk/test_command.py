"""Commands in agents' mails. The law: a doubtful line stops the mail, it never goes on to the customer."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.desk.command import HELP, NAMES, Command, explain, parse


@pytest.mark.parametrize(
    ("line", "name", "argument"),
    [
        ("#take", "take", ""),
        ("  #take  ", "take", ""),
        ("\u00a0#wait", "wait", ""),
        ("\u3000＃ｗａｉｔ", "wait", ""),
        ("\ufeff#take", "take", ""),
        ("\u200b#t\u200bake", "take", ""),
        ("＃take", "take", ""),
        ("﹟take", "take", ""),
        ("#Close", "close", ""),
        ("#CLOSE", "close", ""),
        ("#close.", "close", ""),
        ("#close withdrawn", "close", "withdrawn"),
        ("#close: Duplicate", "close", "duplicate"),
        ("#close duplicate of DESK-12", "close", "duplicate of DESK-12"),
        ("#close machine   bản tin quảng cáo", "close", "machine bản tin quảng cáo"),
        ("#close machine: nightly report", "close", "machine nightly report"),
        ("#assign lan@congty.vn", "assign", "lan@congty.vn"),
        ("#assign: <lan@congty.vn>", "assign", "lan@congty.vn"),
        ("#assign Nguyễn Lan <lan@congty.vn>", "assign", "lan@congty.vn"),
        ("#assign lan@congty.vn<mailto:lan@congty.vn>", "assign", "lan@congty.vn"),
        ("#assign lan@congty.vn <mailto:lan@congty.vn>", "assign", "lan@congty.vn"),
        ("#cc ke.toan+vat@khach-hang.com.vn", "cc", "ke.toan+vat@khach-hang.com.vn"),
        ("＃cc　wang＠kehu.cn", "cc", "wang@kehu.cn"),
        ("#uncc A.B@Khach.VN", "uncc", "A.B@Khach.VN"),
    ],
)
def test_a_command(line: str, name: str, argument: str) -> None:
    read = parse(f"Chào anh,\n{line}\nCảm ơn anh.")
    assert read.problems == ()
    assert read.commands == (Command(name, argument, 2),)
    assert read.text == "Chào anh,\nCảm ơn anh."


@pytest.mark.parametrize(
    ("text", "note_text"),
    [
        ("#note\nKhách này khó tính.", "Khách này khó tính."),
        ("#note Khách này khó tính.", "Khách này khó tính."),
        ("#note: Khách này khó tính.\nGọi lại chiều nay.", "Khách này khó tính.\nGọi lại chiều nay."),
        ("＃ｎｏｔｅ：客户要求退款", "客户要求退款"),
        ("\ufeff#No\u200bte: xong 👩‍💻", "xong 👩‍💻"),
        ("Đã gọi.\n#NOTE", "Đã gọi."),
        ("#note", ""),
    ],
)
def test_a_note_keeps_the_words_on_its_line(text: str, note_text: str) -> None:
    read = parse(text)
    assert read.problems == ()
    assert read.note
    assert [command.name for command in read.commands] == ["note"]
    assert read.text == note_text


@pytest.mark.parametrize(
    ("line", "suggestion"),
    [
        ("#clsoe", "#close"),
        ("#closed", "#close"),
        ("#notes: do not show this", "#note"),
        ("#ntoe", "#note"),
        ("#note2", "#note"),
        ("#asign lan@congty.vn", "#assign"),
        ("#zzz", ""),
        ("#đóng", ""),
        ("#ghi chú", ""),
        ("＃关闭", ""),
        ("#nоte", "#note"),  # Cyrillic о
        ("#close#note", "#close"),
        ("#close done", "#close"),
        ("#close witdrawn", "#close withdrawn"),
        ("#close machine-made", "#close machine"),
        ("#take it please", "#take"),
        ("#wait 3 days", "#wait"),
        ("#assign", "#assign name@example.com"),
        ("#assign lan", "#assign name@example.com"),
        ("#assign a@x.vn, b@x.vn", "#assign a@x.vn"),
        ("#assign lan@congty", "#assign name@example.com"),
        ("#cc a@x.vn b", "#cc name@example.com"),
        ("#cc a@x.vn <b@y.vn>", "#cc name@example.com"),
        ("#cc a@x.vn\x00", "#cc name@example.com"),
        ("#cc " + "a" * 250 + "@x.vn", "#cc name@example.com"),
        ("#cca@x.vn", "#cc"),
        ("#take #close", "#take"),
        ("#note #close", "#note"),
        ("# note", "#note"),
        ("## close", "#close"),
        ("##close", "#close"),
        ("*#note*", "#note"),
        ("- #note", "#note"),
        ("• #close", "#close"),
        ("[#note]", "#note"),
        ("#*note*", "#note"),
    ],
)
def test_a_doubtful_line_stops_the_mail(line: str, suggestion: str) -> None:
    read = parse(f"Chào anh,\n{line}\nCảm ơn.")
    assert len(read.problems) == 1
    (problem,) = read.problems
    assert (problem.line, problem.suggestion) == (2, suggestion)
    assert problem.what
    assert all(explain(problem, language) for language in ("vi", "zh-CN", "en", "fr"))
    assert line.strip() not in read.text


@pytest.mark.parametrize(
    "line",
    [
        "#1 first point",
        "#5443 is your order number",
        "# heading",
        "## Tiêu đề",
        "#",
        "###",
        "#-#-#",
        "#_private",
        "> #close",
        "> > #note",
        ">#note",
        "write #close at the start of a line",
        "C#note",
        "http://x.vn/#note",
        "see #take",
        "№ close",
        "- first # take",
    ],
)
def test_text_stays_text(line: str) -> None:
    read = parse(f"A\n{line}\nB")
    assert read.commands == ()
    assert read.problems == ()
    assert read.text == f"A\n{line}\nB"


@pytest.mark.parametrize(
    ("line", "literal"),
    [(r"\#close", "#close"), (r"  \#FFCC00 cho nền", "  #FFCC00 cho nền"), ("＼＃标签", "＃标签"), (r"\\#x", r"\\#x")],
)
def test_an_escaped_line_is_literal_text(line: str, literal: str) -> None:
    read = parse(f"A\n{line}\nB")
    assert (read.commands, read.problems) == ((), ())
    assert read.text == f"A\n{literal}\nB"


def test_several_addresses_and_several_commands() -> None:
    read = parse("#cc a@x.vn, Lan <b@x.vn>; c@x.vn\r\nXin chào\r\n#take\r\n#take\r\n#wait\r\n")
    assert read.problems == ()
    assert [(c.name, c.argument) for c in read.commands] == [
        ("cc", "a@x.vn"),
        ("cc", "b@x.vn"),
        ("cc", "c@x.vn"),
        ("take", ""),
        ("take", ""),
        ("wait", ""),
    ]
    assert read.text == "Xin chào"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("#close\n#wait", 2),
        ("#take\n#assign a@x.vn", 2),
        ("#assign a@x.vn\n#assign b@x.vn", 2),
        ("#cc a@x.vn\nhi\n#uncc A@x.vn", 3),
        ("#close withdrawn\n#close duplicate", 2),
    ],
)
def test_contradictions_stop_the_mail(text: str, line: int) -> None:
    assert [problem.line for problem in parse(text).problems] == [line]


def test_repeats_are_no_contradiction() -> None:
    assert parse("#assign a@x.vn\n#assign A@x.vn\n#close\n#close\n#cc a@x.vn\n#uncc b@x.vn").problems == ()


def test_line_breaks_of_other_kinds_hide_no_command() -> None:
    for separator in ("\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"):
        assert parse(f"A{separator}#clsoe{separator}B").problems, repr(separator)
        assert [c.name for c in parse(f"A{separator}#take{separator}B").commands] == ["take"]


def test_help_names_every_command_in_every_language() -> None:
    assert tuple(usage.split()[0].removeprefix("#") for usage, _ in HELP) == NAMES
    assert all(set(words) == {"vi", "zh", "en"} and all(words.values()) for _, words in HELP)


ATTEMPTS = st.sampled_from([*NAMES, "clsoe", "notes", "Close", "NOTE", "tkae"])
PREFIXES = st.text(st.sampled_from(" \t\u00a0\u3000\u200b\ufeff*_-"), max_size=4)


@given(PREFIXES, st.sampled_from("#＃﹟"), ATTEMPTS, st.text(max_size=20))
def test_law_an_attempt_at_a_known_command_never_stays_in_the_text(
    prefix: str, mark: str, name: str, rest: str
) -> None:
    line = f"{prefix}{mark}{name} {rest}".splitlines()[0]
    read = parse(f"before\n{line}\nafter")
    if name.lower() in NAMES or not set(prefix) & set("*_-"):
        assert read.commands or read.problems
        assert f"{mark}{name}" not in read.text.partition("before")[2].rpartition("after")[0] or rest.count(mark)


@given(st.text())
def test_law_never_raises_and_loses_no_other_line(text: str) -> None:
    read = parse(text)
    if not any(mark in text for mark in "#＃﹟"):
        assert read.text == text.strip()
        assert (read.commands, read.problems) == ((), ())


@pytest.mark.parametrize(
    "line", ["#x\n", "#take\n", " " * 4000 + "#\n", "*" * 3000 + "#" * 3000 + "\n", "#cc a@b.vn,", "\ufdfa#", "#note "]
)
def test_linear_on_a_megabyte(line: str) -> None:
    begin = time.process_time()
    parse(line * (1_000_000 // len(line)))
    assert time.process_time() - begin < 5
