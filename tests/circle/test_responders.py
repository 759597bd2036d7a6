"""No automatic mail answers automatic mail (law 5): customers' responders, good and bad."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.circle.letters import HUNG, Letter, Person, answer, write
from tests.circle.world import Desk, Post, eventually

REST = 1.2  # seconds without any mail, after which an exchange has ended


def respond(post: Post, desk: Desk, person: Person, make: Callable[[Letter], tuple[str, str, bytes]]) -> list[Letter]:
    """Answers every letter the person gets with `make` (sender, recipient, mail), until none comes; returns them."""
    answered = 0
    since = time.monotonic()
    while time.monotonic() - since < REST:
        letters = post.letters(person)
        for letter in letters[answered:]:
            sender, to, raw = make(letter)
            post.send(person, to, raw, mail_from=sender, port=post.front.inside_port)
            since = time.monotonic()
        if not (post.front.is_empty() and desk.at_rest()):
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
