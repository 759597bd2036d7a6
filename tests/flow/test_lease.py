"""A sender whose claims may be another daemon's by now hands over nothing (fault 26)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.running import letter
from tests.flow.desk_under_test import DeskUnderTest


def test_no_mail_is_handed_over_on_a_lease_that_may_be_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = DeskUnderTest(tmp_path)
    try:
        sure = [True, False]  # it stands still after its first mail
        monkeypatch.setattr(desk.store, "sure_of_claims", lambda: sure.pop(0) if sure else False)
        desk.receive(letter(1, to="hotro@desk.example"), ["hotro@desk.example"])
        waiting = desk.store.outbox_depth()
        assert len(desk.mails) == 1
        assert waiting > 0
        monkeypatch.undo()  # its lease is renewed: what it gave back untried goes out
        desk.settle()
        assert desk.store.outbox_depth() == 0
        assert len(desk.mails) == 1 + waiting
    finally:
        desk.close()
