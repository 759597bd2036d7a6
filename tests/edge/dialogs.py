"""SMTP dialogs as data, and the stage they are played on.

A `.dialog` file holds dialogs, each begun by `== name`. Then, one step a line:

    % key=value ...     options of the listener (fields of Listen), or accept=, ready=, recipients=
    C: text             send text and CR LF; \\r \\n \\0 \\t \\xNN and \\uNNNN are escapes, \\\\ is a backslash
    C+: text            send exactly text
    C*N: text           send text and CR LF N times in one write
    S: 250 regex        read one reply (all its lines): the code, and a search in its text
    S*N: 250 regex      N such replies
    S?: 250|421 regex   one of several codes
    TLS                 start TLS on our side
    SHUT                stop sending (half-close)
    EOF                 the server hangs up, and has said nothing more (EOF any: whatever it says first)
    WAIT seconds
    KEPT n              so many messages are kept by now
    FROM / TO / USER / HELO value    of the envelope of the last one kept (TO: separated by blanks; - is empty)
    RAW text / NOT text              its octets contain, do not contain
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.edge.smtp_in import SmtpListener
from gateway.edge.smtp_spool import Spools
from gateway.model import Received, Source
from gateway.options import Listen

RECIPIENTS = frozenset({"help@desk.example", "sales@desk.example", "postmaster@desk.example", "hỗtrợ@desk.example"})
NOW = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
PATIENCE = 8.0  # seconds


class StoreFull(Exception):
    full = True


@dataclass
class Desk:
    """What stands behind the listener in a test."""

    mode: str = "ok"
    ready: str = ""
    kept: list[Received] = field(default_factory=list)
    waiting: list[tuple[Future[int], Received]] = field(default_factory=list)

    def accept(self, received: Received) -> Future[int]:
        future: Future[int] = Future()
        if self.mode == "raise":
            raise RuntimeError("database is locked: secret detail")
        if self.mode == "cancel":
            future.cancel()
        elif self.mode == "full":
            future.set_exception(StoreFull("database or disk is full: secret detail"))
        elif self.mode == "fault":
            future.set_exception(OSError("secret detail"))
        elif self.mode == "hold":
            future.set_running_or_notify_cancel()
            self.waiting.append((future, received))
        else:
            self.kept.append(received)
            future.set_result(len(self.kept))
        return future

    def release(self) -> None:
        for future, received in self.waiting:
            self.kept.append(received)
            future.set_result(len(self.kept))
        self.waiting.clear()


def is_recipient(address: str) -> bool:
    if address.startswith("boom@"):
        raise LookupError("secret detail")
    return address.lower() in RECIPIENTS


def verify_login(login: str, password: str) -> bool:
    return (login, password) == ("ann@desk.example", "s3cret")


class Stage:
    """An event loop in a thread, with listeners in it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Any, patience: float = 30.0) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(patience)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()

    @contextmanager
    def listener(self, desk: Desk, **options: Any) -> Iterator[SmtpListener]:
        listener = make_listener(desk, **options)
        self.run(listener.start())
        try:
            yield listener
        finally:
            self.run(listener.stop(0.2))


def make_listener(
    desk: Desk, *, sock: socket.socket | None = None, spools: Spools | None = None, **options: Any
) -> SmtpListener:
    listen = Listen(**({"port": 0, "hostname": "desk.example", "trusted_relays": ()} | options))
    return SmtpListener(
        listen=listen,
        source=Source.SUBMISSION if listen.auth else Source.SMTP,
        accept=desk.accept,
        accepts_recipient=is_recipient,
        now=lambda: NOW,
        verify_login=verify_login if listen.auth else None,
        ready=lambda: desk.ready,
        sock=sock,
        spools=spools,
    )


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed pair for `name` and 127.0.0.1."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command = ["openssl", "req", "-x509", *kind, *subject, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@dataclass
class Dialog:
    name: str
    options: dict[str, str] = field(default_factory=dict)
    steps: list[tuple[str, str, int]] = field(default_factory=list)  # verb, argument, line number


def read_dialogs(folder: Path) -> list[Dialog]:
    found: list[Dialog] = []
    for path in sorted(folder.glob("*.dialog")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if line.startswith("== "):
                found.append(Dialog(f"{path.stem}: {line[3:].strip()}"))
            elif line.startswith("%"):
                found[-1].options.update(word.split("=", 1) for word in line[1:].split())
            elif line.strip() and not line.startswith("#"):
                verb, _, argument = line.partition(" ")
                found[-1].steps.append((verb.rstrip(":"), argument, number))
    return found


def octets(text: str) -> bytes:
    """The escapes of a dialog; characters beyond ASCII as UTF-8."""
    out = bytearray()
    for match in re.finditer(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)|([^\\]+)", text):
        escape, plain = match[1], match[2]
        if plain is not None:
            out += plain.encode()
        elif len(escape) > 1:
            out += bytes([int(escape[1:], 16)]) if escape[0] == "x" else chr(int(escape[1:], 16)).encode()
        else:
            out += {"r": b"\r", "n": b"\n", "0": b"\0", "t": b"\t"}.get(escape, escape.encode())
    return bytes(out)


class Client:
    """The other side of a dialog; every wait is bounded."""

    def __init__(self, port: int) -> None:
        self.sock: socket.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def line(self) -> bytes:
        while b"\n" not in self._buffer:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError(f"server hung up, rest {self._buffer!r}")
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        assert line.endswith(b"\r"), f"reply line without CR LF: {line!r}"
        return line[:-1]

    def reply(self) -> tuple[str, str]:
        lines = [self.line().decode("ascii")]
        while lines[-1][3:4] == "-":
            lines.append(self.line().decode("ascii"))
        assert {line[:3] for line in lines} == {lines[0][:3]}, lines
        return lines[0][:3], "\n".join(line[4:] for line in lines)

    def expect_end(self, whatever: bool = False) -> None:
        rest = self._buffer
        while True:
            try:
                more = self.sock.recv(65536)
            except ConnectionError:
                break
            if not more:
                break
            rest += more
        assert whatever or rest == b"", f"said before hanging up: {rest!r}"

    def start_tls(self) -> None:
        assert self._buffer == b"", self._buffer
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock)

    def close(self) -> None:
        self.sock.close()


def listen_options(words: dict[str, str], certificate: tuple[Path, Path]) -> dict[str, Any]:
    types = {each.name: each.type for each in fields(Listen)}
    out: dict[str, Any] = {}
    for key, value in words.items():
        if key == "tls":
            out |= {"tls_cert": certificate[0], "tls_key": certificate[1]}
        elif key in types:
            kind = str(types[key])
            convert: Callable[[str], Any] = {"int": int, "float": float, "bool": lambda v: v == "yes"}.get(kind, str)
            out[key] = tuple(value.split(",")) if kind.startswith("tuple") else convert(value)
    return out


class Play:
    """Plays one dialog against a fresh listener."""

    def __init__(self, dialog: Dialog, stage: Stage, certificate: tuple[Path, Path]) -> None:
        self.dialog = dialog
        self.desk = Desk(mode=dialog.options.get("accept", "ok"), ready=dialog.options.get("ready", ""))
        self._stage = stage
        self._options = listen_options(dialog.options, certificate)

    def run(self) -> None:
        with self._stage.listener(self.desk, **self._options) as listener:
            client = Client(listener.port)
            try:
                for verb, argument, number in self.dialog.steps:
                    try:
                        self._step(client, verb, argument)
                    except (AssertionError, EOFError, OSError) as error:
                        raise AssertionError(
                            f"{self.dialog.name}, line {number}, {verb} {argument}: {error!r}"
                        ) from error
            finally:
                client.close()

    def _step(self, client: Client, verb: str, argument: str) -> None:
        verb, _, count = verb.partition("*")
        times = int(count or 1)
        if verb == "C":
            client.send((octets(argument) + b"\r\n") * times)
        elif verb == "C+":
            client.send(octets(argument) * times)
        elif verb in ("S", "S?"):
            for _ in range(times):
                self._expect(client.reply(), argument)
        else:
            self._other(client, verb, argument)

    def _expect(self, reply: tuple[str, str], wanted: str) -> None:
        codes, _, pattern = wanted.partition(" ")
        assert reply[0] in codes.split("|"), f"got {reply}"
        assert re.search(pattern, reply[1]), f"got {reply}"
        assert "secret" not in reply[1], f"an exception's text on the wire: {reply}"

    def _other(self, client: Client, verb: str, argument: str) -> None:
        if verb == "TLS":
            client.start_tls()
        elif verb == "SHUT":
            client.sock.shutdown(socket.SHUT_WR)
        elif verb == "EOF":
            client.expect_end(argument == "any")
        elif verb == "WAIT":
            time.sleep(float(argument))
        elif verb == "KEPT":
            assert len(self.desk.kept) == int(argument), f"{len(self.desk.kept)} kept"
        elif verb in ("RAW", "NOT"):
            assert (octets(argument) in self.desk.kept[-1].raw) == (verb == "RAW"), self.desk.kept[-1].raw
        else:
            envelope = self.desk.kept[-1].envelope
            value = {"FROM": envelope.mail_from, "TO": " ".join(envelope.rcpt_to)}
            value |= {"USER": envelope.auth_user, "HELO": envelope.helo}
            assert value[verb] == ("" if argument == "-" else argument), f"got {value[verb]!r}"
