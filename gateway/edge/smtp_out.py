"""Mail goes out here: one relay, kept connections, one answer for each mail.

At least once: a mail whose 250 was lost goes again with the same octets and Message-ID. Only an answer to MAIL, RCPT,
DATA or the final dot can refuse a mail. What happens before a mail is begun (no connection, greeting, EHLO, TLS, login,
a relay that does not let us use our sender address) is TROUBLE: no fault of any mail. What breaks in the middle of one
(hanging up, garbage, a time-out) is UNCLEAR: a mail may do that to a relay, or a relay to its mails.
"""

from __future__ import annotations

import re
import smtplib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.edge.smtp_relay import Envelope, LoginRefused, RelayConnection, RelayTrouble, Reply
from gateway.edge.smtp_tls import Trust
from gateway.model import Outgoing, SendResult, Sent
from gateway.options import Relay

_SAFE_ADDRESS = re.compile(r"[^\x00-\x20\x7f-\x9f\ud800-\udfff<>]+@[^\x00-\x20\x7f-\x9f\ud800-\udfff<>@]+")
_OURS = frozenset({503, 530, 534, 535, 538})  # answers about this connection, not about the mail
# answers about our own sender address: the relay is not set up for us, and a notice about it would fare no better
_OUR_SENDER = re.compile(r"[0-9]{3} 5\.1\.[78] |5[0-9]{2} .*\bsender address rejected\b", re.IGNORECASE)
_UNWELL = re.compile(r"4[0-9]{2} 4\.3\.")  # mail system status (RFC 3463 §3.4)
_PROBE_AFTER = 1.0  # a connection idle for longer is asked first whether it is still there
_AFTER_LOGIN = 60.0  # seconds until a refused login is tried again: servers lock out who tries often


@dataclass(frozen=True, slots=True)
class _Try:
    """One try of one mail. `gone`: the connection is of no more use. `again`: it may go over another one at once."""

    reply: Reply
    sent: Sent
    gone: bool = False
    again: bool = False
    rest: float = 0.0


@dataclass(frozen=True, slots=True)
class _Kept:
    """A connection that nobody uses `since` then (of the monotonic clock). `of`: the mail that was announced on it."""

    since: float
    connection: RelayConnection
    of: int | None


class SmtpSender:
    """Sends through `relay`. `send` may be called from several threads; each call uses one connection."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._trust = Trust(relay.ca_file) if relay.tls != "none" else None
        self._idle: list[_Kept] = []
        self._lock = threading.Lock()
        self._sweeper: threading.Timer | None = None

    def send(self, batch: Sequence[Outgoing], then: Outgoing | None = None) -> list[SendResult]:
        """One result for each mail, in order. Never raises.

        After TROUBLE or a lost connection the rest of the batch is TROUBLE, untried. A connection that ended after it
        had settled at least one mail is replaced once and the mail tried again: relays limit the mails of a connection.
        `then` is the mail of the next call, if that is known: its envelope goes ahead, and nothing else of it.
        """
        results: list[SendResult] = []
        connection: RelayConnection | None = None
        for mail, following in zip(batch, [*batch[1:], then], strict=True):
            connection, tried = self._deliver(connection, mail, following)
            results.append(_result(mail, tried))
            if tried.gone:
                untried = _Try(tried.reply, Sent.TROUBLE, rest=tried.rest)
                results += [_result(each, untried) for each in batch[len(results) :]]
                break
        if connection is not None:
            self._put_back(connection, then)
        return results

    def close_idle(self) -> None:
        """Close the connections that nobody has used for `keep` seconds. Runs by itself as well."""
        limit = time.monotonic() - self._relay.keep
        with self._lock:
            old = [each for each in self._idle if each.since <= limit]
            self._idle = [each for each in self._idle if each.since > limit]
            self._sweeper = None
            self._sweep_later()
        for each in old:
            each.connection.say_goodbye()

    def close(self) -> None:
        """Close what is idle. The sender may be used again."""
        with self._lock:
            old, self._idle = self._idle, []
            if self._sweeper is not None:
                self._sweeper.cancel()
                self._sweeper = None
        for each in old:
            each.connection.say_goodbye()

    # --- one mail ---------------------------------------------------------------------------------------------

    def _deliver(
        self, connection: RelayConnection | None, mail: Outgoing, following: Outgoing | None
    ) -> tuple[RelayConnection | None, _Try]:
        """(the connection if it can be used again, what happened)."""
        refusal = _unfit(mail)
        if refusal:
            return connection, _Try(Reply(501, refusal), Sent.REFUSED)
        used = connection or self._take_idle(mail)
        connection, tried = self._try(used, mail, following)
        if used is not None and used.settled and tried.again:
            connection, tried = self._try(None, mail, following)
        return connection, tried

    def _try(
        self, connection: RelayConnection | None, mail: Outgoing, following: Outgoing | None
    ) -> tuple[RelayConnection | None, _Try]:
        tried = _Try(Reply(0, ""), Sent.TROUBLE, gone=True)
        try:
            connection = connection or self._connect()
            tried = _Try(Reply(0, ""), Sent.UNCLEAR, gone=True)
            ahead = following if self._relay.keep > 0 and following is not None and not _unfit(following) else None
            tried = _judged(connection.transact(*_envelope(mail), _envelope(ahead) if ahead else None))
        except RelayTrouble as error:
            rest = _AFTER_LOGIN if isinstance(error, LoginRefused) else 0.0
            tried = replace(tried, reply=Reply(0, str(error)), again=not error.after_data, rest=rest)
        except (OSError, smtplib.SMTPException) as error:
            tried = replace(tried, reply=Reply(0, self._lost(error)), again=True)
        except Exception as error:  # noqa: BLE001  # a sender never raises: whatever it is, the mail stays in the outbox
            tried = replace(tried, reply=Reply(0, f"fault: {type(error).__name__}: {error}"))
        if connection is None:
            return None, tried
        if tried.gone:
            connection.close()
            return None, tried
        connection.settled += 1
        return (connection if connection.reset() else None), tried

    def _lost(self, error: Exception) -> str:
        """What a person needs to know: which server, and the system's own words."""
        words = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        return f"no connection to {self._relay.host}:{self._relay.port}: {words}"

    def _connect(self) -> RelayConnection:
        try:
            trust = self._trust.context() if self._trust else None
        except (OSError, ValueError) as error:
            raise RelayTrouble(f"ca_file {self._relay.ca_file} cannot be used: {error}") from error
        return RelayConnection.open(self._relay, trust)

    # --- connections ------------------------------------------------------------------------------------------

    def _take_idle(self, mail: Outgoing) -> RelayConnection | None:
        """The connection on which this mail was announced, or a kept one that seems to work still, the one used last
        first."""
        while True:
            with self._lock:
                free = [place for place, each in enumerate(self._idle) if each.of in (None, mail.id)]
                if not free:
                    return None
                kept = self._idle.pop(next((place for place in free if self._idle[place].of), free[-1]))
            idle = time.monotonic() - kept.since
            fresh = kept.of is not None or idle < _PROBE_AFTER
            if idle < self._relay.keep and (fresh or kept.connection.is_alive()):
                return kept.connection
            kept.connection.close()

    def _put_back(self, connection: RelayConnection, then: Outgoing | None) -> None:
        of = then.id if then is not None and connection.announced is not None else None
        usable = connection.announced is None or of is not None
        with self._lock:
            if usable and self._relay.keep > 0 and len(self._idle) < self._relay.connections:
                self._idle.append(_Kept(time.monotonic(), connection, of))
                self._sweep_later()
                return
        connection.say_goodbye()

    def _sweep_later(self) -> None:
        """One daemon timer while anything is idle; the lock is held."""
        if self._idle and self._sweeper is None:
            self._sweeper = threading.Timer(self._relay.keep + 0.05, self.close_idle)
            self._sweeper.daemon = True
            self._sweeper.start()


def _envelope(mail: Outgoing) -> Envelope:
    return mail.envelope_from, mail.recipient, mail.data


def _unfit(mail: Outgoing) -> str:
    """Why this envelope cannot be said in SMTP at all, or ""."""
    if not _SAFE_ADDRESS.fullmatch(mail.recipient):
        return "501 5.1.3 not an address"
    if mail.envelope_from and not _SAFE_ADDRESS.fullmatch(mail.envelope_from):
        return "501 5.1.7 not an address"
    return ""


def _judged(reply: Reply) -> _Try:
    """What an answer says of the mail it was given to."""
    if reply.code in _OURS or _OUR_SENDER.match(reply.text) or (reply.code == 421 and reply.command == "MAIL"):
        return _Try(reply, Sent.TROUBLE, gone=True, again=reply.command != "DOT")
    if reply.code == 421:
        return _Try(reply, Sent.UNCLEAR, gone=True, again=reply.command != "DOT")
    if 400 <= reply.code < 500:
        unwell = reply.command == "MAIL" or _UNWELL.match(reply.text)
        return _Try(reply, Sent.UNCLEAR if unwell else Sent.LATER)
    return _Try(reply, Sent.DELIVERED if reply.code < 300 else Sent.REFUSED)


def _result(mail: Outgoing, tried: _Try) -> SendResult:
    return SendResult(mail.id, tried.sent, printable(tried.reply.text), tried.rest)


def printable(text: str) -> str:
    """At most 500 characters, each of them printable ASCII."""
    return "".join(each if " " <= each <= "~" else "?" for each in text[:500])
