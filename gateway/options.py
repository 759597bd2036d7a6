"""The words of `gateway.yaml`: frozen options with their defaults. `settings` fills them, the parts are given them.

Durations are seconds, sizes are octets. Defaults are those of the limits and thresholds in docs/guarantees.md.
Imports nothing of the gateway.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True, slots=True)
class Listen:
    """One SMTP listener. `auth` makes it a submission port: AUTH is demanded, agents get E3."""

    host: str = "127.0.0.1"
    port: int = 2525
    hostname: str = "localhost"
    tls_cert: Path | None = None
    tls_key: Path | None = None
    auth: bool = False
    auth_without_tls: bool = False  # only sensible on loopback
    max_size: int = 40 * MIB
    max_connections: int = 100
    max_per_peer: int = 10
    max_recipients: int = 100
    max_errors: int = 20
    idle_timeout: float = 60.0
    data_timeout: float = 300.0
    session_timeout: float = 600.0
    line_limit: int = 64 * KIB
    trusted_relays: tuple[str, ...] = ("127.0.0.0/8", "::1/128")  # networks exempt from max_per_peer; vouched hosts


@dataclass(frozen=True, slots=True)
class ImapMailbox:
    """One polled IMAP account."""

    name: str
    host: str
    user: str
    password: str = field(repr=False)
    address: str  # the address it stands for when a mail names none of ours
    port: int = 993
    tls: str = "imaps"  # "imaps", "starttls", "none"
    ca_file: Path | None = None
    folders: tuple[str, ...] = ("INBOX",)
    poll: float = 60.0
    idle: bool = True
    after: str = "leave"  # "leave" or "move"
    archive: str = "Archive"
    failed: str = "Failed"
    batch: int = 50
    max_size: int = 40 * MIB
    since: str = "quiet"  # first import: "quiet" (ticket all, acknowledge none), "skip" (only mail from now on)
    # "quiet" and "skip" apply to what was there at the very first contact with a folder
    timeout: float = 60.0
    reconcile: float = 3600.0  # how often the whole folder is compared with the ledger


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail goes out. Without one, a Maildir takes it."""

    host: str
    port: int = 587
    tls: str = "starttls"  # "starttls", "tls", "none"; the first two are verified
    ca_file: Path | None = None
    user: str = ""
    password: str = field(default="", repr=False)
    hostname: str = "localhost"
    connections: int = 2
    timeout: float = 60.0
    data_timeout: float = 600.0  # RFC 5321 §4.5.3.2.6
    keep: float = 30.0  # an idle connection is closed after this
    rate: int = 0  # mails a minute; 0: no limit
    domain_rate: int = 0  # mails a minute to one recipient domain; 0: no limit
    domain_connections: int = 0  # connections at once for one recipient domain; 0: no limit


@dataclass(frozen=True, slots=True)
class Retry:
    """Back-off of the outbox."""

    steps: tuple[float, ...] = (60, 300, 900, 1800, 3600)
    spread: float = 0.2  # ± share of each step
    give_up: float = 5 * 86400.0


@dataclass(frozen=True, slots=True)
class Caps:
    """Automatic mail: how much is too much; agents and managers are never capped."""

    acks_10min: int = 3
    acks_hour: int = 5
    acks_day: int = 20
    same_subject_3h: int = 2
    all_10min: int = 30
    tickets_hour: int = 30
    breaker_hour: int = 10_000
    bounces: int = 3
    bounce_days: int = 7
    mute_days: int = 60


@dataclass(frozen=True, slots=True)
class Alarming:
    """Who is told when something is wrong, and when it is that wrong."""

    to: tuple[str, ...] = ()
    command: tuple[str, ...] = ()  # run without a shell, the alarm as JSON on its standard input
    command_timeout: float = 30.0
    language: str = "vi"
    repeat: float = 86400.0  # a reminder while it lasts; 0: none
    settle: float = 300.0  # an alarm is over when its cause has been gone for so long
    per_hour: int = 10  # tellings by each way; what is more waits and goes together
    mailbox: float = 900.0  # not polled well for so long
    proof: float = 6 * 3600.0  # a mailbox not compared with the ledger for so long
    waiting: float = 300.0  # the oldest mail that was kept and not handled
    relay: float = 300.0  # the relay takes nothing: longer than a restart of it
    outbox: float = 4 * 3600.0  # the oldest mail that waits to be sent


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Limits on raw octets, before any parser."""

    message: int = 40 * MIB
    header_block: int = 256 * KIB
    header: int = 64 * KIB
    headers: int = 1000
    addresses: int = 500
    references: int = 20
    depth: int = 30
    parts: int = 1000
    hops: int = 50
    text: int = MIB
    in_process: int = 256 * KIB  # without attached files; larger or unusual mail is read in the child
    in_process_files: int = 4 * MIB  # with files of more octets in all it is, too
    child_wall: float = 10.0
    child_cpu: int = 5
    child_memory: int = 512 * MIB
    tries: int = 3


@dataclass(frozen=True, slots=True)
class Desk:
    """What the desk calls itself."""

    prefix: str  # tag [PREFIX-N]
    domain: str  # right of the @ in signed addresses' Message-IDs
    bounce_address: str  # VERP base, "bounce@desk.example"
    name: str = ""
    languages: tuple[str, ...] = ("vi", "zh", "en")


@dataclass(frozen=True, slots=True)
class Keys:
    """Signing keys, newest first; `kid` is one lower-case base32 letter."""

    keys: tuple[tuple[str, bytes], ...] = field(repr=False)

    @property
    def newest(self) -> tuple[str, bytes]:
        return self.keys[0]
