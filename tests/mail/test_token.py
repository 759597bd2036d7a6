"""Signed addresses and Message-IDs (a token routes, it does not authenticate)."""

from __future__ import annotations

import hmac
import string
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.mail.token import (
    _digest,
    address_purpose,
    bare_address,
    check_address,
    check_message_id,
    day_of,
    fits,
    holds_token,
    looks_own,
    new_key,
    party_matches,
    sign_address,
    sign_message_id,
)
from gateway.model import Purpose
from gateway.options import Keys
from tests.mail.made import AUTHOR, DESK, KEYS, OLD_KEY, TODAY

purposes = st.sampled_from(list(Purpose))
numbers = st.integers(1, 10**12 - 1)
days = st.integers(0, 32**3 - 1)
people = st.sampled_from([AUTHOR, "B.Nguyễn@khach.example", "x@y.example", "a+b@c.example"])
nonces = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=40)


def signed(number: int = 42, purpose: Purpose = Purpose.REPLY, day: int = TODAY + 400) -> str:
    return sign_address(DESK, purpose, number, AUTHOR, day, KEYS)


@given(purposes, numbers, people, days)
def test_every_field_of_an_address_comes_back(purpose, number, person, day):
    address = sign_address(DESK, purpose, number, person, day, KEYS)
    check = check_address(address, person, TODAY, KEYS)
    assert check is not None
    token = check.token
    assert (token.purpose, token.number, token.day, token.kid) == (purpose, number, day, KEYS.newest[0])
    assert check.own
    assert check.expired == (day < TODAY)
    assert check.where == "recipient"
    assert party_matches(token, person.upper() if person.isascii() else person, KEYS)
    assert not party_matches(token, "other@khach.example", KEYS)
    assert bare_address(address) == DESK


@given(purposes, numbers, people, days, nonces)
def test_every_field_of_a_message_id_comes_back(purpose, number, person, day, nonce):
    message_id = sign_message_id("desk.example", purpose, number, person, day, nonce, KEYS)
    check = check_message_id(message_id, person, TODAY, KEYS)
    assert check is not None
    assert (check.token.purpose, check.token.number, check.token.day) == (purpose, number, day)
    assert check.own
    assert check.where == "reference"
    assert looks_own(message_id, "desk.example")
    assert not looks_own(message_id, "other.example")


@given(numbers, st.data())
def test_any_changed_character_fails(number, data):
    address = signed(number)
    start = address.index("+") + 1
    at = data.draw(st.integers(start, address.index("@") - 1))
    other = data.draw(st.characters(codec="utf-8"))
    assume(other.lower() != address[at])
    assert check_address(address[:at] + other + address[at + 1 :], AUTHOR, TODAY, KEYS) is None


@given(numbers, nonces, st.data())
def test_any_changed_character_of_a_message_id_fails(number, nonce, data):
    message_id = sign_message_id("desk.example", Purpose.REPLY, number, AUTHOR, TODAY, nonce, KEYS)
    at = data.draw(st.integers(1, message_id.index("@") - 1))
    other = data.draw(st.characters(codec="utf-8"))
    assume(other.lower() != message_id[at])
    assert check_message_id(message_id[:at] + other + message_id[at + 1 :], AUTHOR, TODAY, KEYS) is None


@given(numbers, st.data())
def test_cut_or_grown_tokens_fail(number, data):
    address = signed(number)
    local, _, domain = address.rpartition("@")
    at = data.draw(st.integers(local.index("+") + 1, len(local) - 1))
    assert check_address(f"{local[:at]}{local[at + 1 :]}@{domain}", AUTHOR, TODAY, KEYS) is None
    assert check_address(f"{local[:at]}a{local[at:]}@{domain}", AUTHOR, TODAY, KEYS) is None


@given(st.text(max_size=200))
def test_any_text_is_read_without_raising(text):
    assert check_address(text, text, TODAY, KEYS) is None
    assert check_message_id(text, text, TODAY, KEYS) is None
    looks_own(text, "desk.example")
    bare_address(text)


def test_case_does_not_matter():
    assert check_address(signed().upper(), AUTHOR.upper(), TODAY, KEYS) == check_address(signed(), AUTHOR, TODAY, KEYS)


def test_another_author_is_not_own():
    check = check_address(signed(), "eve@evil.example", TODAY, KEYS)
    assert check is not None
    assert not check.own


def test_no_author_is_never_own():
    check = check_address(sign_address(DESK, Purpose.REPLY, 1, "", TODAY, KEYS), "", TODAY, KEYS)
    assert check is not None
    assert not check.own


@pytest.mark.parametrize(("day", "expired"), [(TODAY - 1, True), (TODAY, False), (TODAY + 1, False)])
def test_the_expiry_day_is_still_valid(day, expired):
    check = check_address(signed(day=day), AUTHOR, TODAY, KEYS)
    assert check is not None
    assert check.expired is expired


def test_old_keys_verify_and_unknown_ones_do_not():
    old = sign_address(DESK, Purpose.REPLY, 7, AUTHOR, TODAY, Keys((OLD_KEY,)))
    assert check_address(old, AUTHOR, TODAY, KEYS) is not None
    assert check_address(old, AUTHOR, TODAY, Keys((new_key(b"z" * 32),))) is None


def test_two_keys_of_one_kid_both_verify():
    kid, _ = KEYS.newest
    twins = Keys(((kid, b"1" * 32), (kid, b"2" * 32)))
    for key in twins.keys:
        address = sign_address(DESK, Purpose.REPLY, 7, AUTHOR, TODAY, Keys((key,)))
        check = check_address(address, AUTHOR, TODAY, twins)
        assert check is not None
        assert check.own
        assert party_matches(check.token, AUTHOR, twins)


def test_a_message_id_does_not_make_an_address():
    message_id = sign_message_id("desk.example", Purpose.REPLY, 42, AUTHOR, TODAY, "abcdef", KEYS)
    fields = message_id.strip("<>").partition("@")[0]
    assert check_address(f"support+{fields}@desk.example", AUTHOR, TODAY, KEYS) is None
    assert check_address(f"support+{fields.rpartition('.')[0]}@desk.example", AUTHOR, TODAY, KEYS) is None


def test_a_purpose_has_its_own_signatures():
    address = signed(purpose=Purpose.REPLY)
    forged = address.replace("+r", "+a", 1)
    assert address_purpose(forged) is Purpose.AGENT
    assert check_address(forged, AUTHOR, TODAY, KEYS) is None


def test_local_parts_fit_for_bases_up_to_20_characters():
    base = "a" * 20 + "@desk.example"
    assert fits(base)
    address = sign_address(base, Purpose.REPLY, 10**12 - 1, AUTHOR, 32**3 - 1, KEYS)
    assert len(address.partition("@")[0]) <= 64
    assert not fits("a" * 22 + "@desk.example")
    with pytest.raises(ValueError, match="64"):
        sign_address("a" * 30 + "@desk.example", Purpose.REPLY, 10**12 - 1, AUTHOR, TODAY, KEYS)


@pytest.mark.parametrize(
    "call",
    [
        lambda: signed(0),
        lambda: signed(10**12),
        lambda: signed(day=-1),
        lambda: sign_address("nobody", Purpose.REPLY, 1, AUTHOR, 1, KEYS),
        lambda: sign_message_id("d.example", Purpose.REPLY, 1, AUTHOR, 1, "a b", KEYS),
        lambda: new_key(b"short"),
    ],
)
def test_what_cannot_be_signed_raises(call):
    with pytest.raises(ValueError):
        call()


@pytest.mark.parametrize(
    "address",
    [
        "support@desk.example",
        "lan+shop@khach.example",
        "lan+ra.b.c.d@khach.example",
        "support+r@desk.example",
        "",
        "@",
        "+",
    ],
)
def test_other_addresses_stay_as_they_are(address):
    assert bare_address(address) == address
    assert address_purpose(address) is None


def test_bare_address_needs_no_key():
    foreign = sign_address("sales+x@desk.example", Purpose.NOTE, 5, AUTHOR, 9, Keys((new_key(b"f" * 32),)))
    assert bare_address(foreign) == "sales+x@desk.example"
    assert holds_token(f"xem <{foreign.upper()}> nhé")
    assert not holds_token("support+help@desk.example")


def test_days_count_from_2020_in_utc():
    assert day_of(datetime(2020, 1, 1, tzinfo=UTC)) == 0
    assert day_of(datetime(2020, 1, 2, 6, tzinfo=timezone(timedelta(hours=7)))) == 0
    assert day_of(datetime(2026, 11, 22, tzinfo=UTC)) == 2517


def test_kids_are_one_base32_letter():
    kids = {new_key(bytes([i]) * 32)[0] for i in range(200)}
    assert kids <= set(string.ascii_lowercase + "234567")
    assert len(kids) > 20


@given(st.binary(min_size=1, max_size=200), st.binary(max_size=300))
def test_signatures_are_hmac(key: bytes, octets: bytes) -> None:
    assert _digest(key, octets) == hmac.digest(key, octets, "sha256")
