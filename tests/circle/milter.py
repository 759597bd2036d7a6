"""A milter for Postfix that plays the DMARC filter: dmarc=pass of the domains it was told, silence of others.

The sendmail milter protocol, version 6, as far as it is needed: https://pythonhosted.org/pymilter/milter_api/ has the
names; a packet is a 32-bit length, a command octet, and its arguments.
"""

from __future__ import annotations

import socket
import struct
import threading
from email.utils import parseaddr
from types import TracebackType
from typing import Self

_ACTIONS = 0x01  # SMFIF_ADDHDRS
# no CONNECT, HELO, MAIL, RCPT, BODY, EOH, UNKNOWN, DATA; headers without an answer to each
_STEPS = 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x100 | 0x200 | 0x80
_NO_ANSWER = b"LDA"  # header, macros, abort


class VerdictMilter:
    """Listens on loopback. Inserts its field where OpenDMARC and rspamd do: at the top of the header section."""

    def __init__(self, authserv_id: str, domains: tuple[str, ...]) -> None:
        self._id, self._domains = authserv_id, domains
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self._listener.fileno() < 0:
                    return
                continue  # that one client
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        domain = ""
        with connection, connection.makefile("rb") as stream:
            while size := stream.read(4):
                packet = stream.read(struct.unpack(">I", size)[0])
                command, rest = packet[:1], packet[1:]
                if command in b"QK":
                    return
                if command == b"L":
                    name, value = rest.split(b"\0")[:2]
                    if name.lower() == b"from":
                        domain = parseaddr(value.decode("utf-8", "replace"))[1].rpartition("@")[2].lower()
                elif command == b"O":
                    _say(connection, b"O" + struct.pack(">III", 6, _ACTIONS, _STEPS))
                elif command == b"E":
                    self._judge(connection, domain)
                    domain = ""
                elif command not in _NO_ANSWER:
                    _say(connection, b"c")

    def _judge(self, connection: socket.socket, domain: str) -> None:
        if domain in self._domains:
            field = f"Authentication-Results\0{self._id}; dmarc=pass (p=reject dis=none) header.from={domain}\0"
            _say(connection, b"i" + struct.pack(">I", 1) + field.encode("ascii"))
        _say(connection, b"c")


def _say(connection: socket.socket, packet: bytes) -> None:
    connection.sendall(struct.pack(">I", len(packet)) + packet)
