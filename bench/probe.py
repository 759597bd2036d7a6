"""How long the gateway's event loop is away, seen from outside: `python -m bench.probe PORT PATH`.

Says NOOP a hundred times a second on a connection that does nothing else, and keeps how long each answer took. The
answer needs a turn of the event loop and no disk, so what is above the floor's figure of the same run is a stall, or
the wait for a processor. Ends at the end of its standard input and leaves the list at PATH.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from pathlib import Path

EACH = 0.01


def main() -> None:
    port, path = int(sys.argv[1]), Path(sys.argv[2])
    taken: list[float] = []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as spoken:
        spoken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        spoken.recv(512)
        spoken.sendall(b"EHLO probe.example\r\n")
        spoken.recv(4096)
        print("ready", flush=True)
        due = time.monotonic()
        while not select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
            began = time.monotonic()
            spoken.sendall(b"NOOP\r\n")
            if not spoken.recv(512):
                break
            taken.append(time.monotonic() - began)
            due = max(due + EACH, time.monotonic())
    path.write_text(json.dumps(taken))


if __name__ == "__main__":
    main()
