"""The process is stopped for longer than anything waits, and goes on: nothing is sent twice (fault matrix row 26)."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

from tests.faults.relays import RelayAt
from tests.faults.running import AGENT, desk_in, eventually, id_of, letter, places
from tests.servers.faulty_relay import FaultyRelay
from tests.servers.ports import free_port


def customer(number: int) -> str:
    return f"customer{number}@customer.example"


def stopped_between_dot_and_250(folder: Path, seconds: float) -> None:
    """Longer than the relay's answer is waited for: it lies in the socket when the process goes on, and counts."""
    port = free_port()
    gateway = desk_in(folder / "desk", relay=port)
    asleep = threading.Event()

    def taken(_: FaultyRelay) -> str:
        if not asleep.is_set():
            asleep.set()
            assert gateway.process is not None
            os.kill(gateway.process.pid, signal.SIGSTOP)
        return "250 2.0.0 taken"

    try:
        gateway.start(environ={"WATCHDOG_USEC": "2000000"})
        assert gateway.process is not None
        for number in range(3):  # before there is a relay: who stands still takes no mail
            gateway.send(letter(number), mail_from=customer(number))
        with RelayAt(port, {"DOT": taken}) as relay:
            assert asleep.wait(90)
            time.sleep(seconds)
            before = gateway.heard().count("WATCHDOG=1")
            os.kill(gateway.process.pid, signal.SIGCONT)
            eventually(lambda: gateway.heard().count("WATCHDOG=1") > before, "systemd is told that it lives")
            gateway.settle()
            assert Counter(mail.recipient for mail in relay.taken) == {
                AGENT: 3,
                **{customer(number): 1 for number in range(3)},
            }
            assert set(Counter((mail.recipient, mail.data) for mail in relay.taken).values()) == {1}
        where = places(gateway.tickets())
        assert [len(where[id_of(number)]) for number in range(3)] == [1] * 3
        assert gateway.stop() == 0
    finally:
        gateway.close()


def test_stopped_for_longer_than_the_relay_is_waited_for(tmp_path: Path) -> None:
    stopped_between_dot_and_250(tmp_path, 7.0)  # this desk waits for 5 s
