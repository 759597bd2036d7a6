"""Octets kept once: what comes back is what was put there, or it is called damaged, whatever has become of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.blobs import BlobDamaged, Blobs

pytestmark = pytest.mark.sqlite  # no database is asked: once is enough
BLOBS = Blobs(None)
TEXT = b"Ch\xc3\xa0o qu\xc3\xbd c\xc3\xb4ng ty, " * 100


@given(st.binary(max_size=3000))
def test_any_octets_come_back(raw: bytes) -> None:
    packed = BLOBS.pack(raw)
    assert packed.content is not None
    assert BLOBS.unpack(packed.sha256, packed.codec, packed.content) == raw
    assert len(packed.content) <= len(raw)


@given(st.integers(0, 200), st.integers(1, 255))
def test_damaged_octets_are_never_given_out(place: int, flip: int) -> None:
    """Wherever the damage is: in the header of the frame it may ask for any amount of memory."""
    packed = BLOBS.pack(TEXT)
    content = bytearray(packed.content or b"")
    content[place % len(content)] ^= flip
    try:
        assert BLOBS.unpack(packed.sha256, packed.codec, bytes(content)) == TEXT  # octets that say nothing
    except BlobDamaged:
        pass


@pytest.mark.parametrize("content", [b"", b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 8 + b"\x01\x00\x00"])
def test_a_frame_that_is_none_is_damaged(content: bytes) -> None:
    with pytest.raises(BlobDamaged):
        BLOBS.unpack(BLOBS.pack(TEXT).sha256, "zstd", content)


def test_text_is_squeezed_and_noise_is_not() -> None:
    assert BLOBS.pack(TEXT).codec == "zstd"
    assert len(BLOBS.pack(TEXT).content or b"") < len(TEXT) // 5
    assert BLOBS.pack(bytes(range(200))).codec == "raw"
