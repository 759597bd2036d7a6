"""Health and metrics over HTTP, for loopback: `/healthz`, `/metrics`, nothing else.

It shows no mail, changes nothing and has no login; bind it to an address only the machine itself can reach.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Health = Callable[[], tuple[bool, dict[str, Any]]]
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def build_app(health: Health, metrics: Callable[[], bytes]) -> Starlette:
    """The application. `/healthz`: 200 or 503 with the JSON `{"ok": ..., **details}` of `health`; a `health` that
    raises is 503 with the name of the exception. `/metrics`: the octets of `metrics`. Both run in worker threads."""

    def healthz(_: Request) -> Response:
        try:
            good, details = health()
        except Exception as error:  # noqa: BLE001 - a health check that fails is an answer: not healthy
            good, details = False, {"reasons": [f"the health check failed: {type(error).__name__}"]}
        return JSONResponse({"ok": good, **details}, 200 if good else 503, headers=_HEADERS)

    def metrics_page(_: Request) -> Response:
        return Response(metrics(), media_type=_METRICS_TYPE, headers=_HEADERS)

    return Starlette(routes=[Route("/healthz", healthz), Route("/metrics", metrics_page)])


class _Server(uvicorn.Server):
    """Leaves the process's signals to the daemon."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves an application on one address. The port is bound here, so that a taken one raises OSError at once.

    `port` 0 takes a free one; `self.port` tells which.
    """

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        self._socket = _bound(host, port)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=64,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=3,
            h11_max_incomplete_event_size=16 * 1024,
        )
        self._server = _Server(config)
        self._ended = asyncio.Event()
        self._begun = False

    async def serve(self) -> None:
        """Serves until `stop`. To be called once."""
        self._begun = True
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self._socket.close()
            self._ended.set()

    async def stop(self) -> None:
        """Ends `serve` within about three seconds and waits for it; harmless if it never began."""
        self._server.should_exit = True
        if self._begun:
            await self._ended.wait()
        else:
            self._socket.close()


def _bound(host: str, port: int) -> socket.socket:
    """A listening socket. Made with IPPROTO_TCP, since asyncio sets TCP_NODELAY only on sockets that name it: without,
    small answers wait 40 ms for a delayed ACK."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    bound = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(128)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound
