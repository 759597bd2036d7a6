"""docs/configuration.md names every key with its default, and no other (both files' formats)."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from gateway.desk import rule_models
from gateway.settings.shape import SettingsFile, section_shapes

DOC = Path(__file__).parents[1] / "docs" / "configuration.md"


def documented() -> dict[str, dict[str, str]]:
    """Heading → key → default, of every table with those columns."""
    tables: dict[str, dict[str, str]] = {}
    heading = ""
    for line in DOC.read_text("utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("#").strip()
        elif match := re.match(r"\| `([\w]+)` \| (.*?) \| .", line):
            key, default = match[1], match[2]
            assert key not in tables.setdefault(heading, {}), f"{heading}: {key} twice"
            tables[heading][key] = default
    return tables


MODELS: dict[str, type[BaseModel]] = {
    "Top of gateway.yaml": SettingsFile,
    **{f"`{'`, `'.join(names)}`{' entries' if names == ('imap',) else ''}": m for names, m in section_shapes().items()},
    "Top of a rule file": rule_models.RuleFile,
    "`priorities` entries": rule_models.Target,
    "`departments` entries": rule_models.DepartmentEntry,
    "`agents` entries": rule_models.AgentEntry,
    "`rules` entries": rule_models.Rule,
    "`when`": rule_models.Condition,
    "`subject`, `body`": rule_models.TextTest,
    "`header`": rule_models.HeaderTest,
    "`attachment`": rule_models.AttachmentTest,
    "`then`": rule_models.Effect,
}


def shown(value: Any) -> str:
    """A default as the document shows it."""
    if value is PydanticUndefined:
        return "required"
    if value is None or value == "" or isinstance(value, BaseModel):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list | tuple | dict):
        return f"`{', '.join(str(int(v) if isinstance(v, float) else v) for v in value)}`" if value else "–"
    if isinstance(value, PurePath | str):
        return f"`{value}`"
    whole = int(value) if value == int(value) else value
    for unit, octets in (("MB", 1024**2), ("KB", 1024)):
        if isinstance(value, int) and value >= octets and value % octets == 0:
            return f"`{value // octets}{unit}`"
    return f"`{whole}`"


def expected(model: type[BaseModel]) -> dict[str, str]:
    return {
        item.alias or name: shown(item.get_default(call_default_factory=True))
        for name, item in model.model_fields.items()
    }


@pytest.mark.parametrize("heading", MODELS)
def test_keys_and_defaults(heading: str) -> None:
    assert documented()[heading] == expected(MODELS[heading])


def test_no_other_table() -> None:
    assert set(documented()) == set(MODELS)
