"""A private Dovecot: IMAP, IMAPS, LMTP and the logins of a Postfix."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from imapclient import IMAPClient

from tests.servers import need
from tests.servers.certificates import make_authority, make_certificate, make_expired
from tests.servers.ports import free_port, wait_for_greeting

PACKAGES = "dovecot-imapd dovecot-lmtpd openssl"
PASSWORD = "secret"
SPARE = 300  # accounts made beforehand, for `fresh_user`


class Dovecot:
    """A running server, as a context manager. Started by root it runs as nobody, else as who started it.

    Each user's mailbox is empty at first; LMTP takes mail for `user@anything`.
    """

    def __init__(self, users: Iterable[str] = (), host: str = "localhost", *, expired: bool = False) -> None:
        self.imap_port, self.imaps_port, self.lmtp_port = free_port(), free_port(), free_port()
        self._program = need("dovecot", PACKAGES)
        # not in pytest's own directory: nobody could not enter it; and UNIX sockets want a short path
        self.directory = Path(tempfile.mkdtemp(prefix="gw-dovecot-"))
        self.directory.chmod(0o755)
        self.ca_file = make_authority(self.directory)
        (make_expired if expired else make_certificate)(self.directory, host)
        self._process: subprocess.Popen[bytes] | None = None
        self._account, self._group = self._who()
        for name in ("mail", "state"):
            (self.directory / name).mkdir()
        self._spare = [f"user{number:03}" for number in range(SPARE)]
        self._users = dict.fromkeys([*users, *self._spare], PASSWORD)
        self._write_users()
        self._write_config()

    @property
    def auth_socket(self) -> Path:
        """Where Postfix asks (smtpd_sasl_path)."""
        return self.directory / "run" / "auth-client"

    def _who(self) -> tuple[str, str]:
        if os.geteuid() == 0:
            return "nobody", grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name
        return pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name

    def _write_config(self) -> None:
        text = (Path(__file__).parent / "dovecot.conf.tmpl").read_text()
        values = {
            "DIR": self.directory, "NAME": self.directory.name, "USER": self._account, "GROUP": self._group,
            "IMAP": self.imap_port, "IMAPS": self.imaps_port, "LMTP": self.lmtp_port,
        }  # fmt: skip
        for word, value in values.items():
            text = text.replace(f"@{word}@", str(value))
        (self.directory / "dovecot.conf").write_text(text)

    def add_user(self, name: str, password: str = PASSWORD) -> None:
        """Makes an account, or gives it another password. On a running server this takes a second."""
        self._users[name] = password
        self._write_users()
        if self._process is not None:
            time.sleep(1.1)  # Dovecot looks at the file at most once in each second

    def _write_users(self) -> None:
        # "name:password::::::": a passwd-file that is also the userdb needs its empty fields
        lines = "".join(f"{user}:{{PLAIN}}{word}::::::\n" for user, word in self._users.items())
        new = self.directory / "users.new"
        new.write_text(lines)
        if os.geteuid() == 0:
            shutil.chown(new, self._account, self._group)
        new.replace(self.directory / "users")

    def fresh_user(self) -> str:
        """An account with an empty mailbox that nobody has been given before, at once."""
        return self._spare.pop()

    def start(self) -> None:
        """Starts, and waits until it greets. Mail of an earlier start is still there."""
        run = self.directory / "run"
        shutil.rmtree(run, ignore_errors=True)  # with sockets left by a kill, logins would wait for ever
        run.mkdir()
        command = [self._program, "-F", "-c", str(self.directory / "dovecot.conf")]
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{self._account}:{self._group}", str(self.directory)], check=True)
            drop = ["--reuid", self._account, "--regid", self._group, "--clear-groups"]
            command = [need("setpriv", "util-linux"), *drop, *command]
        with (self.directory / "start.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
            )
        try:
            wait_for_greeting(self.imap_port, b"* OK", self._process)
        except RuntimeError as error:
            self.stop()
            raise RuntimeError(f"Dovecot: {error}\n{self.log()}") from error

    def stop(self) -> None:
        """SIGTERM, and wait; SIGKILL after 10 s."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to all its processes, now."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if how is signal.SIGTERM:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait(10)

    def log(self) -> str:
        files = [self.directory / "start.log", self.directory / "dovecot.log"]
        return "\n".join(file.read_text(errors="replace")[-4000:] for file in files if file.exists())

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

    # ---- what tests do with it -----------------------------------------------------------------------------------

    def client(self, user: str) -> Any:
        """A logged-in IMAPClient of its own; the caller ends it (`with dovecot.client("desk") as imap:`)."""
        client = IMAPClient("127.0.0.1", port=self.imap_port, ssl=False, timeout=30)
        client.login(user, self._users[user])
        return client

    def append(self, user: str, *messages: bytes, folder: str = "INBOX") -> list[int]:
        """Puts messages into a folder (made when missing) by IMAP; their UIDs are the folder's last ones."""
        with self.client(user) as imap:
            if folder != "INBOX" and not imap.folder_exists(folder):
                imap.create_folder(folder)
            for start in range(0, len(messages), 100):
                imap.multiappend(folder, list(messages[start : start + 100]))
            imap.select_folder(folder, readonly=True)
            return sorted(imap.search(["ALL"]))[-len(messages) :] if messages else []

    def deliver(self, sender: str, recipient: str, message: bytes) -> None:
        """By LMTP, as an MTA would. smtplib.SMTPRecipientsRefused for a user that does not exist."""
        with smtplib.LMTP("127.0.0.1", self.lmtp_port, local_hostname="mx.example") as lmtp:
            lmtp.sendmail(sender, [recipient], message)

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """The octets of every message in a folder, oldest first; [] if there is no such folder."""
        with self.client(user) as imap:
            if folder != "INBOX" and not imap.folder_exists(folder):
                return []
            imap.select_folder(folder, readonly=True)
            found = imap.fetch(imap.search(["ALL"]), ["BODY.PEEK[]"])
            return [found[uid][b"BODY[]"] for uid in sorted(found)]

    def flags(self, user: str, folder: str = "INBOX") -> list[tuple[bytes, ...]]:
        with self.client(user) as imap:
            imap.select_folder(folder, readonly=True)
            found = imap.get_flags(imap.search(["ALL"]))
            return [found[uid] for uid in sorted(found)]
