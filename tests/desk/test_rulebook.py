"""The rulebook: what is read from the files, and every error an admin can get, word for word."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from gateway.desk.rule_models import duration, size, span, week
from gateway.desk.rulebook import Rulebook, RulebookErrors, load_rulebook

EXAMPLE = Path(__file__).parents[2] / "rules"
GOLDEN = Path(__file__).parents[1] / "golden" / "rule-errors"


def example_files() -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in EXAMPLE.glob("*.yaml")}


@pytest.fixture(scope="module")
def example() -> Rulebook:
    return load_rulebook(example_files())


# --- errors, word for word ---


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_errors(path: Path) -> None:
    """A golden file: the rule files, each under `=== name`, then the errors under `=== errors`."""
    sections: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").splitlines(keepends=True):
        if line.startswith("=== "):
            lines = sections.setdefault(line[4:].strip(), [])
        else:
            lines.append(line)
    wanted = "".join(sections.pop("errors"))
    with pytest.raises(RulebookErrors) as caught:
        load_rulebook({name: "".join(text) for name, text in sections.items()})
    assert f"{caught.value}\n" == wanted


def test_every_golden_error_has_a_place_and_there_are_some() -> None:
    texts = [path.read_text("utf-8").partition("=== errors\n")[2] for path in GOLDEN.glob("*.txt")]
    assert len(texts) >= 14
    for line in "".join(texts).splitlines():
        name, row, column, _ = line.split(":", 3)
        assert name.endswith(".yaml")
        assert row.isdigit()
        assert column.isdigit()


@pytest.mark.parametrize("name", sorted(example_files()))
def test_any_single_change_of_a_key_is_found(name: str) -> None:
    """Each key of the example, misspelt, is an error on its own line."""
    lines = example_files()[name].splitlines()
    misspelt = 0
    for number, line in enumerate(lines):
        key, colon, rest = line.partition(":")
        if not colon or not key.strip().isidentifier() or line.lstrip().startswith("#"):
            continue
        if len(key) - len(key.lstrip()) == 2:
            continue  # the name of a department, a list or a priority is free
        changed = [*lines[:number], f"{key}x:{rest}", *lines[number + 1 :]]
        with pytest.raises(RulebookErrors) as caught:
            load_rulebook(example_files() | {name: "\n".join(changed)})
        places = [(problem.file, problem.line) for problem in caught.value.problems]
        assert (name, number + 1) in places
        misspelt += 1
    assert misspelt >= 1


# --- what is read ---


def test_doors(example: Rulebook) -> None:
    assert example.door_of("KinhDoanh@desk.example ") == "sales"
    assert example.door_of("sales@desk.example") == "sales"
    assert example.door_of("hotro@desk.example") == ""
    assert example.door_of("nobody@desk.example") is None
    assert example.address_of("sales") == "kinhdoanh@desk.example"
    assert example.all_addresses() >= {"kinhdoanh@desk.example", "hotro@desk.example"}
    assert example.general_addresses == ("hotro@desk.example", "support@desk.example")
    with pytest.raises(KeyError):
        example.address_of("nothing")


def test_people(example: Rulebook) -> None:
    assert example.department_of_agent("Lan.Nguyen@people.desk.example") == ("sales",)
    assert example.department_of_agent("giamdoc@people.desk.example") == ()
    assert example.is_agent("LI.WEI@people.desk.example")
    assert not example.is_agent("kinhdoanh@desk.example")
    assert example.is_manager("giamdoc@people.desk.example")
    assert not example.is_manager("lan.nguyen@people.desk.example")
    assert example.agent_name("li.wei@people.desk.example") == "李薇"
    assert example.agent_name("x@y.example") == ""


def test_every_department_of_the_example_is_whole(example: Rulebook) -> None:
    assert list(example.departments) == ["sales", "technical", "design", "care"]
    for name, department in example.departments.items():
        assert department.name == name
        assert len(department.agents) == 2
        assert department.managers
        assert set(department.label) == {"vi", "zh", "en"}
        assert department.timezone == "Asia/Ho_Chi_Minh"
        assert department.hours[0] == ((480, 720), (810, 990))
        assert date(2027, 2, 6) in department.holidays
        assert hash(department) == hash(department)


def test_promises(example: Rulebook) -> None:
    assert example.priorities == ("critical", "normal", "wish")
    assert example.first_response("technical", "critical") == (1800, "always")
    assert example.first_response("sales", "critical") == (3600, "always")
    assert example.first_response("sales", "normal") == (4 * 3600, "office")
    assert example.first_response("care", "normal") == (8 * 3600, "office")
    assert example.first_response("care", "removed") == (8 * 3600, "office")


def test_included_files_come_first_in_their_order() -> None:
    last = "  - {name: last, when: always, then: {department: sales}}\n"
    rule = "rules:\n  - {{name: {0}, when: {{subject: x}}, then: {{tags: [x]}}}}\n"
    head = "departments:\n  sales: {addresses: [s@d.example], agents: [a@p.example]}\n"
    files = {"rulebook.yaml": f"include: [z.yaml, a.yaml]\n{head}rules:\n{last}"}
    files |= {"a.yaml": rule.format("A"), "z.yaml": rule.format("Z")}
    assert [entry.name for entry in load_rulebook(files).rules] == ["Z", "A", "last"]


def test_a_list_file() -> None:
    files = example_files()
    files["rulebook.yaml"] = files["rulebook.yaml"].replace("  - lists.yaml", "  - lists.yaml\n  - partners.txt")
    files["partners.txt"] = "# our partners\n@a.example\n\n  Lan@b.example  # since 2024\n"
    assert load_rulebook(files).lists["partners"] == ("@a.example", "lan@b.example")
    files["partners.txt"] += "nobody\n"
    with pytest.raises(RulebookErrors) as caught:
        load_rulebook(files)
    assert str(caught.value).startswith("partners.txt:5:1: lists.partners[3]: must be an address, '@domain'")


def test_defaults_of_a_small_rulebook() -> None:
    text = """
departments: {care: {addresses: c@d.example, agents: a@p.example}}
rules: [{name: all, when: always, then: {department: care}}]
"""
    found = load_rulebook({"rulebook.yaml": text})
    care = found.departments["care"]
    assert (care.language, care.timezone, dict(care.hours), care.reply_address) == ("vi", "UTC", {}, "plus")
    assert (care.accept_e2, care.survey, care.managers, care.leads) == (False, True, (), ())
    assert dict(care.label) == {"vi": "care", "zh": "care", "en": "care"}
    assert found.priorities == ("normal",)
    assert found.first_response("care", "normal") == (86400, "office")


def test_digest_names_the_files_and_their_texts() -> None:
    files = example_files()
    first = load_rulebook(files).digest
    assert load_rulebook(dict(reversed(files.items()))).digest == first
    assert load_rulebook(files | {"lists.yaml": files["lists.yaml"] + "# a word\n"}).digest != first
    assert len(first) == 64


# --- small words ---


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("4h", 14400), ("2d", 172800), ("1h30m", 5400), ("1w", 604800), ("45 s", 45)]
)
def test_duration(text: str, seconds: int) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "4", "h", "4x", "-4h", "4h5", "0m", "400d", "4.5h", True, 1.5, None])
def test_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        duration(text)


@pytest.mark.parametrize(("text", "octets"), [("500KB", 512000), ("10mb", 10485760), ("7", 7), (7, 7), ("1 GB", 2**30)])
def test_size(text: object, octets: int) -> None:
    assert size(text) == octets


@pytest.mark.parametrize(
    ("table", "meant"),
    [
        ({"mon-tue": ["08:00-12:00"]}, {0: ((480, 720),), 1: ((480, 720),)}),
        ({"sat-mon": ["00:00-24:00"]}, {0: ((0, 1440),), 5: ((0, 1440),), 6: ((0, 1440),)}),
        ({"Mon": ["13:30-16:30", "08:00-12:00"]}, {0: ((480, 720), (810, 990))}),
        ({"mon": ["08:00-12:00"], "mon-mon": ["12:00-13:00"]}, {0: ((480, 720), (720, 780))}),
        ({"fri": ["22:00-06:00"]}, {4: ((1320, 360),)}),
        ({"sun": []}, {6: ()}),
    ],
)
def test_week(table: dict[str, list[str]], meant: dict[int, object]) -> None:
    assert week(table) == meant


@pytest.mark.parametrize("text", ["8-12", "08:00", "25:00-26:00", "08:60-09:00", "08:00-08:00", "24:00-08:00", "x"])
def test_no_span(text: str) -> None:
    with pytest.raises(ValueError, match="span of the day"):
        span(text)
