"""The documentation is held to the program: its examples load, its commands exist, its links and tests are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.desk.command import NAMES
from gateway.settings import read_settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_quick_start_is_a_configuration(tmp_path: Path) -> None:
    text = (ROOT / "docs/quick-start.md").read_text(encoding="utf-8")
    block = re.search(r"```yaml\n(state_dir.*?)```", text, re.DOTALL)
    assert block is not None
    (tmp_path / "gateway.yaml").write_text(block[1], encoding="utf-8")
    for name in ("imap-password", "relay-password"):
        (tmp_path / name).write_text("secret\n", encoding="utf-8")
    settings = read_settings(tmp_path / "gateway.yaml", {})
    assert settings.desk.prefix == "CTY"
    assert settings.imap[0].password == "secret"
    assert settings.relay is not None


def test_commands_of_the_readme_exist() -> None:
    known = set(CliRunner().invoke(main, ["--help"]).output.split())
    for page in PAGES:
        for command in re.findall(r"(?:^|[ /`])gateway (\w+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            if command in {
                "check",
                "tickets",
                "show",
                "explain",
                "quarantine",
                "reload",
                "passwd",
                "run",
                "migrate",
                "backup",
                "restore",
                "outbox",
            }:
                assert command in known


def test_the_agents_guide_names_every_command() -> None:
    text = (ROOT / "docs/agents.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"`#{name}" in text, f"docs/agents.md does not tell of #{name}"


def test_guarantees_name_tests_that_exist() -> None:
    text = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/.-]+)(?:::(\w+))?`", text)
    assert len(named) > 20
    for path, function in named:
        assert (ROOT / path).exists(), f"docs/guarantees.md names {path}"
        if function:
            assert f"def {function}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path} has no {function}"
