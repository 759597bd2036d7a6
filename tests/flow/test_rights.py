"""Law 7: who may do what on which evidence (docs/guarantees.md), as a table. Being seen needs no evidence, power does.

`write` is what becomes of words: "joined", "unverified" (on the ticket, marked), "ticketed" (a ticket of their own),
"staged", "returned" or "answered". The other columns say whether an order is obeyed, and whether words open a closed
ticket again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gateway.options import Caps
from tests.flow.clients import mail, reply_address
from tests.flow.desk_under_test import DeskUnderTest
from tests.flow.invariants import check

DOOR = "kythuat@desk.example"
LEAD = "hung.le@people.desk.example"
AGENT = "thao.pham@people.desk.example"
ELSEWHERE = "son.dang@people.desk.example"
MANAGER = "truongphong.kt@people.desk.example"
MANAGER_ELSEWHERE = "truongphong.tk@people.desk.example"
OPEN_CAPS = Caps(
    acks_10min=10**9, acks_hour=10**9, acks_day=10**9, same_subject_3h=10**9, all_10min=10**9,
    tickets_hour=10**9, breaker_hour=10**9,
)  # fmt: skip

# who        how          write       assign close reopen
TABLE = """
requester    tag          unverified  no     no    no
requester    references   unverified  no     no    no
requester    tag+domain   joined      no     no    yes
requester    own          joined      no     no    yes
requester    own+domain   joined      no     no    yes
requester    login        joined      no     no    yes
participant  tag          unverified  no     no    no
participant  tag+domain   joined      no     no    yes
participant  leaked       unverified  no     no    no
stranger     tag          ticketed    no     no    no
stranger     references   ticketed    no     no    no
stranger     tag+domain   ticketed    no     no    no
stranger     leaked       unverified  no     no    no
stranger     staff-leaked unverified  no     no    no
agent        tag          staged      no     no    no
agent        tag+domain   staged      no     no    no
agent        own          staged      no     no    no
agent        leaked       staged      no     no    no
agent        own+domain   answered    yes    yes   yes
agent        login        answered    yes    yes   yes
elsewhere    tag+domain   staged      no     no    no
elsewhere    staff-leaked staged      no     no    no
elsewhere    login        returned    no     no    no
manager      tag+domain   staged      no     no    no
manager      login        answered    yes    yes   yes
manager2     login        returned    no     no    no
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()]
STAFF = {"agent": AGENT, "elsewhere": ELSEWHERE, "manager": MANAGER, "manager2": MANAGER_ELSEWHERE}


@dataclass
class Scene:
    """One ticket of the technical department with a requester and a verified participant."""

    desk: DeskUnderTest
    key: str
    number: int = 0
    count: int = 0

    def __post_init__(self) -> None:
        self._receive(self.person("requester"), DOOR, "Nhờ xem giúp.", "tag+domain", cc=self.person("participant"))
        self.number = self.desk.tickets()[-1]["number"]
        self._receive(MANAGER, DOOR, "Chúng tôi đang xem.", "login")  # closing needs an answer; nobody has it yet

    def person(self, who: str) -> str:
        return STAFF.get(who) or f"{who}.{self.key}@khach.example"

    def order_of_lead(self, words: str) -> None:
        self._receive(LEAD, DOOR, words, "login")

    def act(self, who: str, how: str, words: str) -> str:
        """Writes; returns the outcome at its door, "unverified" for a join that is marked."""
        sender = self.person(who)
        to = {
            "own": (sender, "agent-notice" if who == "agent" else "answer"),
            "leaked": (self.person("requester"), "answer"),
            "staff-leaked": (LEAD, "agent-notice"),
        }.get(how.partition("+")[0])
        target = reply_address(self.desk.sent_to(*to)[-1]) if to else DOOR
        outcome = self._receive(sender, target, words, how)
        if outcome == "joined" and self.ticket["messages"][-1]["unverified"]:
            return "unverified"
        return outcome

    @property
    def ticket(self) -> dict:  # type: ignore[type-arg]
        return next(iter(self.desk.store.tickets({"number": self.number}, "CTY")))

    def _receive(self, sender: str, to: str, words: str, how: str, cc: str = "") -> str:
        self.count += 1
        headers = {}
        if "domain" in how:
            headers["Authentication-Results"] = f"mx.desk.example; dmarc=pass header.from={sender.split('@')[1]}"
        if how == "references":
            headers["References"] = f"<1.{self.key}@client.example>"
        raw = mail(
            sender=sender,
            to=to,
            cc=cc,
            subject=f"Lỗi [CTY-{self.number}]" if self.number and how != "references" else "Lỗi",
            body=f"{words}\n",
            message_id=f"<{self.count}.{self.key}@client.example>",
            headers=headers,
        )
        number = self.desk.receive(raw, [to], mail_from=sender, auth=sender if how == "login" else None)
        return str(self.desk.store.outcomes(number)[0]["outcome"])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskUnderTest]:
    desk = DeskUnderTest(tmp_path_factory.mktemp("rights"), caps=OPEN_CAPS)
    yield desk
    check(desk)
    desk.close()


@pytest.mark.parametrize("row", ROWS, ids=[" ".join(row[:2]) for row in ROWS])
def test_rights(desk: DeskUnderTest, row: list[str]) -> None:
    who, how, write, assign, close, reopen = row
    scene = Scene(desk, f"r{ROWS.index(row)}")
    mark = len(desk.mails)
    assert scene.act(who, how, "Tôi viết vài lời.") == write
    answers = [one.to for one in desk.mails[mark:] if one.kind == "answer"]
    expected = {scene.person("requester"), scene.person("participant")} if write == "answered" else set()
    assert set(answers) == expected

    before = scene.ticket["assignee"]
    scene.act(who, how, f"#assign {AGENT if before != AGENT else LEAD}")
    assert (scene.ticket["assignee"] != before) == (assign == "yes")
    if assign == "yes":
        scene.order_of_lead(f"#assign {AGENT if who == 'agent' else LEAD}")

    scene.act(who, how, "#close")
    assert (scene.ticket["status"] == "closed") == (close == "yes")
    if close == "no":
        scene.order_of_lead("#close")
        assert scene.ticket["status"] == "closed"

    scene.act(who, how, "Tôi viết thêm sau khi đã đóng.")
    assert (scene.ticket["status"] != "closed") == (reopen == "yes")


def test_a_colleagues_ticket_is_taken_first(desk: DeskUnderTest) -> None:
    scene = Scene(desk, "colleague")
    scene.order_of_lead("#take")
    assert scene.act("agent", "login", "Tôi trả lời thay.") == "returned"
    assert scene.act("agent", "login", "#note\nTôi nhắn riêng.") == "noted"
    assert scene.act("agent", "login", "#close") == "returned"
    assert scene.act("agent", "login", "Tôi nhận việc.\n#take") == "answered"
    assert scene.ticket["assignee"] == AGENT


def test_an_agent_is_a_customer_of_another_department_like_anybody(desk: DeskUnderTest) -> None:
    raw = mail(sender=ELSEWHERE, to=DOOR, subject="Máy in", body="Máy in của tôi hỏng.\n#close", message_id="<agent@x>")
    number = desk.receive(raw, [DOOR], mail_from=ELSEWHERE, auth=ELSEWHERE)
    assert [row["outcome"] for row in desk.store.outcomes(number)] == ["ticketed"]
    ticket = desk.tickets()[-1]
    assert (ticket["requester"], ticket["status"]) == (ELSEWHERE, "new")
    back = reply_address(desk.sent_to(ELSEWHERE, "acknowledgement")[-1])
    raw = mail(sender=ELSEWHERE, to=back, subject="Re: Máy in", body="Ở tầng hai.\n#close", message_id="<agent2@x>")
    number = desk.receive(raw, [back], mail_from=ELSEWHERE, auth=ELSEWHERE)
    assert [row["outcome"] for row in desk.store.outcomes(number)] == ["joined"]
    assert desk.tickets()[-1]["status"] == "new"
