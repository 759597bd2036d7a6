"""Checking passwords: the one thing on the SMTP ports that costs much processor time for few octets."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from weakref import WeakValueDictionary

from gateway.edge.smtp_limits import LoginFailures, peer_key
from gateway.threads import standing

_REMEMBERED = 10_000  # peers


class Logins:
    """Asks `verify`, in threads of its own, for one password of each peer at a time.

    One thread is for peers whose last password was right, one for those whose last was wrong, one for those of whom
    nothing is known. So an agent who comes back waits for nobody who guesses, a new one for the first guess of each
    other at most, who guesses for himself and his like, and nothing else waits at all.
    """

    def __init__(self, verify: Callable[[str, str], bool]) -> None:
        self._verify = verify
        self._threads = {last: standing(1, f"login-{last}") for last in (True, False, None)}
        self._last: OrderedDict[str, bool] = OrderedDict()  # whether a peer's last password was right
        self._failures = LoginFailures()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def blocked(self, peer: str) -> bool:
        """Whether this peer has failed too often of late."""
        return self._failures.blocked(peer, asyncio.get_running_loop().time())

    async def known(self, peer: str, login: str, password: str) -> bool:
        """Whether this is a login. False unlooked-at from a peer that is `blocked` when its turn comes."""
        turn = self._turns.setdefault(peer_key(peer), asyncio.Lock())
        async with turn:
            return not self.blocked(peer) and await self._checked(peer, login, password)

    async def _checked(self, peer: str, login: str, password: str) -> bool:
        loop, known = asyncio.get_running_loop(), False
        thread = self._threads[self._last.get(peer_key(peer))]
        try:
            if login and password:
                known = await loop.run_in_executor(thread, self._verify, login, password) is True
        except asyncio.CancelledError:  # who hangs up before the verdict has made us work all the same
            self._note(peer, right=False)
            raise
        self._note(peer, right=known)
        return known

    def _note(self, peer: str, *, right: bool) -> None:
        key = peer_key(peer)
        self._last[key] = right
        self._last.move_to_end(key)
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        if not right:
            self._failures.add(peer, asyncio.get_running_loop().time())

    def close(self) -> None:
        """What has not been begun is given up."""
        for thread in self._threads.values():
            thread.shutdown(wait=False, cancel_futures=True)
