"""One IMAP connection (RFC 3501, 2177, 4315, 6851): what the poller asks of a server, in its own words.

One object belongs to one thread. Every call ends in its answer or in one of three ways:
`imaplib.IMAP4.abort` or `OSError` (the connection is of no more use: close it), another `imaplib.IMAP4.error`
(the server said NO; the connection stands), or `LoginRefused` from `open_session`.
Arguments are UIDs and configured names only. No octet of a mail ever becomes part of a command: imapclient puts CR LF
in search arguments on the wire as they are (F17).
"""

from __future__ import annotations

import imaplib
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from math import inf
from typing import Any, TypeVar

from imapclient import IMAPClient
from imapclient.exceptions import LoginError, ProtocolError

from gateway.edge.imap_client import Bound, BoundClient, bound_of
from gateway.options import ImapMailbox

WINDOW = 50_000  # UIDs in one SEARCH answer: 11 octets each, so well under imaplib's line limit of 1,000,000
SIZES = 500  # UIDs in one FETCH of sizes: the command line stays under 8 KiB
IDLE_SLICE = 1.0  # how long a stop may have to wait
_TEMPORARY = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "[ALERT]")

Answer = TypeVar("Answer")


class LoginRefused(Exception):
    """The server does not take this user and password; trying again soon would only lock the account."""


class Broken(imaplib.IMAP4.abort):
    """The server's answer made no sense; nothing more can be read from this connection."""


@dataclass(frozen=True, slots=True)
class Selected:
    """A folder as SELECT or EXAMINE told of it. `uidnext` is None where the server does not say."""

    uidvalidity: int
    exists: int
    uidnext: int | None


@dataclass(frozen=True, slots=True)
class Listed:
    """One message before its body is fetched. `size` in octets, None when the server gave none."""

    uid: int
    size: int | None
    at: datetime | None  # INTERNALDATE, with its zone

    @property
    def mark(self) -> int:
        """What tells this message from another under the same UID: 48 bits of its size and date, 0 where a server does
        not give both."""
        if self.size is None or self.at is None:
            return 0
        known = f"{self.size} {int(self.at.timestamp())}"
        return int.from_bytes(sha256(known.encode()).digest()[:6]) or 1


def safe_argument(value: str, what: str) -> str:
    """`value` unchanged. ValueError if it holds CR, LF or NUL, which would end or split the command."""
    if any(mark in value for mark in "\r\n\0"):
        raise ValueError(f"{what} must not contain CR, LF or NUL")
    return value


def tls_context(mailbox: ImapMailbox) -> ssl.SSLContext:
    """Verifies chain and name, always; `ca_file` replaces the system's authorities."""
    return ssl.create_default_context(cafile=str(mailbox.ca_file) if mailbox.ca_file else None)


def open_session(mailbox: ImapMailbox, password: str) -> ImapSession:
    """Connects, secures and logs in.

    Raises LoginRefused, or imaplib.IMAP4.error / OSError for everything that may be better the next time
    (an unverified certificate among them: there is no fall-back to plain text).
    """
    safe_argument(mailbox.user, "user")
    safe_argument(password, "password")
    context = tls_context(mailbox) if mailbox.tls != "none" else None
    bound = bound_of(mailbox)
    session = ImapSession(None, bound)
    try:
        with bound.command():
            session = ImapSession(BoundClient(mailbox, context if mailbox.tls == "imaps" else None, bound), bound)
        session.begin(mailbox, context, password)
    except BaseException:
        session.drop()
        raise
    return session


def _log_in(client: IMAPClient, user: str, password: str) -> None:
    try:
        if client.has_capability("AUTH=PLAIN"):
            client.plain_login(user, password)  # takes UTF-8, which LOGIN does not
        else:
            client.login(f'"{_escaped(user)}"', password)  # imaplib quotes the password but not the user
    except LoginError as error:
        text = str(error)
        dropped = isinstance(error.__context__, imaplib.IMAP4.abort)
        if dropped or any(code in text.upper() for code in _TEMPORARY):
            raise Broken(text) from error
        raise LoginRefused(text) from error
    except UnicodeEncodeError as error:
        raise LoginRefused("the server takes only ASCII user names and passwords") from error


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _guard(call: Callable[[], Answer]) -> Answer:
    """Runs one command; an answer that the library cannot read is Broken, whatever the library raises."""
    try:
        return call()
    except ProtocolError as error:
        raise Broken(f"unreadable answer: {error}") from error
    except imaplib.IMAP4.error as error:
        if "got more than" in str(error):  # imaplib gave up in the middle of an endless line
            raise Broken(str(error)) from error
        raise
    except OSError:
        raise
    except Exception as error:  # ValueError, IndexError, MemoryError ... from the library's response parser
        raise Broken(f"unreadable answer: {type(error).__name__}") from error


class ImapSession:
    """A logged-in connection, at most one folder selected."""

    def __init__(self, client: Any, bound: Bound | None = None) -> None:
        self._client = client
        self._bound = bound or Bound(inf)
        self._folders: set[str] = set()  # known to exist

    def _ask(self, call: Callable[[], Answer]) -> Answer:
        with self._bound.command():
            return _guard(call)

    def begin(self, mailbox: ImapMailbox, context: ssl.SSLContext | None, password: str) -> None:
        """Secures the connection where that is still to be done, then logs in."""
        if mailbox.tls == "starttls":
            self._ask(lambda: self._client.starttls(context))
        with self._bound.command():
            _log_in(self._client, mailbox.user, password)

    def select(self, folder: str, *, writable: bool) -> Selected:
        """SELECT, or EXAMINE when not `writable` (then nothing we do can set a flag)."""
        try:
            answer = self._ask(lambda: self._client.select_folder(folder, readonly=not writable))
        except imaplib.IMAP4.readonly as error:
            raise imaplib.IMAP4.error(f"{folder!r} is read-only") from error
        uidvalidity = answer.get(b"UIDVALIDITY")
        if not uidvalidity:
            raise imaplib.IMAP4.error(f"{folder!r} has no UIDVALIDITY")
        return Selected(int(uidvalidity), int(answer.get(b"EXISTS", 0)), answer.get(b"UIDNEXT"))

    def last_uid(self, selected: Selected) -> int:
        """The highest UID given out so far, 0 for a folder that never held anything."""
        if selected.uidnext:
            return int(selected.uidnext) - 1
        return max(self._search("*"), default=0) if selected.exists else 0

    def windows(self, selected: Selected, low: int) -> Iterator[list[int]]:
        """UIDs from `low` on, ascending, at most WINDOW at a time.

        `low:*` names the last message even when it is older (RFC 3501 §6.4.8), so what is below is taken out.
        """
        if not selected.exists:
            return
        last = self.last_uid(selected) if selected.exists > WINDOW else 0
        while last - low >= WINDOW:
            uids = self._search(f"{low}:{low + WINDOW - 1}")
            if uids:
                yield uids
            low += WINDOW
        uids = [uid for uid in self._search(f"{low}:*") if uid >= low]
        if uids:
            yield uids

    def present(self, uids: Sequence[int]) -> set[int]:
        """Which of these (at most SIZES) the folder still holds, after letting the server tell what it expunged."""
        self._ask(self._client.noop)
        return set(self._search(",".join(str(uid) for uid in uids))) if uids else set()

    def _search(self, uids: str) -> list[int]:
        return sorted(int(uid) for uid in self._ask(lambda: self._client.search(["UID", uids])))

    def sizes(self, uids: Sequence[int]) -> dict[int, Listed]:
        """Size and date of each (at most SIZES); one that is gone is absent."""
        found = self._ask(lambda: self._client.fetch(list(uids), ["RFC822.SIZE", "INTERNALDATE"]))
        return {
            uid: Listed(uid, row.get(b"RFC822.SIZE"), _dated(row.get(b"INTERNALDATE"))) for uid, row in found.items()
        }

    def bodies(self, uids: Sequence[int]) -> dict[int, bytes]:
        """The whole of each message; BODY.PEEK leaves \\Seen alone. What is gone, or NIL, is absent."""
        found = self._ask(lambda: self._client.fetch(list(uids), ["BODY.PEEK[]"]))
        return {uid: row[b"BODY[]"] for uid, row in found.items() if isinstance(row.get(b"BODY[]"), bytes)}

    def head(self, uid: int, octets: int) -> bytes:
        """The first octets of one message, b"" if the server gives none."""
        found = self._ask(lambda: self._client.fetch([uid], [f"BODY.PEEK[]<0.{octets}>"]))
        part = found.get(uid, {}).get(b"BODY[]<0>")
        return part[:octets] if isinstance(part, bytes) else b""

    def move(self, uids: Sequence[int], to: str) -> bool:
        """Moves these (at most SIZES) to a folder, made when missing.

        MOVE, or COPY + \\Deleted + UID EXPUNGE; never a plain EXPUNGE, which would take what others have deleted.
        False when the server can do neither: then nothing was changed.
        """
        client = self._client
        if not (client.has_capability("MOVE") or client.has_capability("UIDPLUS")):
            return False
        self._make(to)
        if client.has_capability("MOVE"):
            self._ask(lambda: client.move(list(uids), to))
        else:
            self._ask(lambda: client.copy(list(uids), to))
            self._ask(lambda: client.add_flags(list(uids), [rb"\Deleted"], silent=True))
            self._ask(lambda: client.uid_expunge(list(uids)))
        return True

    def _make(self, folder: str) -> None:
        if folder in self._folders:
            return
        if not self._ask(lambda: self._client.folder_exists(folder)):
            self._ask(lambda: self._client.create_folder(folder))
        self._folders.add(folder)

    @property
    def can_idle(self) -> bool:
        return bool(self._ask(lambda: self._client.has_capability("IDLE")))

    def idle(self, seconds: float, stop: threading.Event) -> bool:
        """Waits in IDLE for new mail in the selected folder; True if some was announced. Always leaves IDLE.

        An empty answer before its time is how imapclient shows a dead connection (mjs/imapclient#565); DONE then
        finds out. Raises as every call does when the server says BYE or is gone.
        """
        self._ask(self._client.idle)
        end = time.monotonic() + seconds
        woken = False
        while not woken and not stop.is_set() and (left := end - time.monotonic()) > 0:
            slice_ = min(IDLE_SLICE, left)
            began = time.monotonic()
            answers = _guard(lambda wait=slice_: self._client.idle_check(wait))  # type: ignore[misc]  # default binds now
            if any(answer[:1] == (b"BYE",) for answer in answers):
                raise Broken("BYE in IDLE")
            if not answers and time.monotonic() - began < slice_ / 2:
                break
            woken = any(b"EXISTS" in answer for answer in answers)
        self._ask(self._client.idle_done)
        return woken

    def drop(self) -> None:
        """Closes without a word. Raises nothing: there is nobody left to tell."""
        try:
            if self._client is not None:
                self._client.shutdown()
        except (imaplib.IMAP4.error, OSError):
            pass
        finally:
            self._bound.close()

    def close(self) -> None:
        """Says LOGOUT, then closes. Raises nothing."""
        try:
            with self._bound.command():
                self._client.logout()
            self._bound.close()
        except (imaplib.IMAP4.error, OSError):
            self.drop()


def _dated(value: object) -> datetime | None:
    return value if isinstance(value, datetime) and value.tzinfo is not None else None
