"""How much one client, and all of them together, may take: connections, failed logins, memory."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

LOGIN_FAILURES = 10  # a peer and LOGIN_WINDOW
LOGIN_WINDOW = 60.0
_PEERS_REMEMBERED = 10_000
_FREE = 256 * 1024  # a message up to this size never waits for room


def peer_address(peername: object) -> str:
    """The IP address out of a socket's peer name, IPv4-mapped IPv6 as IPv4; "" for a UNIX socket."""
    if not isinstance(peername, tuple) or not peername:
        return ""
    address = _address(str(peername[0]).partition("%")[0])
    return str(address) if address else ""


def peer_key(address: str) -> str:
    """What counts as one peer: an IPv4 address, or the /64 an IPv6 address is in."""
    parsed = _address(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, 64), strict=False))
    return address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


class Networks:
    """A set of networks: "127.0.0.0/8", "::1". ValueError for a word that is none."""

    def __init__(self, words: Iterable[str]) -> None:
        self._networks = tuple(ip_network(word, strict=False) for word in words)

    def __contains__(self, address: str) -> bool:
        parsed = _address(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def __bool__(self) -> bool:
        return bool(self._networks)


class Connections:
    """Counts connections. Trusted peers have no limit of their own, and a tenth of all places is kept for them."""

    def __init__(self, total: int, per_peer: int, trusted: Networks) -> None:
        self._total = total
        self._per_peer = per_peer
        self._trusted = trusted
        self._kept = total // 10 if trusted else 0
        self._by_peer: Counter[str] = Counter()
        self._open = 0

    def enter(self, address: str) -> bool:
        """Take a place; False if there is none. Each True is paid back with one `leave`."""
        trusted = address in self._trusted
        key = peer_key(address)
        if self._open >= (self._total if trusted else self._total - self._kept):
            return False
        if not trusted and self._by_peer[key] >= self._per_peer:
            return False
        self._open += 1
        self._by_peer[key] += 1
        return True

    def leave(self, address: str) -> None:
        key = peer_key(address)
        self._open -= 1
        self._by_peer[key] -= 1
        if self._by_peer[key] <= 0:
            del self._by_peer[key]


class LoginFailures:
    """Failed logins of the last LOGIN_WINDOW seconds by peer; remembers a bounded number of peers."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def blocked(self, address: str, now: float) -> bool:
        return len(self._recent(peer_key(address), now)) >= LOGIN_FAILURES

    def add(self, address: str, now: float) -> None:
        key = peer_key(address)
        times = self._recent(key, now)
        times.append(now)
        self._times[key] = times
        if len(self._times) > _PEERS_REMEMBERED:
            del self._times[next(iter(self._times))]

    def _recent(self, key: str, now: float) -> deque[float]:
        times = self._times.pop(key, None) or deque(maxlen=LOGIN_FAILURES)
        while times and times[0] <= now - LOGIN_WINDOW:
            times.popleft()
        if times:
            self._times[key] = times
        return times


class Room:
    """Memory for messages on their way in. Small messages always find room; large ones share `octets`."""

    def __init__(self, octets: int) -> None:
        self._left = octets

    def grow(self, held: int, wanted: int) -> bool:
        """From `held` to `wanted` octets; False, and nothing taken, if there is no room."""
        more = _counted(wanted) - _counted(held)
        if more > self._left:
            return False
        self._left -= more
        return True

    def release(self, held: int) -> None:
        self._left += _counted(held)


def _counted(octets: int) -> int:
    return octets if octets > _FREE else 0
