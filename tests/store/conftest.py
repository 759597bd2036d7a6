"""Each test of the store runs on both engines, but for those that are marked as being of one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.postgres import Postgres
from tests.store import desk

ENGINES = ("sqlite", "postgresql")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("engine", ENGINES, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test, or one case of it, that is marked with an engine's name is of that engine alone."""
    del config
    items[:] = [item for item in items if _fits(item)]


def _fits(item: pytest.Item) -> bool:
    of = [name for name in ENGINES if item.get_closest_marker(name)]
    call = getattr(item, "callspec", None)
    return not of or call is None or "engine" not in call.params or call.params["engine"] in of


@pytest.fixture(autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Sets what `desk.url_of` gives; the name of the engine."""
    if request.param == "sqlite":
        yield "sqlite"
        return
    server: Postgres = request.getfixturevalue("postgres")
    with desk.databases(server):
        yield "postgresql"
