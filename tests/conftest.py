"""Fixtures that several wings use: private real servers, made once a session and stopped at its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.servers import MissingServer
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import NeedsRoot, Postfix
from tests.servers.postgres import Postgres


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Callable[..., Dovecot]]:
    """`dovecot(users=[...])` starts a server of the caller's own. Its lack is a failure, never a skip."""
    with ExitStack() as running:

        def start(*args: object, **options: object) -> Dovecot:
            try:
                return running.enter_context(Dovecot(*args, **options))  # type: ignore[arg-type]  # passed on as given
            except MissingServer as error:
                pytest.fail(str(error), pytrace=False)

        yield start


@pytest.fixture(scope="session")
def postfix() -> Iterator[Callable[..., Postfix]]:
    """`postfix(dovecot, desk_port=...)` starts a server of the caller's own; needs root.

    Without root the tests fail, unless GATEWAY_TEST_NO_ROOT=1 asks to leave them out; under CI nothing is left out.
    """
    with ExitStack() as running:

        def start(*args: object, **options: object) -> Postfix:
            try:
                return running.enter_context(Postfix(*args, **options))  # type: ignore[arg-type]  # passed on as given
            except MissingServer as error:
                pytest.fail(str(error), pytrace=False)
            except NeedsRoot as error:
                if os.environ.get("GATEWAY_TEST_NO_ROOT") == "1" and os.environ.get("CI") != "true":
                    pytest.skip(f"{error} (GATEWAY_TEST_NO_ROOT=1)")
                pytest.fail(f"{error}, or set GATEWAY_TEST_NO_ROOT=1 to leave them out", pytrace=False)

        yield start


@pytest.fixture(scope="session")
def shared_dovecot(dovecot: Callable[..., Dovecot]) -> Dovecot:
    """One server for all tests that leave it as it is; each takes a `fresh_user()`."""
    return dovecot()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for all tests of a process; each takes a database of its own. Its lack is a failure, never a skip."""
    try:
        with Postgres() as running:
            yield running
    except MissingServer as error:
        pytest.fail(str(error), pytrace=False)
