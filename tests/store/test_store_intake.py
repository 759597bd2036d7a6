"""Intake: kept once, handed out once, nothing lost (G1–G4, G8)."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.model import Envelope, FolderProof, LedgerRow, Pulse, Received, Source
from gateway.store import queue
from gateway.store.blobs import FILE_FROM
from gateway.store.errors import StoreUnavailable
from gateway.store.ledger import StoreLedger
from tests.store.desk import NOW, commit, kept, mail, opened


def test_what_is_accepted_is_handed_out_as_it_came_oldest_first(tmp_path: Path) -> None:
    envelope = Envelope(
        None, ("a@desk.example", "b@desk.example"), "anna@client.example", "192.0.2.9", "helo", "", True
    )
    raw = bytes(range(256)) * 10
    with opened(tmp_path) as store:
        first = store.accept(Received(Source.IMAP, envelope, raw, NOW, quiet=True)).result(10)
        second = kept(store, "second")
    with opened(tmp_path) as store:  # from disk, not from memory
        one, two = store.claim(10)
        assert (one.id, two.id) == (first, second)
        assert (one.envelope, one.raw, one.at, one.source, one.quiet) == (envelope, raw, NOW, Source.IMAP, True)
        assert store.raw(first) == raw
        assert store.waiting() == (2, NOW)


@pytest.mark.parametrize("size", [0, 1, FILE_FROM, FILE_FROM + 1, 3_000_000])
@pytest.mark.parametrize("kind", ["text", "noise"])
def test_octets_of_any_size_come_back(tmp_path: Path, size: int, kind: str, engine: str) -> None:
    raw = os.urandom(size) if kind == "noise" else (b"line of text\r\n" * (size // 14 + 1))[:size]
    with opened(tmp_path) as store:
        number = store.accept(replace(mail(), raw=raw)).result(10)
        again = store.accept(replace(mail(), raw=raw)).result(10)
        assert [intake.raw for intake in store.claim(10)] == [raw, raw]
        assert number != again
        files = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
        assert len(files) == (1 if size > FILE_FROM and engine == "sqlite" else 0)  # kept once
        assert store.check() == []


def test_a_key_makes_a_repeat_one_row_in_one_group_and_later(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        futures = [store.accept(mail("same", "imap:box:INBOX:1:7")) for _ in range(5)]
        ids = {future.result(10) for future in futures}
        assert len(ids) == 1
        assert store.accept(mail("same", "imap:box:INBOX:1:7")).result(10) in ids
        assert store.waiting()[0] == 1


def test_a_key_with_other_octets_is_other_mail(tmp_path: Path) -> None:
    """Nothing is lost because a server gives a UID twice."""
    with opened(tmp_path) as store:
        ids = [store.accept(mail(text, "k")).result(10) for text in ("one", "two", "one", "two")]
        assert ids[0] == ids[2] != ids[1] == ids[3]
        assert [intake.raw for intake in store.claim(9)] == [mail("one").raw, mail("two").raw]


def test_claimed_mail_is_given_to_nobody_else_until_it_is_given_back(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        ids = [kept(store, f"mail {n}") for n in range(5)]
        assert [i.id for i in store.claim(2)] == ids[:2]
        assert [i.id for i in store.claim(9, skip=frozenset(ids[2:3]))] == ids[3:]
        assert [i.id for i in store.claim(9)] == ids[2:3]
        store.unclaim([ids[1]])
        assert [i.id for i in store.claim(9)] == [ids[1]]
        store.commit(commit(ids[0])).result(10)
        store.unclaim(ids)
        assert [i.id for i in store.claim(9)] == ids[1:]


def test_a_crash_frees_claims(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        number = kept(store)
        assert store.claim(1)
    with opened(tmp_path) as store:
        assert [i.id for i in store.claim(1)] == [number]


def test_attempts_are_counted_durably_and_quarantine_is_an_outcome(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        number = kept(store)
        assert store.note_attempt(number, "child died \ud800\x00") == 1
        assert store.note_attempt(number, "child died") == 2
    with opened(tmp_path) as store:
        assert store.claim(1)[0].attempts == 2
        store.quarantine(number, "three tries")
        assert store.claim(9) == []
        assert store.raw(number) == mail().raw
        assert [(row["id"], row["reason"]) for row in store.quarantined()] == [(number, "three tries")]
        assert store.release_quarantined(number) is True
        assert store.release_quarantined(number) is False
        again = store.claim(9)
        assert [(i.id, i.released, i.attempts) for i in again] == [(number, True, 0)]


@pytest.mark.sqlite
def test_one_damaged_file_sets_its_own_mail_aside_and_no_other(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        broken = store.accept(replace(mail(), raw=os.urandom(FILE_FROM * 2))).result(10)
        gone = store.accept(replace(mail(), raw=os.urandom(FILE_FROM * 2))).result(10)
        good = kept(store, "good")
        files = {path.stat().st_ino: path for path in (tmp_path / "blobs").rglob("*") if path.is_file()}
        first, second = files.values()
        first.write_bytes(b"flipped" + first.read_bytes()[7:])
        second.unlink()
        assert [intake.id for intake in store.claim(9)] == [good]
        assert {row["id"] for row in store.quarantined()} == {broken, gone}
        assert len(store.check()) == 1  # the missing file; a changed one is found when it is read


@pytest.mark.sqlite
def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "blobs" / "tmp" / "half"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    with opened(tmp_path):
        assert not left.exists()


def test_the_ledger_row_is_in_the_commit_of_its_mail(tmp_path: Path) -> None:
    row = LedgerRow("box", "INBOX", 9, 7, "kept")
    with opened(tmp_path) as store:
        ledger = StoreLedger(store)
        assert ledger.state("box", "INBOX") is None
        store.accept(mail("m", "imap:box:INBOX:9:7", ledger=row)).result(10)
        ledger.put([LedgerRow("box", "INBOX", 9, uid, "gone") for uid in (3, 7)]).result(10)
        state = ledger.state("box", "INBOX")
        assert state is not None
        assert state[:2] == (9, 0)
        assert ledger.known("box", "INBOX", 9, [1, 3, 7, 8]) == {3: "gone", 7: "kept"}
        assert ledger.known("box", "INBOX", 8, [3, 7]) == {}


def test_the_ledger_as_the_imap_edge_uses_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        ledger = StoreLedger(store)
        assert ledger.state("box", "INBOX") is None
        ledger.begin("box", "INBOX", 5, 0, 40, NOW).result(10)
        ledger.advance("box", "INBOX", 5, 30).result(10)
        ledger.advance("box", "INBOX", 5, 20).result(10)  # never backwards
        ledger.advance("box", "INBOX", 4, 99).result(10)  # of another UIDVALIDITY
        assert ledger.state("box", "INBOX") == (5, 30, 40, NOW)
        ledger.put([LedgerRow("box", "INBOX", 5, 1, "refused")]).result(10)
        ledger.begin("box", "INBOX", 6, 0, 0, NOW).result(10)
        assert ledger.state("box", "INBOX") == (6, 0, 0, NOW)
        assert ledger.known("box", "INBOX", 5, [1]) == {1: "refused"}  # its rows stay


def test_marks_and_proofs(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        ledger = StoreLedger(store)
        for number, mark in ((1, 2**47), (2, 0), (3, 7)):
            row = LedgerRow("box", "INBOX", 5, number, "kept", mark)
            store.accept(mail(f"m{number}", f"imap:box:INBOX:5:{number}", ledger=row)).result(10)
        ledger.put([LedgerRow("box", "INBOX", 5, 4, "gone", 9)]).result(10)
        assert ledger.marks("box", "INBOX", 5, [1, 2, 3, 4, 5]) == {1: 2**47, 3: 7}
        for number, mark in ((1, 0), (3, 8), (4, 10)):  # other mail under the same UID; one whose mark is not known
            row = LedgerRow("box", "INBOX", 5, number, "kept", mark)
            store.accept(mail(f"n{number}", f"imap:box:INBOX:5:{number}:n", ledger=row)).result(10)
        assert ledger.marks("box", "INBOX", 5, [1, 3, 4]) == {1: 2**47, 3: 8, 4: 10}
        assert ledger.proofs() == []
        first = FolderProof("box", "INBOX", NOW, 10, 8, 2, 1, 0)
        ledger.prove(first).result(10)
        later = replace(first, at=NOW + timedelta(hours=1), on_server=10**6, missed=0)
        ledger.prove(later).result(10)
        other = replace(first, folder="A")
        ledger.prove(other).result(10)
        assert ledger.proofs() == [other, later]


def test_the_pulse_is_what_the_queues_are(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        assert store.pulse(NOW) == Pulse()
        store.accept(mail("a")).result(5)
        store.accept(mail("b")).result(5)
        aside = store.accept(mail("c")).result(5)
        store.quarantine(aside, "odd")
        assert store.pulse(NOW) == Pulse(waiting=2, oldest_waiting=NOW, quarantined=1)


def test_a_claim_that_fails_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged neighbour that cannot be set aside now: the good mail is claimed at the next try."""
    with opened(tmp_path) as store:
        good = store.accept(mail("good")).result(5)
        bad = store.accept(mail("bad")).result(5)
        load = queue.load
        monkeypatch.setattr(
            queue,
            "load",
            lambda *given: ([one for one in load(*given)[0] if one.id != bad], [queue.Mishap(bad, "damaged")]),
        )
        monkeypatch.setattr(store, "quarantine", lambda *_: (_ for _ in ()).throw(StoreUnavailable("locked")))
        with pytest.raises(StoreUnavailable):
            store.claim(10)
        monkeypatch.undo()
        assert [intake.id for intake in store.claim(10)] == [good, bad]


@pytest.mark.sqlite
def test_large_octets_are_squeezed_where_it_is_worth_it(tmp_path: Path) -> None:
    attached = base64.encodebytes(os.urandom(FILE_FROM))
    text = b"line of text\r\n" * (FILE_FROM // 10)
    with opened(tmp_path) as store:
        for raw in (attached, text):
            store.accept(replace(mail(), raw=raw)).result(10)
        assert [intake.raw for intake in store.claim(10)] == [attached, text]
    sizes = sorted(path.stat().st_size for path in (tmp_path / "blobs").rglob("*") if path.is_file())
    assert sizes[0] < len(text) / 10
    assert sizes[1] == len(attached)
