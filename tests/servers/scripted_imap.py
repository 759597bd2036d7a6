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
ABILITIES = b"IMAP4rev1 IDLE UIDPLUS MOVE"


class ScriptedImap:
    """One folder, INBOX, with `mails` by UID. Takes any login. Moved mail is in `moved`.

    `body(uid, tries)` gives the octets after "BODY[] " for the n-th time (from 1) that a body is asked for, or another
    item that begins with "FLAGS", or None to hang up. `idle(times)` gives what is sent in the n-th IDLE after the
    continuation: octets, b"" for nothing, ever, or None to hang up. `commands` are the lines that came in.

    `step(word, times)` is asked before each answer ("LOGIN", "UID FETCH" ...; "GREETING" is the first) and says what is
    done: "" as usual, "silent" (a black hole from here on), "hang up", "half" (half of the answer, then a black hole),
    "drip" (an octet at a time), "no" (refused). `unasked(word)` is sent before the answer. After `cut` octets of its
    own, of all connections together, it hangs up once. `greeting` and `abilities` as they stand on the wire.
    """

    def __init__(
        self,
        mails: dict[int, bytes],
        body: Callable[[int, int], Answer] | None = None,
        idle: Callable[[int], Answer] | None = None,
        login: Callable[[int], bytes] | None = None,
        sizes: dict[int, int] | None = None,
        step: Callable[[str, int], str] | None = None,
        unasked: Callable[[str], bytes] | None = None,
        cut: int | None = None,
        greeting: bytes = b"* OK [CAPABILITY %s] ready\r\n" % ABILITIES,
        abilities: bytes = ABILITIES,
    ) -> None:
        self.mails = mails
        self.commands: list[str] = []
        self.connections = 0
        self._body = body or (lambda uid, tries: literal(self.mails[uid]))
        self._idle = idle or (lambda times: b"")
        self._login = login or (lambda times: b"OK welcome")
        self._sizes = sizes or {}
        self._step = step or (lambda word, times: "")
        self._unasked = unasked or (lambda word: b"")
        self.cut = cut
        self.sent = 0
        self.moved: dict[int, bytes] = {}
        self._greeting, self._abilities = greeting, abilities
        self._closing = threading.Event()
        self._counts: Counter[object] = Counter()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._idle_tag = b""
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
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
                if not self._answer(connection, "GREETING", self._greeting):
                    return
                for line in lines:
                    text = line.decode("latin-1").strip()
                    self.commands.append(text)
                    if not self._obey(connection, text):
                        return
        except OSError:
            return

    def _send(self, connection: socket.socket, octets: bytes) -> None:
        """Up to the cut; OSError there, once."""
        if self.cut is not None and self.sent + len(octets) > self.cut:
            octets, self.cut = octets[: self.cut - self.sent], None
            connection.sendall(octets)
            self.sent += len(octets)
            raise ConnectionAbortedError
        self.sent += len(octets)
        connection.sendall(octets)

    def _answer(self, connection: socket.socket, word: str, octets: bytes) -> bool:
        """Whether the connection goes on."""
        self._counts[word] += 1
        step = self._step(word, self._counts[word])
        if step in ("half", "drip"):
            half = octets if step == "drip" else octets[: len(octets) // 2]
            for place in range(len(half)):
                connection.sendall(half[place : place + 1])
                if step == "drip" and self._closing.wait(0.05):
                    return False
        if step in ("silent", "half"):
            self._closing.wait(60)
        if step in ("silent", "half", "drip", "hang up"):
            return False
        self._send(connection, octets)
        return True

    def _obey(self, connection: socket.socket, text: str) -> bool:
        tag, _, rest = text.partition(" ")
        words = rest.upper().split()
        if words[:1] == ["DONE"] or tag.upper() == "DONE":
            return self._answer(connection, "DONE", self._idle_tag + b" OK done\r\n")
        if not words:  # not IMAP: the beginning of TLS
            return False
        if words[0] == "IDLE":
            self._idle_tag = tag.encode()
            self._counts["idle"] += 1
            answer = self._idle(self._counts["idle"])
            self._send(connection, b"+ idling\r\n")
            time.sleep(0.05)  # a packet of its own
            self._send(connection, answer or b"")
            return answer is not None
        word = " ".join(words[:2]) if words[0] == "UID" else words[0]
        if self._step(word, self._counts[word] + 1) == "no":
            return self._answer(connection, word, tag.encode() + b" NO not now\r\n")
        untagged = self._untagged(words)
        if untagged is None:
            return False
        result = b"OK done"
        if words[0] == "LOGIN":
            self._counts["login"] += 1
            result = self._login(self._counts["login"])
        untagged = self._unasked(word) + untagged
        return self._answer(connection, word, untagged + tag.encode() + b" " + result + b"\r\n")

    def _untagged(self, words: list[str]) -> Answer:
        if words[0] == "CAPABILITY":
            return b"* CAPABILITY " + self._abilities + b"\r\n"
        if words[0] in ("SELECT", "EXAMINE"):
            uidnext = max(self.mails, default=0) + 1
            return b"* %d EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT %d] x\r\n" % (len(self.mails), uidnext)
        if words[:2] == ["UID", "SEARCH"]:
            return b"* SEARCH" + b"".join(b" %d" % uid for uid in self._range(words[-1])) + b"\r\n"
        if words[:2] == ["UID", "FETCH"]:
            return self._fetch([int(uid) for uid in words[2].split(",")], " ".join(words[3:]))
        if words[:2] == ["UID", "MOVE"]:
            numbers = sorted(self.mails)
            gone = [uid for uid in numbers if str(uid) in words[2].split(",")]
            lines = b"".join(b"* %d EXPUNGE\r\n" % (numbers.index(uid) + 1) for uid in reversed(gone))
            self.moved |= {uid: self.mails[uid] for uid in gone}
            self.mails = {uid: raw for uid, raw in self.mails.items() if uid not in gone}
            return lines
        if words[0] == "LIST":
            return b'* LIST () "/" ' + words[-1].encode() + b"\r\n"
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
