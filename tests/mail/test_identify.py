"""Evidence: what proves who wrote (law 7). Authentication-Results: a tolerant reader with strict trust."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.authresults import read_results, vouched
from gateway.mail.domains import aligned
from gateway.mail.identify import identify
from gateway.model import Envelope, Evidence, Purpose, Source, Token, TokenCheck
from tests.mail.made import AUTHOR, envelope, message

IDS = frozenset({"mx.desk.example"})
HOP = (
    "Received",
    "from out.khach.example (out.khach.example [192.0.2.7]) by mx.desk.example (Postfix) with ESMTPS id 1",
)
FAR = ("Received", "from laptop (unknown [198.51.100.1]) by out.khach.example with ESMTPSA id 2")


def level(
    *headers: tuple[str, str], author: str | None = AUTHOR, ids: frozenset[str] = IDS, env: Envelope | None = None
):
    mail = message(author=author, shown=AUTHOR, headers=headers)
    return identify(mail, env or envelope(), Source.SMTP, (), ids, False)[0]


def results(value: str) -> tuple[str, str]:
    return ("Authentication-Results", value)


VOUCHING = [
    "mx.desk.example; dmarc=pass header.from=khach.example",
    "MX.Desk.Example; DMARC=Pass Header.From=Khach.EXAMPLE",
    "mx.desk.example 1; dmarc=pass (p=reject dis=none) header.from=khach.example",
    "mx.desk.example; dmarc=pass(p=REJECT) header.from=khach.example;",
    "mx.desk.example;\r\n\tspf=pass (IP; ok) smtp.mailfrom=a@b.example;\r\n dmarc=pass header.from=khach.example",
    "mx.desk.example; dmarc = pass header.from = khach.example",
    'mx.desk.example; dmarc=pass reason="policy; ok" header.from="khach.example"',
    "mx.desk.example; dmarc=pass header.from=<lan@khach.example>",
    '"mx.desk.example"; dmarc=pass header.from=khach.example',
    "mx.desk.example; dkim=pass header.d=khach.example header.s=s1 header.b=abc=",
    "mx.desk.example; dkim=pass (2048-bit key; unprotected) header.d=khach.example header.i=@khach.example",
    "mx.desk.example; dkim=pass header.i=@khach.example header.s=20230601",
    "mx.desk.example; dkim=pass header.d=mail.khach.example",
    "mx.desk.example; dkim=pass header.d=esp.example; dkim=pass header.d=khach.example",
    "mx.desk.example; dkim/1=pass header.d=khach.example",
    "mx.desk.example; auth=pass smtp.auth=lan@khach.example smtp.mailfrom=lan@khach.example",
    "mx.desk.example; auth=pass (PLAIN) smtp.auth=LAN@khach.example",
]

SILENT = [
    "mx.desk.example; none",
    "mx.desk.example; spf=pass smtp.mailfrom=khach.example",
    "mx.desk.example; dmarc=fail header.from=khach.example",
    "mx.desk.example; dmarc=pass",
    "mx.desk.example; dmarc=pass header.from=evil.example",
    "mx.desk.example; dmarc=pass header.from=khach.example.evil.example",
    "mx.desk.example; dmarc=pass header.from=sub.khach.example",
    "mx.desk.example; dmarc=pass header.from=khach.example; dmarc=fail header.from=khach.example",
    "mx.desk.example; dmarc=pass header.from=khach.example; dmarc=pass header.from=evil.example",
    "mx.desk.example; dkim=pass header.d=evil.example",
    "mx.desk.example; dkim=pass header.d=khach.example; dkim=fail header.d=khach.example",
    "mx.desk.example; dkim=pass header.d=example",
    "mx.desk.example; dkim=pass header.d=evil.example header.i=@khach.example",
    "mx.desk.example; dkim=neutral header.d=khach.example",
    "mx.desk.example; auth=pass smtp.auth=other@khach.example",
    "mx.desk.example; auth=pass smtp.mailfrom=lan@khach.example",
    # another host's, a prefix, a suffix, Microsoft 365 without any, in a comment, in a quoted string
    "mx.evil.example; dmarc=pass header.from=khach.example",
    "mx.desk.example.evil.example; dmarc=pass header.from=khach.example",
    "desk.example; dmarc=pass header.from=khach.example",
    "spf=pass smtp.mailfrom=khach.example; dmarc=pass action=none header.from=khach.example; compauth=pass reason=100",
    "(mx.desk.example; dmarc=pass header.from=khach.example) other.example; none",
    "mx.desk.example; spf=fail (dmarc=pass header.from=khach.example) smtp.mailfrom=x@y.example",
    'mx.desk.example; spf=pass smtp.mailfrom="a; dmarc=pass header.from=khach.example; b"@evil.example',
    'mx.desk.example; spf=fail reason="x" ; "dmarc=pass" header.from=khach.example',
    r'mx.desk.example; spf=fail reason="x\"; dmarc=pass header.from=khach.example" smtp.mailfrom=x',
    'mx.desk.example; dmarc=pass header.from=khach.example; spf=fail reason="never closed',
    "mx.desk.example; dmarc=pass header.from=khach.example (never closed",
    "mx.desk.example; dmarc=pass header.from=evil.example header.from=khach.example",
    "",
    ";",
]


@pytest.mark.parametrize("value", VOUCHING)
def test_our_border_host_vouches(value):
    assert level(results(value), HOP, FAR) is Evidence.E1


@pytest.mark.parametrize("value", SILENT)
def test_nothing_else_vouches(value):
    assert level(results(value), HOP, FAR) is Evidence.E0


PASS = results("mx.desk.example; dmarc=pass header.from=khach.example")
INNER = ("Received", "from mx.desk.example (mx.desk.example [10.0.0.1]) by store.desk.example with LMTP id 3")
LYING = ("Received", "from store.desk.example (evil.example [192.0.2.66]) by mx.desk.example with ESMTP id 4")
BOTH = IDS | {"store.desk.example"}


@pytest.mark.parametrize(
    ("headers", "ids", "expected"),
    [
        ((PASS, HOP, FAR), IDS, Evidence.E1),
        ((HOP, PASS, FAR), IDS, Evidence.E1),  # Gmail and Exchange write it below their own line
        ((HOP, FAR, PASS), IDS, Evidence.E0),  # forged before it reached us
        ((FAR, PASS), IDS, Evidence.E0),
        ((HOP, HOP, PASS), IDS, Evidence.E0),  # a forged copy of our own line
        ((INNER, HOP, PASS, FAR), BOTH, Evidence.E1),
        ((INNER, HOP, PASS, FAR), IDS, Evidence.E0),  # an inner hop that is not listed
        ((INNER, PASS, HOP), BOTH, Evidence.E1),
        ((LYING, INNER, PASS), BOTH, Evidence.E0),  # the client calls itself one of our hosts
        ((HOP, INNER, PASS), BOTH, Evidence.E0),  # a forged inner line under the border's
        ((("Received", "by 10.2.3.4 with SMTP id x"), HOP, PASS, FAR), IDS, Evidence.E1),  # a hand-over inside one host
        ((HOP, ("Received", "by 10.2.3.4 with SMTP id x"), PASS), IDS, Evidence.E0),
        ((PASS, results("mx.desk.example; dmarc=fail header.from=khach.example"), HOP), IDS, Evidence.E0),
        ((PASS,), IDS, Evidence.E1),
        ((PASS, HOP), frozenset(), Evidence.E0),
        ((PASS, HOP), frozenset({""}), Evidence.E0),
        ((results("; dmarc=pass header.from=khach.example"), HOP), frozenset({""}), Evidence.E0),
        ((("ARC-Authentication-Results", f"i=1; {PASS[1]}"), HOP), IDS, Evidence.E0),
        ((("X-Authentication-Results", PASS[1]), HOP), IDS, Evidence.E0),
        ((("Received-SPF", "pass"), HOP), IDS, Evidence.E0),
    ],
)
def test_only_the_block_of_the_border_host_counts(headers, ids, expected):
    assert level(*headers, ids=ids) is expected


OFFICE = frozenset({"*.outlook.com"})
INSIDE = (
    "Received",
    "from SG2APC01FT038.eop.prod.protection.outlook.com (2603:10c6::1) by SG2PR01CA0123.apc.prod.outlook.com with SMTP",
)
EDGE = (
    "Received",
    "from out.khach.example (192.0.2.7) by SG2APC01FT038.mail.protection.outlook.com (10.13.36.1) with X",
)
SAID = results(
    "spf=pass (sender IP is 192.0.2.7)\r\n smtp.mailfrom=khach.example; dkim=pass (signature was verified)\r\n"
    " header.d=khach.example;dmarc=pass action=none\r\n header.from=khach.example;compauth=pass reason=100"
)
FAILED = results("spf=fail smtp.mailfrom=khach.example; dkim=none; dmarc=fail action=none header.from=khach.example")
NONE = results("dkim=none (message not signed)\r\n header.d=none;dmarc=none action=none\r\n header.from=khach.example;")
OURS = ("X-MS-Exchange-Organization-AuthAs", "Internal")
ELSE = ("X-MS-Exchange-Organization-AuthAs", "Anonymous")


@pytest.mark.parametrize(
    ("headers", "ids", "expected"),
    [
        ((INSIDE, SAID, EDGE, FAR), OFFICE, Evidence.E1),
        ((INSIDE, SAID, EDGE, NONE, FAR), OFFICE, Evidence.E1),  # the other tenant's, below
        ((INSIDE, FAILED, EDGE, SAID), OFFICE, Evidence.E0),  # forged before it reached us
        ((INSIDE, SAID, EDGE), IDS, Evidence.E0),
        ((INSIDE, SAID, EDGE), frozenset({"outlook.com"}), Evidence.E0),
        ((INSIDE, SAID, EDGE), frozenset({"*.look.com"}), Evidence.E0),
        ((EDGE, FAR, SAID), OFFICE, Evidence.E0),
        ((INSIDE, SAID, EDGE), frozenset({"*.com"}), Evidence.E0),
        ((INSIDE, NONE, OURS), OFFICE, Evidence.E1),  # a colleague in the same tenant
        ((INSIDE, NONE, ELSE), OFFICE, Evidence.E0),
        ((INSIDE, NONE, OURS, ELSE), OFFICE, Evidence.E0),
        ((INSIDE, OURS), OFFICE, Evidence.E0),
        ((INSIDE, results("dmarc=none header.from=other.example"), OURS), OFFICE, Evidence.E0),
        ((HOP, NONE, OURS), IDS, Evidence.E0),
    ],
)
def test_microsoft_365_without_an_authserv_id(headers, ids, expected):
    assert level(*headers, ids=ids) is expected


def test_headers_count_only_where_the_envelope_says_so():
    assert level(PASS, HOP, env=envelope(vouched=False)) is Evidence.E0


def test_without_one_author_there_is_no_evidence():
    mail = message(author=None, shown=AUTHOR, headers=(PASS, HOP))
    found, why = identify(mail, envelope(auth=AUTHOR), Source.SUBMISSION, (token(),), IDS, True)
    assert found is Evidence.E0
    assert why


def token(purpose: Purpose = Purpose.REPLY, *, own: bool = True, expired: bool = False) -> TokenCheck:
    return TokenCheck(Token(purpose, 1, "p" * 10, 3000, "a"), expired, own, "recipient")


@pytest.mark.parametrize(
    ("auth", "source", "tokens", "vouch", "confirmed", "expected"),
    [
        (AUTHOR, Source.SUBMISSION, (), False, False, Evidence.E3),
        ("lan@KHACH.example", Source.SUBMISSION, (), False, False, Evidence.E3),
        ("other@khach.example", Source.SUBMISSION, (), False, False, Evidence.E0),
        (AUTHOR, Source.IMAP, (), False, False, Evidence.E0),
        (AUTHOR, Source.HTTP, (), False, False, Evidence.E0),
        (None, Source.IMAP, (), False, True, Evidence.E3),
        (None, Source.SMTP, (token(),), True, False, Evidence.E3),
        (None, Source.SMTP, (token(),), False, False, Evidence.E2),
        (None, Source.SMTP, (token(Purpose.AGENT),), False, False, Evidence.E2),
        (None, Source.SMTP, (token(Purpose.CONFIRM),), True, False, Evidence.E1),
        (None, Source.SMTP, (token(Purpose.BOUNCE),), False, False, Evidence.E0),
        (None, Source.SMTP, (token(own=False),), True, False, Evidence.E1),
        (None, Source.SMTP, (token(expired=True),), False, False, Evidence.E0),
        (None, Source.SMTP, (token(own=False), token()), False, False, Evidence.E2),
    ],
)
def test_levels(auth, source, tokens, vouch, confirmed, expected):
    mail = message(headers=(PASS, HOP) if vouch else ())
    assert identify(mail, envelope(auth=auth), source, tokens, IDS, confirmed)[0] is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("khach.vn", "khach.vn", True),
        ("Khach.vn.", "mail.khach.VN", True),
        ("mail.khach.com.vn", "khach.com.vn", True),
        ("com.vn", "khach.com.vn", False),
        ("com.cn", "x.com.cn", False),
        ("co.uk", "co.uk", False),
        ("vn", "khach.vn", False),
        ("github.io", "a.github.io", False),
        ("hach.vn", "khach.vn", False),
        ("a.khach.vn", "b.khach.vn", False),
        ("khach.example", "evill.example", False),
        ("", "khach.vn", False),
        ("bücher.example", "xn--bcher-kva.example", True),
    ],
)
def test_relaxed_alignment(one, other, expected):
    assert aligned(one, other) is expected
    assert aligned(other, one) is expected


@given(st.text(st.sampled_from('();"=\\ .,dmarc=passheader.from@<>\r\n\t'), max_size=300))
def test_any_value_is_read_without_raising(value):
    read_results(value)
    vouched([("authentication-results", value), ("received", value)], AUTHOR, IDS)


def test_hostile_values_take_linear_time():
    for value in ("(" * 500_000, '"' * 500_000, "a=" * 250_000, "; " * 250_000, "mx.desk.example;" + " x" * 250_000):
        vouched([("authentication-results", value), ("received", "from " + value)], AUTHOR, IDS)
