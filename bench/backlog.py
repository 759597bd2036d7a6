"""A mailbox full of mail at the first contact, on a real Dovecot: how fast it becomes tickets."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from pathlib import Path

from bench.desk import desk_at
from bench.letters import HELP, Writer
from bench.measure import DRAIN, Bench, Figures
from tests.faults.running import eventually
from tests.servers.dovecot import PASSWORD, Dovecot

MAILS = 1_000
_MAILBOX = """\
imap:
  - {{name: desk, host: 127.0.0.1, port: {port}, tls: none, user: desk, password: "{password}", address: {help}}}
"""
_READY = re.compile(r"^time=(\S+) .*event=ready$", re.MULTILINE)
_DECIDED = re.compile(r"^time=(\S+) .*outcome=ticketed ", re.MULTILINE)


def measured_backlog(bench: Bench, database: Path, series: str) -> Figures:
    """From the daemon's "ready" to its last decision, by its own log. What was there before the first contact becomes
    tickets, and nobody is written to about it."""
    root = bench.folder / "backlog"
    with Dovecot(["desk"]) as server:
        server.append("desk", *(letter.head + letter.tail for letter in Writer(series).texts(MAILS)))
        more = _MAILBOX.format(port=server.imap_port, password=PASSWORD, help=HELP)
        desk = desk_at(root, bench.relay.port, database=database, more=more)
        try:
            desk.start()
            cpu = desk.cpu
            eventually(lambda: len(_DECIDED.findall(desk.log())) >= MAILS, "the mailbox is worked off", DRAIN)
            cpu = desk.cpu - cpu
            log = desk.log()
            desk.stop()
        finally:
            desk.gateway.close()
            shutil.rmtree(root)
    ready = _READY.search(log)
    assert ready is not None
    seconds = _instant(_DECIDED.findall(log)[-1]) - _instant(ready[1])
    return {"rate": MAILS / seconds, "cpu_us": cpu / MAILS * 1e6, "mails": MAILS}


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
