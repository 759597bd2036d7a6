"""What the machine runs out of: descriptors, processes, memory of the reading child (fault matrix rows 23 to 25)."""

from __future__ import annotations

import os
import resource
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.running import Gateway, desk_in, eventually, id_of, letter, mailbox, places

ROOM = 12  # descriptors that are left


def customer(name: int | str) -> str:
    return f"customer{name}@customer.example"


def each_once(gateway: Gateway, names: list[int | str]) -> None:
    where = places(gateway.tickets())
    assert {name: len(where.get(id_of(name), [])) for name in names} == dict.fromkeys(names, 1)
    assert {name: len(mailbox(gateway, customer(name))) for name in names} == dict.fromkeys(names, 1)


def cpu_seconds(pid: int) -> float:
    """What the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid: int) -> list[int]:
    return [int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()]


def test_no_descriptors_left(tmp_path: Path) -> None:
    """New clients are told 421 at once, those who are in finish their mail, nothing spins, and all goes on after."""
    gateway = desk_in(tmp_path / "desk")
    try:
        gateway.start()
        assert gateway.process is not None
        pid = gateway.process.pid
        gateway.send(letter(0), mail_from=customer(0))
        gateway.settle()
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        with ExitStack() as clients, smtplib.SMTP("127.0.0.1", gateway.smtp, timeout=20) as early:
            early.ehlo("client.example")
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (max(descriptors(pid)) + 1 + ROOM, hard))
            banners = []
            for _ in range(ROOM + 4):
                client = clients.enter_context(socket.create_connection(("127.0.0.1", gateway.smtp), timeout=20))
                banners.append(client.recv(100)[:3])
            assert banners[0] == b"220"
            assert banners[-3:] == [b"421"] * 3
            used, began = cpu_seconds(pid), time.monotonic()
            while time.monotonic() - began < 2:
                client = clients.enter_context(socket.create_connection(("127.0.0.1", gateway.smtp), timeout=20))
                assert client.recv(100)[:3] == b"421"
                time.sleep(0.1)
            assert cpu_seconds(pid) - used < 1, "it spins"
            early.sendmail(customer(1), ["help@desk.example"], letter(1))
        eventually(lambda: _greeted(gateway) == b"220", "clients have gone")
        gateway.send(letter(2), mail_from=customer(2))
        gateway.settle()
        each_once(gateway, [0, 1, 2])
        assert any(reason.startswith("smtp: new clients cannot be taken") for reason in gateway.health()[1]["reasons"])
        assert gateway.log().count("new clients cannot be taken") == 1
        assert gateway.stop() == 0
    finally:
        gateway.close()


def _greeted(gateway: Gateway) -> bytes:
    with socket.create_connection(("127.0.0.1", gateway.smtp), timeout=20) as client:
        return client.recv(100)[:3]


LARGE = ("y" * 70 + "\n") * 5_000  # read in the child
MEMORY = 64 * 1024 * 1024


def nobody_special() -> tuple[str, ...]:
    """What to run the daemon with so that a limit on processes counts: root has none. It may still read every file."""
    if os.geteuid() != 0:
        return ()
    user = ("--reuid=54321", "--regid=54321", "--clear-groups")
    return ("setpriv", *user, "--inh-caps=+dac_override", "--ambient-caps=+dac_override")


def limit_processes(pid: int, most: str) -> None:
    """Said by the same user, who needs no right to do so."""
    subprocess.run([*nobody_special(), "prlimit", f"--pid={pid}", f"--nproc={most}"], check=True)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where that user may look: the folders of pytest are root's alone."""
    with tempfile.TemporaryDirectory(prefix="gateway-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_no_process_can_be_started_and_no_memory_to_read(open_folder: Path) -> None:
    """Large mail waits untried while there is no child, and is read when there is one. A mail that needs more memory
    than the child may have is put aside. Other mail never waits."""
    limits = f"limits: {{child_memory: {MEMORY}, child_wall: 60, child_cpu: 60, tries: 1}}"
    gateway = desk_in(open_folder / "desk", more=limits)
    try:
        altered = ("-m", "tests.faults.altered", "gateway.flow.receive:NO_READER=0.5", "--")
        gateway.start(before=nobody_special(), program=altered)
        assert gateway.process is not None
        pid = gateway.process.pid
        gateway.health()  # its threads are there
        soft, _ = resource.prlimit(os.getpid(), resource.RLIMIT_NPROC)
        limit_processes(pid, "1:")
        gateway.send(letter("large", LARGE), mail_from=customer("large"))
        eventually(lambda: "the child cannot be started" in gateway.log(), "no child")
        gateway.send(letter("small"), mail_from=customer("small"))
        eventually(lambda: mailbox(gateway, customer("small")), "others do not wait")
        status, health = gateway.health()
        assert status == 503
        assert any(reason.startswith("slow lane: the child cannot be started") for reason in health["reasons"])
        limit_processes(pid, f"{soft if soft >= 0 else 'unlimited'}:")
        eventually(lambda: mailbox(gateway, customer("large")), "it is read")
        assert gateway.quarantined() == []

        gateway.send(letter("huge", LARGE * 40), mail_from=customer("huge"))
        gateway.send(letter("beside"), mail_from=customer("beside"))
        eventually(lambda: mailbox(gateway, customer("beside")), "others do not wait")
        (row,) = eventually(gateway.quarantined, "it is put aside", 90)
        assert row["mail_from"] == customer("huge")
        assert "out of memory" in row["reason"]
        gateway.send(letter("after", LARGE), mail_from=customer("after"))
        gateway.settle()
        each_once(gateway, ["large", "small", "beside", "after"])
        assert gateway.stop() == 0
    finally:
        gateway.close()
