"""The world of the circle, made once for each test process and taken down at its end."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.circle.letters import GATEWAY, HUNG, MAI, PEOPLE, THAO
from tests.circle.world import Desk, Front, Post, mailboxes
from tests.servers import MissingServer
from tests.servers.ports import free_port
from tests.servers.postfix import NeedsRoot

PORTS = {domain: free_port() for domain in ("desk.example", "north.example", "south.example")}


@pytest.fixture(scope="session")
def post() -> Iterator[Post]:
    logins = [person.address for person in (*PEOPLE, GATEWAY)]
    try:
        server = mailboxes([*logins, *(person.mailbox for person in PEOPLE), "support"])
        with server, Front(server, PORTS) as front:
            yield Post(server, front)
    except MissingServer as error:
        pytest.fail(str(error), pytrace=False)
    except NeedsRoot as error:  # the same rule as for the `postfix` fixture
        if os.environ.get("GATEWAY_TEST_NO_ROOT") == "1" and os.environ.get("CI") != "true":
            pytest.skip(f"{error} (GATEWAY_TEST_NO_ROOT=1)")
        pytest.fail(f"{error}, or set GATEWAY_TEST_NO_ROOT=1 to leave them out", pytrace=False)


@pytest.fixture(scope="session")
def desk(post: Post, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """desk.example, behind Postfix."""
    made = Desk(
        tmp_path_factory.mktemp("circle") / "desk", "desk.example", "CTY", (HUNG, THAO, MAI), PORTS["desk.example"]
    )
    made.configure(post.front)
    made.start()
    try:
        yield made
    finally:
        made.stop()
