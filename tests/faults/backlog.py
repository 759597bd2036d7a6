"""A mailbox with a great many unseen mails at the first start (row 38)."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.running import Gateway, desk_in, letter
from tests.servers.dovecot import Dovecot


def fill(dovecot: Dovecot, user: str, many: int, distinct: int) -> None:
    """`many` mails in the Maildir of a user who has never logged in, of `distinct` contents: hard links, so that
    100,000 take no room. Mail number n is the n-th that was delivered."""
    inbox = dovecot.directory / "mail" / user / "Maildir"
    for name in ("cur", "new", "tmp"):
        (inbox / name).mkdir(parents=True)
    for number in range(distinct):
        raw = letter(f"b{number}", sender=f"sender{number}@customer.example").replace(b"\r\n", b"\n")
        (inbox / "tmp" / str(number)).write_bytes(raw)
    began = 1_700_000_000
    for number in range(many):
        name = f"{began + number}.M{number:06}P1.host,S={(inbox / 'tmp' / str(number % distinct)).stat().st_size}"
        os.link(inbox / "tmp" / str(number % distinct), inbox / "new" / name)
    for number in range(distinct):
        (inbox / "tmp" / str(number)).unlink()
    if os.geteuid() == 0:
        account = dovecot.directory.joinpath("mail").stat()
        for path in (inbox.parent, inbox, *inbox.iterdir()):
            os.chown(path, account.st_uid, account.st_gid)
        for path in sorted((inbox / "new").iterdir())[:distinct]:  # the others are links to these
            os.chown(path, account.st_uid, account.st_gid)


@dataclass(frozen=True)
class Imported:
    """What a first import came to. Memory in MiB: the most that the daemon's process held, before and by the end."""

    mails: int
    seconds: float
    memory_before: float
    memory: float

    def __str__(self) -> str:
        rate = self.mails / self.seconds
        return (
            f"{self.mails} mails in {self.seconds:.0f} s ({rate:.0f}/s), "
            f"at most {self.memory:.0f} MiB (begun with {self.memory_before:.0f})"
        )


def first_import(
    root: Path, dovecot: Dovecot, user: str, many: int, tell: Callable[[str], object] = lambda _: None
) -> tuple[Gateway, Imported]:
    """Starts a desk on that mailbox and waits until all is kept and handled. The caller closes the desk."""
    box = (
        f"imap: [{{name: box, host: localhost, port: {dovecot.imap_port}, tls: none, user: {user}, password: secret, "
        "address: help@desk.example, poll: 1s}]"
    )
    gateway = desk_in(root, more=box)
    gateway.start()
    before, began, kept = peak(gateway), time.monotonic(), 0
    while kept < many or not gateway.settled():
        time.sleep(0.5)
        kept = count(gateway, "SELECT count(*) FROM imap_ledger")
        tell(f"{kept} of {many} kept, {peak(gateway):.0f} MiB")
        assert time.monotonic() - began < 60 + many / 20, f"{kept} of {many}"
    return gateway, Imported(many, time.monotonic() - began, before, peak(gateway))


def peak(gateway: Gateway) -> float:
    """The most memory that the daemon's own process has held, in MiB."""
    assert gateway.process is not None
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def count(gateway: Gateway, query: str) -> int:
    with sqlite3.connect(f"{gateway.database.as_uri()}?mode=ro", uri=True, timeout=20) as database:
        found = database.execute(query).fetchone()[0]
    database.close()
    return int(found)


def oldest_first(gateway: Gateway) -> bool:
    """Whether the mails were kept in the order of their UIDs."""
    with sqlite3.connect(f"{gateway.database.as_uri()}?mode=ro", uri=True) as database:
        uids = [int(key.split(":")[4]) for (key,) in database.execute("SELECT key FROM intake ORDER BY id")]
    database.close()
    return uids == sorted(uids)
