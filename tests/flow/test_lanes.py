"""The two lanes of the desk beside each other: each new ticket that the ordinary one opens makes what the slow one has
decided meanwhile stale, and the slow one gets its turn all the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults.running import letter
from tests.flow.desk_under_test import DeskUnderTest

TO = "hotro@desk.example"
OVERTAKEN = 20.0  # seconds within which an ordinary mail is written while nothing holds it up, also on a busy machine
HELD_UP = 1.0  # seconds after which it is taken to wait for the slow lane


class Traffic:
    """Ordinary mail that comes whenever the slow lane knows the facts and has not written yet."""

    def __init__(self, desk: DeskUnderTest) -> None:
        self.desk, self.sent, self.overtook = desk, 0, list[bool]()
        self._facts = desk.store.facts_many

    def facts_many(self, queries: Sequence[Any]) -> list[Any]:
        found = self._facts(queries)
        if threading.current_thread().name == "slow":
            self.overtook.append(self._one_more())
        return found

    def _one_more(self) -> bool:
        """Whether a mail that comes now is a ticket before the slow lane writes."""
        self.sent += 1
        number = keep(self.desk, f"quick{self.sent}")
        self.desk.desk.wake()
        patience = threading.Event()
        for _ in range(int((HELD_UP if self.overtook else OVERTAKEN) / 0.02)):
            if self.desk.store.outcomes(number):
                return True
            patience.wait(0.02)
        return False


def keep(desk: DeskUnderTest, name: str, body: str = "Please help.") -> int:
    return desk.receive(letter(name, body, to=TO), [TO], mail_from=f"{name}@customer.example", settle=False)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskUnderTest]:
    made = DeskUnderTest(tmp_path)
    yield made
    made.close()


def test_a_large_mail_waits_for_nobody_and_is_overtaken_once(
    desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its turn it would lose each round, three times five of them, and be put aside."""
    traffic, stop = Traffic(desk), threading.Event()
    monkeypatch.setattr(desk.store, "facts_many", traffic.facts_many)
    large = keep(desk, "large", ("y" * 70 + "\n") * 5_000)
    desk.desk.step()
    ordinary = threading.Thread(target=desk.desk.run, args=(stop,))
    slow = threading.Thread(target=desk.desk.step_slow, name="slow")
    ordinary.start()
    try:
        slow.start()
        slow.join(60)
        assert not slow.is_alive()
        assert desk.store.outcomes(large), "the first try has made a ticket of it"
        assert traffic.overtook == [True, False]
    finally:
        stop.set()
        desk.desk.end()
        ordinary.join(10)
    desk.settle()
    assert len(desk.tickets()) == 1 + traffic.sent
    assert desk.store.quarantined() == []
