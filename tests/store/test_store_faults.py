"""Faults: SIGKILL at any moment, a full or read-only disk, a damaged file (G1, G3, G6, G11, G12; faults 1–18)."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from gateway.flow import soundness
from gateway.model import LedgerRow, SendResult, Sent, Stale
from gateway.options import Retry
from gateway.store import sqlite
from gateway.store.blobs import FILE_FROM
from gateway.store.store import Store, StoreBroken, StoreUnavailable, migrate, open_store
from tests.store.desk import (
    MIGRATIONS,
    NOW,
    ask,
    commit,
    digest_of,
    entry,
    kept,
    keys,
    mail,
    new_ticket,
    notice,
    opened,
    url_of,
)

pytestmark = pytest.mark.sqlite

KILLS = 25
BURST = 6


def text_of(number: int) -> str:
    """Every ninth is large enough for a file."""
    return f"mail {number} " + ("x" * (FILE_FROM + 1) if number % 9 == 0 else "y" * 500)


def in_child(work: Callable[[int], None]) -> tuple[int, int]:
    """Forks a process that runs `work(fd)`; gives (pid, the fd to read what it says). No store may be open here."""
    said, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(0)
        status = 1
        try:
            os.close(said)
            work(say)
            status = 0
        finally:
            os._exit(status)
    os.close(say)
    return pid, said


def desk_loop(folder: Path, start: int, rounds: int, say: int) -> None:
    """Keeps mail, decides on it, sends: says what was acknowledged, only when it was."""
    store = open_store(url_of(folder), folder)
    number = max(0, start - BURST)  # the last ones come again, as from a sender whose 250 was lost
    for _ in range(rounds):
        futures = [(n, accept(store, n)) for n in range(number, number + BURST)]
        os.write(say, "".join(f"kept {n} {future.result(20)}\n" for n, future in futures).encode())
        number += BURST
        decide(store, say)
        batch = store.claim_outbox(50, NOW)
        store.mark_sent(
            [SendResult(one.id, Sent.DELIVERED, "250 ok") for one in batch], NOW, Retry(), lambda: 0.0
        ).result(20)
        os.write(say, "".join(f"sent {one.id}\n" for one in batch).encode())
    store.close()


def desk_process(folder: Path, start: int) -> subprocess.Popen[str]:
    """`desk_loop` in a process of its own; what it says is on its stdout."""
    call = f"desk_loop(Path({str(folder)!r}), {start}, 10_000, 1)"
    program = f"from tests.store.test_store_faults import desk_loop, Path; {call}"
    root = Path(__file__).parents[2]
    return subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, text=True)


def accept(store: Store, number: int) -> Future[int]:
    row = LedgerRow("box", "INBOX", 1, number, "kept")
    return store.accept(mail(text_of(number), f"imap:box:INBOX:1:{number}", ledger=row))


def decide(store: Store, say: int) -> None:
    claimed = store.claim(50)
    queries = [ask(intake_id=intake.id, digest=digest_of(f"intake {intake.id}")) for intake in claimed]
    facts = store.facts_many(queries)
    commits = []
    for place, intake in enumerate(claimed):
        number = facts[place].next_number + place
        own = f"<m{intake.id}@x>"
        changes = (new_ticket(number), entry(number, own), keys(number, [own]))
        commits.append(commit(intake.id, *changes, ticket=number, mails=[notice(number, f"intake {intake.id}")]))
    for intake, future in zip(claimed, store.commit_many(commits), strict=True):
        future.result(20)
        os.write(say, f"decided {intake.id}\n".encode())


def test_sigkill_at_any_moment_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    migrate(url_of(tmp_path), MIGRATIONS)
    chance = random.Random(7)
    said: dict[str, dict[str, str]] = {"kept": {}, "decided": {}, "sent": {}}
    killed = 0
    for _ in range(KILLS):
        start = max((int(n) for n in said["kept"]), default=-1) + 1
        with desk_process(tmp_path, start) as desk:
            assert desk.stdout is not None
            first = desk.stdout.readline()  # under way: however slow the machine, the kill comes in the middle of work
            time.sleep(chance.uniform(0.0, 0.2))
            desk.kill()
            for line in (first + desk.stdout.read()).splitlines():
                what, name, *more = line.split()
                value = more[0] if more else name
                assert said[what].setdefault(name, value) == value  # a repeat of a key is the same row
        killed += desk.returncode == -signal.SIGKILL
        check(tmp_path, said)
    assert killed == KILLS
    assert len(said["decided"]) > KILLS
    with opened(tmp_path) as store:
        nothing = os.open(os.devnull, os.O_WRONLY)
        while store.waiting()[0]:
            decide(store, nothing)
        os.close(nothing)
        status = store.status()
        assert status["intake"]["done"] == status["tickets"]["new"]
        assert store.check() == []


def check(folder: Path, said: dict[str, dict[str, str]]) -> None:
    """What was acknowledged is there, whole; nothing is there twice; what belongs together is there together."""
    with sqlite3.connect(folder / "gateway.db") as connection:

        def ask_all(query: str) -> list[Any]:
            return connection.execute(query).fetchall()

        assert ask_all("PRAGMA integrity_check") == [("ok",)]
        assert ask_all("PRAGMA foreign_key_check") == []
        rows = {str(number): (key, state) for number, key, state in ask_all("SELECT id, key, state FROM intake")}
        for name, number in said["kept"].items():
            assert rows[number][0] == f"imap:box:INBOX:1:{name}"
        ledger = {f"imap:box:INBOX:1:{uid}" for (uid,) in ask_all("SELECT uid FROM imap_ledger")}
        assert ledger == {key for key, _ in rows.values()}
        assert {rows[number][1] for number in said["decided"]} <= {"done"}
        done = {number for number, (_, state) in rows.items() if state == "done"}
        for table in ("decision", "entry", "seen"):
            counts = Counter(str(number) for (number,) in ask_all(f"SELECT intake_id FROM {table}"))
            assert set(counts) == done
            assert set(counts.values()) <= {1}
        mails = ask_all("SELECT id, cause, state FROM outbox")
        assert Counter(cause for _, cause, _ in mails) == Counter(f"intake {number}" for number in done)
        sent = {str(number) for number, _, state in mails if state == "sent"}
        assert set(said["sent"]) <= sent
        tickets = [number for (number,) in ask_all("SELECT number FROM ticket")]
        assert len(tickets) == len(done)
        assert ask_all("SELECT next FROM ticket_number")[0][0] > max(tickets, default=0)
        files = [sha.hex() for (sha,) in ask_all("SELECT sha256 FROM blob WHERE content IS NULL")]
    connection.close()
    for name in files:
        assert (folder / "blobs" / name[:2] / name).is_file()


@pytest.mark.parametrize("limit_kib", [400, 900])
def test_a_limit_on_file_size_is_no_loss_and_no_death(tmp_path: Path, limit_kib: int) -> None:
    """Fault 14: no SIGXFSZ death; what was acknowledged is there; it goes on when there is room."""
    migrate(url_of(tmp_path), MIGRATIONS)

    def work(say: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_kib * 1024, resource.RLIM_INFINITY))
        store = open_store(url_of(tmp_path), tmp_path)
        for number in range(300):
            try:
                noise = random.Random(number).randbytes(3000).hex()
                os.write(say, f"kept {store.accept(mail(noise)).result(20)}\n".encode())
            except StoreUnavailable:
                os.write(say, b"refused 0\n")
                break
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        os.write(say, f"kept {kept(store, 'room again')}\n".encode())
        store.close()

    pid, fd = in_child(work)
    with os.fdopen(fd) as lines:
        said = [line.split() for line in lines.read().splitlines()]
    assert os.waitpid(pid, 0)[1] == 0
    assert ["refused", "0"] in said
    with opened(tmp_path) as store:
        assert {intake.id for intake in store.claim(1000)} == {int(n) for what, n in said if what == "kept"}
        assert store.check() == []


def test_a_large_mail_that_has_no_room_is_refused_as_full(tmp_path: Path) -> None:
    migrate(url_of(tmp_path), MIGRATIONS)

    def work(say: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, resource.RLIM_INFINITY))
        store = open_store(url_of(tmp_path), tmp_path)
        error: Any = store.accept(mail(random.Random(1).randbytes(2_000_000).hex())).exception(20)
        os.write(say, f"{type(error).__name__} {error.full} {kept(store)}\n".encode())
        store.close()

    pid, fd = in_child(work)
    with os.fdopen(fd) as lines:
        assert lines.read() == "StoreUnavailable True 1\n"
    assert os.waitpid(pid, 0)[1] == 0
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """A file system of 2 MiB of its own; needs the right to mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root; the file size limits above test the same on any machine")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip(f"no right to mount here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_got_over(small_disk: Path) -> None:
    """Faults 11 and 12."""
    with opened(small_disk) as store:
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * 600_000)
        kept_ids, error = [], None
        for number in range(400):
            future = store.accept(mail(random.Random(number).randbytes(3000).hex()))
            error = future.exception(20)
            if error is not None:
                break
            kept_ids.append(future.result())
        assert isinstance(error, StoreUnavailable)
        assert error.full
        large = store.accept(mail(random.Random(0).randbytes(900_000).hex())).exception(20)
        assert isinstance(large, StoreUnavailable)
        assert large.full
        ballast.unlink()
        kept_ids.append(kept(store, "room again"))
        assert [intake.id for intake in store.claim(1000)] == kept_ids
        assert store.check() == []


def test_a_read_only_file_system_is_named_and_got_over(small_disk: Path) -> None:
    """Fault 15."""
    with opened(small_disk) as store:
        first = kept(store)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    try:
        with pytest.raises(StoreUnavailable):
            open_store(url_of(small_disk), small_disk)
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    with opened(small_disk) as store:
        second = kept(store, "writable again")
        assert [intake.id for intake in store.claim(9)] == [first, second]


def spoil(path: Path, table: str, *, leaf: bool) -> bytes:
    """Overwrites the root page of a table, or a page in its middle; gives the whole file as it is then."""
    with sqlite3.connect(path) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [table]).fetchone()
    connection.close()
    octets = bytearray(path.read_bytes())
    size = octets[16] * 256 + octets[17]
    number = root
    if leaf:  # the child of the middle cell of an interior page
        page = octets[(root - 1) * size : root * size]
        assert page[0] == 5
        cell = int.from_bytes(page[3:5], "big") // 2
        at = int.from_bytes(page[12 + 2 * cell : 14 + 2 * cell], "big")
        number = int.from_bytes(page[at : at + 4], "big")
    octets[(number - 1) * size : number * size] = b"\xff" * size
    path.write_bytes(octets)
    return bytes(octets)


def full_of_mail(folder: Path) -> Path:
    with opened(folder) as store:
        for number in range(60):
            kept(store, text_of(number * 10 + 1))
    return folder / "gateway.db"


@pytest.mark.parametrize("large", [False, True])
def test_damage_is_loud_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    """G12: a corrupt page is named, never repaired by dropping rows. Of a large database a few pages are looked at."""
    path = full_of_mail(tmp_path)
    if large:
        monkeypatch.setattr(sqlite, "SMALL", 0)
    whole = path.read_bytes()
    for table in ("intake", "blob", "sqlite_autoindex_blob_1"):
        damaged = spoil(path, table, leaf=False)
        with pytest.raises(StoreBroken):
            open_store(url_of(tmp_path), tmp_path)
        assert path.read_bytes() == damaged
        path.write_bytes(whole)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreBroken, match="malformed"):
        open_store(url_of(tmp_path), tmp_path)
    path.write_bytes(whole)
    with opened(tmp_path) as store:
        assert store.check() == []


def test_damage_in_the_middle_of_a_large_table_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever reads the page, by the slow check of one table, by the check of everything."""
    path = full_of_mail(tmp_path)
    monkeypatch.setattr(sqlite, "SMALL", 0)
    damaged = spoil(path, "intake", leaf=True)
    with opened(tmp_path) as store:
        assert set(store.parts_to_check()) >= {"intake", "outbox", "ticket"}
        assert store.check_part("outbox") == []
        assert store.check_part("intake") != []
        monkeypatch.setattr(soundness, "FIRST", 0.0)
        with pytest.raises(StoreBroken, match="damaged"):
            soundness.check_slowly(store, threading.Event())
        assert store.check() != []
        with pytest.raises(StoreBroken):
            store.claim(60)
    assert path.read_bytes() == damaged


def test_the_slow_check_of_a_sound_store_ends_when_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundness, "FIRST", 0.0)
    monkeypatch.setattr(soundness, "AGAIN", 0.0)
    stop = threading.Event()
    with opened(tmp_path) as store:
        walk = threading.Thread(target=soundness.check_slowly, args=(store, stop))
        walk.start()
        kept(store)
        stop.set()
        walk.join(30)
        assert not walk.is_alive()


def test_a_lost_answer_to_a_commit_is_settled_by_asking_again(tmp_path: Path) -> None:
    """Fault 22: who does not know whether a commit came through commits again, and is told."""
    with opened(tmp_path) as store:
        number = kept(store)
        done = commit(number, new_ticket(1), ticket=1, mails=[notice(1, "c")])
        store.commit(done).result(10)
        with pytest.raises(Stale):
            store.commit(done).result(10)
        assert (store.outbox_depth(), store.status()["tickets"]) == (1, {"new": 1})
