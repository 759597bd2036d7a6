"""Templates: the shipped ones say what they should, bad ones never take effect and never stop a mail."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest

from gateway.mail.builtin import KINDS, LANGUAGES, builtin_text
from gateway.mail.compose import ComposeContext, compose
from gateway.mail.mime import content
from gateway.mail.render import TemplateErrors, Templates, compile_templates
from gateway.model import Mailbox, Notice, Purpose
from gateway.options import Desk, Keys
from tests.mail.sample_values import AGENT, ANSWER, CUSTOMER, CUT, DEPARTMENT, SUBJECT, sample_values

TEMPLATES = Path(__file__).parents[2] / "templates"
GOLDEN = Path(__file__).parents[1] / "golden"
CUSTOMER_KINDS = ("acknowledgement", "answer", "survey", "survey-thanks")
PURPOSES = {
    "survey": Purpose.SURVEY,
    "confirm": Purpose.CONFIRM,
    "escalation": Purpose.ESCALATION,
    "note-copy": Purpose.NOTE,
    **dict.fromkeys(("agent-notice", "returned", "assigned", "undelivered"), Purpose.AGENT),
}
CONTEXT = ComposeContext(
    Keys((("k", b"golden-key-golden-key-golden-key"),)),
    Desk("KD", "desk.example", "bounce@desk.example", "Công ty Mẫu"),
    datetime(2026, 11, 23, 2, 31, 5, tzinfo=UTC),
    {"kythuat@desk.example": "plus"},
)


def sources() -> dict[str, str]:
    return {path.relative_to(TEMPLATES).as_posix(): path.read_text("utf-8") for path in TEMPLATES.rglob("*.j2")}


@pytest.fixture(scope="module")
def shipped() -> Templates:
    return compile_templates(sources())


def notice_of(kind: str, language: str) -> Notice:
    staff = KINDS[kind].staff
    to = Mailbox("nam@congty.example", AGENT[language]) if staff else Mailbox("hoa@khach.example", CUSTOMER[language])
    automatic = {"answer": "", "acknowledgement": "auto-replied", "survey-thanks": "auto-replied"}
    return Notice(
        kind=kind,
        ticket=12,
        cause="intake:7",
        to=to,
        language=language,
        department="technical",
        values=sample_values(language)[kind],
        subject=f"[KD-12] {SUBJECT[language]}" if staff else f"Re: {SUBJECT[language]} [KD-12]",
        sender=Mailbox("kythuat@desk.example", DEPARTMENT[language]),
        reply_purpose=PURPOSES.get(kind, Purpose.REPLY),
        reply_number=7 if kind == "confirm" else 12,
        auto_submitted=automatic.get(kind, "auto-generated"),
        in_reply_to="<b@khach.example>",
        references=("<a@khach.example>", "<b@khach.example>"),
        staff=staff,
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_golden(shipped: Templates, kind: str, language: str) -> None:
    """Byte for byte. `GOLDEN=write` writes them anew: look at the difference before it is committed."""
    notice = notice_of(kind, language)
    rendered = shipped.render(kind, language, "technical", notice.values)
    assert rendered.trouble == ""
    mail = compose(notice, content(rendered.text, rendered.html, notice.attachments), CONTEXT)
    path = GOLDEN / f"{kind}.{language}.eml"
    if os.environ.get("GOLDEN") == "write":
        path.write_bytes(mail.header + b"\r\n" + mail.body)
    assert path.read_bytes() == mail.header + b"\r\n" + mail.body


def test_no_golden_mail_is_left_over() -> None:
    assert {path.name for path in GOLDEN.glob("*.eml")} == {f"{kind}.{one}.eml" for kind in KINDS for one in LANGUAGES}


def test_every_kind_is_shipped_in_every_language() -> None:
    names = set(sources())
    for language in LANGUAGES:
        for kind in KINDS:
            assert f"{kind}.{language}.txt.j2" in names
        for kind in (*CUSTOMER_KINDS, "agent-notice", "alarm"):
            assert f"{kind}.{language}.html.j2" in names


@pytest.mark.parametrize("language", LANGUAGES)
def test_shipped_templates_hold_with_lively_values(shipped: Templates, language: str) -> None:
    assert shipped.check(sample_values(language)) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_cut_line_comes_first(shipped: Templates, kind: str, language: str) -> None:
    values = sample_values(language)[kind]
    rendered = shipped.render(kind, language, "", values)
    if "cut" not in values:
        assert "=#=#=" not in rendered.text + rendered.html
        return
    assert rendered.text.split("\n", 1)[0] == CUT[language]
    if rendered.html:
        assert shown(rendered.html).startswith(CUT[language])


def shown(html: str) -> str:
    """What a reader sees of a page, roughly."""
    body = re.sub(r"<(style|title)>.*?</\1>", "", html, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]*>", "", body)).replace("\xa0", " ").strip()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [*CUSTOMER_KINDS, "agent-notice"])
def test_html_says_what_the_text_says(shipped: Templates, kind: str, language: str) -> None:
    """Law 11: every line of words in the HTML is in the plain text too."""
    rendered = shipped.render(kind, language, "", sample_values(language)[kind])
    plain = re.sub(r"[^\w]", "", rendered.text.replace("> ", ""))
    for line in shown(rendered.html).splitlines():
        assert re.sub(r"[^\w]", "", line) in plain


@pytest.mark.parametrize("name", [name for name in sources() if name.endswith(".html.j2")])
def test_html_fetches_nothing(name: str) -> None:
    """No remote content, no link, no script: readable wherever it is opened."""
    assert not re.search(r"https?:|src=|href=|url\(|<script|<img|<link|@import", sources()[name])


def test_openings_and_closings() -> None:
    templates = compile_templates(sources())
    for kind in CUSTOMER_KINDS:
        text = templates.render(kind, "vi", "", sample_values("vi")[kind]).text
        body = text.removeprefix(CUT["vi"]).lstrip()
        assert body.startswith("Kính thưa quý khách,\n")
        assert "Cám ơn quý khách đã quan tâm đến sản phẩm và dịch vụ của chúng tôi." in body
        assert (
            templates.render(kind, "zh", "", sample_values("zh")[kind])
            .text.removeprefix(CUT["zh"])
            .lstrip()[:12]
            .startswith("尊敬的客户：\n\n您好")
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_neutral_acknowledgement_holds_nothing_of_the_sender(shipped: Templates, language: str) -> None:
    values = {**sample_values(language)["acknowledgement"], "subject": "", "urgent": False, "due": "", "hours": ""}
    rendered = shipped.render("acknowledgement", language, "", values)
    assert rendered.trouble == ""
    for text in (rendered.text, rendered.html):
        assert SUBJECT[language] not in text
        assert "“" not in text
        assert "[KD-12]" in text


@pytest.mark.parametrize(
    ("language", "text", "greeting", "greeted"),
    [
        ("vi", "Chào chị Hoa,\n\nxong rồi ạ.", "Kính thưa quý khách,", False),
        ("vi", "Kính gửi chị Hoa,\nxong rồi ạ.", "Kính thưa quý khách,", False),
        ("vi", "Máy đã sửa xong.", "Kính thưa quý khách,", True),
        ("vi", "Chào hàng đã gửi hôm qua.", "Kính thưa quý khách,", True),
        ("zh", "您好！已修好。", "尊敬的客户：", False),
        ("zh", "已修好。", "尊敬的客户：", True),
        ("en", "Hi Helen,\ndone.", "Dear customer,", False),
        ("en", "History shows it works.", "Dear customer,", True),
    ],
)
def test_one_greeting(shipped: Templates, language: str, text: str, greeting: str, greeted: bool) -> None:
    rendered = shipped.render("answer", language, "", {**sample_values(language)["answer"], "text": text})
    assert (greeting in rendered.text) is greeted
    assert (greeting in rendered.html) is greeted
    quiet = shipped.render("answer", language, "", {**sample_values(language)["answer"], "text": text, "greet": False})
    assert greeting not in quiet.text


def test_thanks_and_regards_are_not_said_twice(shipped: Templates) -> None:
    text = "Xong rồi ạ.\n\nCám ơn quý khách đã quan tâm đến sản phẩm và dịch vụ của chúng tôi.\n\nTrân trọng,\nNam"
    rendered = shipped.render("answer", "vi", "", {**sample_values("vi")["answer"], "text": text})
    assert rendered.text.count("đã quan tâm đến sản phẩm") == 1
    assert rendered.text.count("Trân trọng") == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "name", "codes"),
    [
        ("agent-notice", "what", ("new", "reply", "reopened", "survey-no", "survey-words", "flood")),
        (
            "returned",
            "reason",
            ("unknown-command", "empty", "below-the-line", "internal-text", "not-yours", "closed-without-answer",
             "no-ticket", "impossible-command", "files-without-words", "other-department", "not-for-you"),
        ),
    ],
)  # fmt: skip
def test_every_code_has_words_of_its_own(
    shipped: Templates, language: str, kind: str, name: str, codes: tuple[str, ...]
) -> None:
    values = sample_values(language)[kind]
    texts = {shipped.render(kind, language, "", {**values, name: code}).text for code in codes}
    assert len(texts) == len(codes)
    assert not any(code in text for text in texts for code in codes if "-" in code)


@pytest.mark.parametrize("language", LANGUAGES)
def test_why_a_mail_was_not_delivered_is_told_apart(shipped: Templates, language: str) -> None:
    values = sample_values(language)["undelivered"]
    texts = {
        shipped.render("undelivered", language, "", {**values, "because": code}).text
        for code in ("refused", "gave-up", "too-large", "no-relay")
    }
    assert len(texts) == 4
    assert all("hoa@khach.example" in text and "550 5.1.1" in text for text in texts)


def test_everything_from_outside_is_escaped(shipped: Templates) -> None:
    hostile = "<script>alert(1)</script>\" onload='x' {{ 7*7 }}"
    for kind in (*CUSTOMER_KINDS, "agent-notice"):
        values: dict[str, object] = {
            name: (hostile if isinstance(value, str) and name != "cut" else value)
            for name, value in sample_values("en")[kind].items()
        }
        if kind == "agent-notice":
            values |= {"hints": [hostile], "also_to": [hostile], "not_included": [hostile]}
            values["history"] = [{"who": hostile, "when": hostile, "text": hostile}]
        rendered = shipped.render(kind, "en", "", values)
        assert rendered.trouble == ""
        assert "<script" not in rendered.html
        assert "{{ 7*7 }}" in rendered.html
        assert "onload='" not in rendered.html


def test_departments_and_languages_fall_back() -> None:
    templates = compile_templates(
        {
            "survey-thanks.en.txt.j2": "common en",
            "survey-thanks.en.html.j2": "<p>common en</p>",
            "survey-thanks.vi.txt.j2": "common vi",
            "sales/survey-thanks.en.txt.j2": "sales en",
            "sales/survey-thanks.zh.txt.j2": "sales zh",
        }
    )
    values = {"tag": "[KD-1]", "department": "x", "desk": "y"}

    def said(language: str, department: str) -> tuple[str, str]:
        rendered = templates.render("survey-thanks", language, department, values)
        assert rendered.trouble == ""
        return rendered.text.strip(), rendered.html.strip()

    assert said("en", "") == ("common en", "<p>common en</p>")
    assert said("vi", "") == ("common vi", "")
    assert said("zh", "") == ("common en", "<p>common en</p>")
    assert said("en", "sales") == ("sales en", "")  # the common HTML would say something else
    assert said("zh", "sales") == ("sales zh", "")
    assert said("vi", "sales") == ("common vi", "")
    assert said("fr", "care") == ("common en", "<p>common en</p>")


ENDLESS = {
    "long text": '{{ "a" * 10**9 }}',
    "long text, no power": '{{ "a" * 1000000000 }}',
    "long list": "{{ ([1] * 1000000000)|join }}",
    "power": "{{ 9 ** 9 ** 9 ** 9 }}",
    "nested loops": "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
    "silent loops": "{% for a in range(9999) if false %}{% endfor %}" * 5,
    "huge range": "{% for a in range(1000000000) %}{% endfor %}",
    "recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "branching recursion": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "recursive loop": "{% for a in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
    "joins that double": "{% set x = 'aaaaaaaaaaaaaaaa' %}" + "{% set x = x ~ x %}" * 60 + "{{ x|length }}",
    "sums that double": "{% set x = 'aaaaaaaaaaaaaaaa' %}" + "{% set x = x + x %}" * 60 + "{{ x|length }}",
    "captures that double": "{% set x %}aaaaaaaaaaa{% endset %}"
    + "{% set x %}{{ x }}{{ x }}{% endset %}" * 60
    + "{{ x }}",
    "lists that double": "{% set x = ['a'] %}" + "{% set x = [x, x] %}" * 60 + "{{ x }}",
    "numbers that double": "{% set x = 9 %}" + "{% set x = x * x %}" * 60 + "{{ x }}",
    "much constant text": "{% for a in range(5000) %}" + "y" * 100_000 + "{% endfor %}",
    "padding": "{{ 'x'.ljust(1000000000) }}",
    "format": "{{ '{:>1000000000}'.format(1) }}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "over the cap": "{% for a in range(2000) %}" + "z" * 1000 + "{% endfor %}",
    "self include": "{% include 'survey-thanks.en.txt.j2' %}{% include 'survey-thanks.en.txt.j2' %}",
}


@pytest.mark.parametrize("what", sorted(ENDLESS))
def test_what_never_ends_fails_fast(what: str) -> None:
    start = time.monotonic()
    with pytest.raises(TemplateErrors, match=r"^survey-thanks\.en\.txt\.j2:1: "):
        compile_templates({"survey-thanks.en.txt.j2": ENDLESS[what]})
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "attempt",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ tag.__init__.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler }}",
        "{{ tag|attr('__class__') }}",
        "{{ tag|safe }}",
        "{{ tag|map('upper')|list }}",
        "{{ tag.format }}",
        "{{ tag.encode() }}",
        "{{ range.__class__ }}",
        "{% set x = [] %}{{ x.append(1) }}",
    ],
)
def test_there_is_no_way_out_of_the_sandbox(attempt: str) -> None:
    with pytest.raises(TemplateErrors):
        compile_templates({"survey-thanks.en.txt.j2": attempt})


@pytest.mark.parametrize(
    ("name", "source", "problem"),
    [
        ("survey-thanks.en.txt.j2", "a\n{{ taag }}", ":2: no value 'taag' for survey-thanks, did you mean 'tag'?"),
        ("survey-thanks.en.txt.j2", "a\n\n{% if %}", "survey-thanks.en.txt.j2:3: Expected an expression"),
        ("survey-thanks.en.txt.j2", "{{ tag|shout }}", "No filter named 'shout'. Right would be one of breaks, "),
        ("survey-thanks.en.txt.j2", "{% include 'nix' %}", "refers to a template 'nix'"),
        ("survey-thanks.en.txt.j2", "", "survey-thanks.en.txt.j2:1: renders to nothing"),
        ("survey-thanks.en.txt.j2", "\n{{ department.nope }}", "survey-thanks.en.txt.j2:2: "),
        ("survey-thanks.en.txt.j2", "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", ":1: too deep"),
        ("survey-thanks.en.txt.j2", "x" * 300_000, "300000 characters, right would be at most"),
        ("survey-thank.en.txt.j2", "x", "no notice 'survey-thank', did you mean 'survey-thanks'?"),
        ("survey-thanks.fr.txt.j2", "x", "no language 'fr', right would be one of vi, zh, en"),
        ("survey-thanks.txt", "x", "not a template name"),
        ("../survey-thanks.en.txt.j2", "x", "not a template name"),
        ("survey-thanks.en.html.j2", "x", "HTML without plain text"),
        ("survey.en.txt.j2", "no cut line", "survey.en.txt.j2:1: does not begin with the cut line"),
    ],
)  # fmt: skip
def test_problems_name_file_line_and_remedy(name: str, source: str, problem: str) -> None:
    with pytest.raises(TemplateErrors) as caught:
        compile_templates({name: source})
    assert any(problem in one for one in caught.value.problems), caught.value.problems
    assert all(re.match(r"\S+:\d+: ", one) for one in caught.value.problems)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(TemplateErrors) as caught:
        compile_templates(
            {"survey-thanks.en.txt.j2": "{{ a }} {{ b }}", "x.txt": "", "survey.en.txt.j2": "{% endif %}"}
        )
    assert len(caught.value.problems) == 4


def test_html_must_show_the_cut_line() -> None:
    with pytest.raises(TemplateErrors, match=r"survey\.en\.html\.j2:1: does not show the cut line"):
        compile_templates({"survey.en.txt.j2": "{{ cut }}\nx", "survey.en.html.j2": "<p>x</p>"})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"tag": None, "text": 1, "cut": [], "promise": b"x", "body": {}},
        {"tag": "[KD-1]", "text": "x" * 3_000_000, "body": "y" * 3_000_000, "department": "d", "desk": "e"},
        {"history": [{"who": 1}], "hints": 5, "commands": "x"},
    ],
)
@pytest.mark.parametrize("kind", [*sorted(KINDS), "no-such-kind", "", "../x"])
def test_render_never_raises(shipped: Templates, kind: str, values: dict[str, object]) -> None:
    for language in (*LANGUAGES, "fr", ""):
        rendered = shipped.render(kind, language, "sales", values)
        assert isinstance(rendered.text, str)
        assert rendered.text.endswith("\n")


def test_a_missing_value_gives_the_builtin_text_and_says_why(shipped: Templates) -> None:
    values = sample_values("vi")["answer"]
    rendered = shipped.render("answer", "vi", "", {name: one for name, one in values.items() if name != "department"})
    assert "'department' is undefined" in rendered.trouble
    assert rendered.trouble.startswith("answer.vi.txt.j2:")
    assert ANSWER["vi"] in rendered.text
    assert rendered.html == ""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_builtin_texts_stand_alone(kind: str, language: str) -> None:
    values = sample_values(language)[kind]
    text = builtin_text(kind, language, values)
    assert "{" not in text
    assert "[KD-12]" in text
    if "cut" in values:
        assert text.startswith(CUT[language] + "\n")
    for name in ("text", "body"):
        if name in values:
            assert str(values[name]) in text
    assert builtin_text(kind, "fr", values) == builtin_text(kind, "en", values)


def test_builtin_texts_put_values_in_only_once() -> None:
    values = {"text": "a {tag} {promise} b", "tag": "[KD-1]", "promise": "{tag}"}
    assert "a {tag} {promise} b" in builtin_text("answer", "en", values)


def test_threads_have_meters_of_their_own(shipped: Templates) -> None:
    values = sample_values("vi")["agent-notice"]
    alone = shipped.render("agent-notice", "vi", "", values)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: shipped.render("agent-notice", "vi", "", values), range(100))) == {alone}
