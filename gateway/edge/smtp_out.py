"""Mail goes out here: one relay, kept connections, one answer for each mail.

At least once: a mail whose 250 was lost is LATER and goes again with the same octets and Message-ID. Only an answer
to MAIL, RCPT, DATA or the final dot can refuse a mail; every trouble with the relay itself (no connection, greeting,
EHLO, TLS, login, garbage, time-out, a relay that does not let us use our sender address) is LATER, for it is not the
recipient's fault.
"""

from __future__ import annotations

import re
import smtplib
import threading
import time
from collections.abc import Sequence

from gateway.edge.smtp_relay import RelayConnection, RelayTrouble, Reply
from gateway.model import Outgoing, SendResult, Sent
from gateway.options import Relay

_SAFE_ADDRESS = re.compile(r"[^\x00-\x20\x7f-\x9f\ud800-\udfff<>]+@[^\x00-\x20\x7f-\x9f\ud800-\udfff<>@]+")
_OURS = frozenset({421, 503, 530, 534, 535, 538})  # answers about this connection, not about the mail
# answers about our own sender address: the relay is not set up for us, and a notice about it would fare no better
_OUR_SENDER = re.compile(r"[0-9]{3} 5\.1\.[78] |5[0-9]{2} .*\bsender address rejected\b", re.IGNORECASE)
_PROBE_AFTER = 1.0  # a connection idle for longer is asked first whether it is still there


class SmtpSender:
    """Sends through `relay`. `send` may be called from several threads; each call uses one connection."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._idle: list[tuple[float, RelayConnection]] = []
        self._lock = threading.Lock()
        self._sweeper: threading.Timer | None = None

    def send(self, batch: Sequence[Outgoing]) -> list[SendResult]:
        """One result for each mail, in order. Never raises.

        After trouble with the relay the rest of the batch is LATER untried. A connection that ended after it had
        settled at least one mail is replaced once and the mail tried again: relays limit the mails of a connection.
        """
        results: list[SendResult] = []
        connection: RelayConnection | None = None
        reply = Reply(0, "")
        for mail in batch:
            if not reply.trouble:
                connection, reply = self._deliver(connection, mail)
            results.append(_result(mail, reply))
        if connection is not None:
            self._put_back(connection)
        return results

    def close_idle(self) -> None:
        """Close the connections that nobody has used for `keep` seconds. Runs by itself as well."""
        limit = time.monotonic() - self._relay.keep
        with self._lock:
            old = [each for since, each in self._idle if since <= limit]
            self._idle = [pair for pair in self._idle if pair[0] > limit]
            self._sweeper = None
            self._sweep_later()
        for connection in old:
            connection.say_goodbye()

    def close(self) -> None:
        """Close what is idle. The sender may be used again."""
        with self._lock:
            old, self._idle = self._idle, []
            if self._sweeper is not None:
                self._sweeper.cancel()
                self._sweeper = None
        for _, connection in old:
            connection.say_goodbye()

    # --- one mail ---------------------------------------------------------------------------------------------

    def _deliver(self, connection: RelayConnection | None, mail: Outgoing) -> tuple[RelayConnection | None, Reply]:
        """(the connection if it can be used again, the reply)."""
        refusal = _unfit(mail)
        if refusal:
            return connection, Reply(501, refusal)
        used = connection or self._take_idle()
        connection, reply = self._try(used, mail)
        if used is not None and used.settled and reply.trouble and not reply.after_data:
            connection, reply = self._try(None, mail)
        return connection, reply

    def _try(self, connection: RelayConnection | None, mail: Outgoing) -> tuple[RelayConnection | None, Reply]:
        try:
            connection = connection or RelayConnection.open(self._relay)
            reply = connection.transact(mail.envelope_from, mail.recipient, mail.data)
        except RelayTrouble as error:
            reply = Reply(0, str(error), trouble=True, after_data=error.after_data)
        except (OSError, smtplib.SMTPException) as error:
            reply = Reply(0, f"no connection: {type(error).__name__}: {error}", trouble=True)
        except Exception as error:  # noqa: BLE001  # a sender never raises: whatever it is, the mail stays in the outbox
            reply = Reply(0, f"fault: {type(error).__name__}: {error}", trouble=True)
        if reply.code in _OURS or _OUR_SENDER.match(reply.text):
            reply = Reply(0, reply.text, trouble=True, after_data=reply.after_data)
        if connection is None:
            return None, reply
        if reply.trouble:
            connection.close()
            return None, reply
        connection.settled += 1
        return (connection if connection.reset() else None), reply

    # --- connections ------------------------------------------------------------------------------------------

    def _take_idle(self) -> RelayConnection | None:
        """A kept connection that seems to work still, the one used last first."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                since, connection = self._idle.pop()
            idle = time.monotonic() - since
            if idle < self._relay.keep and (idle < _PROBE_AFTER or connection.is_alive()):
                return connection
            connection.close()

    def _put_back(self, connection: RelayConnection) -> None:
        with self._lock:
            if self._relay.keep > 0 and len(self._idle) < self._relay.connections:
                self._idle.append((time.monotonic(), connection))
                self._sweep_later()
                return
        connection.say_goodbye()

    def _sweep_later(self) -> None:
        """One daemon timer while anything is idle; the lock is held."""
        if self._idle and self._sweeper is None:
            self._sweeper = threading.Timer(self._relay.keep + 0.05, self.close_idle)
            self._sweeper.daemon = True
            self._sweeper.start()


def _unfit(mail: Outgoing) -> str:
    """Why this envelope cannot be said in SMTP at all, or ""."""
    if not _SAFE_ADDRESS.fullmatch(mail.recipient):
        return "501 5.1.3 not an address"
    if mail.envelope_from and not _SAFE_ADDRESS.fullmatch(mail.envelope_from):
        return "501 5.1.7 not an address"
    return ""


def _result(mail: Outgoing, reply: Reply) -> SendResult:
    if not reply.trouble and 200 <= reply.code < 300:
        sent = Sent.DELIVERED
    elif not reply.trouble and 500 <= reply.code < 600:
        sent = Sent.REFUSED
    else:
        sent = Sent.LATER
    return SendResult(mail.id, sent, printable(reply.text))


def printable(text: str) -> str:
    """At most 500 characters, each of them printable ASCII."""
    return "".join(each if " " <= each <= "~" else "?" for each in text[:500])
