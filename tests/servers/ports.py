"""Free TCP ports on loopback, below the range from which the kernel takes ports for outgoing connections."""

from __future__ import annotations

import random
import socket
import time

LOWEST, HIGHEST = 20_000, 32_000
_given: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on and that this process has not given out before."""
    for _ in range(1000):
        port = random.randrange(LOWEST, HIGHEST)
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError(f"no free port between {LOWEST} and {HIGHEST}")


def wait_for_greeting(port: int, greeting: bytes, alive: object, timeout: float = 30.0) -> None:
    """Until a server on this port greets with these octets. RuntimeError if `alive` (a Popen) ends, or if late."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if alive.poll() is not None:  # type: ignore[attr-defined]  # subprocess.Popen, whatever its text mode
            raise RuntimeError(f"the server ended with status {alive.poll()}")  # type: ignore[attr-defined]  # as above
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                if connection.recv(200).startswith(greeting):
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise RuntimeError(f"nothing greets on port {port} after {timeout:.0f} s")
