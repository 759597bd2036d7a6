"""Commits: whole or not at all, on the facts they were decided on, one cause one effect (laws 2, 3, 8)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.model import (
    BounceSeen,
    Change,
    Contact,
    Event,
    FirstKey,
    Merge,
    Outcome,
    Release,
    SetTarget,
    Stage,
    Stale,
    Status,
    SurveyAnswer,
    TicketChange,
)
from gateway.store import schema
from gateway.store.store import Settled, Store, StoreRefused
from tests.store.desk import (
    ANNA,
    NOW,
    ask,
    commit,
    digest_of,
    entry,
    kept,
    keys,
    make_ticket,
    new_ticket,
    notice,
    opened,
    people,
)

BEN = "Ben@client.example"
TABLES = [t for t in schema.metadata.sorted_tables if t.name not in ("blob", "tally")]


def rows(store: Store, table: sa.Table) -> list[Any]:
    with store._parts.read() as connection:
        return list(connection.execute(sa.select(table).order_by(*table.primary_key.columns)).all())


def everything(store: Store) -> dict[str, list[Any]]:
    return {table.name: rows(store, table) for table in TABLES if table is not schema.node}


def version(store: Store, number: int) -> int:
    return store.facts(ask(ticket_numbers=(number,))).tickets[number].version


def merge(store: Store, loser: int, winner: int) -> Merge:
    return Merge(loser, winner, version(store, loser), version(store, winner))


def test_a_decision_is_written_whole_with_its_reasons(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1, Event(1, "opened", ANNA, {"how": "new"}), mails=[notice(1, "c1")])
        shown = store.ticket(1, "DESK")
        assert shown is not None
        assert (shown["tag"], shown["status"], shown["requester"], shown["tags"]) == ("DESK-1", "new", ANNA, ["vip"])
        assert [message["message_id"] for message in shown["messages"]] == ["<m1@client.example>"]
        (decided,) = shown["decisions"]
        assert (decided["outcome"], decided["reasons"], decided["rules"]) == (
            "ticketed",
            ["because"],
            [{"rule": "one"}],
        )
        assert (decided["facts"], decided["rulebook"]) == ({"evidence": 1}, "rulebook")
        assert [(e["kind"], e["data"]) for e in shown["events"]] == [("opened", {"how": "new"})]
        assert store.status()["intake"] == {"done": 1}


def stale_cases() -> list[Any]:
    def old_version(store: Store) -> tuple[Change, ...]:
        return (TicketChange(1, 99, {"status": "open"}),)

    def old_merge(store: Store) -> tuple[Change, ...]:
        return (Merge(2, 1, version(store, 2), 99),)

    def number_taken(store: Store) -> tuple[Change, ...]:
        return (new_ticket(2),)

    def number_ahead(store: Store) -> tuple[Change, ...]:
        return (new_ticket(7),)

    def merged(store: Store) -> tuple[Change, ...]:
        store.commit(commit(None, merge(store, 2, 1))).result(10)
        return (entry(2, "<late@x>"),)

    def released(store: Store) -> tuple[Change, ...]:
        return (Release(12345),)

    return [pytest.param(case, id=case.__name__) for case in list(locals().values())]


@pytest.mark.parametrize("case", stale_cases())
def test_stale_writes_nothing(tmp_path: Path, case: Any) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        make_ticket(store, 2)
        intake = kept(store, "third")
        changes = case(store)
        before = everything(store)
        done = commit(intake, *changes, Event(1, "told", "rules"), mails=[notice(1, "c")], ticket=1)
        with pytest.raises(Stale):
            store.commit(done).result(10)
        assert everything(store) == before


def test_a_digest_has_one_outcome_at_a_door(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        first, second, third, fourth = (kept(store, f"n{n}") for n in range(4))
        store.commit(commit(first, new_ticket(1), digest="d", ticket=1)).result(10)
        with pytest.raises(Stale):
            store.commit(commit(second, new_ticket(2), digest="d", ticket=2)).result(10)
        store.commit(commit(third, new_ticket(2, "repair"), digest="d", door="repair", ticket=2)).result(10)
        repeat = commit(second, digest="d", outcome=Outcome.DUPLICATE, ticket=1)
        store.commit(repeat).result(10)
        assert store.facts(ask(digest="d")).seen_doors == ("repair", "sales")
        assert store.facts(ask(digest="d", intake_id=first)).seen_doors == ("repair",)  # no repeat of itself
        with pytest.raises(Settled):
            store.commit(repeat).result(10)
        assert [i.id for i in store.claim(9)] == [fourth]


def test_without_message_id_a_repeat_is_one_of_24_hours_and_one_source(tmp_path: Path) -> None:
    """Originator fields and decoded leaf bodies make a message what it is."""
    strict: dict[str, Any] = {"digest": "d", "strict_repeat": True, "source": "smtp"}
    with opened(tmp_path) as store:
        ids = [kept(store, f"n{n}") for n in range(4)]
        store.commit(commit(ids[0], new_ticket(1), ticket=1, **strict)).result(10)
        hour, day = NOW + timedelta(hours=1), NOW + timedelta(hours=25)
        assert store.facts(ask(now=hour, **strict)).seen_doors == ("sales",)
        assert store.facts(ask(now=hour, digest="d", strict_repeat=True, source="imap")).seen_doors == ()
        assert store.facts(ask(now=day, **strict)).seen_doors == ()
        assert store.facts(ask(now=day, digest="d")).seen_doors == ("sales",)
        with pytest.raises(Stale):
            store.commit(commit(ids[1], new_ticket(2), ticket=2, at=hour, **strict)).result(10)
        store.commit(commit(ids[2], new_ticket(2), ticket=2, at=day, **strict)).result(10)
        assert store.facts(ask(now=day + timedelta(hours=1), **strict)).seen_doors == ("sales",)


def test_within_one_group_each_commit_is_checked_against_those_before_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        ids = [kept(store, f"n{n}") for n in range(5)]
        futures = store.commit_many(
            [
                commit(ids[0], TicketChange(1, 1, {"status": "open"}), ticket=1),
                commit(ids[1], TicketChange(1, 1, {"status": "closed"}), ticket=1),  # stale
                commit(ids[2], new_ticket(2), ticket=2),
                commit(ids[3], new_ticket(3), TicketChange(9, None, {"status": "open"})),  # there is no ticket 9
                commit(ids[4], new_ticket(3), TicketChange(3, None, {"assignee": "kim@desk.example"}), ticket=3),
            ]
        )
        found = [future.exception(10) for future in futures]
        assert [type(error) for error in found] == [type(None), Stale, type(None), StoreRefused, type(None)]
        facts = store.facts(ask(ticket_numbers=(1, 3)))
        assert (facts.tickets[1].status, facts.tickets[1].version) == (Status.OPEN, 2)
        assert (facts.tickets[3].assignee, facts.tickets[3].version, facts.next_number) == ("kim@desk.example", 1, 4)


@pytest.mark.parametrize(
    "change",
    [
        TicketChange(1, None, {"number": 5}),
        TicketChange(1, None, {"nonsense": 5}),
        entry(77),
        keys(77, ["<a@x>"]),
        pytest.param(TicketChange(1, None, {"subject": "lone \ud800 surrogate"}), marks=pytest.mark.sqlite),
    ],
)
def test_a_bad_decision_fails_alone(tmp_path: Path, change: Change) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        ids = [kept(store, f"n{n}") for n in range(3)]
        futures = store.commit_many(
            [commit(ids[0], new_ticket(2), ticket=2), commit(ids[1], change), commit(ids[2], new_ticket(3), ticket=3)]
        )
        errors = [future.exception(10) for future in futures]
        assert (errors[0], errors[2]) == (None, None)
        assert isinstance(errors[1], StoreRefused | UnicodeEncodeError)
        assert store.status()["intake"] == {"done": 3, "waiting": 1}


@pytest.mark.postgresql
def test_text_that_postgresql_cannot_hold_is_replaced(tmp_path: Path) -> None:
    """Fault 75: the octets as they came are in the raw mail."""
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        odd = {"subject": "a\x00b \ud800"}
        store.commit(commit(kept(store), TicketChange(1, 1, odd), entry(1, "<n@x>", body="\x00"), ticket=1)).result(10)
        shown = store.ticket(1)
        assert shown is not None
        assert (shown["subject"], shown["messages"][-1]["body"]) == ("a\ufffdb ?", "\ufffd")


def test_columns_are_set_and_versions_move(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "status": "closed",
        "closed_at": NOW,
        "department": "repair",
        "requester": BEN,
        "requester_name": "Ben",
        "assignee": "kim@desk.example",
        "answered": True,
        "department_fixed": True,
        "survey_open": True,
        "first": FirstKey(0, "2025", "a"),
        "priority": "high",
        "tags": ["x", "y"],
    }
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        store.commit(commit(None, TicketChange(1, 1, values))).result(10)
        ticket = store.facts(ask(ticket_numbers=(1,))).tickets[1]
        assert (ticket.status, ticket.closed_at, ticket.department) == (Status.CLOSED, NOW, "repair")
        assert ticket.requester is not None
        assert (ticket.requester.address, ticket.requester.name) == (BEN, "Ben")
        assert (ticket.assignee, ticket.answered, ticket.department_fixed) == ("kim@desk.example", True, True)
        assert (ticket.survey_open, ticket.first, ticket.priority) == (True, FirstKey(0, "2025", "a"), "high")
        assert ticket.version == 2
        store.commit(commit(None, entry(1, "<note@x>", direction="note"), Event(1, "note", "kim"))).result(10)
        assert version(store, 1) == 3
        store.commit(commit(None, Event(1, "seen", "kim"))).result(10)
        assert version(store, 1) == 3  # history alone makes no decision stale


def test_one_cause_has_one_effect(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        first = store.commit(commit(None, mails=[notice(1, "late", ANNA), notice(1, "late", BEN)])).result(10)
        again = [commit(None, mails=[notice(1, "late", ANNA), notice(1, "later", ANNA)]) for _ in range(2)]
        second, third = (future.result(10) for future in store.commit_many(again))
        assert [ref.recipient for ref in first] == [ANNA, BEN]
        assert ([ref.kind for ref in second], third) == (["acknowledgement"], ())
        assert store.outbox_depth() == 3
        assert store.facts(ask()).sent_all_last_hour == 3


def test_staged_mail_is_released_once(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        staged, confirm = kept(store, "answer"), kept(store, "confirm")
        store.commit(commit(staged, Stage(staged, 1, "kim@desk.example"), outcome=Outcome.STAGED, ticket=1)).result(10)
        found = store.facts(ask(staged_intake=staged))
        assert found.staged is not None
        assert (found.staged.agent, found.staged.released, 1 in found.tickets) == ("kim@desk.example", False, True)
        assert [i.id for i in store.claim(9)] == [confirm]
        store.commit(commit(confirm, Release(staged), outcome=Outcome.NOTED, ticket=1)).result(10)
        (again,) = store.claim(9)
        assert (again.id, again.confirmed) == (staged, True)
        digest = digest_of(f"intake {staged}")
        assert store.facts(ask(intake_id=staged, digest=digest)).seen_doors == ()  # it is no repeat of itself
        store.commit(commit(staged, entry(1, "<a@x>", direction="out"), outcome=Outcome.ANSWERED, ticket=1)).result(10)
        late = kept(store, "confirm again")
        with pytest.raises(Stale):
            store.commit(commit(late, Release(staged), ticket=1)).result(10)


def test_a_merge_moves_everything(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1, mails=[notice(1, "c", BEN)])
        make_ticket(
            store,
            2,
            keys(2, ["<b2@x>"], [("<m1@client.example>", ANNA), ("<far@x>", ANNA)]),
            people(2, BEN, role="cc", name="Ben"),
            SetTarget(2, "first-response", NOW),
            SurveyAnswer(2, True, None, "fine"),
            mails=[notice(2, "c", ANNA), notice(2, "c", BEN)],
        )
        staged = kept(store, "staged")
        store.commit(commit(staged, Stage(staged, 2, "kim@desk.example"), ticket=2)).result(10)
        event = Event(1, "merged", "gateway", {"from": 2})
        store.commit(commit(None, merge(store, 2, 1), event)).result(10)

        left = {
            table.name: [row for row in rows(store, table) if row.ticket == 2]
            for table in TABLES
            if "ticket" in table.c and table.name != "decision"
        }
        assert {name for name, found in left.items() if found} == {"outbox"}  # the winner had that one: never twice
        facts = store.facts(ask(ticket_numbers=(2,), refs=("<b2@x>",)))
        assert facts.tickets[2].merged_into == 1
        assert facts.tickets[2].status is Status.MERGED
        assert {p.address for p in facts.tickets[1].participants} == {ANNA, BEN}
        assert [(known.message_id, known.ticket) for known in facts.ids if known.message_id == "<b2@x>"] == [
            ("<b2@x>", 1)
        ]
        assert [(link.ref, link.ticket) for link in store.facts(ask(refs=("<far@x>",))).links] == [("<far@x>", 1)]
        assert store.facts(ask(own_id="<m1@client.example>")).links == tuple(
            link for link in store.facts(ask(refs=("<far@x>",))).links
        )  # the reference to <m1> is inside now
        shown = store.ticket(1, "DESK")
        assert shown is not None
        assert [m["message_id"] for m in shown["messages"]] == ["<m1@client.example>", "<m2@client.example>"]
        assert (len(shown["surveys"]), len(shown["staged"]), shown["merged_from"]) == (1, 1, [2])
        assert {d["intake_id"] for d in shown["decisions"]} > {staged}
        assert [row["number"] for row in store.tickets({}, "DESK")] == [1]
        assert store.check() == []


def test_a_merge_keeps_the_winners_clock_and_verified_people(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1, SetTarget(1, "first-response", NOW), people(1, BEN, role="cc", verified=True))
        make_ticket(store, 2, SetTarget(2, "first-response", NOW - timedelta(hours=1)), people(2, BEN, name="B"))
        store.commit(commit(None, merge(store, 2, 1))).result(10)
        due = store.due_targets(NOW, 9)
        assert [(target.ticket.number, target.due) for target in due] == [(1, NOW)]
        (ben,) = [p for p in due[0].ticket.participants if p.address == BEN]
        assert (ben.verified, ben.role, ben.name) == (True, "author", "B")


def test_chains_of_merges_are_flat(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        for number in range(1, 6):
            make_ticket(store, number)
        store.commit(commit(None, merge(store, 5, 4))).result(10)
        store.commit(commit(None, merge(store, 4, 3))).result(10)
        # two in one decision, and what names a loser goes where the loser went
        mails = [notice(2, "after")]
        both = (merge(store, 3, 2), Merge(2, 1, version(store, 2), version(store, 1)), entry(3, "<late@x>"))
        (ref,) = store.commit(commit(None, *both, mails=mails)).result(10)
        found = store.facts(ask(ticket_numbers=(2, 3, 4, 5))).tickets
        assert {number: found[number].merged_into for number in (2, 3, 4, 5)} == dict.fromkeys((2, 3, 4, 5), 1)
        assert ref.ticket == 1
        shown = store.ticket(1)
        assert shown is not None
        assert len(shown["messages"]) == 6
        assert store.check() == []


def test_a_merge_moves_rows_of_the_same_group(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        ids = [kept(store, f"n{n}") for n in range(2)]
        futures = store.commit_many(
            [
                commit(ids[0], new_ticket(2), entry(2, "<two@x>"), keys(2, ["<two@x>"]), ticket=2),
                commit(ids[1], Merge(2, 1, 1, 1), entry(1, "<three@x>"), outcome=Outcome.JOINED, ticket=1),
            ]
        )
        assert [future.exception(10) for future in futures] == [None, None]
        shown = store.ticket(1)
        assert shown is not None
        assert {m["message_id"] for m in shown["messages"]} == {"<m1@client.example>", "<two@x>", "<three@x>"}


def test_contacts_and_bounces_are_learned(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1, Contact(ANNA.upper(), "Anna", "vi"), BounceSeen(ANNA.upper(), True, NOW))
        assert store.facts(ask()).contact_language == "vi"
        assert store.facts(ask()).known_correspondent is False
        store.commit(
            commit(None, Contact(ANNA, "", ""), mails=[notice(1, "a", kind="answer", automatic=False)])
        ).result(10)
        facts = store.facts(ask())
        assert (facts.contact_language, facts.known_correspondent) == ("vi", True)


def test_what_a_group_says_twice_of_one_row_takes_effect_in_order(tmp_path: Path) -> None:
    """PostgreSQL takes no upsert that meets a row twice: the second comes after the first, as on SQLite."""
    due, later = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        make_ticket(store, 2)
        first = commit(
            None,
            people(1, "c@x", "d@x", role="cc", name="C"),
            people(1, "c@x", verified=True, role="author"),
            people(2, "c@x", role="cc"),
            SetTarget(1, "first response", due),
            SetTarget(1, "first response", later),
            Contact("c@x", "C", "vi"),
            Contact("e@x", "E", "zh"),
            Contact("c@x", "", "en"),
        )
        second = commit(None, people(1, "c@x", role="cc", name="Cee"), Contact("c@x", "Cee", ""))
        assert [future.exception(10) for future in store.commit_many([first, second])] == [None, None]
        found = {
            (row.ticket, row.address): (row.name, row.verified, row.role) for row in rows(store, schema.participant)
        }
        assert found[1, "c@x"] == ("Cee", True, "author")
        assert found[1, "d@x"] == ("C", False, "cc")
        assert found[2, "c@x"] == ("", False, "cc")
        assert [row.due for row in rows(store, schema.target)] == [later]
        known = {row.address: (row.name, row.language) for row in rows(store, schema.contact)}
        assert (known["c@x"], known["e@x"]) == (("Cee", "en"), ("E", "zh"))


def test_mail_of_the_gateway_itself_belongs_to_no_ticket(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        done = commit(None, keys(0, ["<alarm@desk.example>"]), mails=[notice(0, "alarm", staff=True)])
        (ref,) = store.commit(done).result(10)
        assert ref.ticket == 0
        assert len(store.claim_outbox(9, NOW)) == 1


def test_a_quarantine_verdict_keeps_the_mail_releasable(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        number = kept(store)
        store.commit(commit(number, outcome=Outcome.QUARANTINED)).result(10)
        assert [(row["id"], row["reason"]) for row in store.quarantined()] == [(number, "because")]
        assert store.release_quarantined(number)
        store.commit(commit(number, new_ticket(1), ticket=1)).result(10)
        assert store.status()["intake"] == {"done": 1}
