"""Stories: clock and mails in → mails out and tickets. Data in tests/stories/; ids are those of the capabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.flow.story import Player, StoryFailed, stories

STORIES = stories(Path(__file__).parents[1] / "stories")


@pytest.mark.parametrize(("name", "story"), STORIES, ids=[name for name, _ in STORIES])
def test_story(name: str, story: dict[str, Any], tmp_path: Path) -> None:
    player = Player(story, tmp_path)
    try:
        player.play(story["steps"])
    finally:
        player.desk.close()


def test_a_story_can_fail(tmp_path: Path) -> None:
    """The player really looks: the same steps with a wrong expectation are refused."""
    player = Player({}, tmp_path)
    step = {"mail": {"from": "a@b.example", "to": "hotro@desk.example", "subject": "x", "id": "m"}, "tickets": 2}
    with pytest.raises(StoryFailed):
        player.play([step])
    player.desk.close()
