"""The releases that are installed are the ones named, and they are what the project says it works with."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): release for name, release in pins}


def test_every_library_has_its_release_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [
        Requirement(text) for text in [*project["dependencies"], *(one for some in extras.values() for one in some)]
    ]
    pins = pinned()
    for one in wanted:
        if one.name != project["name"]:
            assert canonicalize_name(one.name) in pins, f"constraints.txt lacks {one.name}"
            assert one.specifier.contains(pins[canonicalize_name(one.name)]), one


def test_what_is_installed_is_what_is_named() -> None:
    differing = {name: version(name) for name, release in pinned().items() if version(name) != release}
    assert differing == {}, "not as in constraints.txt: run `make clean test`"


def test_both_commands_install_by_them() -> None:
    installs = re.findall(r"pip install .*", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert len(installs) == 2
    assert all("-c constraints.txt" in line for line in installs)
