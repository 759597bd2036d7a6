"""A bad rule file or template never takes effect and never means no mail (law 9)."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.running import RULES, Gateway, desk_in, eventually, letter, mailbox

BAD_RULES = RULES.replace("first_response: 4h", "first_response: soon")
OTHER_RULES = RULES.replace("en: Help}", "en: Other}")
BAD_TEMPLATE = "{% if %}\n"
GOOD_TEMPLATE = "OUR OWN WORDS {{ tag }}\n"
CUSTOMER = "customer{}@customer.example"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = desk_in(tmp_path / "desk", templates=True)
    yield made
    made.close()


def write(gateway: Gateway, rules: str = "", template: str | None = None) -> None:
    if rules:
        (gateway.root / "rules" / "rulebook.yaml").write_text(rules, "utf-8")
    if template is not None:
        (gateway.root / "templates" / "acknowledgement.en.txt.j2").write_text(template, "utf-8")


def acknowledgement(gateway: Gateway, number: int) -> str:
    """Sends a mail and gives the header of its acknowledgement."""
    gateway.send(letter(number), mail_from=CUSTOMER.format(number))
    (mail,) = eventually(lambda: mailbox(gateway, CUSTOMER.format(number)), f"mail {number} is acknowledged")
    return mail.decode("utf-8", "replace")


def spoil(gateway: Gateway, what: str) -> str:
    """Makes the rules or a template bad; where the mistake is."""
    if what == "rules":
        write(gateway, BAD_RULES)
        return "rulebook.yaml:11:21"
    write(gateway, OTHER_RULES, BAD_TEMPLATE)
    return "acknowledgement.en.txt.j2:1"


def test_a_bad_file_at_reload_changes_nothing_and_is_shown(gateway: Gateway) -> None:
    gateway.start()
    before = gateway.health()[1]["rulebook"]
    for number, what in enumerate(("rules", "template")):
        place = spoil(gateway, what)
        refused = gateway.command("reload", status=1).stderr.decode()
        assert place in refused
        assert "the rules in force stay" in refused
        status, health = gateway.health()
        assert status == 503
        assert place in health["reasons"][0]
        assert health["rulebook"] == before
        assert "From: Help" in acknowledgement(gateway, number)
    assert place in gateway.json("status")["health"]["reasons"][0]
    write(gateway, OTHER_RULES, GOOD_TEMPLATE)
    gateway.command("reload")
    status, health = gateway.health()
    assert (status, health["reasons"]) == (200, [])
    assert health["rulebook"] != before
    mail = acknowledgement(gateway, 2)
    assert "From: Other" in mail
    assert "OUR OWN WORDS" in mail


def test_hang_up_signal_reloads(gateway: Gateway) -> None:
    gateway.start()
    assert gateway.process is not None
    before = gateway.health()[1]["rulebook"]
    write(gateway, BAD_RULES)
    gateway.process.send_signal(signal.SIGHUP)
    eventually(lambda: gateway.health()[0] == 503, "the bad file is refused")
    assert gateway.health()[1]["rulebook"] == before
    write(gateway, OTHER_RULES)
    gateway.process.send_signal(signal.SIGHUP)
    eventually(lambda: gateway.health()[0] == 200, "the good file is live")
    assert gateway.health()[1]["rulebook"] != before
    assert "From: Other" in acknowledgement(gateway, 1)
    assert gateway.heard().count("RELOADING=1") == 2
    assert gateway.heard()[-1] == "READY=1"


def test_a_bad_file_at_the_start_runs_on_the_last_good_one(gateway: Gateway) -> None:
    write(gateway, OTHER_RULES)
    gateway.start()
    assert "From: Other" in acknowledgement(gateway, 0)
    for number, what in enumerate(("rules", "template", "no folder"), 1):
        gateway.kill()
        if what == "no folder":
            shutil.rmtree(gateway.root / "rules")
        else:
            spoil(gateway, what)
        gateway.start()
        status, health = gateway.health()
        assert status == 503
        assert health["reasons"][0].startswith("rules refused: ")
        assert gateway.log().count("event=rules_refused") == number
        assert "From: Other" in acknowledgement(gateway, number)
    (gateway.root / "rules").mkdir()
    write(gateway, RULES, GOOD_TEMPLATE)
    gateway.command("reload")
    assert gateway.health()[0] == 200
    assert "From: Help" in acknowledgement(gateway, 4)
    assert len(gateway.tickets()) == 5


@pytest.mark.parametrize("what", ["rules", "template"])
def test_a_bad_file_at_the_very_first_start_ends_it_and_makes_no_database(gateway: Gateway, what: str) -> None:
    place = spoil(gateway, what)
    gateway.launch()
    assert gateway.end() == 2
    assert place in gateway.log()
    assert "Traceback" not in gateway.log()
    assert not gateway.database.exists()


def test_a_fault_of_our_own_checking_does_not_stop_the_mail(gateway: Gateway) -> None:
    """Whatever it is that a file brings up: here a name that no file system lets anybody read."""
    gateway.start()
    os.symlink("rulebook.yaml", gateway.root / "rules" / "loop\udcff.yaml")
    refused = gateway.command("reload", status=1).stderr.decode("utf-8", "replace")
    assert "the rules in force stay" in refused
    assert "From: Help" in acknowledgement(gateway, 1)


def test_a_half_written_file_and_a_template_that_raises(gateway: Gateway) -> None:
    """Neither a file that stays half nor one that is being written while it is read takes effect; a template that fails
    at one ticket is tried, and the built-in words go out."""
    gateway.start()
    assert gateway.process is not None
    before = gateway.health()[1]["rulebook"]
    file = gateway.root / "rules" / "rulebook.yaml"
    file.write_text(OTHER_RULES[: OTHER_RULES.index("everything")], "utf-8")
    gateway.process.send_signal(signal.SIGHUP)
    eventually(lambda: gateway.health()[0] == 503, "half a file is refused")
    assert gateway.health()[1]["rulebook"] == before
    assert "From: Help" in acknowledgement(gateway, 1)

    lines = OTHER_RULES.splitlines(keepends=True)
    with file.open("w", encoding="utf-8") as slowly:
        gateway.process.send_signal(signal.SIGHUP)
        for line in lines:  # at many of these moments it would be good by itself
            slowly.write(line)
            slowly.flush()
            assert gateway.health()[1]["rulebook"] == before
            time.sleep(0.1)
    eventually(lambda: gateway.health()[1]["rulebook"] != before, "the whole file is live")
    assert "From: Other" in acknowledgement(gateway, 2)
    assert gateway.log().count("event=rules_loaded") == 2
    assert gateway.health()[0] == 200

    # a template that passes every check and fails at one ticket
    write(gateway, template="{% if tag == '[FLT-4]' %}{{ 1 / 0 }}{% endif %}OUR OWN WORDS {{ tag }}\n")
    gateway.command("reload")
    assert "OUR OWN WORDS [FLT-3]" in acknowledgement(gateway, 3)
    assert gateway.health()[0] == 200
    mail = acknowledgement(gateway, 4)
    assert "OUR OWN WORDS" not in mail
    assert "[FLT-4]" in mail
    assert "event=template_trouble" in gateway.log()
    place = "acknowledgement.en.txt.j2:1: division by zero"
    assert any(place in reason for reason in gateway.health()[1]["reasons"])
    assert len(gateway.tickets()) == 4
    write(gateway, template=GOOD_TEMPLATE)
    gateway.command("reload")
    assert gateway.health()[0] == 200
