"""Private real servers for the tests: loopback, free high ports, directories of their own, always stopped.

Nothing here touches a server that the machine runs by itself.
"""

from __future__ import annotations

import shutil


class MissingServer(RuntimeError):
    """A program the tests need is not installed; the text has the command that installs it."""


def need(program: str, packages: str) -> str:
    """The path of a server program. MissingServer if there is none: the test fails then, it is not skipped."""
    path = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin")
    if path is None:
        raise MissingServer(f"{program} is missing. Install it: apt-get install --no-install-recommends {packages}")
    return path
