"""Attacks on the SMTP port of the real daemon: memory of the whole tree, and others answered all the time (G9)."""

from __future__ import annotations

from pathlib import Path

from tests.faults import attackers
from tests.faults.attackers import MIB, TRUSTED, attacked, large_mail, talk, watched, wrong_ends
from tests.faults.running import desk_in

FLOODS = (
    attackers.endless_command,
    attackers.endless_line,
    attackers.endless_header,
    attackers.many_recipients,
    attackers.garbage,
    attackers.drip_commands,
    attackers.silence,
)


def test_floods_wrong_ends_and_large_mail_leave_others_alone(tmp_path: Path) -> None:
    gateway = desk_in(tmp_path / "desk")
    limits = "idle_timeout: 3s, data_timeout: 6s, session_timeout: 8s"
    port = f"port: {gateway.smtp}, hostname: desk.example"
    text = gateway.config.read_text("utf-8").replace(port, f"{port}, {limits}, max_size: 4194304, {TRUSTED}")
    gateway.config.write_text(text, "utf-8")
    gateway.start()
    try:
        with watched(gateway) as toll:
            for octets in wrong_ends():
                talk(gateway.smtp, octets)
            for flood in FLOODS:
                attacked(gateway.smtp, flood, many=30, patience=40)
            attacked(gateway.smtp, large_mail(3 * MIB), many=40, patience=60)
        assert toll.trouble == []
        assert toll.worst < 5, toll
        assert toll.peak < 512 * MIB, toll
        gateway.settle()
        subjects = {ticket["subject"] for ticket in gateway.tickets()}
        assert "smuggled" not in subjects
        assert gateway.returncode is None
    finally:
        gateway.close()
