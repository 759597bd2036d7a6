"""The certificate of a listener, read again when its files change."""

from __future__ import annotations

import ssl
from pathlib import Path

from gateway import log


class Certificate:
    """A server's TLS context. A renewed pair that cannot be read leaves the last good one in use, with a warning.

    The first reading raises ssl.SSLError or OSError: a listener must not start without the TLS it was told to have.
    """

    def __init__(self, cert: Path, key: Path | None) -> None:
        self._cert = cert
        self._key = key
        self._stamp = self._look()
        self._context = self._read()

    def context(self) -> ssl.SSLContext:
        """The context of the files as they are now. Costs two stat calls when nothing changed."""
        try:
            stamp = self._look()
            if stamp != self._stamp:
                self._context = self._read()
                self._stamp = stamp
        except (OSError, ValueError) as error:
            log.fault("certificate", f"{self._cert} cannot be read; the last good one stays in use", error)
        return self._context

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        files = [self._cert] if self._key is None else [self._cert, self._key]
        stats = [file.stat() for file in files]
        return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in stats)

    def _read(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._cert, self._key)
        return context
