"""The people of the kill loop: senders that try again until they hear 250, customers and agents who answer mail."""

from __future__ import annotations

import email
import queue
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from email.utils import getaddresses

from gateway.demo.letters import Writer, answer
from tests.faults.running import AGENT, HELP, Gateway, NotKept, id_of, letter
from tests.servers.faulty_relay import FaultyRelay, Taken

SENDERS = 4
LARGE = 300 * 1024  # octets; read in the child


@dataclass(frozen=True)
class Mail:
    """One mail on its way to the gateway."""

    message_id: str
    raw: bytes
    to: str
    mail_from: str
    login: bool = False


class Load:
    """Sends what is released, and what people answer to the mail that the relay got."""

    def __init__(
        self, gateway: Gateway, relay: FaultyRelay, answered: Collection[int], replied: Collection[int]
    ) -> None:
        self.gateway, self.relay = gateway, relay
        self.kept: dict[str, str] = {}  # Message-ID → what followed 250
        self.tries = 0
        self._answered, self._replied = set(answered), set(replied)
        self._waiting: queue.Queue[Mail] = queue.Queue()  # of several takers of a SimpleQueue one may wait for ever
        self._released = 0
        self._seen = 0
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._send) for _ in range(SENDERS)]
        threads.append(threading.Thread(target=self._react))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(30)

    def release(self, number: int) -> None:
        """A customer's first mail; every eleventh is large."""
        body = f"Please help with number {number}.\n" + ("x" * 70 + "\n") * (LARGE // 71 if number % 11 == 0 else 3)
        self._put(Mail(id_of(number), letter(number, body), HELP, customer(number)))

    @property
    def idle(self) -> bool:
        """Everything released has been kept and everybody who was to answer has."""
        return len(self.kept) == self._released and not self._answered and not self._replied

    def _put(self, mail: Mail) -> None:
        self._released += 1
        self._waiting.put(mail)

    def _send(self) -> None:
        while not self._stop.is_set():
            try:
                mail = self._waiting.get(timeout=0.1)
            except queue.Empty:
                continue
            self.tries += 1
            try:
                self.kept[mail.message_id] = self.gateway.send(mail.raw, mail.to, mail.mail_from, mail.login)
            except NotKept:
                self._waiting.put(mail)
                self._stop.wait(0.05)

    def _react(self) -> None:
        while not self._stop.wait(0.02):
            while self._seen < len(self.relay.taken):
                self._look_at(self.relay.taken[self._seen])
                self._seen += 1

    def _look_at(self, taken: Taken) -> None:
        mail = email.message_from_bytes(taken.data)
        number = number_of(str(mail.get("In-Reply-To", "")))
        if is_acknowledgement(mail) and number in self._replied:
            self._replied.discard(number)
            writer = Writer("", customer(number))
            self._answer(f"r{number}", writer, mail, f"One thing more about number {number}.")
        elif taken.recipient == AGENT and number in self._answered:
            self._answered.discard(number)
            self._answer(f"a{number}", Writer("Lan", AGENT), mail, f"The answer to number {number}: done.")

    def _answer(self, name: str, writer: Writer, mail: Message, text: str) -> None:
        to = getaddresses([str(mail["Reply-To"])])[0][1]
        login = writer.address == AGENT
        self._put(Mail(id_of(name), answer(writer, mail, text, id_of(name)), to, writer.address, login))


def customer(number: int) -> str:
    return f"customer{number}@customer.example"


def number_of(message_id: str) -> int:
    """The number of the customer's first mail that has this Message-ID, or -1."""
    digits = message_id.strip().removeprefix("<m").partition("@")[0]
    return int(digits) if digits.isdecimal() else -1


def is_acknowledgement(mail: Message) -> bool:
    return mail.get("Auto-Submitted") == "auto-replied" and number_of(str(mail.get("In-Reply-To", ""))) >= 0
