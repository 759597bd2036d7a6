"""An hour of broken mail: seeded mutations of the corpus, and atheris where it is installed.

.venv/bin/pip install atheris
.venv/bin/python -m pytest -o python_files='torture_*.py' tests/torture/torture_read.py

`READ_SECONDS` sets how long each takes (half an hour), `READ_FROM` the first number of the mutations: another stretch
is other mails.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.mail.mutations import Mutations
from tests.mail.test_mutations import read_one
from tests.torture.progress import Progress

CORPUS = Path(__file__).parent.parent / "corpus"
SECONDS = float(os.environ.get("READ_SECONDS", "1800"))
FIRST = int(os.environ.get("READ_FROM", "1000000"))


@pytest.mark.timeout(7200)
def test_mutations_of_the_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    progress, mails = Progress(capsys, "broken mail"), Mutations(CORPUS)
    number, longest, slowest = FIRST, 0.0, FIRST
    faults: list[str] = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and len(faults) < 20:
        try:
            took = read_one(mails.mail(number))
        except Exception as fault:  # noqa: BLE001  whatever it is, it is a find, and the search goes on
            faults.append(f"mail {number}: {type(fault).__name__}: {fault}"[:300])
            took = 0.0
        if took > longest:
            longest, slowest = took, number
        number += 1
        progress.tell(f"{number - FIRST} mails, the longest {longest * 1000:.0f} ms")
    progress.result(
        f"{number - FIRST} mails; the longest took {longest * 1000:.0f} ms (mail {slowest}); {len(faults)} finds"
    )
    assert not faults, "\n".join(faults)


@pytest.mark.timeout(7200)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_what_a_coverage_guided_fuzzer_finds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    progress, seeds = Progress(capsys, "atheris"), tmp_path / "seeds"
    seeds.mkdir()
    for mail in CORPUS.glob("*.eml"):
        (seeds / mail.name).write_bytes(mail.read_bytes())
    command = [sys.executable, "-m", "tests.torture.fuzz_read", str(seeds), f"-max_total_time={int(SECONDS)}",
               "-timeout=10", "-max_len=20000", "-rss_limit_mb=1500", f"-artifact_prefix={tmp_path}/"]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, errors="replace")
    progress.result((run.stderr.strip().splitlines() or ["nothing said"])[-1])
    assert run.returncode == 0, run.stderr[-4000:]
