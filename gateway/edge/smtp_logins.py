"""Checking passwords: the one thing on the SMTP ports that costs much processor time for few octets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from weakref import WeakValueDictionary

from gateway.edge.smtp_limits import LoginFailures, peer_key

_AT_ONCE = 2


class Logins:
    """Asks `verify`, in threads of its own, for one password of each peer at a time: who guesses over many connections
    waits for himself, others wait for one guess of each peer at most, and nothing else waits at all."""

    def __init__(self, verify: Callable[[str, str], bool]) -> None:
        self._verify = verify
        self._pool = ThreadPoolExecutor(_AT_ONCE, "login")
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
        try:
            if login and password:
                known = await loop.run_in_executor(self._pool, self._verify, login, password) is True
        except asyncio.CancelledError:  # who hangs up before the verdict has made us work all the same
            self._failures.add(peer, loop.time())
            raise
        if not known:
            self._failures.add(peer, loop.time())
        return known

    def close(self) -> None:
        """What has not been begun is given up."""
        self._pool.shutdown(wait=False, cancel_futures=True)
