"""A relay that does what its script says: the outside world on a bad day.

The script maps a moment to what is done at it. Moments: GREETING, EHLO, HELO, STARTTLS, AUTH, MAIL, RCPT, DATA, DOT,
RSET, NOOP; "RCPT a@b" is looked up before "RCPT", and so are DATA and DOT. What is done is a reply
("451 4.3.0 no"), or

    !drop       close the connection without a word
    !reset      close it with a TCP reset
    !hang       say nothing
    !garbage    say something that is no SMTP
    !huge       reply with 1 MiB of well-formed lines
    !line       reply with 1 MiB in one line
    !drip       reply one octet at a time, for ever
    !endless    reply with well-formed lines, for ever
    !split      reply "250 ok" (DATA: "354 go on") one octet at a time
    !deaf       (DATA) say 354 and read nothing more
    !keep-drop  (DOT) take the mail, then close the connection before 250
    !mid-drop   (DATA) say 354, then close the connection after the first octets
    !grey       (RCPT) 451 the first time this recipient is named, 250 later

A callable is given the relay and returns one of these.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_SAID = {  # made once, so that a test that measures memory sees only the other side's
    "!garbage": b"\x00\xff<html>hello\r\n",
    "!huge": b"".join(b"250-%060d\r\n" % each for each in range(16_000)) + b"250 end\r\n",
    "!line": b"250 " + b"x" * 1024 * 1024 + b"\r\n",
}
_ENDLESS = b"250-and so on\r\n" * 1000

Step = str | Callable[["FaultyRelay"], str]


@dataclass(frozen=True)
class Taken:
    sender: str
    recipient: str
    data: bytes  # as on the wire without the final dot, dots unstuffed
    answered: bool = True  # False: its 250 was lost


class FaultyRelay:
    def __init__(
        self,
        script: Mapping[str, Step] | None = None,
        extensions: tuple[str, ...] = ("PIPELINING", "SIZE 10000000", "8BITMIME", "SMTPUTF8"),
        certificate: tuple[Path, Path] | None = None,
        implicit_tls: bool = False,
    ) -> None:
        self.script = dict(script or {})
        self.extensions = extensions
        self.taken: list[Taken] = []
        self.commands: list[str] = []
        self.connections = 0
        self.present = 0  # connections that are open
        self._seen: set[str] = set()
        self._counting = threading.Lock()
        self._implicit_tls = implicit_tls
        self._context: ssl.SSLContext | None = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*certificate)
        self._stop = threading.Event()
        self._open: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])

    def __enter__(self) -> FaultyRelay:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        for each in [self._server, *self._open]:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def step(self, *moments: str) -> str:
        """What the script says for the first of the moments it knows, else ""."""
        for moment in moments:
            if moment in self.script:
                step = self.script[moment]
                return step(self) if callable(step) else step
        return ""

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._open.append(client)
            threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with self._counting:
            self.present += 1
        try:
            if self._implicit_tls and self._context:
                client = self._context.wrap_socket(client, server_side=True)
                self._open.append(client)
            _Session(self, client, self._context, self._stop).run()
        except (OSError, _HangUp):
            pass
        finally:
            client.close()
            with self._counting:
                self.present -= 1

    def greylisted(self, recipient: str) -> bool:
        first = recipient not in self._seen
        self._seen.add(recipient)
        return first


class _HangUp(Exception):
    pass


class _Session:
    def __init__(self, relay: FaultyRelay, sock: socket.socket, tls: ssl.SSLContext | None, stop: threading.Event):
        self._relay = relay
        self._sock = sock
        self._tls = tls
        self._stop = stop
        self._file = sock.makefile("rb")
        self._sender = ""
        self._recipient = ""

    def run(self) -> None:
        self._do(self._relay.step("GREETING") or "220 relay.test ESMTP")
        while line := self._file.readline(100_000):
            command = line.rstrip(b"\r\n").decode("utf-8", "replace")
            self._relay.commands.append(command)
            verb = command[:4].upper()
            handler = getattr(self, f"_{verb.lower()}", None)
            if handler:
                handler(command)
            elif command.upper() == "STARTTLS":
                self._start_tls()
            elif command.upper() == "QUIT":
                self._do(self._relay.step("QUIT") or "221 bye")
                return
            else:
                self._do(self._relay.step(verb) or "500 what")

    def _ehlo(self, command: str) -> None:
        verb = command[:4].upper()
        words = ["relay.test", *self._relay.extensions] if verb == "EHLO" else ["relay.test"]
        ready = "".join(f"250-{word}\r\n" for word in words[:-1]) + f"250 {words[-1]}"
        self._do(self._relay.step(verb) or ready)

    _helo = _ehlo

    def _mail(self, command: str) -> None:
        reply = self._relay.step("MAIL") or "250 ok"
        self._recipient = ""
        self._sender = command[10:].lstrip("<").partition(">")[0] if reply.startswith(("2", "!split")) else "-"
        self._do(reply)

    def _rcpt(self, command: str) -> None:
        recipient = command[8:].lstrip("<").partition(">")[0]
        reply = self._relay.step(f"RCPT {recipient}", "RCPT") or ("503 no MAIL" if self._sender == "-" else "250 ok")
        if reply == "!grey":
            reply = "451 4.7.1 greylisted" if self._relay.greylisted(recipient) else "250 ok"
        if reply.startswith(("2", "!split")):
            self._recipient = recipient
        self._do(reply)

    def _data(self, command: str) -> None:
        reply = self._relay.step(f"DATA {self._recipient}", "DATA") or (
            "354 go on" if self._recipient else "503 no valid recipients"
        )
        if reply == "!mid-drop":
            self._say(b"354 go on\r\n")
            self._sock.recv(10)
            raise _HangUp
        if reply == "!deaf":
            self._say(b"354 go on\r\n")
            self._stop.wait(30)
            raise _HangUp
        self._do(reply, b"354 go on")
        if not reply.startswith(("354", "!split")):
            return
        lines = []
        while (line := self._file.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        if line:
            self._dot(b"".join(lines))

    def _dot(self, data: bytes) -> None:
        reply = self._relay.step(f"DOT {self._recipient}", "DOT") or "250 2.0.0 taken"
        if reply.startswith("2") or reply in ("!keep-drop", "!split"):
            self._relay.taken.append(Taken(self._sender, self._recipient, data, reply != "!keep-drop"))
        self._do("!drop" if reply == "!keep-drop" else reply)

    def _rset(self, command: str) -> None:
        self._sender = self._recipient = ""
        self._do(self._relay.step("RSET") or "250 ok")

    def _noop(self, command: str) -> None:
        self._do(self._relay.step("NOOP") or "250 ok")

    def _auth(self, command: str) -> None:
        self._do(self._relay.step("AUTH") or "235 ok")

    def _start_tls(self) -> None:
        step = self._relay.step("STARTTLS")
        self._do(step or "220 go")
        if step or self._tls is None:
            return
        self._sock = self._tls.wrap_socket(self._sock, server_side=True)
        self._file = self._sock.makefile("rb")

    def _do(self, step: str, good: bytes = b"250 ok") -> None:
        if not step.startswith("!"):
            return self._say(step.encode() + b"\r\n")
        if step in _SAID:
            return self._say(_SAID[step])
        if step == "!split":
            return self._split(good + b"\r\n")
        if step in ("!hang", "!endless", "!drip"):
            self._go_on(step)
        elif step == "!reset":
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _HangUp

    def _go_on(self, step: str) -> None:
        """For as long as somebody listens."""
        pause, octets = {"!hang": (30.0, b""), "!endless": (0.0, _ENDLESS), "!drip": (0.05, b"2")}[step]
        while not self._stop.wait(pause):
            self._say(octets)

    def _split(self, octets: bytes) -> None:
        for octet in octets:
            self._say(bytes([octet]))
            self._stop.wait(0.002)

    def _say(self, octets: bytes) -> None:
        self._sock.sendall(octets)
