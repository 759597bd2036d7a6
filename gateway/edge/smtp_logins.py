"""Checking passwords: the one thing on the SMTP ports that costs much processor time for few octets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakValueDictionary

from gateway.edge.smtp_limits import LoginFailures, peer_key


class Logins:
    """Asks `verify`, in two threads of its own, for one password of each peer at a time. One thread is for peers that
    have not failed of late: who guesses waits for others who do, an agent for the first guess of each at most, and
    nothing else waits at all."""

    def __init__(self, verify: Callable[[str, str], bool]) -> None:
        self._verify = verify
        self._trusting, self._doubtful = ThreadPoolExecutor(1, "login"), ThreadPoolExecutor(1, "login-again")
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
        thread = self._doubtful if self._failures.count(peer, loop.time()) else self._trusting
        try:
            if login and password:
                known = await loop.run_in_executor(thread, self._verify, login, password) is True
        except asyncio.CancelledError:  # who hangs up before the verdict has made us work all the same
            self._failures.add(peer, loop.time())
            raise
        if not known:
            self._failures.add(peer, loop.time())
        return known

    def close(self) -> None:
        """What has not been begun is given up."""
        for each in (self._trusting, self._doubtful):
            each.shutdown(wait=False, cancel_futures=True)
