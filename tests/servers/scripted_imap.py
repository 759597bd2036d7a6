"""An IMAP server in a thread that misbehaves as told, for what no real server does on request."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

Answer = bytes | None  # None: hang up


class ScriptedImap:
    """One folder, INBOX, with `mails` by UID. Takes any login.

    `body(uid, tries)` gives the octets after "BODY[] " for the n-th time (from 1) that a body is asked for, or another
    item that begins with "FLAGS", or None to hang up. `idle(times)` gives what is sent in the n-th IDLE after the
    continuation: octets, b"" for nothing, ever, or None to hang up. `commands` are the lines that came in.
    """

    def __init__(
        self,
        mails: dict[int, bytes],
        body: Callable[[int, int], Answer] | None = None,
        idle: Callable[[int], Answer] | None = None,
        login: Callable[[int], bytes] | None = None,
        sizes: dict[int, int] | None = None,
    ) -> None:
        self.mails = mails
        self.commands: list[str] = []
        self.connections = 0
        self._body = body or (lambda uid, tries: literal(self.mails[uid]))
        self._idle = idle or (lambda times: b"")
        self._login = login or (lambda times: b"OK welcome")
        self._sizes = sizes or {}
        self._counts: Counter[object] = Counter()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._idle_tag = b""
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()

    def count(self, word: str) -> int:
        """How many commands had this word."""
        return sum(word in line for line in list(self.commands))

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"* OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS MOVE] ready\r\n")
                for line in lines:
                    text = line.decode("ascii").strip()
                    self.commands.append(text)
                    if not self._obey(connection, text):
                        return
        except OSError:
            return

    def _obey(self, connection: socket.socket, text: str) -> bool:
        tag, _, rest = text.partition(" ")
        words = rest.upper().split()
        if words[:1] == ["DONE"] or tag.upper() == "DONE":
            connection.sendall(self._idle_tag + b" OK done\r\n")
            return True
        if words[0] == "IDLE":
            self._idle_tag = tag.encode()
            self._counts["idle"] += 1
            answer = self._idle(self._counts["idle"])
            connection.sendall(b"+ idling\r\n")
            time.sleep(0.05)  # a packet of its own
            connection.sendall(answer or b"")
            return answer is not None
        untagged = self._untagged(words)
        if untagged is None:
            return False
        result = b"OK done"
        if words[0] == "LOGIN":
            self._counts["login"] += 1
            result = self._login(self._counts["login"])
        connection.sendall(untagged + tag.encode() + b" " + result + b"\r\n")
        return True

    def _untagged(self, words: list[str]) -> Answer:
        if words[0] == "CAPABILITY":
            return b"* CAPABILITY IMAP4rev1 IDLE UIDPLUS MOVE\r\n"
        if words[0] in ("SELECT", "EXAMINE"):
            uidnext = max(self.mails, default=0) + 1
            return b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT %d] x\r\n" % (len(self.mails), uidnext)
        if words[:2] == ["UID", "SEARCH"]:
            return b"* SEARCH" + b"".join(b" %d" % uid for uid in self._range(words[-1])) + b"\r\n"
        if words[:2] == ["UID", "FETCH"]:
            return self._fetch([int(uid) for uid in words[2].split(",")], " ".join(words[3:]))
        return b""

    def _range(self, text: str) -> list[int]:
        last = max(self.mails, default=0)
        if match := re.fullmatch(r"(\d+):\*", text):
            low = min(int(match[1]), last)  # "n:*" names the last message whatever n is
            return [uid for uid in sorted(self.mails) if uid >= low]
        if match := re.fullmatch(r"(\d+):(\d+)", text):
            return [uid for uid in sorted(self.mails) if int(match[1]) <= uid <= int(match[2])]
        return [uid for uid in sorted(self.mails) if str(uid) in text.split(",")]

    def _fetch(self, uids: list[int], items: str) -> Answer:
        out = b""
        for number, uid in enumerate(sorted(self.mails), 1):
            if uid not in uids:
                continue
            if "RFC822.SIZE" in items:
                size = self._sizes.get(uid, len(self.mails[uid]))
                date = b'"01-Nov-2026 10:00:00 +0700"'
                out += b"* %d FETCH (UID %d RFC822.SIZE %d INTERNALDATE %s)\r\n" % (number, uid, size, date)
            elif match := re.search(r"BODY\.PEEK\[\]<0\.(\d+)>", items):
                out += b"* %d FETCH (UID %d BODY[]<0> %s)\r\n" % (
                    number, uid, literal(self.mails[uid][: int(match[1])])
                )  # fmt: skip
            else:
                self._counts[uid] += 1
                answer = self._body(uid, self._counts[uid])
                if answer is None:
                    return None
                item = answer if answer.startswith(b"FLAGS") else b"BODY[] " + answer
                out += b"* %d FETCH (UID %d %s)\r\n" % (number, uid, item)
        return out


def literal(octets: bytes, announced: int | None = None) -> bytes:
    """{n}CRLF and the octets; `announced` tells a lie about n."""
    return b"{%d}\r\n%s" % (len(octets) if announced is None else announced, octets)
