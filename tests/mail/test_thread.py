"""What a message says about its ticket: tokens, tag, references."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.thread import find_tag, find_tokens, own_references
from gateway.mail.token import sign_address, sign_message_id
from gateway.model import Purpose
from tests.mail.made import AUTHOR, DESK, KEYS, TODAY, envelope, message

SIGNED = sign_address(DESK, Purpose.REPLY, 42, AUTHOR, TODAY + 1, KEYS)
OTHER = sign_address(DESK, Purpose.REPLY, 43, "x@khach.example", TODAY + 1, KEYS)
SIGNED_ID = sign_message_id("desk.example", Purpose.REPLY, 42, AUTHOR, TODAY + 1, "abc", KEYS)


def found(mail, env=None):
    return [(check.token.number, check.own, check.where) for check in find_tokens(mail, env or envelope(), TODAY, KEYS)]


def test_tokens_in_every_place_that_counts():
    assert found(message(), envelope(rcpt=[SIGNED])) == [(42, True, "recipient")]
    assert found(message(to=[SIGNED.upper()])) == [(42, True, "recipient")]
    assert found(message(cc=[OTHER])) == [(43, False, "recipient")]
    assert found(message(in_reply_to=[SIGNED_ID])) == [(42, True, "reference")]
    assert found(message(references=["<x@y.example>", SIGNED_ID])) == [(42, True, "reference")]


def test_each_token_once_and_recipients_first():
    mail = message(to=[SIGNED, SIGNED.upper()], cc=[OTHER], in_reply_to=[SIGNED_ID], references=[SIGNED_ID])
    expected = [(42, True, "recipient"), (43, False, "recipient"), (42, True, "reference")]
    assert found(mail, envelope(rcpt=[SIGNED])) == expected


def test_trace_headers_and_bodies_carry_no_token():
    headers = [("Delivered-To", SIGNED), ("X-Original-To", SIGNED), ("Envelope-To", SIGNED), ("Reply-To", SIGNED)]
    assert found(message(f"{SIGNED} {SIGNED_ID}", headers=headers, subject=SIGNED)) == []


def test_without_an_author_no_token_is_own():
    assert found(message(author=None, shown=AUTHOR, to=[SIGNED])) == [(42, False, "recipient")]


def test_forged_tokens_are_not_reported():
    forged = SIGNED.replace("+ra", "+rb") if "+ra" in SIGNED else SIGNED.replace(SIGNED[9], "2", 1)
    assert found(message(to=[forged, "support+x@desk.example"], in_reply_to=["<a@b>"])) == []


@pytest.mark.parametrize(
    ("subject", "tag"),
    [
        ("[DESK-12] Máy in", 12),
        ("Re: Máy in [DESK-12]", 12),
        ("Re: Re: Fwd: desk-12 máy in", 12),
        ("关于DESK-12的问题", 12),
        ("【DESK-12】", 12),
        ("(DESK-000012)", 12),
        ("DESK-12.", 12),
        ("DESK-12: x", 12),
        ("DESK-12, DESK-12", 12),
        ("DESK-999999999999", 999_999_999_999),
        ("DESK-1000000000000", None),
        ("[DESK-12] [DESK-13]", None),
        ("MYDESK-12", None),
        ("MY-DESK-12", None),
        ("my.DESK-12", None),
        ("_DESK-12", None),
        ("DESK-12a", None),
        ("DESK-12-3", None),
        ("DESK-12.5", None),
        ("DESK--12", None),
        ("DESK -12", None),
        ("DESK-", None),
        ("DESK-0", None),
        ("DESK-１２", None),
        ("DESK-12３", None),
        ("DESK-٣", None),
        ("DE\u017fK-12", None),
        ("ĐESK-12", None),
        ("DESK12", None),
        ("", None),
    ],
)
def test_tags(subject, tag):
    assert find_tag(subject, "DESK") == tag


def test_a_prefix_is_taken_literally():
    assert find_tag("[A.B-7]", "A.B") == 7
    assert find_tag("[AxB-7]", "A.B") is None


@given(st.text(max_size=255))
def test_any_subject_is_read(subject):
    tag = find_tag(subject, "DESK")
    assert tag is None or 0 < tag < 10**12


def test_own_references_are_told_by_form_and_domain():
    unverifiable = SIGNED_ID.replace("abc@", "abd@")
    foreign = SIGNED_ID.replace("desk.example", "other.example")
    mail = message(in_reply_to=[SIGNED_ID], references=["<a@desk.example>", unverifiable, foreign, SIGNED_ID])
    assert own_references(mail, "desk.example") == (SIGNED_ID, unverifiable)
