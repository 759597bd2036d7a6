"""How fast mail goes out, and when none does: one pace for all senders of a daemon.

While the relay cannot be worked with, mail waits untouched and one sender at a time looks whether it can again: after a
second, two, four ... a minute. So an outage costs no mail a try, and the queue moves at most a minute after its end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from gateway import log
from gateway.flow.destinations import Destinations
from gateway.model import Outgoing, SendResult, Sent
from gateway.options import Relay

FIRST, LONGEST, LONGEST_LOGIN = 1.0, 60.0, 300.0  # seconds between looks at a relay in trouble
UNCLEAR = 3  # results in a row that may be the mail's fault or the relay's, until they are the relay's
BURST = 1.0  # seconds' worth of mails that may go at once


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the relay, for how many seconds already, and in how many it is tried again."""

    why: str
    lasts: float
    again: float


class Pace:
    """Thread-safe. Without a relay (a Maildir) nothing is limited but trouble."""

    def __init__(self, relay: Relay | None = None, clock: Callable[[], float] = monotonic) -> None:
        options = relay or Relay("")
        self._clock = clock
        self._changed = threading.Condition()
        self._to = Destinations(options.connections, options.domain_rate, options.domain_connections)
        self._each = 60.0 / options.rate if options.rate else 0.0  # seconds a mail
        self._next = 0.0  # when the next mail may go
        self._why, self._since, self._until = "", 0.0, 0.0
        self._looks = 0
        self._unclear = 0
        self._looker: int | None = None  # the thread that looks at a relay in trouble
        self._ended = False

    # --- a sender's turn ---

    def enter(self) -> bool:
        """May this thread take mails now? Then it calls `leave` when it has dealt with them."""
        with self._changed:
            now = self._clock()
            if self._ended or self._next > now + BURST:
                return False
            if not self._why:
                return True
            if self._until > now or self._looker is not None:
                return False
            self._looker = threading.get_ident()
            return True

    def leave(self) -> None:
        with self._changed:
            if self._looker == threading.get_ident():
                self._looker = None

    def begin(self, mail: Outgoing) -> float | None:
        """0: it is to be sent now, and `end` called after it. Above: not for so many seconds. None: this thread is to
        send nothing more now."""
        with self._changed:
            while not self._halted():
                ours, wait = self._to.begin(mail, self._clock())
                if not ours:
                    return wait
                if wait == 0.0:
                    self._next = max(self._next, self._clock()) + self._each
                    return 0.0
                self._changed.wait(min(wait, 1.0))
            return None

    def ahead(self, before: Outgoing, mail: Outgoing) -> float | None:
        """May this one be begun while the one before it is under way? As `begin`, but it waits for nothing: None where
        that would have to wait. Not behind a domain that may be slow."""
        with self._changed:
            if self._halted() or not self._to.quick(before):
                return None
            ours, wait = self._to.begin(mail, self._clock())
            if not ours:
                return wait
            if wait:
                return None
            self._next = max(self._next, self._clock()) + self._each
            return 0.0

    def drop(self, mail: Outgoing) -> None:
        """What was begun ahead is not sent now."""
        with self._changed:
            self._to.end(mail, Sent.TROUBLE, self._clock())
            self._changed.notify_all()

    def _halted(self) -> bool:
        now = self._clock()
        if self._ended or self._next > now + BURST:
            return True
        return bool(self._why) and (self._until > now or self._looker != threading.get_ident())

    def end(self, mail: Outgoing, result: SendResult, following: Outgoing | None = None) -> None:
        """What became of a mail that was begun; the turn of the one that was begun ahead comes now."""
        with self._changed:
            now = self._clock()
            self._to.end(mail, result.sent, now)
            if following is not None:
                self._to.turn(following, now)
            if result.sent is Sent.TROUBLE:
                self._rest(result)
            elif result.sent is Sent.UNCLEAR:
                self._unclear += 1
                if self._unclear >= UNCLEAR or self._why:
                    self._rest(result)
            else:
                self._unclear = 0
                self._recover()
            self._changed.notify_all()

    def close(self) -> None:
        """No mail is begun any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    # --- the relay ---

    def _rest(self, result: SendResult) -> None:
        now = self._clock()
        if self._why and self._until > now:  # another sender met the same a moment ago
            return
        longest = LONGEST_LOGIN if result.rest else LONGEST
        wait = min(longest, max(FIRST, result.rest) * 2.0 ** min(self._looks, 10))
        self._looks += 1
        if not self._why:
            self._since = now
        if result.reply != self._why or wait == longest:
            log.relay_trouble(result.reply, wait)
        self._why, self._until = result.reply or "no reason given", now + wait

    def _recover(self) -> None:
        if self._why:
            log.relay_works(self._clock() - self._since)
        self._why, self._looks = "", 0

    def trouble(self) -> Trouble | None:
        """What is wrong with the relay now, if anything."""
        with self._changed:
            if not self._why:
                return None
            now = self._clock()
            return Trouble(self._why, now - self._since, max(0.0, self._until - now))
