"""Stories: clock and mails in → mails out and tickets. Data in tests/stories/; ids are those of the capabilities."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.flow.story import Player, StoryFailed, stories
from tests.servers.postgres import Postgres

STORIES = stories(Path(__file__).parents[1] / "stories")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a database of the test's own; "" for a SQLite file in its folder."""
    if request.param == "sqlite":
        yield ""
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.migrated()
    yield server.url(name)
    server.give_back(name)


@pytest.mark.parametrize(("name", "story"), STORIES, ids=[name for name, _ in STORIES])
def test_story(name: str, story: dict[str, Any], tmp_path: Path, url: str) -> None:
    player = Player(story, tmp_path, url)
    try:
        player.play(deepcopy(story["steps"]))  # the player takes what it reads out of them
    finally:
        player.desk.close()


def test_a_story_can_fail(tmp_path: Path) -> None:
    """The player really looks: the same steps with a wrong expectation are refused."""
    player = Player({}, tmp_path)
    step = {"mail": {"from": "a@b.example", "to": "hotro@desk.example", "subject": "x", "id": "m"}, "tickets": 2}
    with pytest.raises(StoryFailed):
        player.play([step])
    player.desk.close()
