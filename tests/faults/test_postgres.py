"""PostgreSQL under the real daemon: a server that crashes in a loop, daemons that share it, what people type
(faults 20, 26, 27)."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from tests.faults.postgres_loop import CrashLoop, Plan
from tests.faults.running import Gateway, NotKept, desk_in, eventually, letter, places
from tests.servers.dovecot import Dovecot
from tests.servers.faulty_relay import FaultyRelay
from tests.servers.postgres import PASSWORD, USER, Postgres


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_server_crashes_under_two_daemons(tmp_path: Path, postgres: Postgres) -> None:
    CrashLoop(Plan(new=50, crashes=5, kills=1, seed=3), postgres, tmp_path).run()


def test_one_daemon_from_start_to_end(tmp_path: Path, postgres: Postgres) -> None:
    """Its password is a secret; an outage is 451 and red, and goes by; every command works; nothing shows the
    password."""
    name = postgres.create()
    (tmp_path / "secret").write_text(f"{PASSWORD}\n")
    address = f"postgresql://{USER}@127.0.0.1:{postgres.port}/{name}"
    more = f"database_url: {address}\ndatabase_password: {{file: ../secret}}"
    desk = desk_in(tmp_path / "desk", more=more)
    assert "good" in typed(desk, "check")
    assert json.loads(typed(desk, "status", "--json"))["status"] == {}  # there is no schema yet
    assert "schema 0001" in typed(desk, "migrate")
    try:
        desk.start()
        desk.send(letter(1))
        desk.settle()
        with postgres.down():
            with pytest.raises(NotKept, match="451"):
                desk.send(letter(2))
            assert desk.health()[0] == 503
        eventually(lambda: _kept(desk, 2), "mail is taken again")
        desk.send(letter(3, ("x" * 70 + "\n") * 4000))
        desk.settle()
        assert len(places(json.loads(typed(desk, "tickets", "--json"))["tickets"])) == 3
        assert json.loads(typed(desk, "show", "FLT-1", "--json"))["number"] == 1
        (tmp_path / "mail").write_bytes(letter(4))
        explained = typed(desk, "explain", str(tmp_path / "mail"), "--to", "help@desk.example")
        assert "FLT-4" in explained
        assert json.loads(typed(desk, "quarantine", "--json")) == {"quarantined": []}
        assert desk.stop() == 0
        assert not (desk.state / "gateway.sqlite").exists()
        assert "ss:/word" not in desk.log()
    finally:
        desk.close()
        postgres.drop(name)


def typed(desk: Gateway, *words: str) -> str:
    """What a command says; run in this process, which is sooner than in one of its own."""
    result = CliRunner().invoke(main, [*words, "-c", str(desk.config)])
    assert result.exit_code == 0, (words, result.output, result.exception)
    assert "ss:/word" not in result.output
    return result.output


def _kept(desk: Gateway, number: int) -> bool:
    try:
        desk.send(letter(number))
    except NotKept:
        return False
    return True


def test_a_daemon_that_stands_still_sends_nothing_twice(tmp_path: Path, postgres: Postgres) -> None:
    """Fault 26: stopped for longer than its lease, its mails are taken over; when it goes on it finds them gone."""
    name = postgres.create()
    more = f"database_url: {postgres.url(name)}"
    held: list[Gateway] = []

    def dot() -> str:
        if held:
            held.pop().process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]  # it runs
        return ""

    with FaultyRelay({"DOT": "451 4.3.0 later"}) as relay:  # until there is something to claim
        one = desk_in(tmp_path / "one", relay=relay.port, more=more)
        two = desk_in(tmp_path / "two", relay=relay.port, more=more)
        try:
            one.start()
            for number in range(12):
                one.send(letter(number))
            eventually(lambda: one.health()[1]["waiting"] == 0, "all is decided")
            held.append(one)
            relay.script["DOT"] = lambda _: dot()
            eventually(lambda: not held, "it stands still")
            claimed = "SELECT count(*) FROM outbox WHERE holder IS NOT NULL"
            assert postgres.rows(name, claimed)[0][0] > 2
            two.start(program=("-m", "tests.faults.altered", "gateway.store.lease:BEAT=0.5", "--"))
            two.send(letter(99))
            with postgres.admin(name) as connection:  # the minute has gone by
                query = "UPDATE node SET until = 1 WHERE id = (SELECT min(id) FROM node) RETURNING id"
                assert len(connection.execute(query).fetchall()) == 1
            eventually(
                lambda: postgres.rows(name, "SELECT count(*) FROM outbox WHERE state = 'waiting'") == [(0,)],
                "the other has sent everything",
                60,
            )
            one.process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]  # it runs
            eventually(lambda: one.settled() and two.settled(), "both are at rest", 60)
            assert one.send(letter(100))
            eventually(lambda: one.settled() and two.settled(), "and go on", 60)
            sent = [(taken.recipient, taken.data) for taken in relay.taken]
            assert len(sent) - len(set(sent)) <= 2  # those being handed over when it stopped: one for each connection
            assert sorted(ticket["number"] for ticket in two.tickets()) == list(range(1, 15))
            assert (one.stop(), two.stop()) == (0, 0)
        finally:
            one.process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]  # or it could not be ended
            one.close()
            two.close()
            postgres.drop(name)


def test_a_mailbox_is_polled_by_one_and_by_the_other_after_it(
    tmp_path: Path, postgres: Postgres, shared_dovecot: Dovecot
) -> None:
    """Nobody says so to them: the lock goes with the session of the one that was killed."""
    name, user = postgres.create(), shared_dovecot.fresh_user()
    box = {
        **{"name": "support", "address": "help@desk.example", "host": "localhost", "port": shared_dovecot.imap_port},
        **{"tls": "none", "user": user, "password": "secret", "poll": "1s", "idle": False, "reconcile": "1s"},
    }
    more = f"database_url: {postgres.url(name)}\nimap: {json.dumps([box])}"
    one, two = (desk_in(tmp_path / part, more=more) for part in ("one", "two"))
    count = "SELECT count(*) FROM intake WHERE state = 'done'"
    try:
        one.start()
        shared_dovecot.append(user, *(letter(n) for n in range(3)))
        eventually(lambda: postgres.rows(name, count) == [(3,)], "it polls")
        two.start()
        eventually(lambda: "another daemon polls it" in two.log(), "the other stands by")
        assert two.health()[0] == 200
        shared_dovecot.append(user, letter(3))
        eventually(lambda: postgres.rows(name, count) == [(4,)], "the first goes on")
        assert "source=imap" not in two.log()
        one.kill()
        shared_dovecot.append(user, letter(4))
        eventually(lambda: postgres.rows(name, "SELECT count(*) FROM intake") == [(5,)], "the other has taken over")
        eventually(lambda: "source=imap" in two.log(), "it was the other")
        assert postgres.rows(name, "SELECT outcome, count(*) FROM imap_ledger GROUP BY 1") == [("kept", 5)]
        assert two.stop() == 0
    finally:
        one.close()
        two.close()
        postgres.drop(name)
