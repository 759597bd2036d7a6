"""How far a long run has come: a moving line on a terminal, plain lines elsewhere, also while pytest captures."""

from __future__ import annotations

import time

import pytest
from rich.console import Console

OFTEN = 20.0  # seconds between plain lines


class Progress:
    """`tell` what has been done; `result` what came of it, which stays on the screen."""

    def __init__(self, capture: pytest.CaptureFixture[str], title: str) -> None:
        self._capture, self._title = capture, title
        self._began = self._last = time.monotonic()

    def tell(self, text: str) -> None:
        now = time.monotonic()
        with self._capture.disabled():
            console = Console()
            line = f"{self._title}: {text} ({now - self._began:.0f} s)"
            if console.is_terminal:
                console.print(line[: console.width - 1].ljust(console.width - 1), end="\r", markup=False)
            elif now - self._last > OFTEN:
                self._last = now
                console.print(line, markup=False, soft_wrap=True)

    def result(self, text: str) -> None:
        with self._capture.disabled():
            console = Console()
            end = " " * (console.width - 1) + "\r" if console.is_terminal else ""
            console.print(f"{end}{self._title}: {text}", markup=False, soft_wrap=True)
