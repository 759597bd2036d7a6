"""Who is let in. Turning a client away costs a quarter of what a conversation with it would: there may be very many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.edge.smtp_limits import peer_address
from gateway.edge.smtp_protocol import LINGER, LINGER_OCTETS, Conversation, Reception

_CROWD = b"421 4.7.0 too many connections, try again later\r\n"


class Door(asyncio.Protocol):
    """The first protocol of a connection: hands it to a conversation that `begin` makes, or says 421 and hangs up.

    A client that is turned away has a moment to read that, and may say what it likes meanwhile.
    """

    def __init__(self, reception: Reception, begin: Callable[[], Conversation]) -> None:
        self._reception, self._begin = reception, begin
        self._transport: asyncio.Transport | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._discarded = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  # for the type checker: SMTP is a stream
        peer = peer_address(transport.get_extra_info("peername"))
        if self._reception.closing or not self._reception.connections.enter(peer):
            return self._turn_away(transport)
        conversation = self._begin()
        transport.set_protocol(conversation)
        conversation.connection_made(transport)
        return None

    def _turn_away(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.write(_CROWD)
        self._closing = asyncio.get_running_loop().call_later(LINGER, transport.abort)
        try:
            transport.write_eof()
        except OSError:  # the client was quicker
            transport.abort()

    def data_received(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > LINGER_OCTETS and self._transport is not None:
            self._transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._closing is not None:
            self._closing.cancel()
