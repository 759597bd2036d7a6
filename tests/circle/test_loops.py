"""No automatic mail answers automatic mail (law 5): two gateways facing each other."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.circle.conftest import PORTS
from tests.circle.letters import BAO, CHI, Person, write
from tests.circle.world import Desk, Post

REST = 1.2  # seconds without any mail, after which an exchange has ended
MARKS = ("Auto-Submitted", "X-Auto-Response-Suppress", "Precedence", "X-Loop", "List-[A-Za-z-]+", "Feedback-ID")
THREADS = ("In-Reply-To", "References", "Reply-To")


@pytest.fixture(scope="module")
def pair(post: Post, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Desk]]:
    """north.example and south.example: two gateways behind one Postfix."""
    folder = tmp_path_factory.mktemp("pair")
    north = Desk(folder / "north", "north.example", "NORTH", (BAO,), PORTS["north.example"])
    south = Desk(folder / "south", "south.example", "SOUTH", (CHI,), PORTS["south.example"])
    for desk in (north, south):
        desk.more = {"relay": {"host": "localhost", "port": post.front.stripping_port, "tls": "none"}}
        desk.configure(post.front)
        desk.start()
    yield north, south
    for desk in (north, south):
        desk.stop()


def exchanged(pair: tuple[Desk, Desk]) -> int:
    """Mails that the two desks have sent to each other's addresses."""
    sent = [mail for desk in pair for row in desk.tickets() for mail in whole(desk, row)["outbox"]]
    return sum(mail["recipient"].endswith(("@north.example", "@south.example")) for mail in sent)


def whole(desk: Desk, row: dict) -> dict:  # type: ignore[type-arg]
    found = desk.store.ticket(int(row["number"]))
    assert found is not None
    return found


def until_rest(post: Post, *desks: Desk) -> None:
    """Until nothing has been kept by any of these desks, and nothing waits anywhere, for REST seconds."""
    seen: list[object] = []
    since = time.monotonic()
    end = since + 60

    def state() -> list[object]:
        return [(desk.store.status()["intake"], desk.store.status()["outbox"]) for desk in desks]

    while time.monotonic() - since < REST:
        assert time.monotonic() < end, "they write to each other for ever"
        now = state()
        if now != seen or not all(desk.at_rest() for desk in desks) or not post.front.is_empty():
            seen, since = now, time.monotonic()
        time.sleep(0.2)


def introduce(post: Post, pair: tuple[Desk, Desk], department: str, subject: str) -> int:
    """A mail in the name of north's department reaches south's; returns how many mails they exchanged over it."""
    before = exchanged(pair)
    north, south = Person(f"{department}@north.example", "Phòng"), f"{department}@south.example"
    post.send(north, south, write(north, south, subject, "Xin chào."), port=post.front.inside_port)
    post.wait_letter(CHI, subject)
    until_rest(post, *pair)
    return exchanged(pair) - before


def test_with_their_marks(post: Post, pair: tuple[Desk, Desk]) -> None:
    """One acknowledgement, and nothing answers it."""
    assert introduce(post, pair, "kythuat", "Hai bên chào nhau") == 1


def test_without_marks(post: Post, pair: tuple[Desk, Desk]) -> None:
    """Postfix takes Auto-Submitted and its kin off; what still tells are the signed ids."""
    post.front.strip(*MARKS)
    assert introduce(post, pair, "kinhdoanh", "Không còn dấu hiệu") == 2
    assert len(tickets_of(pair, "sales")) == 2


def test_without_marks_and_threads(post: Post, pair: tuple[Desk, Desk]) -> None:
    """Nothing is left to tell an automatic mail by, each one opens a ticket: the caps end it."""
    post.front.strip(*MARKS, *THREADS)
    mails = introduce(post, pair, "cskh", "Không còn gì cả")
    assert 3 <= mails <= 5
    assert len(tickets_of(pair, "care")) <= mails + 1
    why = [event["data"]["reason"] for row in tickets_of(pair, "care") for event in row["events"]
           if event["kind"] == "not-acknowledged"]  # fmt: skip
    assert [reason.partition(" ")[0] for reason in why] == ["cap:"]


def tickets_of(pair: tuple[Desk, Desk], department: str) -> list[dict]:  # type: ignore[type-arg]
    return [whole(desk, row) for desk in pair for row in desk.tickets() if row["department"] == department]
