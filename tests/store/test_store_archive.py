"""A database as lines of JSON and back (faults 54 and 55), and the desk on hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from gateway.model import Event, Received, SendResult, Sent, SetTarget, Source
from gateway.options import Retry
from gateway.store import schema
from gateway.store.blobs import FILE_FROM
from gateway.store.desk_hold import DeskHold
from gateway.store.dump import snapshot
from gateway.store.errors import StoreRefused, StoreUnavailable
from gateway.store.facts import NEXT_NUMBER
from gateway.store.refill import JUMP, Refill, Refilled, tables
from gateway.store.store import Store
from gateway.store.writer import GroupCommit
from tests.store.desk import NOW, commit, entry, kept, mail, make_ticket, notice, opened

LARGE = os.urandom(3 * FILE_FROM)
LATER = NOW + timedelta(hours=1)


class Held:
    """What an archive would hold, in memory."""

    def __init__(self, store: Store) -> None:
        with snapshot(store) as moment:
            self.counts = moment.counts()
            self.rows = [(table.name, part.octets) for table in tables() for part in moment.parts(table)]
            self.files = [(large.sha256, large.content or b"") for large in moment.large()]
            self.damaged = moment.damaged

    def columns(self) -> Mapping[str, Sequence[str]]:
        return {table.name: list(table.c.keys()) for table in tables()}

    def lines(self) -> Iterator[tuple[str, bytes]]:
        yield from self.rows

    def large(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self.files


def refilled(store: Store, contents: Any, days: float = 1) -> Refilled:
    job = Refill(contents, store.parts.blobs, NOW, NOW + timedelta(days=days), b"Subject: restored\r\n\r\n")
    done: Refilled = store.parts.write("refill", job).result(30)
    return done


def whole(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table as it is stored."""
    with store.parts.read() as connection:
        found = {}
        for table in tables():
            columns = [sa.type_coerce(column, schema.stored_type(column)) for column in table.c]
            query = sa.select(*columns).order_by(*table.primary_key.columns)
            found[table.name] = [tuple(row) for row in connection.execute(query)]
        return found


def lived_in(store: Store) -> None:
    """A store with something in every kind of column: text of any sort, octets small and large, empty and not."""
    for number in range(1, 6):
        odd = f"Chào 你好 \x00 \u2028 \\ \" ' {number}"
        make_ticket(
            store,
            number,
            entry(number, f"<more{number}@x>", body=odd, subject=odd, attachments=((odd, "text/plain", 3),)),
            SetTarget(number, "first_response", NOW + timedelta(hours=number)),
            Event(number, "opened", "gateway", {"odd": odd, "none": None, "list": [1, 2.5, True]}),
            mails=[notice(number, "c"), notice(number, "large", body=LARGE)],
        )
    kept(store, "still waiting")
    store.accept(Received(Source.IMAP, mail().envelope, LARGE + b"in", NOW, "imap:box:INBOX:1:7")).result(10)
    store.record_rulebook("d1", {"rules.yaml": "version: 1\n"}).result(10)


def test_a_desk_comes_back_as_it_was(tmp_path: Path) -> None:
    with opened(tmp_path / "one") as store, opened(tmp_path / "two") as other:
        lived_in(store)
        before, held = whole(store), Held(store)
        assert held.counts == {name: len(rows) for name, rows in before.items()}
        done = refilled(other, held)
        after = whole(other)
        assert done.rows == held.counts
        assert other.check() == []
        added = {"blob": 1, "intake": 1, "decision": 1, "desk_hold": 1}  # the record of the restore
        state = [column.name for column in schema.outbox.c].index("state")
        for name, rows in before.items():
            if name == "ticket_number":
                continue
            if name == "outbox":
                assert {row[state] for row in rows} == {"waiting"}
                rows = [(*row[:state], "hold", *row[state + 1 :]) for row in rows]
            assert len(after[name]) == len(rows) + added.get(name, 0)
            assert set(rows) <= set(after[name]), name
        assert [other.raw(number) for number in range(1, 8)] == [store.raw(number) for number in range(1, 8)]
        other.release(LATER).result(10)
        assert [m.data for m in other.claim_outbox(50, LATER)] == [m.data for m in store.claim_outbox(50, LATER)]


def test_lines_are_cut_into_parts_and_large_octets_are_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.store.dump.PART", 300)
    with opened(tmp_path / "one") as store, opened(tmp_path / "two") as other:
        lived_in(store)
        held = Held(store)
        assert len(held.rows) > 30
        assert all(octets.endswith(b"\n") for _, octets in held.rows)
        assert max(len(octets) for _, octets in held.rows) < 3000
        assert sorted(sha for sha, _ in held.files) == sorted(
            hashlib.sha256(x).digest() for x in (LARGE, LARGE + b"in")
        )
        assert refilled(other, held).rows == held.counts


def test_a_snapshot_is_one_moment(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1)
        with snapshot(store) as moment:
            counts = moment.counts()
            make_ticket(store, 2)
            kept(store, "more")
            assert moment.counts() == counts
            assert sum(part.rows for part in moment.parts(schema.ticket)) == 1
        with snapshot(store) as moment:
            assert moment.counts()["ticket"] == 2


def test_lost_and_damaged_octets_are_named(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        first = store.accept(Received(Source.SMTP, mail().envelope, LARGE, NOW)).result(10)
        second = store.accept(Received(Source.SMTP, mail().envelope, LARGE + b"2", NOW)).result(10)
        small = kept(store, "small")
        _spoil(store, small, first, second)
        with snapshot(store) as moment:
            for _ in moment.parts(schema.blob):
                pass
            lost = [large for large in moment.large() if large.content is None]
            assert sorted(moment.named_by(one.sha256) for one in lost) == [[first], [second]]
            assert len(moment.damaged) == 1


def _spoil(store: Store, small: int, lost: int, changed: int) -> None:
    """The octets of these three mails: in their rows, or in files beside the database."""
    blobs = store.parts.blobs

    def spoil(connection: Connection, jobs: Sequence[Any]) -> list[None]:
        for number in (small, lost, changed):
            sha = sa.select(schema.intake.c.sha256).where(schema.intake.c.id == number)
            sha256 = connection.execute(sha).scalar_one()
            content = None if number == lost else b"other" * (1 if number == small else FILE_FROM)
            if number == small or not store.parts.database.files:
                row = sa.update(schema.blob).where(schema.blob.c.sha256 == sha256)
                connection.execute(row.values(content=content))
            elif content is None:
                blobs.path(sha256).unlink()
            else:
                blobs.path(sha256).write_bytes(content)
        return [None] * len(jobs)

    writer = GroupCommit(store.parts.database, {"spoil": spoil})
    store.parts.writer, ours = writer, store.parts.writer
    assert ours is not None
    ours.close()
    writer.submit("spoil", None).result(10)


def test_only_an_empty_store_is_filled_and_whole_or_not_at_all(tmp_path: Path) -> None:
    with opened(tmp_path / "one") as store, opened(tmp_path / "two") as other:
        lived_in(store)
        held = Held(store)

        class Torn(Held):
            def __init__(self) -> None:
                pass

            def lines(self) -> Iterator[tuple[str, bytes]]:
                yield from held.rows[:-1]
                raise OSError(5, "the disk has gone")

        empty = whole(other)
        with pytest.raises(StoreUnavailable, match="gone"):
            refilled(other, Torn())
        for bad in ([("ticket", b"[1]\n")], [("nowhere", b"[]\n")], [("event", b"\xff\n")], [*held.rows, held.rows[0]]):
            held_rows, held.rows = held.rows, bad
            with pytest.raises(StoreRefused):
                refilled(other, held)
            held.rows = held_rows
        orphan = [row for row in held.rows if row[0] != "ticket"]
        held_rows, held.rows = held.rows, orphan
        with pytest.raises(StoreRefused, match=r"FOREIGN KEY|foreign key"):
            refilled(other, held)
        held.rows = held_rows
        assert whole(other) == empty
        refilled(other, held)
        full = whole(other)
        with pytest.raises(StoreRefused, match="not empty"):
            refilled(other, held)
        assert whole(other) == full


def test_no_number_is_given_twice(tmp_path: Path) -> None:
    """What was given after the backup is in the world: ticket numbers in subjects, intake ids in confirmations."""
    with opened(tmp_path / "one") as store, opened(tmp_path / "two") as quiet, opened(tmp_path / "three") as busy:
        lived_in(store)
        with store.parts.read() as connection:
            last = int(connection.execute(NEXT_NUMBER).scalar_one()) - 1
        held = Held(store)
        lost_intake = [make_ticket(store, last + number) for number in range(1, 20)]
        done = refilled(quiet, held)
        assert (done.left_out, done.next_ticket) == (JUMP, last + 1 + JUMP)
        assert make_ticket(quiet, done.next_ticket) > max(lost_intake) + JUMP
        # a desk that opens 5 tickets in a week and comes back after 10,000 days
        assert refilled(busy, held, days=10_000).left_out == 15_000


# --- the desk on hold -----------------------------------------------------------------------------------------------


def due(store: Store) -> list[int]:
    ids = [one.id for one in store.claim_outbox(50, LATER)]
    store.unclaim_outbox(ids)
    return ids


def test_on_hold_nothing_goes_out_until_released_in_order(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        desk = DeskHold(store)
        make_ticket(store, 1, mails=[notice(1, "a"), notice(1, "b", "bo@x")])
        assert desk.state() is None
        assert desk.begin(NOW, "the relay moves") == 2
        assert desk.begin(LATER, "again") == 0
        assert desk.state() == (NOW, "the relay moves")
        refs = store.commit(commit(None, mails=[notice(1, "c"), notice(1, "d", "bo@x")])).result(10)
        assert [ref.held for ref in refs] == [True, True]
        assert due(store) == []
        assert [row["state"] for row in desk.unsent()] == ["hold"] * 4
        pulse = store.pulse(NOW)
        assert (pulse.held_since, pulse.held_why, pulse.outbox) == (NOW, "the relay moves", 0)
        alarm = store.commit(commit(None, mails=[notice(0, "x", kind="alarm"), notice(1, "y", "bo@x")])).result(10)
        assert [ref.held for ref in alarm] == [False, True]
        assert due(store) == [alarm[0].id]
        mark = SendResult(alarm[0].id, Sent.DELIVERED, "250")
        store.mark_sent([mark], NOW, Retry(), lambda: 0.0).result(10)
        assert store.release(LATER, [3]).result(10) == [3]  # one alone; the desk stays on hold
        assert due(store) == [3]
        assert store.commit(commit(None, mails=[notice(1, "e")])).result(10)[0].held
        assert desk.end(LATER) == {"released": 5, "overdue": 0}
        assert desk.state() is None
        assert due(store) == [1, 2]  # the later ones to the same people wait for these
        assert not store.commit(commit(None, mails=[notice(1, "f", "new@x")])).result(10)[0].held


def test_what_was_out_when_the_hold_came_is_out(tmp_path: Path) -> None:
    """A relay was taking it at that moment: let go, it must not go out again."""
    with opened(tmp_path) as store:
        make_ticket(store, 1, mails=[notice(1, cause, f"{cause}@x") for cause in "abc"])
        one, two, three = store.claim_outbox(50, NOW)
        desk = DeskHold(store)
        desk.begin(NOW, "now")
        assert desk.drop([two.id], "too late", NOW) == [two.id]
        results = [SendResult(one.id, Sent.DELIVERED, "250"), SendResult(two.id, Sent.DELIVERED, "250")]
        store.mark_sent([*results, SendResult(three.id, Sent.LATER, "451")], NOW, Retry(), lambda: 0.0).result(10)
        assert [(row["id"], row["state"]) for row in desk.unsent()] == [(three.id, "hold")]
        assert desk.end(LATER)["released"] == 1
        assert due(store) == [three.id]


def test_a_dropped_mail_is_never_sent_and_its_ticket_says_why(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        make_ticket(store, 1, mails=[notice(1, "a"), notice(1, "b")])
        desk = DeskHold(store)
        desk.begin(NOW, "restored")
        assert desk.drop([1, 1, 99], "it went out yesterday", LATER) == [1]
        assert desk.drop([1], "again", LATER) == []
        desk.end(LATER)
        assert due(store) == [2]
        shown = store.ticket(1)
        assert shown is not None
        assert shown["events"][-1]["kind"] == "dropped"
        assert shown["events"][-1]["data"]["reason"] == "it went out yesterday"
        assert store.failed_untold() == []


def test_promises_that_came_due_on_hold_can_be_let_pass(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        desk = DeskHold(store)
        for number in (1, 2):
            make_ticket(store, number, SetTarget(number, "first_response", NOW + timedelta(minutes=number * 45)))
        desk.begin(NOW, "restored")
        assert desk.overdue(LATER) == 1
        assert desk.end(LATER, escalate=False) == {"released": 0, "overdue": 1}
        assert store.due_targets(LATER, 10) == []
        assert [one.ticket.number for one in store.due_targets(LATER + timedelta(hours=1), 10)] == [2]
        shown = store.ticket(1)
        assert shown is not None
        assert shown["events"][-1]["kind"] == "not-escalated"
