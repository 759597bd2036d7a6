"""systemd's three small protocols, without a library: readiness and watchdog (sd_notify(3), sd_watchdog_enabled(3))
and passed sockets (sd_listen_fds(3)). Outside systemd all of them do nothing."""

from __future__ import annotations

import os
import socket

_FIRST_FD = 3  # SD_LISTEN_FDS_START


def notify(state: str) -> bool:
    """Sends "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..." (several lines allowed) to the service manager.

    `$NOTIFY_SOCKET` names a file or, with a leading "@", an abstract socket. Returns whether it was sent; a manager
    that cannot be reached is no error, for the mail must go on.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(1.0)
            channel.connect(address)
            channel.sendall(state.encode())
    except OSError:
        return False
    return True


def watchdog_interval() -> float | None:
    """Seconds after which the manager takes us for hung ("WATCHDOG=1" is to come at half of that); None if it does not
    watch this process."""
    if os.environ.get("WATCHDOG_PID") not in (None, "", str(os.getpid())):
        return None
    try:
        micros = int(os.environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return micros / 1e6 if micros > 0 else None


def listen_fds() -> dict[str, socket.socket]:
    """The sockets the manager opened for us, by name (`FileDescriptorName=`; "unknown" where it has none, a repeated
    name gets "-2", "-3" behind it). Each call returns the same descriptors: call it once.

    Child processes do not inherit them. An entry that is not a socket is left out.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    try:
        count = int(os.environ.get("LISTEN_FDS", "0"))
    except ValueError:
        return {}
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, socket.socket] = {}
    for at in range(max(count, 0)):
        name = names[at] if at < len(names) and names[at] else "unknown"
        try:
            os.set_inheritable(_FIRST_FD + at, False)
            passed = socket.socket(fileno=_FIRST_FD + at)
        except OSError:
            continue
        passed.setblocking(False)
        found[_free_name(name, found)] = passed
    return found


def _free_name(name: str, taken: dict[str, socket.socket]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
