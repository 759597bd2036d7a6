"""The log of the database ends in the middle of a write, and its index is gone (fault 19): what was never answered may
be lost, and nothing else."""

from __future__ import annotations

import random
from pathlib import Path

from tests.faults.crawl import Told, faults_of
from tests.faults.cut_disk import Cut, write_image
from tests.faults.power import Power
from tests.faults.running import NotKept, desk_in, id_of, letter, places

WAL = "state/gateway.sqlite-wal"
KEPT = 5


def test_a_torn_end_of_the_log_and_no_index(tmp_path: Path) -> None:
    chance = random.Random(1)
    gateway = desk_in(tmp_path / "desk")
    power = Power(gateway.root, tmp_path / "power")
    try:
        gateway.start(environ=power.environ)
        kept = {int(gateway.send(letter(number)).rpartition(" ")[2]) for number in range(KEPT)}
        gateway.settle()
        power.set(die_at_sync=power.get("syncs") + 1)  # written, not synced, not answered
        try:
            said = gateway.send(letter("torn"))
        except NotKept:
            said = ""
        assert said == ""
        gateway.kill()
        disk = power.disk()
        certain, now = (disk.after(cut, chance) for cut in (Cut.ALL_LOST, Cut.NOTHING_LOST))
        log, whole = certain[WAL], now[WAL]
        assert log is not None
        assert whole is not None
        assert whole.startswith(log)
        assert len(log) < len(whole)
        states = set()
        for length in range(len(log), len(whole) + 1, 509):
            for end in (b"", chance.randbytes(len(whole) - length), bytes(len(whole) - length)):
                write_image(now | {WAL: whole[:length] + end}, tmp_path / "copy")
                assert faults_of(tmp_path / "copy" / "state", Told(kept)) == [], length
                states.add(length)
        assert len(states) > 8
        write_image(now | {WAL: whole[:-700] + chance.randbytes(700)}, gateway.root)
        assert not (gateway.state / "gateway.sqlite-shm").exists()
        gateway.start()
        gateway.send(letter("torn"))
        gateway.settle()
        where = places(gateway.tickets())
        assert {name: len(found) for name, found in where.items()} == dict.fromkeys(
            [id_of("torn"), *(id_of(number) for number in range(KEPT))], 1
        )
        assert gateway.stop() == 0
        assert gateway.sound()
    finally:
        gateway.close()
