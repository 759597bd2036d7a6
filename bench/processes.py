"""The processes beside the gateway: load, relay, probe. Each is spoken to by lines, and ended by who started it."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bench.records import Arrived, Job, Result
from tests.faults.running import ROOT, eventually


class Beside:
    """One of our own processes; ended at the latest with its `with` block."""

    def __init__(self, module: str, *words: str, environ: Mapping[str, str] | None = None) -> None:
        self._module = module
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def heard(self) -> str:
        """The next line it says; RuntimeError if it has ended instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._module} ended with {self.process.wait()}")
        return line.strip()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")

    def end(self, seconds: float = 600.0) -> None:
        """Closes its input and waits."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(seconds)

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Relay(Beside):
    """The sink."""

    def __init__(self, folder: Path) -> None:
        super().__init__("bench.sink")
        self._path = folder / "arrived.pickle"
        self.port = int(self.heard().split()[1])
        self.cpu = 0.0  # seconds it took for what was taken last

    def __enter__(self) -> Relay:
        return self

    @property
    def count(self) -> int:
        """Mails that came since the last `taken`."""
        self.tell("count")
        return int(self.heard())

    def wait_for(self, count: int, seconds: float) -> bool:
        """Until so many have come; False if they do not."""
        try:
            eventually(lambda: self.count >= count, f"{count} mails at the relay", seconds)
        except AssertionError:
            return False
        return True

    def taken(self) -> list[Arrived]:
        """All that came since the last time."""
        self.tell(f"leave {self._path}")
        self.heard()
        self.cpu, arrived = pickle.loads(self._path.read_bytes())
        return list(arrived)


class Loading(Beside):
    """A load generator with its mails in memory and its connections open, waiting for `go`."""

    def __init__(self, folder: Path, job: Job) -> None:
        self._path = folder / "load.job"
        self._path.write_bytes(pickle.dumps(job))
        super().__init__("bench.load", str(self._path))
        self.heard()

    def __enter__(self) -> Loading:
        return self

    def go(self) -> Result:
        """Sends all of it; returns when all is answered."""
        self.tell("go")
        self.end()
        return pickle.loads(self._path.with_suffix(".result").read_bytes())  # type: ignore[no-any-return]


@dataclass
class Probing:
    """Asks an SMTP listener for NOOP while the block lasts; `taken` then has the seconds of each answer."""

    port: int
    folder: Path
    taken: tuple[float, ...] = ()

    def __enter__(self) -> Probing:
        self._beside = Beside("bench.probe", str(self.port), str(self.folder / "probe.json"))
        self._beside.heard()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._beside as beside:
            beside.end(60)
        if kind is None:
            self.taken = tuple(json.loads((self.folder / "probe.json").read_text()))
