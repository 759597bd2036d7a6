"""The running daemon's control socket: one JSON line in, one JSON line out, over a UNIX socket of mode 0600.

Commands that change state go through it, so that a root shell makes no root-owned database files and only one process
writes. Request: `{"command": "reload", "arguments": {...}}`. Answer: the handler's object, or `{"error": "..."}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import socket
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Handler = Callable[[dict[str, Any]], dict[str, Any]]

_REQUEST = 64 * 1024  # octets
_ANSWER = 16 * 1024 * 1024
_PATIENCE = 10.0  # seconds for a client to say its line
_LONGEST = 100  # octets of a path that fit in sun_path (108) with room to spare
_log = logging.getLogger(__name__)


class NoDaemon(Exception):
    """Nobody listens on the control socket."""


class ControlServer:
    """Answers commands with `handlers`; each runs in a worker thread, so that it may wait for the database."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = dict(handlers)
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listens. A socket file left by a daemon that died is replaced; OSError (EADDRINUSE) if one is alive, or if
        something else than a socket is in the way."""
        _clear(self._path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Linux gives the file the mode of the unbound socket, less the umask: at no time is it wider than 0600.
            os.fchmod(listening.fileno(), 0o600)
            with _reachable(self._path) as name:
                listening.bind(name)
            self._path.chmod(0o600)
            self._inode = self._path.stat().st_ino
            self._server = await asyncio.start_unix_server(self._talk, sock=listening, limit=_REQUEST)
        except BaseException:
            listening.close()
            raise

    async def stop(self, grace: float = 5.0) -> None:
        """Stops listening, lets running commands end for up to `grace` seconds, removes the socket file."""
        if self._server is None:
            return
        self._server.close()
        with contextlib.suppress(OSError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()
        if self._talks:
            _, late = await asyncio.wait(self._talks, timeout=grace)
            for talk in late:
                talk.cancel()
        self._server = None

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._talks.add(task)
            task.add_done_callback(self._talks.discard)
        try:
            answer = await self._answer(reader)
            writer.write(json.dumps(answer, default=str).encode() + b"\n")
            await writer.drain()
        except OSError:
            pass  # the client has gone; what it ordered has been done
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        try:
            line = await asyncio.wait_for(reader.readline(), _PATIENCE)
            request = json.loads(line)
        except (TimeoutError, ValueError):  # ValueError: too long, not UTF-8, not JSON
            return {"error": "the request is not one line of JSON"}
        if not isinstance(request, dict) or not isinstance(request.get("arguments", {}), dict):
            return {"error": "the request is not a JSON object with arguments"}
        command = request.get("command")
        handler = self._handlers.get(command) if isinstance(command, str) else None
        if handler is None:
            return {"error": f"unknown command {command!r}; there are {', '.join(sorted(self._handlers))}"}
        try:
            return await asyncio.get_running_loop().run_in_executor(None, handler, request.get("arguments", {}))
        except Exception as error:  # noqa: BLE001 - one command's fault is that command's answer
            _log.warning("the command %s failed", command, exc_info=error)
            return {"error": f"{type(error).__name__}: {error}"}


def call(path: Path, command: str, arguments: dict[str, Any], timeout: float = 30) -> dict[str, Any]:
    """Sends one command to the daemon and gives its answer; `{"error": ...}` for whatever went wrong on the way, a
    missing permission and a time-out included. Raises NoDaemon only if nobody listens there."""
    request = json.dumps({"command": command, "arguments": arguments}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as talk:
            talk.settimeout(timeout)
            with _reachable(path) as name:
                talk.connect(name)
            talk.sendall(request)
            with talk.makefile("rb") as stream:
                line = stream.readline(_ANSWER)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        raise NoDaemon(f"no daemon listens on {path}") from error
    except TimeoutError:
        return {"error": f"the daemon has not answered within {timeout:g} s"}
    except OSError as error:
        return {"error": f"{path}: {error.strerror or error}"}
    try:
        answer = json.loads(line)
    except ValueError:
        return {"error": "the daemon ended before it answered" if not line else "the daemon's answer is not JSON"}
    return answer if isinstance(answer, dict) else {"error": "the daemon's answer is not a JSON object"}


@contextlib.contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """A name for `path` short enough for a socket address (unix(7): 108 octets), by way of its open folder."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _clear(path: Path) -> None:
    """Makes way for a new socket file."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise OSError(errno.EADDRINUSE, "something that is not a socket is in the way", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, _reachable(path) as name:
        probe.settimeout(2.0)
        try:
            probe.connect(name)
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except TimeoutError:
            pass
    raise OSError(errno.EADDRINUSE, "another daemon listens on it", str(path))
