"""What atheris runs: `python -m tests.torture.fuzz_read FOLDER -max_total_time=600`."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["gateway.mail", "email"]):
    from tests.mail.test_mutations import read_one


if __name__ == "__main__":
    read_one(b"Subject: warm\n\nGr\xf6\xdfe pr\xfcfen\n")
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()
