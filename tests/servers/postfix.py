"""A private Postfix: in front of the gateway, and the relay behind it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers import need
from tests.servers.certificates import make_authority, make_certificate
from tests.servers.dovecot import Dovecot
from tests.servers.ports import free_port, wait_for_greeting

PACKAGES = "postfix openssl"


class NeedsRoot(RuntimeError):
    """Postfix's master(8) can be started by root alone."""


class Postfix:
    """A running server, as a context manager.

    `smtp_port` takes mail from loopback for everybody; `submission_port` demands STARTTLS and a login of `dovecot`.
    Mail for `domain` goes by SMTP to `desk_port`, everything else by LMTP to `dovecot`, which stands for the world:
    mail for a user that it does not have comes back as a real bounce.
    """

    def __init__(self, dovecot: Dovecot, desk_port: int = 9, domain: str = "desk.example") -> None:
        if os.geteuid() != 0:
            raise NeedsRoot("a private Postfix can be started by root alone: run the tests as root")
        self.smtp_port, self.submission_port = free_port(), free_port()
        self._program = need("postfix", PACKAGES)
        self.directory = Path(tempfile.mkdtemp(prefix="gw-postfix-"))
        for name in (".", "conf", "conf/dynamicmaps.cf.d", "spool", "data"):
            (self.directory / name).mkdir(exist_ok=True)
            (self.directory / name).chmod(0o755)
        shutil.chown(self.directory / "data", "postfix")
        self.ca_file = make_authority(self.directory)
        make_certificate(self.directory)
        self._process: subprocess.Popen[bytes] | None = None
        values = {
            "DIR": self.directory, "NAME": self.directory.name, "SMTP": self.smtp_port,
            "SUBMISSION": self.submission_port, "DESK": desk_port, "LMTP": dovecot.lmtp_port,
            "AUTH": dovecot.auth_socket, "DOMAIN": domain,
        }  # fmt: skip
        for name in ("main.cf", "master.cf"):
            text = (Path(__file__).parent / f"postfix.{name}.tmpl").read_text()
            for word, value in values.items():
                text = text.replace(f"@{word}@", str(value))
            (self.directory / "conf" / name).write_text(text)
        (self.directory / "conf" / "dynamicmaps.cf").touch()

    def start(self) -> None:
        """Starts, and waits until it greets. What an earlier start had in its queue is still there."""
        command = [self._program, "-c", str(self.directory / "conf"), "start-fg"]
        with (self.directory / "start.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
            )
        try:
            wait_for_greeting(self.smtp_port, b"220", self._process, timeout=60)
        except RuntimeError as error:
            self.stop()
            raise RuntimeError(f"Postfix: {error}\n{self.log()}") from error

    def stop(self) -> None:
        """Ends master and all its processes; waits for it."""
        process, self._process = self._process, None
        if process is None:
            return
        stop = [self._program, "-c", str(self.directory / "conf"), "stop"]
        subprocess.run(stop, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait(10)

    def flush(self) -> None:
        """Tries now what is waiting in the queue."""
        command = [self._program, "-c", str(self.directory / "conf"), "flush"]
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=30)

    def log(self) -> str:
        files = [self.directory / "start.log", self.directory / "maillog"]
        return "\n".join(file.read_text(errors="replace")[-6000:] for file in files if file.exists())

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
