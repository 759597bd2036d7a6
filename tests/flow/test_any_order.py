"""Law 4: the same tickets whatever the order of arrival.

Threads are drawn at random: who wrote, to whom in copy, with which evidence, which references survived. Each is played
in its written order and in another, whole or in part, in groups and singly, with the clock ticking between. The
partition of messages into tickets, with requester and department, must be the same.
"""

from __future__ import annotations

import random
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

import pytest

from gateway.options import Caps
from tests.flow.clients import mail
from tests.flow.desk_under_test import START, DeskUnderTest

DRAWS, PERMUTATIONS = 200, 5  # 1,000 permutations and interleavings
PEOPLE = ("an@khach.example", "binh@khach.example", "chi@doitac.example", "wang@kehu.example")
SUBJECTS = ("Hóa đơn tháng 11", "Tên miền không truy cập được", "网站打不开", "Logo for the new shop")
DOORS = ("hotro@desk.example", "kinhdoanh@desk.example", "kythuat@desk.example")
OPEN_CAPS = Caps(
    acks_10min=10**9, acks_hour=10**9, acks_day=10**9, same_subject_3h=10**9, all_10min=10**9,
    tickets_hour=10**9, breaker_hour=10**9,
)  # fmt: skip


@dataclass(frozen=True)
class Letter:
    name: str
    author: str
    to: str
    cc: tuple[str, ...]
    refs: tuple[str, ...]
    proven: bool
    subject: str
    minute: int
    index: str = ""  # Outlook's Thread-Index

    def raw(self, run: str) -> bytes:
        ids = [f"<{ref}.{run}@client.example>" for ref in self.refs]
        headers = {"References": " ".join(ids), "In-Reply-To": ids[-1]} if ids else {}
        if self.index:
            headers["Thread-Index"] = b64encode(sha256(run.encode()).digest()[:6] + bytes.fromhex(self.index)).decode()
        if self.proven:
            domain = self.author.split("@")[1]
            headers |= {"Authentication-Results": f"mx.desk.example; dmarc=pass header.from={domain}"}
        # each run has people of its own, so that one store serves them all
        return mail(
            sender=_own(self.author, run),
            to=self.to,
            cc=", ".join(_own(address, run) for address in self.cc),
            subject=self.subject,
            body=f"{self.name}: {self.subject}, please look into it",
            message_id=f"<{self.name}.{run}@client.example>",
            date=START + timedelta(minutes=self.minute),
            headers=headers,
        )


def _own(address: str, run: str) -> str:
    user, domain = address.split("@")
    return f"{user}.{run}@{domain}"


def draw(random_: random.Random) -> list[Letter]:
    """Two or three threads of one to five mails, some mails missing, some references trimmed; some begun anew from an
    old mail, some written with Outlook, which keeps the conversation where the references are gone."""
    letters: list[Letter] = []
    for thread in range(random_.randint(1, 3)):
        people = random_.sample(PEOPLE, random_.randint(1, 3))
        subject, door, proven = random_.choice(SUBJECTS), random_.choice(DOORS), random_.random() < 0.6
        chain: dict[str, tuple[str, ...]] = {}
        outlook = random_.randbytes(16).hex() if random_.random() < 0.3 else ""
        for number in range(random_.randint(1, 5)):
            name = f"t{thread}m{number}"
            parent = random_.choice([*chain]) if chain else None
            refs = (*chain[parent], parent) if parent else ()
            chain[name] = refs
            kept = refs if random_.random() < 0.7 else refs[-1:]
            author = people[0] if number == 0 else random_.choice(people)
            others = tuple(person for person in people if person != author)
            shown = "Re: " + subject if refs else subject
            index = outlook + "0000000001" * len(refs) if outlook else ""
            if index and refs and random_.random() < 0.4:
                kept = ()
            elif refs and random_.random() < 0.15:
                shown = random_.choice([other for other in SUBJECTS if other != subject])
            letters.append(Letter(name, author, door, others, kept, proven, shown, 10 * thread + number, index))
    kept_letters = [letter for letter in letters if random_.random() < 0.9]
    return kept_letters or letters


Partition = frozenset[tuple[frozenset[str], str, str]]


def play(desk: DeskUnderTest, letters: list[Letter], run: str, random_: random.Random | None) -> Partition:
    """Feeds the letters in and returns who ended up with whom."""
    for letter in letters:
        alone = random_ is None or random_.random() < 0.5
        desk.receive(letter.raw(run), [letter.to], settle=alone)
        if random_ is not None and random_.random() < 0.2:
            desk.pass_time(minutes=random_.randint(1, 20))
    desk.settle()
    return frozenset(
        (
            frozenset(m["message_id"].split(".")[0].strip("<") for m in row["messages"] if m["message_id"]),
            (row["requester"] or "").replace(f".{run}@", "@"),
            row["department"],
        )
        for row in desk.store.tickets({"requester": [_own(person, run) for person in PEOPLE]}, "CTY")
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskUnderTest]:
    desk = DeskUnderTest(tmp_path_factory.mktemp("order"), caps=OPEN_CAPS)
    yield desk
    desk.close()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("share", range(4))
def test_any_order_gives_the_same_tickets(desk: DeskUnderTest, share: int) -> None:
    for number in range(share, DRAWS, 4):
        letters = draw(random.Random(number))
        straight = play(desk, letters, f"s{number}", None)
        for again in range(PERMUTATIONS):
            random_ = random.Random(number * PERMUTATIONS + again)
            shuffled = random_.sample(letters, len(letters))
            other = play(desk, shuffled, f"p{number}x{again}", random_)
            assert other == straight, f"draw {number}, permutation {again}: {[letter.name for letter in shuffled]}"
            desk.mails.clear()


def test_the_draw_is_not_trivial() -> None:
    """The threads drawn really have late parents, lost mails, several writers and several doors."""
    drawn = [draw(random.Random(number)) for number in range(200)]
    names = [{letter.name for letter in letters} for letters in drawn]
    anew = sum(1 for letters in drawn for x in letters if x.refs and not x.subject.startswith("Re:"))
    bare = sum(1 for letters in drawn for x in letters if x.index and not x.refs and x.subject.startswith("Re:"))
    orphans = sum(1 for letters, have in zip(drawn, names, strict=True) for x in letters if set(x.refs) - have)
    writers = sum(1 for letters in drawn if len({letter.author for letter in letters}) > 1)
    assert orphans > 50
    assert anew > 20
    assert bare > 20
    assert writers > 100
