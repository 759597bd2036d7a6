"""The SMTP commands of the gateway: who may send what to whom, and keeping it before saying 250."""

from __future__ import annotations

import asyncio
import re

from gateway import log
from gateway.edge.smtp_address import Path, Refusal, is_relay_form, read_path
from gateway.edge.smtp_auth import LoginConversation
from gateway.edge.smtp_data import DataReader, Fault, trace_field
from gateway.edge.smtp_protocol import COMMIT_WAIT, TRY_LATER
from gateway.edge.smtp_spool import Incoming
from gateway.model import Envelope, Received

_CHUNK = 1024 * 1024  # more than the stream reader ever holds: a read empties it
_LOGGED = 320  # characters of a refused address
_UNPRINTABLE = re.compile(r"[^!-~]")
_FULL = "452 4.3.1 no room for mail now, try again later"
_NO_RELAY = "550 5.7.1 no relay here"


class MailConversation(LoginConversation):
    """EHLO to QUIT. Law 1: 250 to the final dot only after `accept` resolved."""

    async def smtp_HELO(self, hostname: str) -> None:
        await self._greet(hostname, [])

    async def smtp_EHLO(self, hostname: str) -> None:
        offers = ["PIPELINING", f"SIZE {self.reception.listen.max_size}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        if self.reception.certificate and not self._tls_protocol:
            offers.append("STARTTLS")
        if self.offers_auth:
            offers.append("AUTH PLAIN LOGIN")
        await self._greet(hostname, offers)

    async def _greet(self, hostname: str, offers: list[str]) -> None:
        """Any name will do: what a client calls itself proves nothing and refuses nobody."""
        if not hostname:
            await self.push("501 5.5.4 say your name")
            return
        self.count_chatter()
        self._set_rset_state()
        self.helo = _UNPRINTABLE.sub("?", hostname)[:255]
        self.extended = bool(offers)
        lines = [self.hostname, *offers]
        await self.push("".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}")

    async def smtp_STARTTLS(self, arg: str) -> None:
        if arg:
            await self.push("501 5.5.4 STARTTLS takes no argument")
        elif self._tls_protocol:
            await self.push("503 5.5.1 TLS already")
        elif self.reception.certificate is None:
            await self.push("502 5.5.1 STARTTLS not offered")
        else:
            self.tls_context = self.reception.certificate.context()
            self.ahead.clear()  # nothing said in clear counts under TLS (RFC 3207 §4.2)
            await self._begin_tls()

    async def _begin_tls(self) -> None:
        try:
            await super().smtp_STARTTLS("")
        except asyncio.CancelledError:  # hung up before TLS has begun: nobody else says that the connection is gone
            self.tls_failed()
            raise

    async def smtp_MAIL(self, arg: str) -> None:
        await self._say(self._order_refusal() or self._mail(arg))

    async def smtp_RCPT(self, arg: str) -> None:
        await self._say(self._order_refusal() or self._rcpt(arg), arg)

    async def _say(self, reply: str, recipient: str = "") -> None:
        """Give the verdict on a mail or a recipient; a refusal goes on record."""
        if not reply.startswith("2"):
            log.refused(self.peer, reply, self.mail.sender or "", recipient[:_LOGGED])
        await self.push(reply)

    async def smtp_DATA(self, arg: str) -> None:
        refusal = self._order_refusal() or self._data_refusal(arg)
        if refusal:
            await self.push(refusal)
            return
        await self.push("354 end with <CR><LF>.<CR><LF>")
        await self.flush()
        self.in_data = True
        try:
            await self._take_data()
        finally:
            self.in_data = False
            self._set_rset_state()

    def _order_refusal(self) -> str:
        return self.login_refusal() if self.helo else "503 5.5.1 HELO or EHLO first"

    def _mail(self, arg: str) -> str:
        if self.mail.sender is not None:
            return "503 5.5.1 one MAIL at a time"
        path = _path_after("FROM:", arg)
        if isinstance(path, Refusal):
            return path.reply
        refusal = self._mail_refusal(path) or _not_ready(self.reception.ready())
        if not refusal:
            self.mail.sender = path.address
            self.mail.utf8 = "SMTPUTF8" in path.parameters
        return refusal or "250 2.1.0 OK"

    def _mail_refusal(self, path: Path) -> str:
        given = path.parameters
        if not given.keys() <= {"SIZE", "BODY", "SMTPUTF8", "AUTH"}:
            return "555 5.5.4 parameter not offered"
        if given.get("BODY", "8BITMIME").upper() not in ("7BIT", "8BITMIME"):
            return "501 5.5.4 BODY is 7BIT or 8BITMIME"
        size = given.get("SIZE", "0")
        if not (size.isascii() and size.isdigit() and len(size) <= 20):
            return "501 5.5.4 SIZE is a number"
        if int(size) > self.reception.listen.max_size:
            return Fault.TOO_BIG.value
        if not path.ascii and "SMTPUTF8" not in given:
            return "553 5.6.7 address needs SMTPUTF8"
        return ""

    def _rcpt(self, arg: str) -> str:
        if self.mail.sender is None:
            return "503 5.5.1 MAIL first"
        most = self.reception.listen.max_recipients
        if len(self.mail.recipients) >= most:
            self.mail.surplus += 1
            if self.mail.surplus > most:  # an honest client splits a long list; it does not go on and on
                self.count_error()
            return "452 4.5.3 too many recipients"
        path = _path_after("TO:", arg, recipient=True)
        if isinstance(path, Refusal):
            return path.reply
        address = path.address if "@" in path.address else f"{path.address}@{self.hostname}"  # RFC 5321 §4.5.1
        refusal = self._recipient_refusal(address, path)
        if not refusal:
            self.mail.recipients.append(address)
        return refusal or "250 2.1.5 OK"

    def _recipient_refusal(self, address: str, path: Path) -> str:
        if path.parameters:
            return "555 5.5.4 parameter not offered"
        if not path.ascii and not self.mail.utf8:
            return "553 5.6.7 address needs SMTPUTF8"
        if is_relay_form(address):
            return _NO_RELAY
        if self.reception.accepts_recipient(address):
            return ""
        return "550 5.1.1 no such address here" if self.reception.owns_domain(address.rpartition("@")[2]) else _NO_RELAY

    def _data_refusal(self, arg: str) -> str:
        if arg:
            return "501 5.5.4 DATA takes no argument"
        if self.mail.sender is None or not self.mail.recipients:
            return "503 5.5.1 MAIL and a valid RCPT first"
        return ""

    async def _take_data(self) -> None:
        listen = self.reception.listen
        reader = DataReader(listen.max_size, listen.line_limit)
        incoming = Incoming(reader, self.reception.spools, self.reception.room, self._trace)
        try:
            end = self.loop.time() + listen.data_timeout
            while not (reader.done or reader.overrun or reader.fault is Fault.SMUGGLING):
                self.set_deadline(min(self.loop.time() + listen.idle_timeout, end))
                chunk = await self._reader.read(_CHUNK)
                if not chunk:
                    raise asyncio.IncompleteReadError(b"", None)
                reader.feed(chunk)
                await incoming.settle()
            self.ahead[:0] = reader.rest  # commands pipelined after the dot
            if reader.done and not reader.fault and incoming.too_many_hops():
                reader.refuse(Fault.HOPS)
            if reader.fault or reader.overrun:
                await self._refuse_data(reader)
            else:
                await self._keep(incoming)
        finally:
            incoming.drop()

    async def _refuse_data(self, reader: DataReader) -> None:
        reply = (reader.fault or Fault.TOO_BIG).value
        if reader.done and reader.fault is not Fault.SMUGGLING:
            await self._say(reply)
        else:
            log.refused(self.peer, reply, self.mail.sender or "")
            self.leave(reply)

    async def _keep(self, incoming: Incoming) -> None:
        self.set_deadline(self.loop.time() + COMMIT_WAIT)
        envelope = Envelope(
            mail_from=self.mail.sender,
            rcpt_to=tuple(self.mail.recipients),
            auth_user=self.login,
            peer=self.peer,
            helo=self.helo,
            vouched=self.vouched,
        )
        reply = await self._commit(incoming, envelope)
        if reply.startswith("2"):
            self.forget_errors()
        await self.push(reply)

    def _trace(self) -> bytes:
        at = self.reception.now()
        return trace_field(self.hostname, self.helo, self.peer, self._protocol_name(), at, vouched=self.vouched)

    def _protocol_name(self) -> str:
        """RFC 3848."""
        if not self.extended:
            return "SMTP"
        return "ESMTP" + ("S" if self._tls_protocol else "") + ("A" if self.login else "")

    async def _commit(self, incoming: Incoming, envelope: Envelope) -> str:
        """The commit goes on to its end whatever becomes of this client; its repeat is recognised later."""
        commit = None
        try:
            content, at = await incoming.content(), self.reception.now()
            received = Received(source=self.reception.source, envelope=envelope, raw=content, at=at)
            commit = asyncio.wrap_future(self.reception.accept(received), loop=self.loop)
            self.reception.commits.add(commit)
            commit.add_done_callback(self.reception.commits.discard)
            intake = await asyncio.shield(commit)
        except asyncio.CancelledError:
            if commit is not None and commit.cancelled():
                return TRY_LATER
            if commit is not None:
                commit.add_done_callback(_seen)
            raise
        except Exception as error:  # noqa: BLE001  # any fault of the store is temporary to the client (law 1)
            return _FULL if getattr(error, "full", False) else await self.handle_exception(error)
        return f"250 2.0.0 kept as {intake}"

    async def smtp_RSET(self, _arg: str) -> None:
        self._set_rset_state()
        self.count_chatter()
        await self.push("250 2.0.0 OK")

    async def smtp_NOOP(self, _arg: str) -> None:
        self.count_chatter()
        await self.push("250 2.0.0 OK")

    async def smtp_QUIT(self, _arg: str) -> None:
        self.leave("221 2.0.0 bye")

    async def smtp_VRFY(self, _arg: str) -> None:
        self.count_chatter()
        await self.push("252 2.5.0 send it and see")

    async def smtp_EXPN(self, _arg: str) -> None:
        await self.push("502 5.5.1 EXPN not offered")

    async def smtp_HELP(self, _arg: str) -> None:
        self.count_chatter()
        await self.push("214 2.0.0 RFC 5321")


def _not_ready(why: str) -> str:
    """`why` is never said."""
    if why.startswith("broken"):
        return "421 4.3.2 not taking mail now, try again later"
    if why.startswith("read-only"):
        return TRY_LATER
    return _FULL if why else ""


def _path_after(keyword: str, arg: str, *, recipient: bool = False) -> Path | Refusal:
    if arg[: len(keyword)].upper() != keyword:
        return Refusal(f"501 5.5.4 say {keyword}<address>")
    return read_path(arg[len(keyword) :].lstrip(" "), recipient=recipient)


def _seen(commit: asyncio.Future[int]) -> None:
    """Nobody waits for this commit any more: look at its exception, so that asyncio does not complain."""
    if not commit.cancelled():
        commit.exception()
