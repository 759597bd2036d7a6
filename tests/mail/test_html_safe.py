"""Nothing in what an agent may be shown is fetched, runs, hides or breaks out."""

from __future__ import annotations

import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.mail.html_safe import _ALLOWED, _NUMBERS, _VOID, _WORDS, safe_html
from gateway.mail.parse import read_message
from gateway.options import ReadLimits

READS = [
    ("<p>Xin <b>chào</b></p>", "<p>Xin <b>chào</b></p>"),
    ("<p onclick='x()' id=a class=b align=left>a", '<p align="left">a</p>'),
    ("a<script>alert(1)</script><style>p{}</style>b", "ab"),
    ('<a href="javascript:alert(1)">x</a>', "<a>x</a>"),
    (
        '<a href="https://x.example/?a=1&amp;b=2">x</a>',
        '<a href="https://x.example/?a=1&amp;b=2" rel="noopener noreferrer nofollow" target="_blank">x</a>',
    ),
    (
        '<img src="https://t.example/p.gif" alt="logo"><img src="cid:a@b" width=10>',
        '[logo]<img src="cid:a@b" width="10">',
    ),
    (
        '<div style="color:red;background:url(https://x.example);position:fixed;width:10px">x</div>',
        '<div style="color: red; width: 10px">x</div>',
    ),
    ('<div style="display:none">secret</div>shown', "shown"),
    ("<svg><script>x</script></svg><math>y</math><iframe src=x>z</iframe><object>o</object>k", "k"),
    ("<form action=x><input name=y><button>go</button></form>", "go"),
    ("<b>a<i>b</b>c</i>", "<b>a<i>b</i></b>c"),
    ("1 < 2 & 3 > 2 &lt;script&gt;", "1 &lt; 2 &amp; 3 &gt; 2 &lt;script&gt;"),
    ("<p title='a\"b'>x</p>", "<p>x</p>"),
    ("</p></div>x", "x"),
    ("An <an@x.example>", "An &lt;an@x.example&gt;"),
]


@pytest.mark.parametrize(("source", "wanted"), READS)
def test_reads(source: str, wanted: str) -> None:
    assert safe_html(source) == wanted


class Judge(HTMLParser):
    """An independent reading of what came out: the standard library's."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _ALLOWED, tag
        for name, value in attrs:
            assert name in _WORDS | _NUMBERS | {"href", "src", "style", "rel", "target"}, name
            word = (value or "").strip().lower()
            assert name != "href" or word.startswith(("http://", "https://", "mailto:", "tel:"))
            assert name != "src" or word.startswith("cid:")
            assert name != "style" or not any(sign in word for sign in ("url", "(", "\\", "@", "expression", "<"))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("a declaration")

    def handle_pi(self, data: str) -> None:
        raise AssertionError("an instruction")


def judge(source: str) -> None:
    reader = Judge()
    reader.feed(safe_html(source))
    reader.close()
    assert reader.open == []


PIECES = [
    "<p>", "</p>", "<a href=", "'https://x.example'", '"javascript:x"', ">", "<", "<img src=cid:a ", "onerror=x", "/>",
    "<svg>", "</svg>", "<!--", "-->", "<![CDATA[", "]]>", "<script>", "</script>", "<style>", "&lt;",
    "&#60;script&#62;",    "style='color:expression(1)'",
    "style='width:1px;x:url(y)'", "<textarea>", "<title>", "<math>", "<b", "`", '"', "'",
    "=", "\0", "<noscript>", "<template>", "<plaintext>", "<xmp>", "<iframe>", "hidden", "<?php", "?>",
]  # fmt: skip


@settings(deadline=None, max_examples=120)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=40))
def test_whatever_goes_in_only_what_is_allowed_comes_out(pieces: list[str]) -> None:
    judge("".join(pieces))


def test_the_corpus_comes_out_allowed() -> None:
    found = 0
    for path in (Path(__file__).parent.parent / "corpus").glob("[12]*.eml"):
        html = read_message(path.read_bytes(), ReadLimits()).html
        judge(html)
        found += bool(html)
    assert found > 40


def test_hostile_html_is_linear() -> None:
    began = time.process_time()
    for source in ("<div>" * 30_000, "<b>" * 150 + "</i><i>" * 10_000, "<script>" * 30_000, "<a href='" * 9_000):
        judge(source)
    assert time.process_time() - began < 5
