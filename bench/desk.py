"""The gateway under measurement: the real daemon on a folder of its own, with the bench's rules and its caps raised."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.counted import Counter
from bench.readings import Memory, cpu_seconds, memory
from bench.rules import rulebook
from gateway.options import Caps
from tests.faults.running import Gateway
from tests.servers.ports import free_port

_CONFIG = """\
state_dir: state
desk: {{prefix: BEN, domain: desk.example, bounce_address: bounce@desk.example, name: Desk}}
smtp:
  host: 127.0.0.1
  port: {smtp}
  hostname: desk.example
  max_connections: 400
  max_errors: 1000000       # the probe says NOOP all the time
  idle_timeout: 10m
  session_timeout: 1d
http: {{host: 127.0.0.1, port: {http}}}
relay: {{host: 127.0.0.1, port: {relay}, tls: none}}
caps: {{{caps}}}
"""
_PLENTY = 1_000_000_000


@dataclass
class BenchDesk:
    """One desk on disk. `start`, measure, `stop`, and again."""

    gateway: Gateway
    environ: dict[str, str] = field(default_factory=dict)
    statements: Counter | None = None  # only while statements are counted

    @property
    def port(self) -> int:
        return self.gateway.smtp

    def start(self) -> None:
        """Returns once it is ready; fails with the end of its log."""
        self.gateway.start(environ=self.environ, program=("-m", "bench.counted") if self.statements else ())

    def stop(self) -> None:
        status = self.gateway.stop()
        if status != 0:
            raise RuntimeError(f"the gateway ended with {status}:\n{self.gateway.log()[-3000:]}")

    def count_statements(self) -> Counter:
        """From the next start on."""
        path = self.gateway.root / "statements"
        self.statements = Counter(path)
        self.environ["BENCH_STATEMENTS"] = str(path)
        return self.statements

    @property
    def cpu(self) -> float:
        return cpu_seconds(self._pid)

    def settle(self) -> None:
        self.gateway.settle()

    def log(self) -> str:
        return self.gateway.log()

    @property
    def memory(self) -> Memory:
        return memory(self._pid)

    @property
    def _pid(self) -> int:
        assert self.gateway.process is not None
        return self.gateway.process.pid


def desk_at(
    root: Path,
    relay: int,
    *,
    database: Path | None = None,
    agents: int = 1,
    environ: Mapping[str, str] | None = None,
    more: str = "",
) -> BenchDesk:
    """A folder with configuration and rules; `database` is a state folder to begin from, and is copied; `more` is
    added to gateway.yaml."""
    (root / "rules").mkdir(parents=True)
    (root / "rules" / "rulebook.yaml").write_text(rulebook(agents), "utf-8")
    if database is not None:
        shutil.copytree(database, root / "state")
    gateway = Gateway(root, free_port(), 0, free_port())
    text = _CONFIG.format(smtp=gateway.smtp, http=gateway.http, relay=relay, caps=raised_caps())
    gateway.config.write_text(text + more, "utf-8")
    return BenchDesk(gateway, dict(environ or {}))


def raised_caps() -> str:
    """No automatic mail is too much; what mutes an address stays."""
    names = [name for name in Caps.__dataclass_fields__ if not name.startswith(("bounce", "mute"))]
    return ", ".join(f"{name}: {_PLENTY}" for name in names)
