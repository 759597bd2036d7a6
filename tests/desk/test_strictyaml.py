"""Restricted YAML: what stays text, what is refused, and that every error has its place."""

from __future__ import annotations

import json
import random
from typing import Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from gateway.strictyaml import Problem, StrictYamlError, Text, decode, load, validate

SCALARS = [
    ("8:30", "8:30"),
    ("on", "on"),
    ("no", "no"),
    ("Yes", "Yes"),
    ("True", "True"),
    ("010", "010"),
    ("0x1F", "0x1F"),
    ("1_000", "1_000"),
    ("2026-01-01", "2026-01-01"),
    ("0901234567", "0901234567"),
    ("1e3", "1e3"),
    (".5", ".5"),
    ("9" * 30, "9" * 30),
    ("true", True),
    ("false", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("12", 12),
    ("-3", -3),
    ("0", 0),
    ("2.50", 2.5),
    ("'12'", "12"),
    ('"true"', "true"),
    ("'~'", "~"),
    ("khiếu nại", "khiếu nại"),
    ("投诉", "投诉"),
]


@pytest.fixture(params=["c", "python"], autouse=True)
def _either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of every error are the same with and without the C parser."""
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)


@pytest.mark.parametrize(("written", "meant"), SCALARS)
def test_scalar(written: str, meant: object) -> None:
    value = load(f"key: {written}\n", "f.yaml").plain()
    assert value == {"key": meant}
    assert type(value["key"]) is type(meant) or isinstance(meant, int | float)


def test_keys_are_text() -> None:
    assert load("on: 1\n8: 2\ntrue: 3\n~: 4\n", "f").plain() == {"on": 1, "8": 2, "true": 3, "~": 4}


REFUSED = {
    "tab": ("a:\n\tb: 1\n", "2:1", "a tab used to indent"),
    "at sign": ("a: [x@y, @foo.vn]\n", "1:10", "begins with '@' must be quoted"),
    "star": ("a: *.pdf\n", "1:5", "begins with '*' must be quoted"),
    "alias": ("a: *foo\n", "1:4", "a: aliases are not used here, got '*foo'"),
    "anchor": ("a: &x 1\n", "1:4", "a: anchors are not used here, got '&x'"),
    "tag": ("a: !!str 5\n", "1:4", "a: tags are not used here"),
    "own tag": ("a: !foo x\n", "1:4", "tags are not used here, got '!foo'"),
    "python tag": ("a: !!python/object/apply:os.system [x]\n", "1:4", "tags are not used here"),
    "merge": ("<<: {a: 1}\n", "1:1", "merge keys are not used here"),
    "duplicate": ("a: 1\nb: 2\na: 3\n", "3:1", "the key 'a' was already given in line 1"),
    "two documents": ("a: 1\n---\nb: 2\n", "2:1", "a second document begins here"),
    "directive": ("%YAML 1.1\n---\na: 1\n", "1:1", "directives"),
    "colon": ("a: b: c\n", "1:5", "':' where no key can stand"),
    "open quote": ('a: "foo\nb: 1\n', "3:1", "the quote that opens here or above is not closed"),
    "escape": ('a: "\\d"\n', None, "in double quotes a backslash begins an escape"),
    "open list": ("a: [1, 2\nb: 3\n", "2:2", "the list in [...] lacks a ','"),
    "open map": ("a: {b: 1\nc: 2\n", "2:2", "the map in {...} lacks a ','"),
    "no colon": ("a: 1\nfoo\nb: 2\n", "3:1", "a key without ':'"),
    "indent": ("a:\n  - x\n - y\n", "3:2", "the keys do not line up"),
    "after quote": ('a: "x" y\n', "1:8", "text follows a closing quote"),
    "dash": ("a: - b\n", "1:4", "'-' where no list item can stand"),
    "backtick": ("a: `x`\n", "1:4", "begins with '`' must be quoted"),
    "control": ("a: 1\nb: \x01x\n", "2:4", "invisible character U+0001"),
    "line separator": ("a: 1\u2028b: 2\n", "1:5", "invisible character U+2028"),
    "surrogate": ("a: \ud800\n", "1:4", "invisible character U+D800"),
    "hidden escape": ('a: "x\\0"\n', "1:4", "an escape stands for the invisible character U+0000"),
    "hard blank": ("\xa0a: 1\n", "1:1", "an unusual blank at its edge"),
    "list as key": ("[a]: 1\n", "1:1", "a key must be plain text"),
    "deep": ("[" * 500, "1:33", "nested deeper than 32 levels"),
    "bottomless": ("[" * 100_000, None, "nested deeper than 32 levels"),  # where it is noticed depends on the parser
    "deep block": ("".join(" " * i + "a:\n" for i in range(40)), "33:33", "nested deeper than 32 levels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    text, place, words = REFUSED[name]
    with pytest.raises(StrictYamlError) as caught:
        load(text, "dir/f.yaml")
    first = str(caught.value.problems[0])
    assert words in first
    assert place is None or first.startswith(f"dir/f.yaml:{place}: ")


def test_all_problems_at_once() -> None:
    with pytest.raises(StrictYamlError) as caught:
        load("a: &x 1\nb: *x\nc: !t y\na: 2\n", "f")
    assert [(p.line, p.column) for p in caught.value.problems] == [(1, 4), (2, 4), (3, 4), (4, 1)]


def test_windows_line_ends_and_byte_order_mark() -> None:
    node = load("\ufeffa: 1\r\nviệt: {b: x}\r\n", "f")
    assert node.plain() == {"a": 1, "việt": {"b": "x"}}
    found = node.find(("việt", "b"))
    assert (found.line, found.column) == (2, 11)


@pytest.mark.parametrize(
    ("octets", "place", "words"),
    [
        ("a: 1\nb: khiếu".encode()[:-1] + "é".encode("latin-1"), "2:8", "not UTF-8 (octet 0xE9)"),
        ("a: 1".encode("utf-16"), "1:1", "the file is UTF-16"),
    ],
)
def test_wrong_encoding(octets: bytes, place: str, words: str) -> None:
    with pytest.raises(StrictYamlError) as caught:
        decode(octets, "f.yaml")
    assert str(caught.value).startswith(f"f.yaml:{place}: ")
    assert words in str(caught.value)


def test_size_limit() -> None:
    with pytest.raises(StrictYamlError, match="larger than 10 MB"):
        load("a: " + "é" * (5 * 1024 * 1024 + 1), "f")


# --- models ---


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    colour: Literal["red", "green"] = "red"
    count: int = 0
    label: Text = ""


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Text
    inner: Inner | None = None
    several: list[Inner] = []
    named: dict[str, Inner] = {}


WRONG = [
    ("inner: {}\n", "1:1: the key 'name' is missing"),
    ("name: x\nnmae: y\n", "2:1: nmae: unknown key, got 'nmae', did you mean 'name'?"),
    ("name: x\ninner: {color: red}\n", "2:9: inner.color: unknown key, got 'color', did you mean 'colour'?"),
    ("name: x\nnamed: {n: {countt: 1}}\n", "2:13: named.n.countt: unknown key, got 'countt', did you mean 'count'?"),
    (
        "name: x\nseveral:\n  - {}\n  - colour: grene\n",
        "4:13: several[2].colour: must be one of red, green, got 'grene', did you mean 'green'?",
    ),
    ("name: x\ninner: {count: many}\n", "2:16: inner.count: must be a whole number, got 'many'"),
    ("name: true\n", "1:7: name: must be text, got 'true'"),
    ("name: [a]\n", "1:7: name: must be text, got a list"),
    ("name: x\ninner: 5\n", "2:8: inner: must be a map (key: value), got '5'"),
    ("name: x\ninner: count：5\n", "full-width colon"),
    ("- a\n", "1:1: must be a map (key: value), got a list"),
]


@pytest.mark.parametrize(("text", "wanted"), WRONG)
def test_model_errors(text: str, wanted: str) -> None:
    with pytest.raises(StrictYamlError) as caught:
        validate(Outer, load(text, "f.yaml"))
    assert wanted in str(caught.value)
    assert str(caught.value).startswith("f.yaml:")


def test_numbers_where_text_is_wanted_stay_as_written() -> None:
    assert validate(Outer, load("name: 1.10\ninner: {label: 404}\n", "f")).model_dump()["name"] == "1.10"


def test_model_errors_come_together_in_order() -> None:
    text = "zzz: 1\ninner: {count: x, colour: y}\n"
    with pytest.raises(StrictYamlError) as caught:
        validate(Outer, load(text, "f"))
    assert [(p.line, p.column) for p in caught.value.problems] == [(1, 1), (1, 1), (2, 16), (2, 27)]


# --- laws ---

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn"), exclude_characters="\ufeff")
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcé投", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(TREES)
def test_quoted_values_come_back(tree: object) -> None:
    """JSON is YAML: whatever is written with quotes is read back, however odd."""
    text = json.dumps({"value": tree}, ensure_ascii=False)
    assert load(text, "f").plain() == {"value": tree}


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    assert all(problem.line >= 1 and problem.message for problem in _problems(text))


def _problems(text: str) -> tuple[Problem, ...]:
    try:
        load(text, "f")
    except StrictYamlError as error:
        return error.problems or (Problem("f", 0, 0, "", ""),)
    return ()


def test_structured_noise_is_read_or_refused() -> None:
    """Fixed seed: the pieces YAML's grammar is made of, in any order."""
    noise = random.Random(20261122)
    pieces = [
        "a",
        ": ",
        "- ",
        "\n",
        "  ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "'",
        '"',
        "&x ",
        "*x",
        "!t ",
        "|\n",
        "#c",
        "? ",
        "---\n",
    ]
    for _ in range(1500):
        text = "".join(noise.choice(pieces) for _ in range(noise.randrange(1, 25)))
        assert all(problem.line >= 1 and problem.message for problem in _problems(text))
