"""Relays for the fault tests: one on a chosen port, and the parts of what they took."""

from __future__ import annotations

import email
import socket
from collections.abc import Mapping
from email.message import Message
from typing import Any

from gateway.store.store import open_store
from tests.faults.running import Gateway
from tests.servers.faulty_relay import FaultyRelay, Step


class RelayAt(FaultyRelay):
    """A relay on a port that was closed until now."""

    def __init__(self, port: int, script: Mapping[str, Step] | None = None) -> None:
        super().__init__(script)
        self._server.close()
        self._server = socket.create_server(("127.0.0.1", port))
        self.port = port

    def mails_to(self, recipient: str) -> list[Message]:
        """In the order in which they were taken."""
        return [email.message_from_bytes(taken.data) for taken in list(self.taken) if taken.recipient == recipient]


def outbox(gateway: Gateway) -> list[dict[str, Any]]:
    """All mails of all tickets, as `gateway show` has them; without a process for each."""
    store = open_store(f"sqlite:///{gateway.database}", gateway.state, lock=False, read_only=True)
    try:
        shown = [store.ticket(row["number"]) for row in store.tickets({}, "FLT")]
        return [mail for ticket in shown if ticket for mail in ticket["outbox"]]
    finally:
        store.close()
