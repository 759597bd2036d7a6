"""Flat templates say what Jinja2 makes of the same files, octet for octet, or are not made flat."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping

import pytest

from gateway.mail.builtin import KINDS, LANGUAGES
from gateway.mail.flatten import NotFlat, flat_tree
from gateway.mail.program import Program
from gateway.mail.render import compile_templates
from gateway.mail.sandbox import MeteredEnvironment, OverBudget
from tests.mail.sample_values import sample_values
from tests.mail.test_render import sources

HOSTILE = "<script>alert('1')</script> & \" {{ 7*7 }}\n  two  blanks"
PAGE = "<html>{% block top %}[top {{ a }}]{% endblock %}\n{% block content %}{% endblock %}</html>\n"
PARTS = """\
{% macro plain(a) %}<i>{{ a }}</i>{% endmacro %}
{% macro fact(label, value, strong=false) %}
{{ label }}: {% if strong %}<b>{{ value }}</b>{% else %}{{ value }}{% endif %};
{% endmacro %}
{% macro twice(b) %}{{ plain(b) }}{{ plain(b ~ "<") }}{% endmacro %}
{% macro listed(items) %}
{% for a in items %}{{ loop.index }} {{ a }},{% else %}none{% endfor %}
{% endmacro %}
{% macro renamed(x) %}{% set own = x ~ "!" %}{{ own }}{{ x }}{% endmacro %}
{% macro doubled(n) %}{{ n }}{% endmacro %}
"""


def program(body: str, *, name: str = "x.html.j2", **more: str) -> Program:
    files = {
        name: body,
        "_page.html.j2": PAGE,
        "_parts.html.j2": PARTS,
        **{f"_{k}.html.j2": v for k, v in more.items()},
    }
    environment = MeteredEnvironment(files)
    return Program(environment, files, environment.get_template(name), [])


def outcome(run, values: Mapping[str, object]) -> str:  # type: ignore[no-untyped-def]
    try:
        return str(run(values))
    except Exception as error:  # noqa: BLE001 - what they fail with is compared
        return type(error).__name__


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_shipped_templates_are_flat_and_say_the_same(kind: str, language: str) -> None:
    files = sources()
    environment = MeteredEnvironment(files)
    environment.tests["greeting"] = lambda text: str(text).startswith("Chào")
    values = {**KINDS[kind].optional, **sample_values(language)[kind]}
    hostile = {name: HOSTILE if isinstance(value, str) else value for name, value in values.items()}
    for form in ("txt", "html"):
        name = f"{kind}.{language}.{form}.j2"
        if name in files:
            made = Program(environment, files, environment.get_template(name), [values, hostile, {}])
            assert made.flat
            for given_values in (values, hostile, {**KINDS[kind].optional}, {}):
                assert outcome(made.run, given_values) == outcome(made.run_plain, given_values)


@pytest.mark.parametrize(
    "body",
    [
        '{% extends "_page.html.j2" %}{% block content %}{{ a }}{% endblock %} not shown',
        '{% extends "_page.html.j2" %}{% from "_parts.html.j2" import fact %}{% block content %}'
        '{{ fact("A<", a) }}{{ fact(value=b, label=a) }}{{ fact("c", "d&", true) }}{{ fact(1, 2) }}{% endblock %}',
        '{% from "_parts.html.j2" import twice, listed %}'
        "{{ twice(a) }}{{ twice(b) }}{{ listed(items) }}{{ listed([]) }}{{ a }}",
        '{% from "_parts.html.j2" import renamed %}{{ renamed(a) }}',
        '{% from "_parts.html.j2" import renamed %}{{ renamed(b ~ a) }}',
        '{% from "_parts.html.j2" import fact as told %}'
        "{% for a in items %}{{ told(a, loop.index, loop.first) }}{% endfor %}{{ a }}",
        '{% from "_parts.html.j2" import plain %}{% set c %}{{ plain(a) }}&{% endset %}{{ c }}'
        "{% if b %}{% set c = a %}{% endif %}{{ c }}",
        '{% extends "_page.html.j2" %}{% block top %}{% set c = "mine" %}{{ c }}{% endblock %}'
        "{% block content %}{{ a }}{% endblock %}",
        "{{ a ~ b ~ 1 }}{{ items|join(', <') }}{{ (a ~ '<')|breaks }}{{ missing_one }}",
        "{{ true }}{{ 1.5 }}{{ none }}",
        "{{ items }}",
    ],
)  # fmt: skip
def test_flat_says_the_same(body: str) -> None:
    made = program(body)
    assert made.flat
    for values in (
        {"a": "<x>", "b": "y & z", "items": ["1<", "2"]},
        {"a": "", "b": 0, "items": []},
        {"a": HOSTILE},
        {},
    ):
        assert outcome(made.run, values) == outcome(made.run_plain, values)


@pytest.mark.parametrize(
    "body",
    [
        '{% extends "_page.html.j2" %}{% block top %}{{ super() }}{% endblock %}',
        '{% extends "_page.html.j2" %}{% set a = 1 %}',
        "{% extends a %}",
        '{% include "_page.html.j2" %}',
        '{% import "_parts.html.j2" as parts %}{{ parts.plain(a) }}',
        '{% from "_parts.html.j2" import plain with context %}{{ plain(a) }}',
        '{% from "_parts.html.j2" import plain %}{% set c = plain(a) %}{{ c }}',
        '{% from "_parts.html.j2" import plain %}{{ plain(a)|upper }}',
        '{% from "_parts.html.j2" import plain %}{{ plain() }}',
        '{% from "_parts.html.j2" import plain %}{{ plain(a, b) }}',
        '{% from "_parts.html.j2" import plain %}{{ plain(*items) }}',
        '{% from "_parts.html.j2" import plain %}{{ plain(a, a=b) }}',
        '{% from "_parts.html.j2" import nothing %}{{ nothing(a) }}',
        '{% from "_parts.html.j2" import plain %}{% for plain in items %}{{ plain }}{% endfor %}',
        "{% macro own(a) %}{{ a }}{% endmacro %}{{ own(b) }}",
        "{% for a in items recursive %}{{ a }}{% endfor %}",
        "{{ self.x }}",
        '{% extends "x.html.j2" %}',
        '{% extends "_page.html.j2" %}{% block top %}{% set a = 1 %}{% endblock %}'
        "{% block content %}{{ a }}{% endblock %}",
    ],
)  # fmt: skip
def test_what_is_left_to_jinja(body: str) -> None:
    files = {"x.html.j2": body, "_page.html.j2": PAGE, "_parts.html.j2": PARTS}
    with pytest.raises(NotFlat):
        flat_tree(MeteredEnvironment(files), files, "x.html.j2")


def test_a_macro_sees_only_what_it_is_given() -> None:
    outer = program(
        '{% from "_other.html.j2" import m %}{{ m(a) }}', other="{% macro m(x) %}{{ x }}{{ b }}{% endmacro %}"
    )
    assert not outer.flat
    assert outcome(outer.run, {"a": "1", "b": "secret"}) == "UndefinedError"


def test_text_and_html_are_not_mixed() -> None:
    files = {
        "x.html.j2": '{% from "_t.txt.j2" import m %}{{ m(a) }}',
        "_t.txt.j2": "{% macro m(x) %}{{ x }}{% endmacro %}",
    }
    environment = MeteredEnvironment(files)
    made = Program(environment, files, environment.get_template("x.html.j2"), [])
    assert not made.flat
    assert made.run({"a": "<"}) == "&lt;"


def test_macros_that_double_do_not_grow_for_ever() -> None:
    macros = "{% macro m0(x) %}{{ x }}{% endmacro %}" + "".join(
        f"{{% macro m{n}(x) %}}{{{{ m{n - 1}(x) }}}}{{{{ m{n - 1}(x) }}}}{{% endmacro %}}" for n in range(1, 40)
    )
    endless = "{% macro e(x) %}{{ e(x) }}{% endmacro %}"
    start = time.monotonic()
    for name, other in (("m39", macros), ("e", endless)):
        made = program(f'{{% from "_other.html.j2" import {name} %}}{{{{ {name}(a) }}}}', other=other)
        assert not made.flat
        assert outcome(made.run, {"a": "1"}) in ("OverBudget", "RecursionError")
    assert time.monotonic() - start < 10


def test_budgets_hold_in_flat_ones() -> None:
    loops = program("{% for a in items %}{% for b in items %}x{% endfor %}{% endfor %}")
    assert loops.flat
    with pytest.raises(OverBudget):
        loops.run({"items": list(range(100))})
    much = program('{% from "_parts.html.j2" import twice %}{% for b in items %}{{ twice(a) }}{% endfor %}')
    assert much.flat
    with pytest.raises((OverBudget, OverflowError)):
        much.run({"items": list(range(500)), "a": "y" * 10_000})


def test_an_error_names_the_line_of_the_part() -> None:
    files = sources() | {"agent-notice.en.txt.j2": "{{ cut }}\nx\n"}
    rendered = compile_templates(files).render(
        "agent-notice", "en", "", {**sample_values("en")["agent-notice"], "history": [{"who": "a", "when": "b"}]}
    )
    assert rendered.trouble.startswith("_parts.html.j2:20:")
    assert rendered.html == ""


NAMES = ("a", "b", "c", "items")
WORDS = ("'<q>'", "1", "true", "false", "''", "a", "b", "c", "a ~ b", "c|default('&')", "(b or a)")
MACROS = ("m0", "m1", "m2")


class Author:
    """Writes templates that shadow each other's names in every way there is."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._words: tuple[str, ...] = WORDS
        self._list, self._sets = "items", 0

    def files(self) -> dict[str, str]:
        macros = ""
        for place, name in enumerate(MACROS):
            one, other = self._random.sample(("a", "b", "c"), 2)
            self._words = (*WORDS[:5], one, other, f"{one} ~ {other}", f"{other}|default('&')", f"({other} or {one})")
            self._list = one
            if self._random.random() < 0.1:
                self._words, self._list = (*WORDS, "loop.index"), "items"
            body = self._body(2, MACROS[:place])
            macros += f"{{% macro {name}({one}, {other}=true) %}}{body}{{% endmacro %}}\n"
        self._words, self._list = (*WORDS, "loop.index"), "items"
        own = "".join(f"{{% block {name} %}}{self._body(3, MACROS)}{{% endblock %}}" for name in ("one", "two"))
        return {
            "x.html.j2": '{% extends "_page.html.j2" %}{% from "_parts.html.j2" import m0, m1, m2 %}' + own,
            "_page.html.j2": self._body(1, ()) + "{% block one %}{% endblock %}-{% block two %}{{ a }}{% endblock %}",
            "_parts.html.j2": macros,
        }

    def _body(self, depth: int, macros: tuple[str, ...]) -> str:
        return "".join(self._statement(depth, macros) for _ in range(self._random.randint(0, 3)))

    def _statement(self, depth: int, macros: tuple[str, ...]) -> str:
        word, other = self._random.choices(self._words, k=2)
        name = self._random.choice(NAMES)
        fresh = self._fresh()
        forms = [
            *(f"{{{{ {word} }}}}", f"{{{{ {other} }}}}"),
            *(self._random.choice(("text", "<br>\n", " ")), f"{{% set {fresh} = {word} %}}{{{{ {fresh} }}}}"),
        ]
        if self._random.random() < 0.1:
            forms = [f"{{% set {name} = {word} %}}"]
        if macros:
            forms += [f"{{{{ {self._random.choice(macros)}({word}, {other}) }}}}"] * 2
        if depth:
            inner = self._body(depth - 1, macros)
            forms += [
                f"{{% if {word} %}}{inner}{{% else %}}{self._body(depth - 1, macros)}{{% endif %}}",
                f"{{% for {name} in {self._list} %}}{inner}{{% endfor %}}",
                f"{{% set {fresh} %}}{inner}{{% endset %}}{{{{ {fresh} }}}}",
                f"{{% with {name} = {word} %}}{inner}{{% endwith %}}",
            ]
        return self._random.choice(forms)

    def _fresh(self) -> str:
        self._sets += 1
        return f"s{self._sets}"


def test_any_template_says_the_same() -> None:
    flat = 0
    for seed in range(100):
        files = Author(seed).files()
        environment = MeteredEnvironment(files)
        made = Program(environment, files, environment.get_template("x.html.j2"), [])
        if made.flat:
            flat += 1
            assert made._flat is not None
            for values in ({"a": "<1>", "b": "", "c": "&", "items": ["x", "<y>"]}, {"a": 0, "items": []}, {}):
                assert outcome(made._flat, values) == outcome(made.run_plain, values), (seed, files)
    assert flat > 25
