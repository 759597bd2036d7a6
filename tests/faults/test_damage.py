"""Pages of the database are damaged: loud, with a status of its own, and nothing is repaired (G12, fault matrix 18)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.faults.running import Gateway, NotKept, desk_in, eventually, letter

PAGE = 4096
CHECKED_SOON = ("-m", "tests.faults.altered", "gateway.flow.soundness:FIRST=1", "gateway.flow.soundness:AGAIN=1", "--")


def customer(number: int) -> str:
    return f"customer{number}@customer.example"


def pages_of(database: Path, table: str) -> list[int]:
    with sqlite3.connect(database) as connection:
        found = connection.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = ?", [table]).fetchall()
    connection.close()
    return [row[0] for row in found]


def overwrite(database: Path, pages: list[int]) -> None:
    with database.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write(b"\xff" * PAGE)


def damaged_at_the_start(gateway: Gateway) -> None:
    """One page of a table that nothing reads at the start."""
    overwrite(gateway.database, pages_of(gateway.database, "survey")[:1])
    damaged = gateway.database.read_bytes()
    assert gateway.command("check", "--database", status=1).stderr
    gateway.launch()
    assert gateway.end() == 3
    assert "READY=1" not in gateway.heard()
    assert "Traceback" not in gateway.log()
    assert gateway.database.read_bytes() == damaged


def found_by_its_work(gateway: Gateway) -> None:
    """Every page but the first is overwritten under the running daemon: mail is refused for now, and it ends."""
    gateway.start()
    everything = list(range(2, gateway.database.stat().st_size // PAGE + 1))
    overwrite(gateway.database, everything)
    refused = []

    def ended() -> bool:
        try:
            gateway.send(letter(100 + len(refused)), mail_from=customer(1))
        except NotKept as error:
            refused.append(str(error))
        return gateway.returncode is not None

    eventually(ended, "it ends")
    assert gateway.end() == 3
    answers = [why for why in refused if why[:1].isdigit()]  # the others found nobody listening any more
    assert {why[:3] for why in answers} <= {"421", "451"}
    assert "malformed" in gateway.log() or "damaged" in gateway.log()


def found_by_the_slow_check(gateway: Gateway) -> None:
    """One page that nobody asks for."""
    gateway.command("check", "--database")
    gateway.start(program=CHECKED_SOON)
    gateway.send(letter(200), mail_from=customer(200))  # a commit: no reader goes by what it has in memory
    (page, *_) = pages_of(gateway.database, "survey")
    overwrite(gateway.database, [page])
    assert gateway.end() == 3
    assert "where=soundness" in gateway.log()
    with gateway.database.open("rb") as file:
        file.seek((page - 1) * PAGE)
        assert file.read(PAGE) == b"\xff" * PAGE


def test_damaged_pages(tmp_path: Path) -> None:
    gateway = desk_in(tmp_path / "desk")
    try:
        gateway.start()
        for number in range(30):
            gateway.send(letter(number), mail_from=customer(number))
        gateway.settle()
        assert gateway.stop() == 0
        log = gateway.database.with_name("gateway.sqlite-wal")
        assert not log.exists()
        whole = gateway.database.read_bytes()
        for found in (damaged_at_the_start, found_by_the_slow_check, found_by_its_work):
            found(gateway)
            log.unlink(missing_ok=True)
            gateway.database.write_bytes(whole)
    finally:
        gateway.close()
