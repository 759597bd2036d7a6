"""One SMTP connection: lines in, replies out, time-outs, counting errors, hanging up.

Built on aiosmtpd's protocol (STARTTLS, AUTH mechanisms, session and envelope); its command loop is replaced because
it answers exceptions with 500 and their text, stops work when the client half-closes, bounds neither errors nor time,
and cannot answer pipelined commands in one write (RFC 2920).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from aiosmtpd.smtp import SMTP, TLSSetupException

from gateway import log
from gateway.edge.smtp_limits import Connections, Networks, Room, peer_address
from gateway.edge.smtp_logins import Logins
from gateway.edge.smtp_spool import Spools
from gateway.edge.smtp_tls import Certificate
from gateway.model import Received, Source
from gateway.options import Listen

COMMIT_WAIT = 60.0  # seconds until a client hears 421 although the commit may still succeed
LINGER = 2.0  # seconds in which a client may read our last reply
LINGER_OCTETS = 16 * 1024 * 1024
_BURST = 32  # commands of one client until others have their turn
_CHATTER = 100  # commands that lead to no mail, until each counts as an error
_REPLIES = 8192  # octets of replies collected before they are written
_LINE = {"AUTH": 12_288, "MAIL": 1_024, "RCPT": 1_024}  # RFC 4954 §4, RFC 6531 §3.4
_LINE_OTHERS = 512  # RFC 5321 §4.5.3.1.4
_HANG_UP_ON = frozenset({"BDAT", "CONNECT", "GET", "POST"})  # what follows them is not ours to read as commands

TRY_LATER = "451 4.3.0 try again later"


@dataclass(slots=True)
class Reception:
    """What the connections of one listener share."""

    listen: Listen
    source: Source
    accept: Callable[[Received], Future[int]]
    accepts_recipient: Callable[[str], bool]
    owns_domain: Callable[[str], bool]
    now: Callable[[], datetime]
    logins: Logins
    ready: Callable[[], str]
    trusted: Networks
    connections: Connections
    room: Room
    spools: Spools | None = None
    certificate: Certificate | None = None
    present: set[Conversation] = field(default_factory=set)
    commits: set[asyncio.Future[int]] = field(default_factory=set)
    closing: bool = False


@dataclass(slots=True)
class Transaction:
    """One mail as far as it has been announced. `sender` is None before MAIL and "" for the null reverse-path."""

    sender: str | None = None
    utf8: bool = False
    recipients: list[str] = field(default_factory=list)
    surplus: int = 0  # recipients beyond the limit


class Conversation(SMTP):
    """Reads commands and calls the `smtp_*` methods; whatever goes wrong in one is 451 and nothing more."""

    _commands: ClassVar[tuple[str, ...]]
    line_length_limit = 64 * 1024  # of the stream reader: it pauses the socket at twice this

    def __init__(self, reception: Reception, loop: asyncio.AbstractEventLoop) -> None:
        listen = reception.listen
        super().__init__(
            None,
            data_size_limit=listen.max_size,
            enable_SMTPUTF8=True,
            hostname=listen.hostname,
            ident="ESMTP",
            timeout=listen.idle_timeout,
            loop=loop,
        )
        self.reception = reception
        self.peer = ""
        self.vouched = False  # the peer is a trusted relay
        self.helo = ""  # what the client calls itself, printable; "" before HELO
        self.extended = False
        self.login: str | None = None  # who is logged in: an address in lower case
        self.mail = Transaction()
        self.in_data = False  # between 354 and the reply to the dot
        self._session_end = loop.time() + listen.session_timeout
        self._deadline = 0.0
        self._errors = 0
        self._chatter = 0
        self._burst = 0
        self._out = bytearray()
        self._leaving = False
        self._discarded = -1  # octets thrown away while lingering; below 0: not lingering

    def __init_subclass__(cls) -> None:
        cls._commands = tuple(name for name in type.__dir__(cls) if name.startswith(("smtp_", "auth_")))

    def __dir__(self) -> Iterable[str]:
        """aiosmtpd looks through all names of each new conversation for those of its commands: most of what a short
        connection costs."""
        return self._commands

    # --- the connection ---------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """By the `Door`, which has taken a place for it; and once more when TLS has begun."""
        if self._original_transport is None:
            self.peer = peer_address(transport.get_extra_info("peername"))
            self.vouched = self.peer in self.reception.trusted
            self.reception.present.add(self)
        self.helo, self.extended, self.login = "", False, None  # also when TLS begins (RFC 3207 §4.2)
        return super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self.reception.present:
            self.reception.present.discard(self)
            self.reception.connections.leave(self.peer)
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if self._discarded < 0:
            super().data_received(data)
            return
        self._discarded += len(data)
        if self._discarded > LINGER_OCTETS and self.transport is not None:
            self.transport.abort()  # type: ignore[attr-defined]  # a stream transport

    def eof_received(self) -> bool | None:
        """A client that only stops sending still gets its replies; aiosmtpd would cancel what is being done."""
        if self._discarded >= 0:
            return False
        asyncio.StreamReaderProtocol.eof_received(self)
        return self.session is not None and self.session.ssl is None

    @property
    def ahead(self) -> bytearray:
        """What has come and is not read yet. asyncio offers no look at it; aiosmtpd reaches for it in the same way."""
        return self._reader._buffer  # type: ignore[attr-defined,no-any-return]  # see above

    def _set_rset_state(self) -> None:
        self.mail = Transaction()

    # --- commands ---------------------------------------------------------------------------------------------

    async def _handle_client(self) -> None:
        try:
            await self.push(f"220 {self.hostname} {self.__ident__}")
            while not self._leaving:
                self._reset_timeout()
                line = await self._reader.readuntil()
                self._burst += 1
                if self._burst % _BURST == 0:
                    await asyncio.sleep(0)  # reading what has already come does not let others run
                await self._obey(line)
        except asyncio.LimitOverrunError:
            self.leave("500 5.5.2 line too long")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except TLSSetupException:
            self.tls_failed()
        finally:
            if not self._leaving and self.transport is not None:
                self.transport.close()

    async def _obey(self, line: bytes) -> None:
        line = line[:-2] if line.endswith(b"\r\n") else line[:-1]
        verb, _, argument = line.partition(b" ")
        command = verb.decode("latin-1").upper()
        method = self._smtp_methods.get(command)
        if len(line) > _LINE.get(command, _LINE_OTHERS) - 2:
            await self.push("500 5.5.2 line too long")
        elif command in _HANG_UP_ON:
            self.leave("502 5.5.1 command not offered, closing")
        elif method is None:
            await self.push("500 5.5.1 command not known")
        else:
            await self._call(method, argument.decode("utf-8", "surrogateescape").strip(" "))

    async def _call(self, method: Callable[[str], Awaitable[None]], argument: str) -> None:
        try:
            await method(argument)
        except (ConnectionError, TLSSetupException, asyncio.IncompleteReadError):
            raise
        except Exception as error:  # noqa: BLE001  # law 1: whatever fails here is ours, and the mail comes again
            await self.push(await self.handle_exception(error))

    async def handle_exception(self, error: Exception) -> str:
        """The reply to any fault of ours: temporary, and without a word about what it was."""
        log.fault("smtp", type(error).__name__, error)
        return TRY_LATER

    def tls_failed(self) -> None:
        """Hangs up without a word, and gives the place back: asyncio tells nobody of a connection without its TLS."""
        self._leaving = True
        if self._original_transport is not None:
            self._original_transport.abort()  # type: ignore[attr-defined]  # a stream transport
        if self in self.reception.present:
            self.connection_lost(None)

    # --- replies ----------------------------------------------------------------------------------------------

    async def push(self, status: str | bytes) -> None:
        """Queue one reply; replies to pipelined commands go out together. Counts errors; 421 hangs up."""
        reply = status.encode("ascii", "replace") if isinstance(status, str) else status
        if reply.startswith(b"421"):
            return self.leave(reply.decode("ascii"))
        self._out += reply + b"\r\n"
        if reply.startswith(b"5"):
            self.count_error()
        if b"\n" not in self.ahead or len(self._out) > _REPLIES:
            await self.flush()
        return None

    async def flush(self) -> None:
        if self._out and self.transport is not None and not self._leaving:
            self._writer.write(bytes(self._out))
            self._out.clear()
            await self._writer.drain()

    def count_error(self) -> None:
        self._errors += 1
        if self._errors >= self.reception.listen.max_errors:
            self.leave("421 4.7.0 too many errors")

    def count_chatter(self) -> None:
        """NOOP and its like: harmless in moderation."""
        self._chatter += 1
        if self._chatter > _CHATTER:
            self.count_error()

    def forget_errors(self) -> None:
        """After a kept message: only errors and chatter without mail make a nuisance."""
        self._errors = self._chatter = 0

    def leave(self, reply: str) -> None:
        """Say `reply` and hang up, giving the client a moment to read it. Nothing more is read."""
        if self._leaving or self.transport is None:
            return
        self._leaving = True
        self._out += reply.encode("ascii") + b"\r\n"
        self.transport.write(bytes(self._out))  # type: ignore[attr-defined]  # a stream transport
        self._out.clear()
        self._linger()

    def _linger(self) -> None:
        """Closing at once with unread input would reset the connection and may take our reply with it."""
        transport = self.transport
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # for the type checker: SMTP is a stream
        self._discarded = 0
        self.loop.call_later(LINGER, transport.abort)
        if not transport.can_write_eof():
            transport.close()
            return
        try:
            transport.write_eof()
            transport.resume_reading()
        except OSError:  # the client was quicker
            transport.abort()

    # --- time -------------------------------------------------------------------------------------------------

    def _reset_timeout(self, duration: float | None = None) -> None:
        """A whole command must come within the idle time-out, and all of them within the session's."""
        idle = duration or self.reception.listen.idle_timeout
        self.set_deadline(min(self.loop.time() + idle, self._session_end))

    def set_deadline(self, deadline: float) -> None:
        """One timer for each connection; moving the deadline on does not touch it."""
        self._deadline = deadline
        if self._timeout_handle is None or self._timeout_handle.when() > deadline:
            if self._timeout_handle is not None:
                self._timeout_handle.cancel()
            self._timeout_handle = self.loop.call_at(deadline, self._timeout_cb)

    def _timeout_cb(self) -> None:
        if self.loop.time() < self._deadline:
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)
            return
        self.dismiss("421 4.4.2 timed out, try again later")

    def dismiss(self, reply: str) -> None:
        """Hang up from outside the conversation. A commit under way completes; only its reply is lost."""
        self.leave(reply)
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
