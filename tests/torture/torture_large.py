"""The largest mails from as many clients as there may be, all at once: memory of the whole tree, and everybody else.

.venv/bin/python -m pytest -o python_files='torture_*.py' tests/torture/torture_large.py
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.attackers import MIB, TRUSTED, attacked, large_mail, memory, watched
from tests.faults.running import ROOT, desk_in, eventually
from tests.torture.progress import Progress

CLIENTS = 96  # of a hundred places some are kept for trusted relays
SIZE = 39 * MIB


@contextmanager
def sink() -> Iterator[int]:
    """A relay that takes everything and remembers none of it; its port."""
    command = [sys.executable, "-m", "bench.sink"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().split()[1])
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("clients", "size"), [(CLIENTS, SIZE), (CLIENTS, 3 * MIB)])
def test_as_many_of_the_largest_mails_as_there_may_be(
    clients: int, size: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress(capsys, f"{clients} mails of {size // MIB} MiB at once")
    with sink() as relay:
        gateway = desk_in(tmp_path / "desk", relay=relay)
        port = f"port: {gateway.smtp}, hostname: desk.example"
        text = gateway.config.read_text("utf-8").replace(port, f"{port}, {TRUSTED}")
        text = text.replace("data_timeout: 5", "data_timeout: 600")
        gateway.config.write_text(text, "utf-8")
        gateway.start()
        try:
            with watched(gateway) as toll:
                ends = attacked(gateway.smtp, large_mail(size), many=clients, patience=900)
                progress.result(f"all are in; {toll.peak / MIB:.0f} MiB at most, a plain mail {toll.worst:.1f} s")
                eventually(gateway.settled, "all are decided and sent", 1800)
            assert gateway.process is not None
            after = memory(gateway.process.pid) / MIB
            progress.result(
                f"{toll.peak / MIB:.0f} MiB at most, {after:.0f} after; a plain mail {toll.worst:.1f} s; {ends}"
            )
            assert toll.trouble == []
            assert toll.worst < 5
            assert toll.peak < 512 * MIB
            senders = {ticket["requester"] for ticket in gateway.tickets()}
            assert len([one for one in senders if one.endswith("@attacker.example")]) == clients
        finally:
            gateway.close()
