"""A large mail on its way out: its body is read from its file block by block, each time it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

LARGE = 512 * 1024  # octets of a body; a smaller one is held whole


@dataclass(frozen=True, slots=True)
class LargeMail:
    """`gateway.model.Large`, of a head and what reads the body anew each time. `size` is that of the body."""

    head: bytes = field(repr=False)
    body: Callable[[], Iterator[bytes]] = field(repr=False)
    size: int
    ascii: bool

    def __len__(self) -> int:
        return len(self.head) + self.size

    def isascii(self) -> bool:
        return self.ascii and self.head.isascii()

    def blocks(self) -> Iterator[bytes]:
        yield self.head
        yield from self.body()
