"""What goes through the pipe comes out equal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.wire import pack, unpack
from gateway.model import Attachment, DeliveryReport, Mailbox, Message, Region

texts = st.text(max_size=20)
boxes = st.builds(Mailbox, texts, texts)
many = st.lists(texts, max_size=3).map(tuple)
box_lists = st.lists(boxes, max_size=2).map(tuple)
parts = st.builds(Attachment, texts, texts, texts, st.binary(max_size=50), st.booleans(), texts)
reports = st.builds(DeliveryReport, texts, texts, many, texts, texts)
regions = st.builds(Region, texts, st.integers(0, 9), st.integers(0, 9))
dates = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda at: at.replace(tzinfo=UTC))
messages = st.builds(
    Message,
    message_id=texts, in_reply_to=many, references=many, author=st.none() | boxes, shown_from=st.none() | boxes,
    reply_to=box_lists, to=box_lists, cc=box_lists, subject=texts, date=st.none() | dates,
    headers=st.lists(st.tuples(texts, texts), max_size=3).map(tuple), content_type=texts,
    content_params=st.dictionaries(texts, texts, max_size=2), text=texts, html=texts,
    attachments=st.lists(parts, max_size=3).map(tuple), report=st.none() | reports, digest=texts,
    size=st.integers(0, 10**9), defects=many, html_text=texts, regions=st.lists(regions, max_size=3).map(tuple),
)  # fmt: skip


@given(messages)
def test_round_trip(message: Message) -> None:
    assert unpack(pack(message)) == message


@given(messages, st.integers(0, 10_000))
def test_cut_octets_are_refused(message: Message, place: int) -> None:
    packed = pack(message)
    with pytest.raises(ValueError):
        unpack(packed[: place % len(packed)])


@pytest.mark.parametrize("data", [b"", b"x", b"MSG1\0\0\0\2{}", b"MSG1\0\0\0\4null", b"\x80\x04K\x01."])
def test_other_octets_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        unpack(data)


def test_octets_after_the_end_are_refused() -> None:
    message = Message("", (), (), None, None, (), (), (), "", None, (), "", {}, "", "", (), None, "", 0)
    with pytest.raises(ValueError):
        unpack(pack(message) + b"x")
