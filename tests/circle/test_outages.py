"""One of the servers is away, or set up wrongly: mail waits, and goes once when it is back."""

from __future__ import annotations

import smtplib
import time

import pytest

from tests.circle.letters import HUNG, answer, write
from tests.circle.world import QUIET, Desk, Post, eventually


def test_the_gateway_is_away(post: Post, desk: Desk) -> None:
    customer, to = post.newcomer("Ngô Bảo Châu"), desk.address("support")  # Postfix has not asked for this one yet
    assert desk.stop() == 0
    try:
        raw = write(customer, to, "Trong lúc bảo trì", "Có ai trực không?")
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            post.send(customer, to, raw)  # Postfix cannot ask which addresses exist: come again later
        assert refused.value.recipients[to][0] == 450
        post.send(customer, to, raw, port=post.front.inside_port)
        time.sleep(1.0)
    finally:
        desk.start()
    post.front.flush()
    post.wait_letter(customer, "CTY-")
    eventually(lambda: accepted(post, desk, "support"))
    time.sleep(QUIET)
    assert len(post.letters(customer)) == 1
    assert len(desk.tickets(customer)) == 1


def accepted(post: Post, desk: Desk, local: str) -> bool:
    """Whether Postfix takes this recipient from the world."""
    with smtplib.SMTP("127.0.0.1", post.front.smtp_port, "laptop", timeout=60) as smtp:
        smtp.ehlo()
        smtp.mail("a@khach.example")
        return smtp.rcpt(desk.address(local))[0] == 250


def test_the_relay_is_away(post: Post, desk: Desk) -> None:
    customer, to = post.newcomer("Trịnh Công Sơn"), desk.address("kythuat")
    post.send(customer, to, write(customer, to, "Đường ra bị đứt", "Trả lời được không?"))
    notice = post.wait_letter(HUNG, "Đường ra bị đứt")
    post.front.stop()
    try:
        raw = answer(HUNG, notice, "Được, khi đường ra có lại.")
        post.submit(HUNG, notice.answer_to, raw, port=desk.submission_port)
        desk.wait_ticket(customer, lambda one: waiting(one))
        assert not [one for one in post.letters(customer) if "khi đường ra" in one.text]
    finally:
        post.front.start()
    post.wait_letter(customer, "khi đường ra có lại")
    eventually(desk.at_rest)
    time.sleep(QUIET)
    assert len([one for one in post.letters(customer) if "khi đường ra" in one.text]) == 1


def test_the_relay_does_not_know_our_sender_yet(post: Post, desk: Desk) -> None:
    """A table that was forgotten: nothing is given up, since a notice about it would be refused in the same way."""
    table = post.front.directory / "conf" / "sender_login"
    right = table.read_text()
    table.write_text("/^([^@]+@people\\.desk\\.example)$/ $1\n")
    restart(post)
    customer, to = post.newcomer("Phạm Duy"), desk.address("kythuat")
    try:
        assert not permitted(post)
        post.send(customer, to, write(customer, to, "Bảng bị quên", "…"))
        ticket = desk.wait_ticket(customer, lambda one: waiting(one))
        assert "not owned by user" in ticket["outbox"][0]["reply"]
    finally:
        table.write_text(right)
        restart(post)
    post.wait_letter(customer, "CTY-")
    post.wait_letter(HUNG, "Bảng bị quên")
    eventually(desk.at_rest)


def test_the_relay_takes_smaller_mails_than_the_agent_sends(post: Post, desk: Desk) -> None:
    """Known before a single octet of it is sent (SIZE), or told after the data: both are final, and told at once."""
    main = post.front.directory / "conf" / "main.cf"
    right = main.read_text()
    assert "message_size_limit = 41943040" in right
    small = right.replace("message_size_limit = 41943040", "message_size_limit = 200000")
    customer, to = post.newcomer("Lê Uyên"), desk.address("kythuat")
    post.send(customer, to, write(customer, to, "Xin bản vẽ", "Gửi giúp tôi bản vẽ."))
    notice = post.wait_letter(HUNG, "Xin bản vẽ")
    drawing = ("banve.pdf", "application/pdf", bytes(range(256)) * 1200)
    try:
        for turn, silent in enumerate(("", "smtpd_discard_ehlo_keywords = size\n")):
            main.write_text(small + silent)
            restart(post)
            raw = answer(HUNG, notice, f"Bản vẽ lần {turn} đây ạ.", file=drawing)
            post.submit(HUNG, notice.answer_to, raw, port=desk.submission_port)
            told = post.wait_letter(HUNG, lambda one, turn=turn: "quá lớn" in one.text and f"lần {turn}" in one.text)  # type: ignore[misc]  # the loop's turn
            assert "552 5.3.4" in told.text
            assert ("0.2 MB at most" in told.text) == (not silent), told.text
            assert "kiểm tra lại địa chỉ" not in told.text
            ticket = desk.ticket_of(customer)
            assert [(mail["state"], mail["attempts"]) for mail in ticket["outbox"] if mail["kind"] == "answer"] == [
                ("failed", 1)
            ] * (turn + 1)
    finally:
        main.write_text(right)
        restart(post)
    post.submit(
        HUNG, notice.answer_to, answer(HUNG, notice, "Bản vẽ lần cuối.", file=drawing), port=desk.submission_port
    )
    got = post.wait_letter(customer, "Bản vẽ lần cuối")
    assert got.files["banve.pdf"] == drawing[2]
    eventually(desk.at_rest)


def restart(post: Post) -> None:
    """Not a reload: what is connected would go on with the tables it has."""
    post.front.stop()
    post.front.start()


def permitted(post: Post) -> bool:
    """Whether the gateway's login may use its bounce address, as Postfix sees it now."""
    with smtplib.SMTP("localhost", post.front.submission_port, "laptop", timeout=60) as smtp:
        smtp.starttls()
        smtp.login("gateway@desk.example", "secret")
        smtp.mail("bounce@desk.example")
        return smtp.rcpt("somebody@khach.example")[0] == 250


def waiting(ticket: dict) -> list[dict]:  # type: ignore[type-arg]
    """Mails of a ticket that wait for the relay to work again. Its trouble was no try of theirs."""
    return [mail for mail in ticket["outbox"] if mail["state"] == "waiting" and mail["reply"] and not mail["attempts"]]
