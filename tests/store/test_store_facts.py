"""The one read: the thread neighbourhood and what caps and people need, in a fixed number of statements."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from gateway.model import BounceSeen, Commit, KnownId, Link, Status, TicketChange
from gateway.store.facts import base_key
from gateway.store.store import FactsQuery, Store
from tests.store.desk import (
    ANNA,
    NOW,
    ask,
    commit,
    entry,
    kept,
    keys,
    make_ticket,
    new_ticket,
    notice,
    opened,
    people,
)
from tests.store.statements import heard

BEN = "ben@client.example"


def thread(
    store: Store, number: int, own: str, *refs: str, door: str = "sales", author: str = ANNA, flood: bool = False
) -> None:
    intake = kept(store, f"mail {own}")
    changes = (
        new_ticket(number, door, author, flood=flood),
        entry(number, own, author),
        keys(number, [own], [(ref, author) for ref in refs]),
    )
    store.commit(commit(intake, *changes, door=door, ticket=number)).result(10)


def test_a_late_parent_finds_its_children_and_all_that_hangs_on_them(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        thread(store, 1, "<child@x>", "<parent@x>")
        thread(store, 2, "<sibling@x>", "<parent@x>")
        thread(store, 3, "<grandchild@x>", "<child@x>")  # its author was no member
        thread(store, 4, "<cousin@x>", "<unseen@x>", "<grandchild@x>")
        thread(store, 5, "<far@x>", "<unseen@x>")
        thread(store, 6, "<other@x>", "<elsewhere@x>")
        thread(store, 7, "<door@x>", "<parent@x>", door="repair")
        facts = store.facts(ask(own_id="<parent@x>"))
        assert set(facts.tickets) == {1, 2, 3, 4, 5}
        assert Link("<parent@x>", 1, ANNA) in facts.links
        assert Link("<child@x>", 3, ANNA) in facts.links
        assert KnownId("<child@x>", 1) in facts.ids
        assert KnownId("<grandchild@x>", 3) in facts.ids
        assert {link.ticket for link in facts.links} == {1, 2, 3, 4, 5}
        assert set(store.facts(ask(own_id="<parent@x>", door="repair")).tickets) == {7}
        assert set(store.facts(ask(refs=("<unseen@x>",))).tickets) == {1, 2, 3, 4, 5}
        assert set(store.facts(ask(refs=("<nothing@x>",))).tickets) == set()


def test_ids_of_our_own_name_a_ticket_at_any_door(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        thread(store, 1, "<theirs@x>")
        (ref,) = store.commit(commit(None, mails=[notice(1, "c")])).result(10)
        elsewhere = store.facts(ask(door="repair", refs=(ref.message_id, "<theirs@x>")))
        assert elsewhere.ids == (KnownId(ref.message_id, 1, own=True),)
        assert set(elsewhere.tickets) == {1}


def test_named_tickets_come_with_what_they_were_merged_into(tmp_path: Path) -> None:
    from gateway.model import Merge

    with opened(tmp_path) as store:
        for number in (1, 2, 3):
            make_ticket(store, number)
        store.commit(commit(None, Merge(3, 2, 1, 1))).result(10)
        store.commit(commit(None, Merge(2, 1, 2, 1))).result(10)
        facts = store.facts(ask(ticket_numbers=(3, 99)))
        assert {number: ticket.merged_into for number, ticket in facts.tickets.items()} == {3: 1, 1: None}


def test_a_flood_ticket_ties_nothing_together(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        thread(store, 1, "<alarm@x>", "<a@x>", "<b@x>", flood=True)
        thread(store, 2, "<two@x>", "<a@x>")
        thread(store, 3, "<three@x>", "<b@x>")
        facts = store.facts(ask(refs=("<two@x>",), author=BEN))
        assert set(facts.tickets) == {1, 2}
        assert store.facts(ask()).flood_ticket == 1
        assert 1 in store.facts(ask()).tickets
        store.commit(commit(None, TicketChange(1, 1, {"status": "closed"}))).result(10)
        assert store.facts(ask()).flood_ticket is None


def test_the_neighbourhood_is_bounded(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        ids = [kept(store, f"n{n}") for n in range(100)]
        futures = store.commit_many(
            [
                commit(intake, new_ticket(n), keys(n, [f"<{n}@x>"], [(f"<{n + 1}@x>", ANNA)]), ticket=n)
                for n, intake in enumerate(ids, start=1)
            ]
        )
        assert [future.exception(10) for future in futures] == [None] * 100
        facts = store.facts(ask(own_id="<50@x>"))
        assert len(facts.tickets) == 64
        assert set(facts.tickets) == set(range(18, 82)) or {49, 50, 51} <= set(facts.tickets)


NODES = 6


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.sqlite  # what it tries is our own walk; the statements are tried above on both
@given(
    edges=st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES + 1)), max_size=9),
    asked=st.integers(0, NODES + 1),
)
def test_the_neighbourhood_is_the_connected_component(
    tmp_path_factory: pytest.TempPathFactory, edges: list[tuple[int, int]], asked: int
) -> None:
    """Tickets and references as a graph: two tickets touch when one refers to the other or both to one id."""
    with opened(tmp_path_factory.mktemp("component")) as store:
        for node in range(NODES):
            refs = dict.fromkeys(f"<{to}@x>" for start, to in edges if start == node and to != node)
            thread(store, node + 1, f"<{node}@x>", *refs)
        found = set(store.facts(ask(refs=(f"<{asked}@x>",))).tickets)
    names = {asked}
    tickets: set[int] = set()
    while True:
        more = {
            node
            for node in range(NODES)
            if node in names or any((node, name) in edges for name in names if name != node)
        }
        more_names = names | more | {to for start, to in edges if start in more}
        if (more, more_names) == (tickets, names):
            break
        tickets, names = more, more_names
    assert found == {node + 1 for node in tickets}


def test_caps_see_what_was_sent_to_the_base_address(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        mails = [
            notice(1, "a", "Anna+one@client.example"),
            notice(1, "b", "anna@client.example", subject="other"),
            notice(1, "c", "anna@client.example", staff=True),
            notice(1, "d", "anna@client.example", automatic=False),
            notice(1, "e", BEN),
        ]
        store.commit(commit(None, mails=mails)).result(10)
        store.commit(commit(None, mails=[notice(1, "old")], at=NOW - timedelta(hours=25))).result(10)
        facts = store.facts(ask(author="anna+two@client.example"))
        assert [(one.kind, one.subject) for one in facts.sent] == [
            ("acknowledgement", "received"),
            ("acknowledgement", "other"),
        ]
        assert facts.sent_all_last_hour == 3
        later = store.facts(ask(now=NOW + timedelta(hours=1, minutes=1)))
        assert (later.sent_all_last_hour, len(later.sent)) == (0, 2)
        assert facts.opened_last_hour == 1  # anna+two is anna
        assert store.facts(ask()).opened_last_hour == 1
        assert store.facts(ask(now=NOW + timedelta(hours=2))).opened_last_hour == 0
        assert store.facts(ask(ticket_numbers=(1,))).tickets[1].acknowledged == (
            "anna+one@client.example",
            ANNA,
            ANNA,
            ANNA,
            BEN,
            ANNA,
        )


@pytest.mark.parametrize(
    ("address", "base"),
    [("A+b@X.vn", "a@x.vn"), ("a@x", "a@x"), ("+x@y", "+x@y"), ("plain", "plain"), ("a+b+c@x", "a@x")],
)
def test_base_key(address: str, base: str) -> None:
    assert base_key(address) == base


@pytest.mark.parametrize(
    ("days", "muted"),
    [
        ((0, 1, 2), True),
        ((0, 1, 8), False),  # not within 7 days
        ((0, 1), False),
        ((50, 52, 54), True),
        ((60, 61, 62), False),  # the last of them is 60 days ago
        ((0, 59, 60, 61), True),  # the three that count ended 59 days ago
        ((0, 10, 61, 62, 63), False),
        ((3, 59, 55, 54), True),
    ],
)
def test_three_permanent_bounces_in_7_days_mute_for_60(tmp_path: Path, days: tuple[int, ...], muted: bool) -> None:
    now = NOW
    with opened(tmp_path) as store:
        bounces = [BounceSeen(ANNA, True, now - timedelta(days=day)) for day in days]
        store.commit(commit(None, *bounces, BounceSeen(ANNA, False, now), BounceSeen(ANNA, False, now))).result(10)
        assert store.facts(ask(now=now)).muted is muted


def test_recent_mail_of_a_ticket(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        entries = [entry(1, f"<{n}@x>", at=NOW + timedelta(minutes=n)) for n in range(1, 13)]
        hidden = entry(1, "<note@x>", direction="note", public=False, at=NOW + timedelta(hours=1))
        store.commit(commit(None, *reversed(entries), hidden)).result(10)
        ticket = store.facts(ask(ticket_numbers=(1,))).tickets[1]
        assert ticket.thread_ids == tuple(f"<{n}@x>" for n in range(3, 13))
        assert [one.message_id for one in ticket.recent] == ["<9@x>", "<10@x>", "<11@x>", "<12@x>", "<note@x>"]


def replies(count: int) -> list[FactsQuery]:
    return [
        ask(
            intake_id=n,
            digest=f"d{n}",
            author=f"a{n}@x",
            own_id=f"<r{n}@x>",
            refs=(f"<m{n}@client.example>",),
            staged_intake=n,
        )
        for n in range(1, count + 1)
    ]


def test_the_number_of_statements_does_not_grow_with_the_group(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for number in range(1, 21):
            make_ticket(store, number, people(number, f"a{number}@x"))
        said: list[str] = []
        with heard(store, after=lambda _, statement, __: said.append(statement)):
            assert len(store.facts_many(replies(1))[0].tickets) == 1
            one = len(said)
            said.clear()
            assert all(len(facts.tickets) == 1 for facts in store.facts_many(replies(20)))
        assert 5 < len(said) == one <= 25


@pytest.mark.sqlite
def test_every_look_up_of_facts_uses_an_index(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1, mails=[notice(1, "x")])
        plans: list[str] = []

        def explain(connection: Connection, statement: str, values: Any) -> None:
            if statement.startswith("SELECT"):
                own: Any = connection.connection.driver_connection
                plans.extend(
                    f"{row[3]} | {statement}" for row in own.execute("EXPLAIN QUERY PLAN " + statement, values)
                )

        with heard(store, before=explain):
            store.facts_many(replies(2))
            store.claim(5)
            store.claim_outbox(5, NOW)
            store.due_targets(NOW, 5)
            store.waiting()
        assert plans
        scans = [
            plan
            for plan in plans
            if plan.startswith("SCAN") and not plan.startswith(("SCAN ticket_number", "SCAN target"))
        ]
        assert [plan for plan in scans if "USING" not in plan.split(" | ")[0]] == []


def test_facts_are_one_snapshot(tmp_path: Path) -> None:
    """A commit between two statements of one read is not half seen."""
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        done: list[Commit] = []

        def interrupt(_: Connection, statement: str, __: Any) -> None:
            if statement.startswith("SELECT") and not done:  # BEGIN alone takes no snapshot
                done.append(commit(None, TicketChange(1, 1, {"status": "closed"}), entry(1, "<new@x>")))
                store.commit(done[0]).result(10)

        with heard(store, after=interrupt):
            facts = store.facts(ask(ticket_numbers=(1,), refs=("<m1@client.example>",)))
        assert done
        ticket = facts.tickets[1]
        assert (ticket.version, ticket.status, len(ticket.recent)) == (1, Status.NEW, 1)
