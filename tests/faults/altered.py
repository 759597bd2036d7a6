"""The gateway with some of its constants altered, so that a test need not wait for what takes minutes:

    python -m tests.faults.altered gateway.store.sqlite:BUSY_MS=1500 ... -- run -c gateway.yaml

Everything else is the program as it is.
"""

from __future__ import annotations

import importlib
import json
import sys

from gateway.cli import main


def alter(word: str) -> None:
    place, _, value = word.partition("=")
    module, _, name = place.partition(":")
    found = importlib.import_module(module)
    assert isinstance(getattr(found, name), int | float), f"{place} is no number there"
    setattr(found, name, json.loads(value))


if __name__ == "__main__":
    end = sys.argv.index("--")
    for word in sys.argv[1:end]:
        alter(word)
    sys.argv[1:] = sys.argv[end + 1 :]
    main()
