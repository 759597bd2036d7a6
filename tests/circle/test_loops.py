"""No automatic mail answers automatic mail (law 5): two gateways facing each other, and customers' responders."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.circle.conftest import PORTS
from tests.circle.world import BAO, CHI, HUNG, Desk, Letter, Person, Post, answer, eventually, write

REST = 2.0  # seconds without any mail, after which an exchange has ended
MOST = 5


@pytest.fixture(scope="module")
def pair(post: Post, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Desk]]:
    """north.example and south.example: two gateways behind one Postfix."""
    folder = tmp_path_factory.mktemp("pair")
    north = Desk(folder / "north", "north.example", "NORTH", (BAO,), PORTS["north.example"])
    south = Desk(folder / "south", "south.example", "SOUTH", (CHI,), PORTS["south.example"])
    for desk in (north, south):
        desk.configure(post.front)
        desk.start()
    yield north, south
    for desk in (north, south):
        desk.stop()


def through(post: Post, pair: tuple[Desk, Desk], port: int) -> None:
    """Both desks send through this port of Postfix from now on; one that takes no login."""
    for desk in pair:
        desk.stop()
        desk.more = {"relay": {"host": "localhost", "port": port, "tls": "none", "hostname": desk.domain}}
        desk.configure(post.front)
        desk.start()


def exchanged(pair: tuple[Desk, Desk]) -> int:
    """Mails that the two desks have sent to each other's addresses."""
    sent = [mail for desk in pair for row in desk.tickets() for mail in whole(desk, row)["outbox"]]
    return sum(mail["recipient"].endswith(("@north.example", "@south.example")) for mail in sent)


def whole(desk: Desk, row: dict) -> dict:  # type: ignore[type-arg]
    found = desk.store.ticket(int(row["number"]))
    assert found is not None
    return found


def until_rest(*desks: Desk) -> None:
    """Until nothing has been kept by any of these desks, and nothing waits, for REST seconds."""
    seen: list[object] = []
    since = time.monotonic()
    end = since + 60

    def state() -> list[object]:
        return [(desk.store.status()["intake"], desk.store.status()["outbox"]) for desk in desks]

    while time.monotonic() - since < REST:
        assert time.monotonic() < end, "they write to each other for ever"
        now = state()
        if now != seen or not all(desk.at_rest() for desk in desks):
            seen, since = now, time.monotonic()
        time.sleep(0.2)


def introduce(post: Post, pair: tuple[Desk, Desk], subject: str) -> int:
    """A mail in the name of north's department reaches south's; returns how many mails they exchanged over it."""
    before = exchanged(pair)
    north = Person("kythuat@north.example", "Phòng Kỹ thuật")
    post.send(north, "kythuat@south.example", write(north, "kythuat@south.example", subject, "Xin chào."),
              port=post.front.inside_port)  # fmt: skip
    post.wait_letter(CHI, subject)
    until_rest(*pair)
    return exchanged(pair) - before


def test_two_gateways_with_their_marks(post: Post, pair: tuple[Desk, Desk]) -> None:
    assert introduce(post, pair, "Hai bên chào nhau") == 1  # one acknowledgement, and nothing answers it
    assert not [one for one in post.letters(BAO) if "Auto" in one.subject]


def test_two_gateways_without_marks(post: Post, pair: tuple[Desk, Desk]) -> None:
    """Postfix takes Auto-Submitted and its kin off; what still tells are the signed ids."""
    through(post, pair, post.front.bare_port)
    assert 1 <= introduce(post, pair, "Không còn dấu hiệu") <= MOST


def test_two_gateways_without_marks_and_threads(post: Post, pair: tuple[Desk, Desk]) -> None:
    """Nothing is left to know an automatic mail by: the caps end it."""
    through(post, pair, post.front.bald_port)
    assert 1 <= introduce(post, pair, "Không còn gì cả") <= MOST
    for desk in pair:
        assert not [row for row in desk.tickets() if row["status"] == "closed"]


def respond(post: Post, desk: Desk, person: Person, make: Callable[[Letter], tuple[str, str, bytes]]) -> list[Letter]:
    """Answers every letter the person gets with `make` (sender, recipient, mail), until none comes; returns them."""
    answered = 0
    since = time.monotonic()
    while time.monotonic() - since < REST:
        letters = post.letters(person)
        for letter in letters[answered:]:
            sender, to, raw = make(letter)
            post.send(person, to, raw, mail_from=sender)
            since = time.monotonic()
        answered = len(letters)
        assert answered < 20, "it goes on for ever"
        time.sleep(0.1)
    eventually(desk.at_rest)
    return post.letters(person)


def test_a_vacation_responder(post: Post, desk: Desk) -> None:
    """As RFC 3834 wants it: to the return path, from the null one, marked."""
    away = post.newcomer("Hồ Xuân Hương")

    def vacation(letter: Letter) -> tuple[str, str, bytes]:
        headers = {"Auto-Submitted": "auto-replied (vacation)", "In-Reply-To": letter.header("Message-ID")}
        text = "Tôi đi nghỉ đến hết tuần, sẽ trả lời sau."
        raw = write(away, letter.returns_to, "Auto: " + letter.subject, text, headers=headers)
        return "", letter.returns_to, raw

    to = desk.address("kythuat")
    post.send(away, to, write(away, to, "Hỏi giá trước khi đi nghỉ", "Giá bao nhiêu?"))
    post.wait_letter(away, "CTY-")
    assert len(respond(post, desk, away, vacation)) == 1
    ticket = desk.wait_ticket(away, lambda one: len(one["decisions"]) == 2)
    assert [made["outcome"] for made in ticket["decisions"]] == ["ticketed", "automatic"]
    assert ticket["status"] == "new"

    notice = post.wait_letter(HUNG, "Hỏi giá trước khi đi nghỉ")
    post.submit(HUNG, notice.answer_to, answer(HUNG, notice, "Giá là 500.000 đồng.\n\n#wait"))
    post.wait_letter(away, "500.000")
    letters = respond(post, desk, away, lambda letter: vacation(letter))
    assert len(letters) == 2
    ticket = desk.wait_ticket(away, lambda one: len(one["decisions"]) >= 4)
    assert ticket["status"] == "waiting"  # automatic mail moves nothing
    assert len([one for one in post.letters(HUNG) if "Hỏi giá trước khi đi nghỉ" in one.subject]) == 1


def test_a_responder_without_any_mark(post: Post, desk: Desk) -> None:
    """A new subject and no reference each time, sent to From: nothing tells it from a person."""
    robot = post.newcomer("Tổng đài")

    def respond_badly(letter: Letter) -> tuple[str, str, bytes]:
        to = desk.address("kythuat")
        text = "Cám ơn quý vị đã liên hệ. Chúng tôi ghi nhận thông tin của quý vị."
        return robot.address, to, write(robot, to, "Thông tin đã ghi nhận", text)

    to = desk.address("kythuat")
    post.send(robot, to, write(robot, to, "Mua hai mươi tài khoản", "Báo giá giúp."))
    post.wait_letter(robot, "CTY-")
    letters = respond(post, desk, robot, respond_badly)
    assert 1 <= len(letters) <= 3
    assert len(desk.tickets(robot)) <= len(letters) + 1


def test_a_responder_without_marks_that_answers_as_people_do(post: Post, desk: Desk) -> None:
    robot = post.newcomer("Lễ tân")

    def respond_threaded(letter: Letter) -> tuple[str, str, bytes]:
        return robot.address, letter.answer_to, answer(robot, letter, "Chúng tôi đã nhận được thư của quý vị.")

    to = desk.address("kythuat")
    post.send(robot, to, write(robot, to, "Đặt lịch bảo trì", "Thứ mấy thì được?"))
    post.wait_letter(robot, "CTY-")
    assert len(respond(post, desk, robot, respond_threaded)) == 1
    assert len(desk.ticket_of(robot)["messages"]) == 2
