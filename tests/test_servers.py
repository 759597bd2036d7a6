"""The private servers themselves: what other tests rely on when they use them."""

from __future__ import annotations

import os
import smtplib
import socket
import ssl
import time
from collections.abc import Callable

import pytest

from tests.servers import MissingServer, need
from tests.servers.dovecot import Dovecot
from tests.servers.ports import free_port
from tests.servers.postfix import NeedsRoot, Postfix

MAIL = b"From: a@out.example\r\nSubject: through\r\n\r\nText.\r\n"


def eventually(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def world(dovecot: Callable[..., Dovecot]) -> Dovecot:
    return dovecot(["customer"])


@pytest.fixture(scope="module")
def front(world: Dovecot, postfix: Callable[..., Postfix]) -> Postfix:
    return postfix(world, desk_port=free_port())


def send(server: Postfix, sender: str, *recipients: str) -> None:
    with smtplib.SMTP("127.0.0.1", server.smtp_port) as smtp:
        smtp.sendmail(sender, list(recipients), MAIL)


def test_two_dovecots_live_side_by_side(world: Dovecot, dovecot: Callable[..., Dovecot]) -> None:
    other = dovecot(["customer"])
    other.append("customer", MAIL)
    assert other.messages("customer") == [MAIL]
    assert world.messages("customer", "Nowhere") == []
    assert other.directory != world.directory


def test_mail_survives_a_kill_and_a_restart(dovecot: Callable[..., Dovecot]) -> None:
    server = dovecot()
    user = server.fresh_user()
    server.append(user, MAIL)
    server.kill()
    with pytest.raises(OSError):
        server.client(user)
    server.start()
    assert server.messages(user) == [MAIL]


def test_the_directory_goes_with_the_server() -> None:
    with Dovecot() as server:
        directory = server.directory
    assert not directory.exists()


def test_a_changed_password_counts_at_once(dovecot: Callable[..., Dovecot]) -> None:
    server = dovecot()
    user = server.fresh_user()
    server.append(user, MAIL)
    server.add_user(user, "another")
    assert server.messages(user) == [MAIL]


def test_postfix_relays_to_the_world_and_bounces_what_it_refuses(world: Dovecot, front: Postfix) -> None:
    user = world.fresh_user()
    send(front, f"{user}@out.example", "customer@out.example", "nobody-there@out.example")
    eventually(lambda: any(b"Subject: through" in message for message in world.messages("customer")))
    eventually(lambda: len(world.messages(user)) == 1)
    bounce = world.messages(user)[0]
    assert b"multipart/report" in bounce
    assert b"5.1.1" in bounce


def test_postfix_is_the_front_of_the_desk(world: Dovecot, postfix: Callable[..., Postfix]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as desk:
        server = postfix(world, desk_port=desk.getsockname()[1])
        send(server, "customer@out.example", "support@desk.example")
        desk.settimeout(20)
        connection, _ = desk.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 desk.example\r\n")
            assert lines.readline().startswith(b"EHLO mx.example")


def test_submission_demands_tls_and_a_login(world: Dovecot, front: Postfix) -> None:
    user = world.fresh_user()
    with smtplib.SMTP("localhost", front.submission_port) as smtp:
        with pytest.raises(smtplib.SMTPNotSupportedError):
            smtp.login(user, "secret")
        smtp.starttls(context=ssl.create_default_context(cafile=str(front.ca_file)))
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            smtp.sendmail("a@out.example", [f"{user}@out.example"], MAIL)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.login(user, "wrong")
        smtp.login(user, "secret")
        smtp.sendmail("a@out.example", [f"{user}@out.example"], MAIL)
    eventually(lambda: len(world.messages(user)) == 1)
    assert f"(Authenticated sender: {user})".encode() in world.messages(user)[0]


def test_a_missing_server_is_a_failure_with_the_command() -> None:
    with pytest.raises(MissingServer, match="apt-get install --no-install-recommends some-package"):
        need("no-such-server", "some-package")


def test_postfix_without_root_says_so(world: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NeedsRoot, match="run the tests as root"):
        Postfix(world)


def test_nothing_of_the_machine_s_own_postfix_is_touched(front: Postfix) -> None:
    for name in ("main.cf", "master.cf"):
        assert "/etc/postfix" not in (front.directory / "conf" / name).read_text()
        assert "/var/" not in (front.directory / "conf" / name).read_text()
    assert (front.directory / "spool" / "active").is_dir()
