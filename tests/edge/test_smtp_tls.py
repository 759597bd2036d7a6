"""TLS on the way out and at our own doors: verified always, files read again when they change."""

from __future__ import annotations

import base64
import shutil
import ssl
from pathlib import Path
from typing import Any

import pytest

from gateway.edge.smtp_out import SmtpSender
from gateway.edge.smtp_tls import Certificate, Trust
from gateway.model import SendResult, Sent
from gateway.options import Relay
from tests.edge.test_smtp_out import mail, options
from tests.servers.certificates import make_authority, make_certificate, make_expired
from tests.servers.faulty_relay import FaultyRelay

Pair = tuple[Path, Path]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, a good pair for localhost and bad ones."""
    folder = tmp_path_factory.mktemp("authority")
    make_authority(folder)
    make_certificate(folder, name="good")
    make_certificate(folder, "elsewhere.example", "wrong")
    make_expired(folder, name="expired")
    other = tmp_path_factory.mktemp("other")
    make_authority(other)
    make_certificate(other, name="stranger")
    for file in other.glob("stranger.*"):
        shutil.copy(file, folder)
    for end in ("pem", "key"):
        shutil.copy(other / f"ca.{end}", folder / f"other-ca.{end}")
        shutil.copy(other / f"ca.{end}", folder / f"selfsigned.{end}")
    return folder


def pair(folder: Path, name: str) -> Pair:
    return folder / f"{name}.pem", folder / f"{name}.key"


def sent(relay: FaultyRelay, ca_file: Path, tls: str = "starttls", **given: Any) -> SendResult:
    made = options(relay, host="localhost", tls=tls, ca_file=ca_file, user="u", password="p", **given)
    return SmtpSender(made).send([mail()])[0]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("expired", "expired"),
        ("wrong", "localhost"),
        ("stranger", "unable to get local issuer"),
        ("selfsigned", "self-signed"),
    ],
)
def test_a_bad_certificate_is_trouble_and_nothing_is_said_after_it(
    authority: Path, name: str, why: str, tls: str
) -> None:
    extensions = ("STARTTLS", "AUTH PLAIN")
    with FaultyRelay({}, extensions, pair(authority, name), implicit_tls=tls == "tls") as relay:
        result = sent(relay, authority / "ca.pem", tls)
    assert (result.sent, result.rest) == (Sent.TROUBLE, 0)
    assert "certificate is not good" in result.reply
    assert why.lower() in result.reply.lower()
    assert not any(each.startswith(("AUTH", "MAIL")) for each in relay.commands)
    assert relay.taken == []


@pytest.mark.parametrize(
    "script", [{}, {"STARTTLS": "454 4.7.0 not now"}, {"STARTTLS": "!drop"}, {"STARTTLS": "!garbage"}], ids=str
)
def test_a_stripped_starttls_is_trouble_and_never_means_plain_text(authority: Path, script: dict[str, str]) -> None:
    extensions = ("STARTTLS", "AUTH PLAIN") if script else ("AUTH PLAIN",)
    with FaultyRelay(script, extensions, pair(authority, "good")) as relay:
        result = sent(relay, authority / "ca.pem")
    assert result.sent is Sent.TROUBLE
    assert not any(each.startswith(("AUTH", "MAIL")) for each in relay.commands)


def test_what_was_offered_before_tls_is_forgotten(authority: Path) -> None:
    """RFC 3207 §4.2: a login offered in the clear by somebody in between counts for nothing."""
    offered: list[str] = []

    def ehlo(relay: FaultyRelay) -> str:
        offered.append("")
        return "250-relay.test\r\n250-STARTTLS\r\n250 AUTH PLAIN" if len(offered) == 1 else "250 relay.test"

    with FaultyRelay({"EHLO": ehlo}, (), pair(authority, "good")) as relay:
        result = sent(relay, authority / "ca.pem")
    assert (result.sent, len(offered)) == (Sent.TROUBLE, 2)
    assert "none" in result.reply


def test_the_authorities_are_read_again_when_their_file_changes(authority: Path, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    shutil.copy(authority / "other-ca.pem", ca_file)
    with FaultyRelay({}, ("STARTTLS", "AUTH PLAIN"), pair(authority, "good")) as relay:
        sender = SmtpSender(
            options(relay, host="localhost", tls="starttls", ca_file=ca_file, user="u", password="p", keep=0)
        )
        assert sender.send([mail(1)])[0].sent is Sent.TROUBLE
        shutil.copy(authority / "ca.pem", ca_file)
        assert sender.send([mail(2)])[0].sent is Sent.DELIVERED
        ca_file.write_text("half a fi")
        assert sender.send([mail(3)])[0].sent is Sent.DELIVERED, "the last good one stays"
        ca_file.unlink()
        assert sender.send([mail(4)])[0].sent is Sent.DELIVERED
        shutil.copy(authority / "other-ca.pem", ca_file)
        assert sender.send([mail(5)])[0].sent is Sent.TROUBLE


def test_authorities_that_were_never_good_are_told_as_the_relays_trouble(authority: Path, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("no certificate")
    with FaultyRelay({}, ("STARTTLS", "AUTH PLAIN"), pair(authority, "good")) as relay:
        result = sent(relay, ca_file)
    assert result.sent is Sent.TROUBLE
    assert str(ca_file) in result.reply
    assert relay.connections == 0


# --- logging in ---


@pytest.mark.parametrize(
    ("offered", "said"),
    [
        ("AUTH PLAIN LOGIN", ["AUTH PLAIN " + base64.b64encode("\0nhà\0mật khẩu".encode()).decode()]),
        ("AUTH CRAM-MD5 LOGIN PLAIN", ["AUTH PLAIN " + base64.b64encode("\0nhà\0mật khẩu".encode()).decode()]),
        ("AUTH LOGIN", ["AUTH LOGIN bmjDoA==", base64.b64encode("mật khẩu".encode()).decode()]),
        ("AUTH CRAM-MD5 XOAUTH2", []),
        ("SIZE", []),
    ],
)
def test_login(offered: str, said: list[str]) -> None:
    class Asking:
        def __call__(self, relay: FaultyRelay) -> str:
            return "334 UGFzc3dvcmQ6" if relay.commands[-1].startswith("AUTH LOGIN") else "235 ok"

    with FaultyRelay({"AUTH": Asking(), said[-1][:4].upper() if said else "-": "235 ok"}, (offered,)) as relay:
        result = SmtpSender(options(relay, user="nhà", password="mật khẩu")).send([mail()])[0]
    assert result.sent is (Sent.DELIVERED if said else Sent.TROUBLE), result
    assert [each for each in relay.commands if each in said] == said
    assert bool(result.rest) == (not said)


@pytest.mark.parametrize("answer", ["535 5.7.8 wrong", "454 4.7.0 later", "334 more", "!drop", "!hang"])
def test_a_login_that_fails_is_trouble_and_shows_no_secret(answer: str) -> None:
    with FaultyRelay({"AUTH": answer}, ("AUTH PLAIN",)) as relay:
        result = SmtpSender(options(relay, user="u", password="our secret", timeout=0.5)).send([mail()])[0]
    assert result.sent is Sent.TROUBLE
    secret = base64.b64encode(b"\0u\0our secret").decode()
    assert "our secret" not in result.reply
    assert secret not in result.reply
    assert not any(each.startswith("MAIL") for each in relay.commands)


# --- our own doors ---


def test_a_pair_half_replaced_keeps_the_old_one_and_says_so_once(
    authority: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "cert.key"
    for name, place in zip(pair(authority, "good"), (cert, key), strict=True):
        shutil.copy(name, place)
    ours = Certificate(cert, key)
    first = ours.context()
    assert ours.context() is first
    shutil.copy(authority / "wrong.pem", cert)
    for _ in range(3):
        assert ours.context() is first
    assert "the key does not fit the certificate" in ours.trouble
    assert len(caplog.records) == 1
    shutil.copy(authority / "wrong.key", key)
    second = ours.context()
    assert second is not first
    assert ours.trouble == ""
    for octets in (b"", cert.read_bytes()[:300]):
        cert.write_bytes(octets)
        assert ours.context() is second
    cert.unlink()
    assert ours.context() is second
    assert str(cert) in ours.trouble
    shutil.copy(authority / "wrong.pem", cert)
    assert ours.context() is not first
    assert ours.trouble == ""


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(authority: Path, tmp_path: Path) -> None:
    import subprocess

    locked = tmp_path / "locked.key"
    command = ["openssl", "pkey", "-in", str(authority / "good.key"), "-aes128", "-passout", "pass:x", "-out", locked]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises((ValueError, ssl.SSLError)):
        Certificate(authority / "good.pem", locked)


def test_trust_without_a_file_is_that_of_the_system() -> None:
    context = Trust(None).context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_plain_text_only_where_it_was_asked_for() -> None:
    assert Relay("x").tls == "starttls"
