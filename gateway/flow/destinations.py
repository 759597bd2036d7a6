"""The domains that mail goes to: each at its own speed, so that one that is slow, away or limited holds up no other.

A domain is *quick* once it has answered quickly. One that is not known to be has one mail under way at a time, and all
that are slow together leave one connection free. One that keeps saying 4xx rests for a while. What may not go now is
given a time, at most HORIZON ahead, at which it is asked for again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from gateway.model import Outgoing, Sent

SLOW = 5.0  # seconds for one mail, and one more for each MiB of it
HORIZON = 60.0  # seconds: no mail is put off for longer than this because of others
REFUSALS = 5  # 4xx in a row, to one domain, until it rests; a mail's first does not count
REST, LONGEST_REST = 30.0, 900.0  # seconds of the first rest; twice as long each time
KNOWN = 10_000  # domains remembered
MIB = 1024 * 1024


@dataclass(slots=True)
class Destination:
    """One domain. Times are of the monotonic clock."""

    under_way: dict[int, float] = field(default_factory=dict)  # mail → when it will have been slow
    quick: bool = False
    slow: bool = False
    took: float = SLOW
    refusals: int = 0
    rests: int = 0
    rest_until: float = 0.0
    free_at: float = 0.0  # when the next mail may go that has no time of its own
    booked: dict[int, float] = field(default_factory=dict)  # mails that were given a time

    def is_slow(self, now: float) -> bool:
        return self.slow or any(late <= now for late in self.under_way.values())

    @property
    def forgettable(self) -> bool:
        return not (self.under_way or self.booked or self.refusals or self.slow)


class Destinations:
    """Not for several threads at once: `Pace` holds a lock over each call.

    `rate` and `most`: mails a minute and connections at once for one domain; 0 is no limit.
    """

    def __init__(self, connections: int, rate: int, most: int) -> None:
        self._slow_ones = max(1, connections - 1)
        self._spacing = 60.0 / rate if rate else 0.0
        self._most = most or connections
        self._of: OrderedDict[str, Destination] = OrderedDict()
        self._busy: list[Destination] = []  # one entry for each mail under way

    def begin(self, mail: Outgoing, now: float) -> tuple[bool, float]:
        """(True, 0): it is under way now. (True, s): ask again when something has ended, or after s seconds.
        (False, s): not for s seconds."""
        to = self._destination(mail)
        if to.rest_until > now:
            return False, to.rest_until - now
        booked = mail.id in to.booked
        if self._spacing and not booked and to.free_at > now:
            return False, self._book(to, mail, self._spacing, now)
        wait = self._crowded(to, now)
        if wait > 0:
            return True, wait
        if wait < 0:
            return False, self._book(to, mail, to.took, now)
        to.booked.pop(mail.id, None)
        if self._spacing and not booked:
            to.free_at = now + self._spacing
        to.under_way[mail.id] = now + _patience(mail)
        self._busy.append(to)
        return True, 0.0

    def quick(self, mail: Outgoing) -> bool:
        """Whether its domain is known to answer quickly."""
        return self._destination(mail).quick

    def turn(self, mail: Outgoing, now: float) -> None:
        """What was begun ahead of its turn has its turn now: the time before is not its domain's."""
        self._destination(mail).under_way[mail.id] = now + _patience(mail)

    def _crowded(self, to: Destination, now: float) -> float:
        """0: there is room. Above: seconds until it is known whether the domain is slow. Below: it is, no room."""
        slow = to.is_slow(now)
        if slow and sum(each.is_slow(now) for each in self._busy) >= self._slow_ones:
            return -1.0
        most = self._most if to.quick and not slow else 1
        if len(to.under_way) < most:
            return 0.0
        return -1.0 if slow else max(0.01, min(to.under_way.values()) - now)

    @staticmethod
    def _book(to: Destination, mail: Outgoing, spacing: float, now: float) -> float:
        """Seconds until its turn; beyond the horizon it has none yet and is asked for again."""
        turn = max(to.free_at, now)
        if not to.booked and turn == now:
            turn += spacing
        if turn - now >= HORIZON:
            return HORIZON
        for old in [number for number, at in to.booked.items() if at < now - HORIZON]:  # not asked for: it is gone
            del to.booked[old]
        to.booked[mail.id] = turn
        to.free_at = turn + spacing
        return turn - now

    def end(self, mail: Outgoing, sent: Sent, now: float) -> None:
        """What became of a mail that was under way."""
        to = self._destination(mail)
        late = to.under_way.pop(mail.id, now)
        if to in self._busy:
            self._busy.remove(to)
        if sent is Sent.TROUBLE:  # it says nothing of the domain
            return
        patience = _patience(mail)
        to.took = max(0.1, now - late + patience)
        to.slow = to.took > patience
        to.quick = not to.slow
        if sent not in (Sent.LATER, Sent.UNCLEAR):
            to.refusals = to.rests = 0
            return
        if sent is Sent.LATER and mail.attempts == 0:  # greylisting refuses each first try: that is no sign of illness
            return
        to.refusals += 1
        if to.refusals >= REFUSALS:
            to.rest_until = now + min(LONGEST_REST, REST * 2**to.rests)
            to.rests = min(to.rests + 1, 10)
            to.quick = False
            to.booked.clear()

    def _destination(self, mail: Outgoing) -> Destination:
        domain = mail.recipient.rpartition("@")[2].lower()
        if domain not in self._of:
            self._forget()
            self._of[domain] = Destination()
        self._of.move_to_end(domain)
        return self._of[domain]

    def _forget(self) -> None:
        """Room for one more: those go that were not used for longest and have nothing to remember."""
        if len(self._of) < KNOWN:
            return
        for domain in [name for name, each in self._of.items() if each.forgettable][: KNOWN // 10]:
            del self._of[domain]


def _patience(mail: Outgoing) -> float:
    return SLOW + len(mail.data) / MIB
