"""The desk's own mailbox at Dovecot as the way in: first import, move, Bcc, the same mail by both ways, a restart."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.circle.letters import CHI, Person, answer, write
from tests.circle.world import QUIET, Desk, Post, eventually
from tests.servers.dovecot import PASSWORD
from tests.servers.ports import free_port

SECOND, ARCHIVE = "Khiếu nại & góp ý", "Đã nhận"
SUPPORT = Person("support@box.example")
OLD = (Person("cu1@khach.example", "Khách Cũ"), Person("cu2@khach.example"), Person("cu3@khach.example"))


@pytest.fixture(scope="module")
def box(post: Post, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """box.example: its mail is in the mailbox `support`. Three mails are there before the first poll."""
    for number, person in enumerate(OLD):
        raw = write(person, "kythuat@box.example", f"Thư cũ số {number + 1}", "Nội dung cũ.")
        post.dovecot.append("support", raw, folder="INBOX" if number < 2 else SECOND)
    made = Desk(tmp_path_factory.mktemp("box") / "desk", "box.example", "BOX", (CHI,), free_port())
    mailbox = {
        "name": "support",
        "host": "localhost",
        "port": post.dovecot.imaps_port,
        "ca_file": str(post.dovecot.ca_file),
        "user": "support",
        "password": PASSWORD,
        "address": SUPPORT.address,
        "folders": ["INBOX", SECOND],
        "poll": "2s",
        "after": "move",
        "archive": ARCHIVE,
    }
    made.more = {"imap": [mailbox]}
    made.configure(post.front)
    made.start()
    yield made
    made.stop()


def arrive(post: Post, writer: Person, raw: bytes, to: str = "kythuat@box.example") -> None:
    """Through Postfix into the mailbox."""
    post.send(writer, to, raw)


def test_what_was_there_before_is_ticketed_and_answered_by_nobody(post: Post, box: Desk) -> None:
    for person in OLD:
        ticket = box.wait_ticket(person)
        assert [made["outcome"] for made in ticket["decisions"]] == ["ticketed"]
        assert ticket["outbox"] == []
    eventually(lambda: len(post.letters(SUPPORT, ARCHIVE)) >= 3 and not post.letters(SUPPORT))
    assert post.letters(SUPPORT, SECOND) == []
    assert not [one for one in post.letters(CHI) if "Thư cũ" in one.subject]


def test_new_mail_is_acknowledged_moved_and_its_reply_joins(post: Post, box: Desk) -> None:
    box.wait_ticket(OLD[0])
    customer = post.newcomer("Mạc Thị Bưởi")
    raw = write(customer, "kythuat@box.example", "Máy chủ chậm", "Nhờ xem giúp.", file=("a.txt", "text/plain", b"abc"))
    arrive(post, customer, raw)
    receipt = post.wait_letter(customer, "BOX-")
    assert receipt.subject.startswith("Re: Máy chủ chậm")  # the filter's verdict is in the stored mail
    eventually(lambda: not post.letters(SUPPORT))
    kept = [one for one in post.letters(SUPPORT, ARCHIVE) if one.subject == "Máy chủ chậm"]
    assert len(kept) == 1

    arrive(post, customer, answer(customer, receipt, "Bây giờ thì hết hẳn."), receipt.answer_to)
    ticket = box.wait_ticket(customer, lambda one: len(one["messages"]) == 2)
    assert box.outcomes(customer)[-1] == "joined: dmarc=pass and own token (recipient)"

    notice = post.wait_letter(CHI, "Máy chủ chậm")
    post.submit(CHI, notice.answer_to, answer(CHI, notice, "Đã tăng bộ nhớ cho máy chủ."))
    reply = post.wait_letter(customer, "tăng bộ nhớ")
    assert b"people.desk.example" not in reply.raw
    assert box.outcomes(customer)[-1] == "answered: auth=pass and own token (recipient)"
    assert ticket["number"] == box.ticket_of(customer)["number"]


def test_a_mail_that_names_none_of_ours_came_to_the_mailbox(post: Post, box: Desk) -> None:
    customer = post.newcomer("Tô Ngọc Vân")
    raw = write(customer, "undisclosed-recipients:;", "Gửi kín (Bcc)", "Ai nhận được thư này?")
    arrive(post, customer, raw, "hotro@box.example")
    post.wait_letter(customer, "BOX-")
    ticket = box.ticket_of(customer)
    assert (ticket["department"], ticket["door"]) == ("technical", "")


def test_the_same_mail_by_imap_and_by_smtp_is_one_message(post: Post, box: Desk) -> None:
    customer = post.newcomer("Bùi Xuân Phái")
    raw = write(customer, "kythuat@box.example", "Hai đường một thư", "Đường nào cũng tới.")
    arrive(post, customer, raw)
    post.wait_letter(customer, "BOX-")
    post.send(customer, "kythuat@box.example", raw, port=box.smtp_port)
    ticket = box.wait_ticket(customer, lambda one: len(one["decisions"]) == 1)
    eventually(box.at_rest)
    time.sleep(QUIET)
    assert len(post.letters(customer)) == 1
    assert len(box.tickets(customer)) == 1
    assert len(ticket["messages"]) == 1

    second = post.newcomer("Lê Phổ")
    raw = write(second, "kythuat@box.example", "Đường kia trước", "Đường nào cũng tới.")
    post.send(second, "kythuat@box.example", raw, port=box.smtp_port)
    post.wait_letter(second, "BOX-")
    arrive(post, second, raw)
    eventually(lambda: [one for one in post.letters(SUPPORT, ARCHIVE) if one.subject == "Đường kia trước"])
    eventually(box.at_rest)
    time.sleep(QUIET)
    assert len(post.letters(second)) == 1
    assert len(box.tickets(second)) == 1


def test_a_bounce_found_in_the_mailbox(post: Post, box: Desk) -> None:
    """Delivery reports lie in the mailbox like any mail; there is no envelope, and the VERP address is in To."""
    ghost = Person("khongai@elsewhere.example", "Ma")
    arrive(post, ghost, write(ghost, "kythuat@box.example", "Hỏi rồi biến mất", "…"))
    notice = post.wait_letter(CHI, "Hỏi rồi biến mất")
    box.wait_ticket(ghost, lambda one: any(event["kind"] == "bounce" for event in one["events"]))
    post.submit(CHI, notice.answer_to, answer(CHI, notice, "Trả lời vào chỗ không người."))
    post.wait_letter(CHI, lambda one: "KHÔNG đến được" in one.text and ghost.address in one.text)
    assert len(box.tickets(ghost)) == 1


def test_dovecot_goes_away_and_comes_back(post: Post, box: Desk) -> None:
    before, during, after = (post.newcomer(f"Khách {word}") for word in ("trước", "trong", "sau"))
    arrive(post, before, write(before, "kythuat@box.example", "Trước khi tắt", "…"))
    post.wait_letter(before, "BOX-")
    post.dovecot.stop()
    try:
        # waits in Postfix's queue: Dovecot is everybody's mailbox
        post.send(during, "kythuat@box.example", write(during, "kythuat@box.example", "Trong lúc tắt", "…"),
                  port=post.front.inside_port)  # fmt: skip
        time.sleep(1.0)
    finally:
        post.dovecot.start()
    post.front.flush()
    post.wait_letter(during, "BOX-")
    arrive(post, after, write(after, "kythuat@box.example", "Sau khi bật", "…"))
    post.wait_letter(after, "BOX-")
    eventually(box.at_rest)
    for person in (before, during, after, *OLD):
        assert len(box.tickets(person)) == 1
    assert len(post.letters(before)) == 1
