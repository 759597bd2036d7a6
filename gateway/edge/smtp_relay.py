"""One connection to the relay: smtplib with bounded replies, deadlines, and one transaction in two round trips."""

from __future__ import annotations

import base64
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.edge.smtp_stuffing import pieces, with_pairs
from gateway.model import Large
from gateway.options import Relay

_REPLY_LIMIT = 64 * 1024  # octets of one reply; what is beyond is no SMTP
_REPLY_LINE = re.compile(rb"([2-5][0-9][0-9])([ -]|$)(.*)", re.DOTALL)
_GOODBYE = 2.0  # seconds to wait for the answer to QUIT
_LAST_WORD = 2.0  # seconds to wait for the reason of a relay that hangs up in the middle of the data
_COMMAND = 510  # octets of a command without its CR LF (RFC 5321 §4.5.3.1.4)


Envelope = tuple[str, str, bytes | Large]
"""The sender, the recipient and the octets of a mail."""


class RelayTrouble(Exception):
    """The relay cannot be worked with now. `after_data`: it may already have taken the mail."""

    def __init__(self, text: str, *, after_data: bool = False) -> None:
        super().__init__(text)
        self.after_data = after_data


class LoginRefused(RelayTrouble):
    """Our user or password is not taken."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the relay said to one mail, "550 5.1.1 unknown", and to which command ("DOT": to the final dot)."""

    code: int
    text: str
    command: str = ""


class RelayConnection(smtplib.SMTP):
    """Open, greeted, under TLS and logged in as the options demand. Not for several threads at once.

    `trust` verifies the relay's certificate; only with `tls: none` may it be None.
    """

    def __init__(self, relay: Relay, trust: ssl.SSLContext | None) -> None:
        self._relay = relay
        self._context = trust
        self._input = bytearray()
        self._patience = relay.timeout
        self._open = False  # a transaction has been begun and not ended
        self.settled = 0  # mails this connection has delivered or got refused
        self.announced: list[str] | None = None  # the envelope that has been said for the next mail
        super().__init__(local_hostname=relay.hostname, timeout=relay.timeout)

    @classmethod
    def open(cls, relay: Relay, trust: ssl.SSLContext | None) -> RelayConnection:
        """Raises RelayTrouble, OSError or smtplib.SMTPException; then nothing is left open."""
        connection = cls(relay, trust)
        try:
            connection._greet()
        except BaseException:
            connection.close()
            raise
        return connection

    def _greet(self) -> None:
        relay = self._relay
        code, text = self.connect(relay.host, relay.port)
        self._demand(code, 220, "greeting", text)
        self.ehlo_or_helo_if_needed()
        if relay.tls == "starttls":
            self._start_tls()
            self.ehlo_or_helo_if_needed()
        if relay.user:
            self._log_in(relay.user, relay.password)

    def _log_in(self, user: str, password: str) -> None:
        """AUTH PLAIN (RFC 4616), else LOGIN. The secret is never in an error."""
        offered = self.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in offered:
            code, text = self._say_secrets("AUTH PLAIN", f"\0{user}\0{password}")
        elif "LOGIN" in offered:
            code, text = self._say_secrets("AUTH LOGIN", user, password)
        else:
            raise LoginRefused(f"the relay offers no AUTH PLAIN or LOGIN, only: {' '.join(offered) or 'none'}")
        if code != 235:
            raise LoginRefused(f"login refused: {code} {text.decode('ascii', 'replace')}")

    def _say_secrets(self, command: str, *secrets: str) -> tuple[int, bytes]:
        """The last answer. The first secret goes into the command's own line where it fits (RFC 4954 §4)."""
        words = [base64.b64encode(secret.encode()).decode() for secret in secrets]
        if len(command) + 1 + len(words[0]) <= _COMMAND:
            command = f"{command} {words.pop(0)}"
        code, text = self.docmd(command)
        while words and code == 334:
            code, text = self.docmd(words.pop(0))
        return code, text

    def _start_tls(self) -> None:
        """Verified, and never given up for plain text."""
        if not self.has_extn("starttls"):
            raise RelayTrouble("the relay does not offer STARTTLS: nothing is said to it in the clear")
        code, text = self.docmd("STARTTLS")
        self._demand(code, 220, "STARTTLS", text)
        if self._input:
            raise RelayTrouble("the relay sent text in clear after STARTTLS")
        assert self.sock is not None  # noqa: S101  # for the type checker
        self.sock = self._secured(self.sock)
        self.ehlo_resp = self.helo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        self._input.clear()
        plain = socket.create_connection((host, port), timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or the end of a mail waits 40 ms for an ACK
        if self._relay.tls != "tls":
            return plain
        try:
            return self._secured(plain)
        except BaseException:
            plain.close()
            raise

    def _secured(self, plain: socket.socket) -> ssl.SSLSocket:
        assert self._context is not None  # noqa: S101  # for the type checker
        try:
            return self._context.wrap_socket(plain, server_hostname=self._relay.host)
        except ssl.SSLCertVerificationError as error:
            raise RelayTrouble(f"the relay's certificate is not good: {error.verify_message}") from error
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise RelayTrouble(f"no TLS with the relay: {error}") from error

    @staticmethod
    def _demand(code: int, wanted: int, what: str, text: bytes) -> None:
        if code != wanted:
            raise RelayTrouble(f"{what}: {code} {text.decode('ascii', 'replace')}")

    # --- replies ----------------------------------------------------------------------------------------------

    def getreply(self) -> tuple[int, bytes]:
        """One reply within `_patience` seconds in all and _REPLY_LIMIT octets, or RelayTrouble."""
        deadline = time.monotonic() + self._patience
        lines: list[bytes] = []
        size = 0
        while True:
            line = self._reply_line(deadline, _REPLY_LIMIT - size)
            size += len(line) + 1
            match = _REPLY_LINE.fullmatch(line)
            if not match:
                self.close()
                raise RelayTrouble(f"not an SMTP reply: {line[:100].decode('ascii', 'replace')}")
            lines.append(match[3].strip())
            if match[2] != b"-":
                return int(match[1]), b"\n".join(lines)

    def _reply_line(self, deadline: float, room: int) -> bytes:
        while (end := self._input.find(b"\n")) < 0:
            if len(self._input) > room:
                self.close()
                raise RelayTrouble("the relay's reply has no end")
            self._receive(deadline)
        if end > room:
            self.close()
            raise RelayTrouble("the relay's reply has no end")
        line = bytes(self._input[:end])
        del self._input[: end + 1]
        return line.removesuffix(b"\r")

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if self.sock is None or left <= 0:
            self.close()
            raise RelayTrouble("the relay did not answer in time")
        try:
            self.sock.settimeout(left)
            more = self.sock.recv(16 * 1024)
        except OSError as error:
            self.close()
            raise RelayTrouble(f"connection lost: {type(error).__name__}: {error}") from error
        if not more:
            self.close()
            raise RelayTrouble("the relay hung up")
        self._input += more

    # --- one mail ---------------------------------------------------------------------------------------------

    def transact(self, sender: str, recipient: str, data: bytes | Large, following: Envelope | None = None) -> Reply:
        """Hand over one mail. Raises RelayTrouble or OSError where the connection cannot be used any more.

        The envelope of the `following` mail, the next to be handed over here, goes out right behind the final dot where
        the relay does PIPELINING (RFC 2920 §3.1): then a mail costs one round trip. `announced` says that it did.
        """
        commands, data = self._commands(sender, recipient, data)
        if isinstance(commands, Reply):
            return commands
        said, self.announced = self.announced, None
        if said and said != commands:
            raise RelayTrouble("another mail was announced")
        self._open = True
        for reply, wanted in self._say(commands, said=bool(said)):
            if not wanted:
                return reply
        return self._send_body(data, following)

    def _commands(self, sender: str, recipient: str, data: bytes | Large) -> tuple[list[str] | Reply, bytes | Large]:
        """The envelope as it is said, and the data as they are sent; or why this relay cannot take the mail."""
        sender, recipient = _ascii_domain(sender), _ascii_domain(recipient)
        data = with_pairs(data) if isinstance(data, bytes) else data
        refusal = self._unfit(sender, recipient, len(data))
        if refusal:
            return Reply(int(refusal[:3]), refusal), data
        utf8 = not (sender + recipient).isascii()
        return [f"MAIL FROM:<{sender}>{self._options(data, utf8)}", f"RCPT TO:<{recipient}>", "DATA"], data

    def _say(self, commands: list[str], *, said: bool) -> list[tuple[Reply, bool]]:
        """The envelope, in one write where the relay does PIPELINING (RFC 2920), unless it has been `said` already;
        ends with the first refusal."""
        at_once = said or self.has_extn("pipelining")
        if at_once and not said:
            self._write(_lines(commands))
        answers: list[tuple[Reply, bool]] = []
        for command in commands:
            if not at_once:
                self._write(f"{command}\r\n".encode())
            reply = self._reply(command[:4])
            good = reply.code == 354 if command == "DATA" else 200 <= reply.code < 300
            answers.append((reply, good))
            if not good:
                if at_once:
                    self._skip(len(commands) - len(answers))
                if 400 <= reply.code < 600:
                    break
                raise RelayTrouble(f"unexpected answer to {command[:4]}: {reply.text}")
        return answers

    def _skip(self, count: int) -> None:
        """Read the answers to what went out behind a refused command; a relay that wants data then is left."""
        try:
            if any([self._reply("").code == 354 for _ in range(count)]):
                self.close()
        except (RelayTrouble, OSError):  # the refusal stands; only the connection is gone
            self.close()

    def _send_body(self, data: bytes | Large, following: Envelope | None) -> Reply:
        behind = b""
        if following is not None and self.has_extn("pipelining"):
            ahead, _ = self._commands(*following)
            if not isinstance(ahead, Reply):
                self.announced = ahead
                behind = _lines(ahead)
        self._patience = self._relay.data_timeout
        try:
            reply = self._write_body(pieces(data, behind)) or self._reply("DOT")
        except (RelayTrouble, OSError) as error:
            raise RelayTrouble(f"after the data: {error}", after_data=True) from error
        finally:
            self._patience = self._relay.timeout
        self._open = False
        if not (200 <= reply.code < 300 or 400 <= reply.code < 600):
            raise RelayTrouble(f"unexpected answer to the data: {reply.text}", after_data=True)
        return reply

    def _write_body(self, body: Iterable[bytes | memoryview]) -> Reply | None:
        """A reply only from a relay that refused for good and hung up before it had all (too large, a scanner)."""
        try:
            for piece in body:
                self._write(piece)
        except OSError:
            self._patience = _LAST_WORD
            reply = self._reply("DOT")
            self.close()
            if 500 <= reply.code < 600:
                return reply
            raise
        return None

    def _unfit(self, sender: str, recipient: str, size: int) -> str:
        limit = self.esmtp_features.get("size", "")
        if limit.isdigit() and 0 < int(limit) < size:
            return f"552 5.3.4 too large: {_megabytes(size)} as it is sent, {_megabytes(int(limit))} at most"
        if not (sender + recipient).isascii() and not self.has_extn("smtputf8"):
            return "553 5.6.7 the relay does not take addresses beyond ASCII"
        return ""

    def _options(self, data: bytes | Large, utf8: bool) -> str:
        options = f" SIZE={len(data)}" if self.has_extn("size") else ""
        if not data.isascii() and self.has_extn("8bitmime"):
            options += " BODY=8BITMIME"
        return options + (" SMTPUTF8" if utf8 else "")

    def _write(self, octets: bytes | memoryview) -> None:
        if self.sock is None:
            raise RelayTrouble("the relay hung up")
        self.sock.settimeout(self._patience)
        self.sock.sendall(octets)

    def _reply(self, command: str) -> Reply:
        code, text = self.getreply()
        return Reply(code, f"{code} {text.decode('ascii', 'replace')}".replace("\n", " "), command)

    # --- between mails ----------------------------------------------------------------------------------------

    def reset(self) -> bool:
        """Ready for the next mail? RSET is said only where a transaction may still be open."""
        if self.sock is None or self.announced is not None:
            return self.sock is not None
        return not self._open or self._answers("RSET")

    def is_alive(self) -> bool:
        """For a connection on which nothing is announced."""
        return self.sock is not None and self._answers("NOOP")

    def _answers(self, command: str) -> bool:
        try:
            return bool(self.docmd(command)[0] == 250)
        except (OSError, RelayTrouble, smtplib.SMTPException):
            return False

    def say_goodbye(self) -> None:
        """QUIT and close; errors do not matter. Where a mail was announced QUIT would be taken for its text."""
        if self.announced is not None:
            self.close()
            return
        self._patience = _GOODBYE
        try:
            self._write(b"QUIT\r\n")
            self.getreply()
        except (OSError, RelayTrouble, smtplib.SMTPException):
            pass
        finally:
            self.close()


def _lines(commands: list[str]) -> bytes:
    return "".join(f"{command}\r\n" for command in commands).encode()


def _megabytes(octets: int) -> str:
    return f"{octets / 1_000_000:.1f} MB" if octets >= 100_000 else f"{octets} octets"


def _ascii_domain(address: str) -> str:
    """The domain as A-labels (RFC 5890): then SMTPUTF8 is needed only for the local part."""
    local, at, domain = address.rpartition("@")
    if domain.isascii():
        return address
    try:
        return f"{local}{at}{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return address
