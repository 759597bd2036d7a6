"""A machine whose clock can be set: the daemon runs on libfaketime, ordered about from here. Only the wall clock is
moved; waiting takes as long as ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PLACES = ("/usr/lib/*/faketime", "/usr/lib/faketime", "/usr/lib64/faketime", "/usr/local/lib/faketime")
YEAR = 365.25 * 86_400


def _library() -> Path:
    for place in PLACES:
        for found in sorted(Path("/").glob(f"{place[1:]}/libfaketimeMT.so.1")):
            return found
    pytest.fail("libfaketime is not installed (apt-get install faketime)", pytrace=False)


class MachineClock:
    """Run a process with `environ`; `set` moves its clock, `seconds` from the true time."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "faketime"
        self.set(0)
        self.environ = {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # it reads the file again after a second
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, seconds: float) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+.0f}\n")
        os.replace(new, self._file)  # whole, for whoever reads it now
