"""Laws 2, 3, 5 and 6 on random lives; law 5 on two desks that answer each other, and on a robot that answers all."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import pytest

from gateway.build import RULE_ENDINGS, shipped
from gateway.edge.files import read_folder
from tests.flow.clients import mail, reply_address
from tests.flow.desk_under_test import DESK, DeskUnderTest, Mail
from tests.flow.invariants import SECRET, check
from tests.flow.life import Life

LIVES = 14
STEPS = 40


@pytest.mark.parametrize("seed", range(LIVES))
def test_a_random_life_keeps_the_laws(seed: int, tmp_path: Path) -> None:
    desk = DeskUnderTest(tmp_path)
    try:
        life = Life(desk, seed)
        for _ in range(STEPS):
            life.step()
        desk.pass_time(hours=60)
        check(desk)
        _no_address_is_flooded(desk, life.staff)
    finally:
        desk.close()


def _no_address_is_flooded(desk: DeskUnderTest, people: frozenset[str]) -> None:
    acknowledged = Counter(mail.to for mail in desk.mails if mail.kind == "acknowledgement" and mail.to not in people)
    assert not acknowledged or max(acknowledged.values()) <= 40  # 20 a day, and a life lasts some days


def test_lives_are_not_trivial(tmp_path: Path) -> None:
    """Answers, notes, returned and staged mails, surveys and bounces really happen in them, and secrets are there."""
    kinds: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    for seed in range(3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        desk = DeskUnderTest(folder)
        life = Life(desk, seed)
        for _ in range(STEPS):
            life.step()
        kinds.update(mail.kind for mail in desk.mails)
        for number in range(1, desk.received + 1):
            outcomes.update(row["outcome"] for row in desk.store.outcomes(number))
        assert any(SECRET in mail.text for mail in desk.mails)
        desk.close()
    for kind in ("answer", "acknowledgement", "agent-notice", "note-copy", "returned", "confirm", "survey"):
        assert kinds[kind], kinds
    for outcome in ("ticketed", "joined", "answered", "noted", "returned", "staged", "duplicate", "bounce"):
        assert outcomes[outcome], outcomes


# --- law 5 ------------------------------------------------------------------------------------------------------------


def _other_desk(folder: Path) -> DeskUnderTest:
    """A second company with the same program."""
    folder.mkdir()
    rules = {
        name: text.replace("desk.example", "other.example")
        for name, text in read_folder(shipped("rules"), RULE_ENDINGS).items()
    }
    options = replace(DESK, prefix="OTH", domain="other.example", bounce_address="bounce@other.example")
    return DeskUnderTest(folder, rules=rules, options=options)


_MARKS = re.compile(
    rb"^(?:Auto-Submitted|X-Auto-Response-Suppress|In-Reply-To|References|Reply-To):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*",
    re.MULTILINE | re.IGNORECASE,
)


def _carried(mail: Mail, marked: str) -> tuple[bytes, str]:
    """What the other desk sees: with all marks, or as a path that loses them shows it."""
    if marked == "all":
        return mail.raw, mail.envelope_from
    raw = _MARKS.sub(b"", mail.raw) if marked == "none" else mail.raw.replace(b"Auto-Submitted", b"X-Lost", 1)
    if marked == "none":
        raw = re.sub(rb"Message-ID: <[^>]*>", b"Message-ID: <%d@path.example>" % crc32(mail.raw), raw)
    else:
        raw = raw.replace(b"X-Auto-Response-Suppress", b"X-Lost-2", 1)
    return raw, "sender@path.example"


@pytest.mark.parametrize("marked", ["all", "threads", "none"])
def test_two_desks_stop_answering_each_other(tmp_path: Path, marked: str) -> None:
    """With their marks; without the marks of automatic mail; without these, Reply-To, references and own ids."""
    here, there = DeskUnderTest(tmp_path), _other_desk(tmp_path / "other")
    first = mail(
        sender="kythuat@other.example",
        to="hotro@desk.example",
        subject="Chào",
        body="Chào các bạn.",
        message_id="<x@y>",
    )
    here.receive(first, ["hotro@desk.example"], mail_from="kythuat@other.example")
    exchanged = 0
    at = {id(here): 0, id(there): 0}
    for _ in range(30):
        moved = 0
        for desk, peer, domain in ((here, there, "@other.example"), (there, here, "@desk.example")):
            fresh, at[id(desk)] = desk.mails[at[id(desk)] :], len(desk.mails)
            for one in fresh:
                if one.to.endswith(domain):
                    raw, path = _carried(one, marked)
                    peer.receive(raw, [one.to], mail_from=path)
                    moved += 1
        exchanged += moved
        if not moved:
            break
    check(here)
    here.close()
    there.close()
    assert 1 <= exchanged <= 5, f"{exchanged} mails between two desks"


@pytest.mark.parametrize("way", ["new threads", "replies", "signed address"])
def test_a_robot_that_answers_everything_stops_at_the_caps(tmp_path: Path, way: str) -> None:
    """It answers each mail it gets at once, and writes on its own every half hour, for a day, unmarked."""
    desk = DeskUnderTest(tmp_path)
    robot, answered = "bot@kehu.example", 0
    for turn in range(48):
        queue: list[Mail | None] = [None]
        for count in range(20):
            if not queue:
                break
            received = queue.pop()
            text = f"Máy trả lời số {turn}.{count}"
            headers = {}
            to = "hotro@desk.example"
            if received is not None:
                answered += 1
                to = reply_address(received) if way == "signed address" else to
                headers = {"In-Reply-To": received.header("Message-ID")} if way == "replies" else {}
            before = len(desk.mails)
            raw = mail(
                sender=robot, to=to, subject=text, body=text, message_id=f"<{turn}.{count}@bot>", headers=headers
            )
            desk.receive(raw, [to], mail_from=robot)
            queue += [one for one in desk.mails[before:] if one.to == robot]
        assert not queue, "the robot and the desk do not stop"
        desk.pass_time(minutes=30)
        desk.mails = [one for one in desk.mails if one.to == robot]
    got = Counter(one.kind for one in desk.sent_to(robot))
    desk.close()
    assert got["acknowledgement"] <= 20, got
    assert sum(got.values()) <= 20, got
    assert answered > 0
