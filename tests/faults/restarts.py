"""SIGTERM while people write, again and again; after each end the power is cut as well."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from tests.faults.cut_disk import Cut
from tests.faults.power import Power
from tests.faults.running import Gateway, NotKept, eventually, id_of, letter, mailbox, places

PEOPLE = 4
EACH = 20  # mails kept in each life before its end
IN_TIME = 30.0  # seconds from the signal to the end


def customer(number: int) -> str:
    return f"customer{number}@customer.example"


class Restarts:
    """`rounds` lives of one desk, each ended by SIGTERM under load. AssertionError says what went wrong."""

    def __init__(self, gateway: Gateway, workplace: Path, rounds: int, seed: int = 1) -> None:
        self._gateway, self._rounds = gateway, rounds
        self._power = Power(gateway.root, workplace)
        self._chance = random.Random(seed)
        self.kept: list[int] = []
        self.refused: list[str] = []
        self._numbers, self._lock, self._over = count(), threading.Lock(), threading.Event()

    def run(self, told: Callable[[str], None] = lambda _: None) -> None:
        threads = [threading.Thread(target=self._write) for _ in range(PEOPLE)]
        for thread in threads:
            thread.start()
        try:
            for number in range(1, self._rounds + 1):
                self._live()
                told(f"end {number} of {self._rounds}, {len(self.kept)} mails kept")
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
        self._check()

    def _write(self) -> None:
        while not self._over.is_set():
            with self._lock:
                number = next(self._numbers)
            try:
                self._gateway.send(letter(number), mail_from=customer(number))
                self.kept.append(number)
            except NotKept as error:
                self.refused.append(str(error))
                self._over.wait(0.05)

    def _live(self) -> None:
        self._power.begin()
        self._gateway.start(environ=self._power.environ)
        enough = len(self.kept) + EACH
        eventually(lambda: len(self.kept) >= enough, "there is load", 60)
        began = time.monotonic()
        assert self._gateway.stop() == 0
        assert time.monotonic() - began < IN_TIME
        self._power.cut(self._chance.choice(list(Cut)), self._chance)

    def _check(self) -> None:
        assert self.refused
        self._gateway.start()
        self._gateway.settle(120)
        where = places(self._gateway.tickets())
        assert {
            number: where.get(id_of(number)) for number in self.kept if len(where.get(id_of(number), [])) != 1
        } == {}
        assert [number for number in self.kept if len(mailbox(self._gateway, customer(number))) != 1] == []
        assert "Traceback" not in self._gateway.log()
        assert self._gateway.stop() == 0
        assert self._gateway.sound()
