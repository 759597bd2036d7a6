"""TLS contexts made from files, and made again when the files change: no restart for a renewed certificate."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from pathlib import Path

from gateway import log

Stamp = tuple[tuple[int, int, int], ...]


class FromFiles:
    """A context and the files it is made of. While they cannot be used (missing, half written, a key that does not
    fit its certificate) the last good context stays in use; `trouble` says why, and the log says it once."""

    def __init__(self, files: tuple[Path, ...], make: Callable[[], ssl.SSLContext]) -> None:
        self._files, self._make = files, make
        self._lock = threading.Lock()
        self._stamp: Stamp | None = None
        self._context: ssl.SSLContext | None = None
        self.trouble = ""

    def context(self) -> ssl.SSLContext:
        """That of the files as they are now; a stat call for each when nothing has changed. Raises ssl.SSLError,
        OSError or ValueError when there never was a good one."""
        with self._lock:
            try:
                stamp = self._look()
                if stamp != self._stamp or self._context is None:
                    self._context, self._stamp = self._make(), stamp
                self.trouble = ""
            except (OSError, ValueError) as error:
                if self._context is None:
                    raise
                self._complain(f"{self._files[0]} cannot be used, the last good one stays in use: {_why(error)}")
            return self._context

    def _complain(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.fault("certificate", trouble)
        self.trouble = trouble

    def _look(self) -> Stamp:
        stats = [file.stat() for file in self._files]
        return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in stats)


class Certificate(FromFiles):
    """A server's certificate and key.

    Making it raises ssl.SSLError, OSError or ValueError: a listener must not start without the TLS it was told to have.
    """

    def __init__(self, cert: Path, key: Path | None) -> None:
        def make() -> ssl.SSLContext:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(cert, key, _no_passphrase)
            return context

        super().__init__((cert,) if key is None else (cert, key), make)
        self.context()


class Trust(FromFiles):
    """What a client verifies a server with: the authorities in `ca_file`, or those of the system."""

    def __init__(self, ca_file: Path | None) -> None:
        super().__init__(() if ca_file is None else (ca_file,), lambda: ssl.create_default_context(cafile=ca_file))


def _no_passphrase() -> str:
    """Without this, OpenSSL would ask on the terminal, and wait."""
    raise ValueError("the key needs a passphrase: keep it without one, readable by the gateway alone")


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return {"KEY_VALUES_MISMATCH": "the key does not fit the certificate"}.get(error.reason or "", str(error))
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
