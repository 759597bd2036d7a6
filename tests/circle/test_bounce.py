"""What comes back: real delivery reports of Postfix to our bounce addresses (RFC 3464)."""

from __future__ import annotations

import time

from tests.circle.letters import HUNG, THAO, Person, answer, write
from tests.circle.world import QUIET, Desk, Post, eventually


def test_an_answer_to_a_mailbox_that_does_not_exist(post: Post, desk: Desk) -> None:
    ghost = Person("khongton@elsewhere.example", "Hà Thị Ma")
    to = desk.address("kythuat")
    post.send(ghost, to, write(ghost, to, "Hỏi về tên miền", "Tên miền này còn không?"))
    notice = post.wait_letter(HUNG, "Hỏi về tên miền")
    # the acknowledgement has come back already, or will: that tells the agent nothing
    desk.wait_ticket(ghost, lambda one: len(bounces(one)) == 1)
    assert len(letters_about(post, HUNG, ghost)) == 1

    post.submit(HUNG, notice.answer_to, answer(HUNG, notice, "Tên miền vẫn còn, phí 300.000 đồng."))
    told = post.wait_letter(HUNG, lambda one: "KHÔNG đến được" in one.text and ghost.address in one.text)
    assert "5.1.1" in told.text
    ticket = desk.wait_ticket(ghost, lambda one: len(bounces(one)) == 2)
    assert [made["outcome"] for made in ticket["decisions"]] == ["ticketed", "bounce", "answered", "bounce"]
    assert ticket["status"] == "open"
    time.sleep(QUIET)
    eventually(desk.at_rest)
    assert len(desk.tickets(ghost)) == 1
    assert not [row for row in desk.tickets() if "daemon" in (row["requester"] or "").lower()]
    assert len(letters_about(post, HUNG, ghost)) == 2
    assert [one.header("Auto-Submitted") for one in letters_about(post, HUNG, ghost)] == ["auto-generated"] * 2
    assert not [one for one in post.letters(THAO) if "KHÔNG đến được" in one.text and ghost.address in one.text]
    sent = [mail["recipient"] for mail in desk.ticket_of(ghost)["outbox"]]
    assert not [address for address in sent if "daemon" in address.lower() or "double-bounce" in address]


def bounces(ticket: dict) -> list[dict]:  # type: ignore[type-arg]
    return [event for event in ticket["events"] if event["kind"] == "bounce"]


def letters_about(post: Post, agent: Person, customer: Person) -> list:  # type: ignore[type-arg]
    return [one for one in post.letters(agent) if customer.address in one.text]
