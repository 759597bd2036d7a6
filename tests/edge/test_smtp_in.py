"""The SMTP listener against dialogs kept as data, and against clients that behave badly."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge import smtp_commands, smtp_in, smtp_logins
from gateway.edge.smtp_address import Refusal, is_null_sender, read_path
from gateway.edge.smtp_data import DataReader
from gateway.edge.smtp_limits import LOGIN_FAILURES, LoginFailures, peer_address, peer_key
from gateway.edge.smtp_logins import Logins
from gateway.model import Source
from tests.edge.dialogs import NOW, Client, Desk, Dialog, Play, Stage, make_certificate, make_listener, read_dialogs

DIALOGS = read_dialogs(Path(__file__).parent.parent / "dialogs")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), "desk.example")


@pytest.mark.parametrize("dialog", DIALOGS, ids=lambda dialog: dialog.name)
def test_dialog(dialog: Dialog, stage: Stage, certificate: tuple[Path, Path]) -> None:
    Play(dialog, stage, certificate).run()


# --- hanging up ---------------------------------------------------------------------------------------------------

TALK = (
    b"EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<help@desk.example>\r\nDATA\r\n"
    b"Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n"
)
END_OF_DATA = TALK.index(b"\r\n.\r\n") + 5


@pytest.mark.parametrize("how", ["half-close", "close", "reset"])
def test_hang_up_at_every_octet(how: str, stage: Stage) -> None:
    """Before the end of data nothing is kept; after it one message, if the client waited, and never two."""
    desk = Desk()
    with stage.listener(desk, max_per_peer=200) as listener:
        for length in range(len(TALK) + 1):
            desk.kept.clear()
            client = Client(listener.port)
            client.send(TALK[:length])
            if how == "half-close":
                client.sock.shutdown(socket.SHUT_WR)
                client.expect_end(whatever=True)
            elif how == "reset":
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            if how == "half-close":
                assert len(desk.kept) == (length >= END_OF_DATA), length
            else:
                assert len(desk.kept) <= (length >= END_OF_DATA), length
        wait_until(lambda: not listener._reception.present)
        assert_serves(listener.port)


def test_the_commit_completes_when_the_client_is_gone(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(mode="hold")
    with stage.listener(desk) as listener:
        for reset in (True, False):
            client = Client(listener.port)
            client.send(TALK)
            wait_until(lambda: bool(desk.waiting))
            if reset:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            time.sleep(0.1)
            assert not desk.waiting[0][0].cancelled()
            stage.loop.call_soon_threadsafe(desk.release)
            wait_until(lambda: not desk.waiting)
        wait_until(lambda: not listener._reception.present)
    assert len(desk.kept) == 2
    assert not caplog.records


def test_a_failed_commit_of_a_gone_client_is_quiet(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk(mode="hold")
    with stage.listener(desk) as listener:
        client = Client(listener.port)
        client.send(TALK)
        wait_until(lambda: bool(desk.waiting))
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        wait_until(lambda: not listener._reception.present)
        stage.loop.call_soon_threadsafe(desk.waiting.pop()[0].set_exception, OSError("disk"))
        wait_until(lambda: not listener._reception.commits)
        gc.collect()
    assert not caplog.records


def test_a_commit_that_hangs_is_temporary(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_commands, "COMMIT_WAIT", 0.3)
    desk = Desk(mode="hold")
    with stage.listener(desk) as listener:
        client = Client(listener.port)
        client.send(TALK)
        codes = [client.reply()[0] for _ in range(6)]
        assert codes == ["220", "250", "250", "250", "354", "421"]
        desk.release()
    assert len(desk.kept) == 1, "late, but kept: the repeat is recognised later"


# --- many clients, and bad ones -----------------------------------------------------------------------------------


def wait_until(done: Callable[[], bool], patience: float = 5.0) -> None:
    end = time.monotonic() + patience
    while not done():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def assert_serves(port: int) -> None:
    """An ordinary client is served within a second."""
    started = time.monotonic()
    client = Client(port)
    client.send(TALK)
    assert [client.reply()[0] for _ in range(7)] == ["220", "250", "250", "250", "354", "250", "221"]
    client.close()
    assert time.monotonic() - started < 1.0


def greetings(port: int, count: int) -> tuple[list[Client], list[str]]:
    clients = [Client(port) for _ in range(count)]
    return clients, [client.reply()[0] for client in clients]


@pytest.mark.parametrize(
    ("options", "codes"),
    [
        ({"max_per_peer": 3}, ["220"] * 3 + ["421"] * 2),
        ({"max_connections": 2}, ["220"] * 2 + ["421"] * 3),
        ({"max_per_peer": 3, "trusted_relays": ("127.0.0.0/8",)}, ["220"] * 5),
        ({"max_connections": 2, "trusted_relays": ("127.0.0.0/8",)}, ["220"] * 2 + ["421"] * 3),
        ({"max_connections": 20, "max_per_peer": 30, "trusted_relays": ("10.0.0.0/8",)}, ["220"] * 18 + ["421"] * 3),
    ],
)
def test_connection_limits(options: dict[str, Any], codes: list[str], stage: Stage) -> None:
    with stage.listener(Desk(), **options) as listener:
        clients, got = greetings(listener.port, len(codes))
        assert got == codes
        for client in clients:
            client.close()
        wait_until(lambda: not listener._reception.present)
        again, got = greetings(listener.port, 2)
        assert got == ["220"] * 2, "places are given back"
        for client in again:
            client.close()


def test_who_is_turned_away_costs_no_conversation_and_reads_why(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[object] = []
    begin = smtp_in.MailConversation
    monkeypatch.setattr(smtp_in, "MailConversation", lambda *given: begun.append(given) or begin(*given))
    with stage.listener(Desk(), max_connections=1) as listener:
        first, _ = greetings(listener.port, 1)
        for rest in (b"", TALK, b"x" * 1_000_000):
            client = Client(listener.port)
            client.send(rest)
            assert client.reply() == ("421", "4.7.0 too many connections, try again later")
            client.expect_end()
            client.close()
        endless = Client(listener.port)
        with pytest.raises(ConnectionError):
            while True:
                endless.send(b"x" * 1_000_000)
        endless.close()
        first[0].close()
    assert len(begun) == 1


def _reset(client: Client) -> None:
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sock.close()


NO_TLS: dict[str, Callable[[Client], None]] = {
    "silence": lambda client: None,
    "a drip": lambda client: client.send(b"\x16\x03"),
    "commands": lambda client: client.send(b"MAIL FROM:<a@x.example>\r\n"),
    "half-close": lambda client: client.sock.shutdown(socket.SHUT_WR),
    "close": lambda client: client.sock.close(),
    "reset": _reset,
}


@pytest.mark.parametrize("then", NO_TLS)
def test_a_place_is_given_back_when_tls_does_not_begin(
    then: str, stage: Stage, certificate: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = certificate
    options: dict[str, Any] = {"idle_timeout": 0.5, "max_connections": 3, "tls_cert": cert, "tls_key": key}
    with stage.listener(Desk(), **options) as listener:
        clients, _ = greetings(listener.port, 3)
        for client in clients:
            client.send(b"STARTTLS\r\n")
            assert client.reply()[0] == "220"
            NO_TLS[then](client)
        wait_until(lambda: not listener._reception.present)
        assert_serves(listener.port)
        for client in clients:
            client.close()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_many_who_come_in_a_busy_moment_wait_no_longer_than_it_lasts(stage: Stage) -> None:
    """The kernel drops those for whom its queue has no place; they knock again after one second, three, seven."""
    with stage.listener(Desk(), max_connections=300, max_per_peer=300) as listener:
        busy = threading.Event()
        stage.loop.call_soon_threadsafe(busy.wait, 30)
        clients = []
        try:
            for _ in range(250):
                clients.append(socket.create_connection(("127.0.0.1", listener.port), timeout=0.9))
        finally:
            busy.set()
        for client in clients:
            client.settimeout(20)
            assert client.recv(3) == b"220"
            client.close()


def test_half_open_clients_disturb_nobody_and_are_sent_away(stage: Stage) -> None:
    with stage.listener(Desk(), idle_timeout=1.0, max_connections=400, max_per_peer=400) as listener:
        clients, _ = greetings(listener.port, 300)
        for number, client in enumerate(clients):
            client.send(TALK[: number % END_OF_DATA - 3 if number % END_OF_DATA > 3 else 0])
        assert_serves(listener.port)
        wait_until(lambda: not listener._reception.present, 8)
        for client in clients:
            client.close()


def test_a_client_that_never_reads_is_cut_off(stage: Stage) -> None:
    with stage.listener(Desk(), idle_timeout=0.5, max_errors=10**9) as listener:
        client = Client(listener.port)
        with pytest.raises(OSError):  # their long replies fill every buffer on the way; nothing more is read then
            while True:
                client.send(b"EHLO x\r\n" * 1000)
        wait_until(lambda: not listener._reception.present, 30)
        assert_serves(listener.port)
        client.close()


@pytest.mark.parametrize(
    "flood",
    [
        TALK[: TALK.index(b"RCPT")] + b"RCPT TO:<help@desk.example>\r\n" * 20_000,
        b"NOOP\r\n" * 100_000,
        TALK[: TALK.index(b"Subject")] + b"a\r\n" * 3_000_000,
        TALK[: TALK.index(b"Subject")] + b"\n" * 9_000_000,
    ],
    ids=["recipients", "commands", "short lines", "bare LF"],
)
def test_a_flood_does_not_stall_the_loop(flood: bytes, stage: Stage) -> None:
    async def worst_lag() -> float:
        worst = 0.0
        while not done.is_set():
            before = stage.loop.time()
            await asyncio.sleep(0.001)
            worst = max(worst, stage.loop.time() - before)
        return worst

    done = threading.Event()
    with stage.listener(Desk(), max_recipients=10**6, max_errors=10**6) as listener:
        client = Client(listener.port)
        reading = threading.Thread(target=client.expect_end, args=(True,))
        lag = asyncio.run_coroutine_threadsafe(worst_lag(), stage.loop)
        reading.start()
        client.send(flood)
        client.sock.shutdown(socket.SHUT_WR)
        reading.join(20)
        done.set()
        client.close()
        assert lag.result(5) < 0.15


def test_vouched_peers_and_source(stage: Stage) -> None:
    for trusted, vouched in (((), False), (("127.0.0.0/8",), True)):
        desk = Desk()
        with stage.listener(desk, trusted_relays=trusted) as listener:
            assert_serves(listener.port)
        assert desk.kept[0].envelope.vouched is vouched
        assert desk.kept[0].envelope.peer == "127.0.0.1"
        assert desk.kept[0].source is Source.SMTP
        assert desk.kept[0].at == NOW


def test_login_failures_block_the_peer_on_new_connections_too(stage: Stage) -> None:
    with stage.listener(Desk(), auth=True, auth_without_tls=True) as listener:
        for _ in range(10):
            client = Client(listener.port)
            client.send(b"EHLO x\r\nAUTH PLAIN AGFubkBkZXNrLmV4YW1wbGUAd3Jvbmc=\r\n")
            codes = [client.reply()[0] for _ in range(3)]
            client.close()
        assert codes == ["220", "250", "421"]
        client = Client(listener.port)
        client.send(b"EHLO x\r\nAUTH PLAIN AGFubkBkZXNrLmV4YW1wbGUAczNjcmV0\r\n")
        assert [client.reply()[0] for _ in range(3)] == ["220", "250", "421"]
        client.close()


def test_refusals_go_on_record(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"), stage.listener(Desk()) as listener:
        client = Client(listener.port)
        client.send(b"EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<bob@desk.example>\r\n")
        assert [client.reply()[0] for _ in range(4)][-1] == "550"
        client.close()
    refused = [record for record in caplog.records if getattr(record, "event", "") == "refused"]
    assert len(refused) == 1
    assert refused[0].fields["sender"] == "a@x.example"  # type: ignore[attr-defined]
    assert "bob@desk.example" in refused[0].fields["recipient"]  # type: ignore[attr-defined]


# --- starting, stopping, certificates -----------------------------------------------------------------------------


def test_a_socket_that_is_handed_over(stage: Stage) -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    desk = Desk()
    listener = make_listener(desk, sock=sock)
    stage.run(listener.start())
    assert listener.port == sock.getsockname()[1]
    assert_serves(listener.port)
    stage.run(listener.stop(0.1))
    assert len(desk.kept) == 1


def test_stop_finishes_what_is_under_way(stage: Stage) -> None:
    desk = Desk(mode="hold")
    listener = make_listener(desk)
    stage.run(listener.start())
    idle, sending, waiting = (Client(listener.port) for _ in range(3))
    assert idle.reply()[0] == "220"
    sending.send(TALK[: END_OF_DATA - 5])
    waiting.send(TALK)
    wait_until(lambda: bool(desk.waiting))
    stopping = asyncio.run_coroutine_threadsafe(listener.stop(5.0), stage.loop)
    assert idle.reply()[0] == "421"
    idle.expect_end()
    with pytest.raises(OSError):
        Client(listener.port).reply()
    sending.send(TALK[END_OF_DATA - 5 :])
    wait_until(lambda: len(desk.waiting) == 2)
    assert not stopping.done()
    stage.loop.call_soon_threadsafe(desk.release)
    stopping.result(5)
    for client in (sending, waiting):
        assert [client.reply()[0] for _ in range(6)][-1] == "250"
        client.close()
    assert len(desk.kept) == 2


def test_stop_does_not_wait_for_ever(stage: Stage) -> None:
    listener = make_listener(Desk())
    stage.run(listener.start())
    client = Client(listener.port)
    client.send(TALK[: END_OF_DATA - 5])
    wait_until(lambda: any(each.in_data for each in listener._reception.present))
    started = time.monotonic()
    stage.run(listener.stop(0.3))
    assert 0.2 < time.monotonic() - started < 2
    assert [client.reply()[0] for _ in range(6)][-1] == "421"
    client.close()


def seen_certificate(port: int) -> bytes:
    client = Client(port)
    client.reply()
    client.send(b"EHLO x\r\n")
    client.reply()
    client.send(b"STARTTLS\r\n")
    client.reply()
    client.start_tls()
    assert isinstance(client.sock, ssl.SSLSocket)
    found = client.sock.getpeercert(binary_form=True)
    client.close()
    assert found
    return found


def test_a_renewed_certificate_is_used_and_a_broken_one_is_not(stage: Stage, tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path, "one.example")
    with stage.listener(Desk(), tls_cert=cert, tls_key=key) as listener:
        first = seen_certificate(listener.port)
        assert seen_certificate(listener.port) == first
        make_certificate(tmp_path, "two.example")
        second = seen_certificate(listener.port)
        assert second != first
        cert.write_text("broken")
        assert seen_certificate(listener.port) == second
        cert.unlink()
        assert seen_certificate(listener.port) == second
        make_certificate(tmp_path, "three.example")
        assert seen_certificate(listener.port) not in (first, second)


def test_a_listener_does_not_start_without_the_certificate_it_was_told_to_use(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        make_listener(Desk(), tls_cert=tmp_path / "none.pem")


# --- memory, measured in a process of its own ---------------------------------------------------------------------

SERVER = """
import asyncio, sys
from tests.edge.dialogs import Desk, make_listener
async def main():
    listener = make_listener(Desk(mode=sys.argv[2]), max_size=int(sys.argv[1]), max_per_peer=50)
    await listener.start()
    print(listener.port, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
MIB = 1024 * 1024


@contextmanager
def server_process(max_size: int, mode: str = "hold") -> Iterator[tuple[int, Callable[[], float]]]:
    """(port, peak of resident memory in MiB since the start)."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", SERVER, str(max_size), mode]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
    assert process.stdout is not None

    def peak() -> float:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    try:
        port = int(process.stdout.readline())
        before = peak()
        yield port, lambda: peak() - before
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def pour(port: int, start: bytes, unit: bytes, octets: int) -> None:
    """Send `start`, then `unit` until so many octets are out or the server has had enough."""
    client = Client(port)
    client.sock.settimeout(1.5)
    block = unit * (MIB // len(unit))
    try:
        client.send(start)
        for _ in range(octets // len(block)):
            client.send(block)
    except OSError:
        pass
    finally:
        client.close()


@pytest.mark.parametrize(
    ("start", "unit"),
    [
        (TALK[: TALK.index(b"Subject")], b"x"),
        (TALK[: TALK.index(b"Subject")], b"a\r\n"),
        (TALK[: TALK.index(b"Subject")], b"\r"),
        (TALK[: TALK.index(b"Subject")], b"\n"),
        (TALK[: TALK.index(b"Subject")], b"X-Long: header\r\n"),
        (b"", b"x"),
        (b"", b"NOOP\r\n"),
    ],
    ids=["endless line", "short lines", "bare CR", "bare LF", "endless headers", "endless command", "endless commands"],
)
def test_memory_is_bounded(start: bytes, unit: bytes) -> None:
    """150 MiB sent against a limit of 2 MiB: the peak grows by a few times the limit at most."""
    with server_process(2 * MIB) as (port, peak):
        pour(port, start, unit, 150 * MIB)
        assert peak() < 16
        client = Client(port)
        assert client.reply()[0] == "220"
        client.close()


def test_large_mails_at_once_share_a_bounded_room() -> None:
    """Twenty mails of 7 MiB at once are 140 MiB; room is for four of 8. Small mail still gets in."""
    with server_process(8 * MIB, "ok") as (port, peak):
        clients = [Client(port) for _ in range(20)]
        for client in clients:
            client.send(TALK[: TALK.index(b"body")])
        for _ in range(7):
            for client in clients:
                client.send((b"x" * 1022 + b"\r\n") * 1024)
        assert_serves(port)
        codes = []
        for client in clients:
            client.send(b".\r\n")
            codes.append([client.reply()[0] for _ in range(6)][-1])
            client.close()
        assert sorted(codes) == ["250"] * 4 + ["452"] * 16
        assert peak() < 4 * 8 * 2.5


# --- laws ---------------------------------------------------------------------------------------------------------

PIECES = st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"a", b"bc", b"\r\n.", b"\0", b"\r\r\r\n"]), max_size=30
).map(b"".join)


def read_all(data: bytes, cuts: list[int]) -> DataReader:
    reader = DataReader(max_size=100, line_limit=12)
    at = 0
    for cut in [*cuts, len(data)]:
        if not reader.done:
            reader.feed(data[at:cut])
            at = cut
    reader.rest += data[at:]
    return reader


@given(PIECES, st.lists(st.integers(0, 60), max_size=8))
def test_content_does_not_depend_on_the_cuts(text: bytes, cuts: list[int]) -> None:
    data = text + b"\r\n.\r\nNOOP\r\n"
    whole = read_all(data, [])
    cut = read_all(data, sorted(min(each, len(data)) for each in cuts))
    single = read_all(data, list(range(len(data))))
    assert whole.done and cut.done and single.done  # noqa: PT018
    assert whole.rest == cut.rest == single.rest
    assert bool(whole.fault) == bool(cut.fault) == bool(single.fault)
    if not whole.fault:
        assert bytes(whole.content()) == bytes(cut.content()) == bytes(single.content())


@given(PIECES)
def test_content_is_whole_lines_and_hides_no_end(text: bytes) -> None:
    reader = read_all(text + b"\r\n.\r\n", [])
    if reader.fault:
        return
    content = bytes(reader.content())
    assert content.count(b"\r") == content.count(b"\n") == content.count(b"\r\n")
    assert not content or content.endswith(b"\r\n")
    sent = (b"\r\n" + text + b"\r\n.\r\n").partition(b"\r\n.\r\n")[0]
    assert not re.search(rb"[\r\n]\.[\r\n]", sent)


@given(st.binary(max_size=80).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b"\r\n")))
def test_what_smtplib_would_send_comes_back_unchanged(text: bytes) -> None:
    stuffed = re.sub(rb"(?m)^\.", b"..", text)
    end = b".\r\n" if text.endswith(b"\r\n") or not text else b"\r\n.\r\n"
    reader = DataReader(max_size=1000, line_limit=1000)
    reader.feed(stuffed + end)
    assert reader.done
    assert bytes(reader.content()) == (text if text.endswith(b"\r\n") or not text else text + b"\r\n")


@given(
    st.text(alphabet=st.sampled_from(list('<>@."\\ a:,=%!é\u202e\0\r\n\ud800[]1')), max_size=30) | st.text(max_size=40)
)
def test_no_address_carries_what_could_do_harm(text: str) -> None:
    for recipient in (True, False):
        path = read_path(text, recipient=recipient)
        if isinstance(path, Refusal):
            assert re.fullmatch(r"501 5\.[15]\.[347] [a-z ]+", path.reply)
            continue
        address = path.address
        assert address.isprintable()
        address.encode("utf-8")
        assert len(address) <= 320
        assert not re.search(r"[<>]", re.sub(r'^".*"@', "", address))
        assert address == "" or "@" in address or address.lower() == "postmaster"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        (("192.0.2.1", 25), "192.0.2.1"),
        (("::ffff:192.0.2.1", 25, 0, 0), "192.0.2.1"),
        (("2001:db8::1:2:3:4", 25, 0, 0), "2001:db8::/64"),
        (("fe80::1%eth0", 25, 0, 3), "fe80::/64"),
        ("", ""),
        (None, ""),
    ],
)
def test_what_counts_as_one_peer(address: object, key: str) -> None:
    assert peer_key(peer_address(address)) == key


def test_login_failures_are_forgotten_after_a_minute_and_bounded() -> None:
    failures = LoginFailures()
    for second in range(10):
        assert not failures.blocked("192.0.2.1", second)
        failures.add("192.0.2.1", second)
    assert failures.blocked("192.0.2.1", 10)
    assert not failures.blocked("192.0.2.2", 10)
    assert not failures.blocked("192.0.2.1", 60.5)
    for number in range(12_000):
        failures.add(f"10.0.{number // 256}.{number % 256}", 100)
    assert len(failures._times) <= 10_000


def guessing(told: Callable[[Logins, list[str], threading.Event], Coroutine[Any, Any, None]]) -> None:
    """`told` is given logins that are verified when the event is set, and those that are being verified."""
    verdict, asked = threading.Event(), list[str]()

    def verify(login: str, _password: str) -> bool:
        asked.append(login)
        return verdict.wait(10) and login == "ann"

    logins = Logins(verify)
    try:
        asyncio.run(told(logins, asked, verdict))
    finally:
        verdict.set()
        logins.close()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not done():
            await asyncio.sleep(0.01)


def test_who_guesses_over_many_connections_waits_for_himself() -> None:
    async def told(logins: Logins, asked: list[str], verdict: threading.Event) -> None:
        guesses = [asyncio.ensure_future(logins.known("10.0.0.1", f"guess{n}", "x")) for n in range(30)]
        await until(lambda: asked == ["guess0"])
        await asyncio.sleep(0.1)
        assert asked == ["guess0"], "one at a time"
        verdict.set()
        assert not any(await asyncio.gather(*guesses))
        assert len(asked) == LOGIN_FAILURES, "the others are not even looked at"
        assert logins.blocked("10.0.0.1")
        assert not logins.blocked("10.0.0.2")
        assert not logins._turns

    guessing(told)


def test_who_gave_the_right_password_waits_for_nobody_who_guesses() -> None:
    async def told(logins: Logins, asked: list[str], verdict: threading.Event) -> None:
        def say(peer: str, login: str) -> asyncio.Future[bool]:
            return asyncio.ensure_future(logins.known(peer, login, "x"))

        def guesses(first: int) -> list[asyncio.Future[bool]]:
            return [say(f"10.0.1.{first + number}", f"guess{first + number}") for number in range(20)]

        verdict.set()
        assert await say("10.0.0.2", "ann")
        assert not any(await asyncio.gather(*guesses(0)))
        verdict.clear()
        asked.clear()
        doubtful = guesses(0)
        await until(lambda: asked == ["guess0"])
        new = guesses(100)
        await until(lambda: asked == ["guess0", "guess100"])
        agent = say("10.0.0.2", "ann")
        await until(lambda: asked == ["guess0", "guess100", "ann"])
        verdict.set()
        assert await agent
        assert not any(await asyncio.gather(*doubtful, *new))

    guessing(told)


def test_the_peers_that_have_logged_in_are_remembered_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_logins, "_REMEMBERED", 10)

    async def told(logins: Logins, asked: list[str], verdict: threading.Event) -> None:
        verdict.set()
        for number in range(30):
            await logins.known(f"10.0.1.{number}", "ann", "x")
        assert len(logins._last) == 10

    guessing(told)


def test_a_guess_counts_although_the_client_has_gone() -> None:
    async def told(logins: Logins, asked: list[str], verdict: threading.Event) -> None:
        for number in range(LOGIN_FAILURES):
            assert not logins.blocked("10.0.0.1")
            verdict.clear()
            guess = asyncio.ensure_future(logins.known("10.0.0.1", f"guess{number}", "x"))
            await until(lambda: asked[-1:] == [f"guess{number}"])  # noqa: B023  # called at once
            guess.cancel()
            await asyncio.gather(guess, return_exceptions=True)
            verdict.set()
        assert logins.blocked("10.0.0.1")

    guessing(told)


@pytest.mark.parametrize(("mail_from", "null"), [("", True), ("<>", True), (None, False), ("a@x", False)])
def test_null_sender(mail_from: str | None, null: bool) -> None:
    assert is_null_sender(mail_from) is null
