"""A promise that comes due in the night of the change of summer time (G16, fault matrix row 29)."""

from __future__ import annotations

import email
import time
from pathlib import Path

from tests.faults.running import RULES, desk_in, eventually, letter, mailbox

BOSS = "boss@people.example"
# Summer time begins in Berlin at 01:00 UTC: 02:00 to 03:00 do not occur.
BEFORE, JUST_BEFORE, AFTER = "2027-03-28T00:55:00Z", "2027-03-28T01:09:00Z", "2027-03-28T01:12:00Z"
RULEBOOK = RULES.replace("Asia/Ho_Chi_Minh", "Europe/Berlin").replace("first_response: 4h", "first_response: 15m")


def test_due_in_the_hour_that_does_not_occur(tmp_path: Path) -> None:
    """Promised at 01:55 for 15 minutes later, which the clocks show as 03:10: told of once, then, whatever is killed
    and whichever way the clock is set."""
    gateway = desk_in(tmp_path / "desk", rules=RULEBOOK, more=f"clock_speed: 20\nclock_start: {BEFORE}")
    config = gateway.config.read_text()
    altered = ("-m", "tests.faults.altered", "gateway.daemon:TICK=0.5", "--")

    def start(instant: str) -> None:
        gateway.config.write_text(config.replace(BEFORE, instant))
        gateway.start(environ={"TZ": "Europe/Berlin"}, program=altered)

    try:
        start(BEFORE)
        gateway.send(letter(1), mail_from="customer1@customer.example")
        eventually(lambda: mailbox(gateway, "customer1@customer.example"), "it is acknowledged")
        assert mailbox(gateway, BOSS) == []
        gateway.kill()
        start(JUST_BEFORE)
        assert mailbox(gateway, BOSS) == []
        (raw,) = eventually(lambda: mailbox(gateway, BOSS), "the promise is broken")
        told = email.message_from_bytes(raw)
        text = next(part for part in told.walk() if part.get_content_type() == "text/plain").get_payload(decode=True)
        assert b"03:10" in bytes(text)  # type: ignore[arg-type]  # decoded octets
        gateway.kill()
        for instant in (JUST_BEFORE, AFTER):
            start(instant)
            time.sleep(2)  # some ticks
            gateway.settle()
            assert len(mailbox(gateway, BOSS)) == 1
            gateway.kill()
    finally:
        gateway.close()
