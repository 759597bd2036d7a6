"""The load generator, a process of its own: `python -m bench.load JOB`.

Closed loop: each connection sends the next mail as soon as it has its 250. Open loop: mails fall due at a rate,
whether or not the gateway keeps up, and latency counts from when a mail was due (no coordinated omission).
Speaks SMTP as Postfix does: MAIL, RCPT and DATA in one write. Says "ready", begins when told, leaves its results in
a file beside the job.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
import time
from collections import deque
from pathlib import Path

from bench.letters import Letter
from bench.records import Job, Result, Spent


class Load:
    """Hands letters to connections until all are answered."""

    def __init__(self, job: Job) -> None:
        self.job, self.result = job, Result()
        self.waiting: deque[tuple[float, Letter]] = deque()
        self.idle: list[Client] = []
        self.open = len(job.letters)
        self.done = asyncio.Event()
        if not job.rate:
            self.waiting.extend((0.0, letter) for letter in job.letters)

    async def run(self) -> Result:
        loop, began = asyncio.get_running_loop(), time.process_time()
        clients = [Client(self) for _ in range(self.job.connections)]
        if not self.job.one_each:
            await asyncio.gather(*(client.connect() for client in clients))
            await asyncio.gather(*(client.greeted for client in clients))
        print("ready", flush=True)
        await loop.run_in_executor(None, sys.stdin.readline)
        if self.job.rate:
            self.idle = clients
            await self._release()
        else:
            for client in clients:
                client.next()
        await self.done.wait()
        self.result.cpu = time.process_time() - began
        return self.result

    async def _release(self) -> None:
        began, gap = time.monotonic() + 0.05, 1 / self.job.rate
        for number, letter in enumerate(self.job.letters):
            due = began + number * gap
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            self.result.lag = max(self.result.lag, time.monotonic() - due)
            self.waiting.append((due, letter))
            if self.idle:
                self.idle.pop().next()

    def take(self, client: Client) -> tuple[float, Letter] | None:
        if self.waiting:
            due, letter = self.waiting.popleft()
            return due or time.monotonic(), letter
        if self.job.rate:
            self.idle.append(client)
        return None

    def answered(self, spent: Spent) -> None:
        self.result.spent.append(spent)
        self.open -= 1
        if self.open == 0:
            self.done.set()


class Client(asyncio.Protocol):
    """One connection; with `one_each` its successor opens the next."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._input = bytearray()
        self._expect = ""
        self._transport: asyncio.Transport | None = None
        self._current: tuple[Spent, Letter] | None = None
        self.greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._load.job.port)

    def next(self) -> None:
        taken = self._load.take(self)
        if taken is None:
            return
        self._current = Spent(taken[1].message_id, taken[0]), taken[1]
        if self._load.job.one_each:
            self._opening = asyncio.create_task(self.connect())
        else:
            self._begin()

    def _begin(self) -> None:
        assert self._current is not None
        assert self._transport is not None
        self._expect = "envelope"
        self._transport.write(self._current[1].envelope)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._expect = transport, "220"  # type: ignore[assignment]  # TCP: a stream transport
        self._input.clear()

    def connection_lost(self, error: Exception | None) -> None:
        if self._current is not None:
            self._finish(f"connection lost: {error}")

    def data_received(self, data: bytes) -> None:
        self._input += data
        if not self._input.endswith(b"\r\n"):
            return
        lines = self._input.split(b"\r\n")[:-1]
        wanted = 3 if self._expect == "envelope" else 1
        refusal = next((line for line in lines if line[:1] in b"45"), b"")
        if not refusal and (len([1 for line in lines if line[3:4] != b"-"]) < wanted):
            return
        self._input.clear()
        self._step(refusal.decode("latin-1"), lines[-1].decode("latin-1"))

    def _step(self, refusal: str, last: str) -> None:
        assert self._transport is not None
        if refusal and self._current is not None:
            self._finish(refusal)
        elif self._expect == "220":
            self._expect = "ehlo"
            self._transport.write(b"EHLO mx.customer.example\r\n")
        elif self._expect == "ehlo":
            self._greeted()
        elif self._expect == "envelope":
            assert self._current is not None
            spent, letter = self._current
            self._expect = "250"
            self._transport.writelines([letter.head, letter.tail, b".\r\n"])
            spent.dot = time.monotonic()
        elif self._current is not None:
            self._finish(last)

    def _greeted(self) -> None:
        if self._load.job.one_each:
            self._begin()
        elif not self.greeted.done():
            self.greeted.set_result(None)

    def _finish(self, reply: str) -> None:
        assert self._current is not None
        spent, self._current = self._current[0], None
        spent.answered, spent.reply = time.monotonic(), reply
        self._load.answered(spent)
        if self._load.job.one_each:
            if self._transport is not None:
                self._transport.write(b"QUIT\r\n")
                self._transport.close()
            Client(self._load).next()
        else:
            self.next()


def main() -> None:
    path = Path(sys.argv[1])
    job = pickle.loads(path.read_bytes())

    async def run() -> Result:
        return await Load(job).run()

    path.with_suffix(".result").write_bytes(pickle.dumps(asyncio.run(run())))


if __name__ == "__main__":
    main()
