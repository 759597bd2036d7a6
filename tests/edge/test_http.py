"""Health and metrics over real sockets."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.desk.trouble import troubles
from gateway.edge.http import HttpServer, build_app
from gateway.edge.metrics import Metrics
from gateway.model import MailboxSign, Observation, Pulse
from gateway.options import Alarming, Caps

Answer = tuple[int, dict[str, str], bytes]


def good() -> tuple[bool, dict[str, Any]]:
    return True, {"reasons": [], "waiting": 0}


def bad() -> tuple[bool, dict[str, Any]]:
    return False, {"reasons": ["đĩa gần đầy"]}


def broken() -> tuple[bool, dict[str, Any]]:
    raise RuntimeError("password=secret")


def serving(
    work: Callable[[int], Any],
    health: Callable[[], tuple[bool, dict[str, Any]]] = good,
    metrics: Callable[[], bytes] = lambda: b"m 1\n",
) -> Any:
    async def main() -> Any:
        server = HttpServer(build_app(health, metrics), "127.0.0.1", 0)
        running = asyncio.ensure_future(server.serve())
        try:
            return await asyncio.get_running_loop().run_in_executor(None, work, server.port)
        finally:
            await server.stop()
            await running

    return asyncio.run(main())


def get(port: int, path: str, method: str = "GET") -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_healthy() -> None:
    status, headers, body = serving(lambda port: get(port, "/healthz"))
    assert (status, json.loads(body)) == (200, {"ok": True, "reasons": [], "waiting": 0})
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_not_healthy_says_why() -> None:
    status, _, body = serving(lambda port: get(port, "/healthz"), bad)
    assert (status, json.loads(body)) == (503, {"ok": False, "reasons": ["đĩa gần đầy"]})


def test_a_failing_health_check_is_not_healthy_and_leaks_nothing() -> None:
    status, _, body = serving(lambda port: get(port, "/healthz"), broken)
    assert status == 503
    assert json.loads(body)["reasons"] == ["the health check failed: RuntimeError"]
    assert b"secret" not in body


def test_metrics_page() -> None:
    metrics = Metrics()
    metrics.received("smtp")
    status, headers, body = serving(lambda port: get(port, "/metrics"), metrics=metrics.render)
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b'gateway_mails_received_total{source="smtp"} 1.0' in body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/docs", 404),
        ("GET", "/healthz/x", 404),
        ("GET", "/..%2f..%2fetc/passwd", 404),
        ("POST", "/healthz", 405),
        ("DELETE", "/metrics", 405),
        ("HEAD", "/healthz", 200),
    ],
)
def test_nothing_else(method: str, path: str, status: int) -> None:
    assert serving(lambda port: get(port, path, method))[0] == status


def test_signals_are_left_alone() -> None:
    async def main() -> tuple[Any, Any]:
        before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        server = HttpServer(build_app(good, lambda: b""), "127.0.0.1", 0)
        running = asyncio.ensure_future(server.serve())
        await asyncio.sleep(0.3)
        during = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
        await server.stop()
        await running
        return before, during

    before, during = asyncio.run(main())
    assert during == before


def test_answers_do_not_wait_for_delayed_acknowledgements() -> None:
    def many(port: int) -> float:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/metrics")
        connection.getresponse().read()
        begin = time.monotonic()
        for _ in range(50):
            connection.request("GET", "/metrics")
            connection.getresponse().read()
        connection.close()
        return time.monotonic() - begin

    assert serving(many) < 1.0  # without TCP_NODELAY: 50 x 40 ms


def test_a_taken_port_is_an_error_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        asyncio.run(_make(taken.getsockname()[1]))


async def _make(port: int) -> None:
    HttpServer(build_app(good, lambda: b""), "127.0.0.1", port)


def test_stop_ends_idle_connections_and_a_server_that_never_began() -> None:
    begin = time.monotonic()
    held = serving(lambda port: socket.create_connection(("127.0.0.1", port)))
    held.close()
    assert time.monotonic() - begin < 5

    async def never() -> None:
        await HttpServer(build_app(good, lambda: b""), "127.0.0.1", 0).stop()

    asyncio.run(asyncio.wait_for(never(), 5))


def sample(page: bytes, name: str) -> float:
    (line,) = [line for line in page.decode().splitlines() if line.startswith(name + " ")]
    return float(line.rpartition(" ")[2])


def test_every_counter() -> None:
    metrics = Metrics()
    metrics.decided("ticketed", 0.004)
    metrics.decided("joined")
    metrics.sent("later")
    metrics.heartbeat("kinhdoanh")
    now = datetime(2026, 11, 23, 9, tzinfo=UTC)
    metrics.observe({"open": 4, "invented": 1})
    pulse = Pulse(waiting=3, outbox=2, quarantined=1, automatic_last_hour=40)
    box = MailboxSign("kinhdoanh", silent=1000.0, unproven=0.0)
    seen = Observation(now, pulse, waits=90.0, unsent=7.0, mailboxes=(box,))
    metrics.saw(seen, troubles(seen, Alarming(), Caps()))
    page = metrics.render()
    for name, value in {
        'gateway_outcomes_total{outcome="ticketed"}': 1,
        'gateway_outcomes_total{outcome="duplicate"}': 0,
        "gateway_decision_seconds_count": 1,
        'gateway_decision_seconds_bucket{le="0.005"}': 1,
        'gateway_mails_sent_total{result="later"}': 1,
        "gateway_intake_waiting": 3,
        "gateway_oldest_waiting_seconds": 90,
        "gateway_outbox_waiting": 2,
        "gateway_quarantined": 1,
        "gateway_oldest_unsent_seconds": 7,
        "gateway_automatic_last_hour": 40,
        'gateway_trouble{kind="mailbox-silent"}': 1,
        'gateway_trouble{kind="quarantine"}': 1,
        'gateway_trouble{kind="disk"}': 0,
        'gateway_imap_silent_seconds{mailbox="kinhdoanh"}': 1000,
        'gateway_tickets{status="open"}': 4,
        'gateway_tickets{status="closed"}': 0,
    }.items():
        assert sample(page, name) == value, name
    assert abs(sample(page, 'gateway_imap_heartbeat_timestamp_seconds{mailbox="kinhdoanh"}') - time.time()) < 60
    assert b"invented" not in page


def test_labels_are_closed() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.received(f"evil{number}@x.vn")
        metrics.decided(f"outcome{number}")
        metrics.sent(f"result{number}")
        metrics.heartbeat(f"box{number}")
    page = metrics.render()
    assert b"evil" not in page
    assert sample(page, 'gateway_mails_received_total{source="other"}') == 1000
    assert page.count(b"gateway_imap_heartbeat_timestamp_seconds{") == 201
