"""What a login at our own Postfix proves, and which marks of our border host are its own (law 7)."""

from __future__ import annotations

import pytest

from gateway.mail.authresults import border_login, vouched

IDS = frozenset({"mx.desk.example"})
AUTHOR = "hung@people.desk.example"
# as Postfix 3.7 writes it
PLAIN = (
    "from laptop (unknown [192.0.2.7]) (Authenticated sender: hung@people.desk.example)"
    " by mx.desk.example (Postfix) with ESMTPA id 3D7F620C4B1 for <k@desk.example>; Mon, 23 Nov 2026 08:00:00 +0700"
)
TLS = (
    "from [10.0.0.7] (vpn.people.desk.example [192.0.2.7]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384"
    " (256/256 bits) key-exchange X25519 server-signature ECDSA (P-256) server-digest SHA256)"
    " (No client certificate requested) (Authenticated sender: Hung@people.desk.example)"
    " by mx.desk.example (Postfix) with ESMTPSA id 4FfWJc0yZLz9rxL for <k@desk.example>; Mon, 23 Nov 2026 08:00:00 +07"
)
WIDE = TLS.replace("ESMTPSA", "UTF8SMTPSA").replace("(Postfix)", "(Postfix, from userid 5)")
NO_LOGIN = "from mail.evil.example (evil.example [192.0.2.66]) by mx.desk.example (Postfix) with ESMTPS id 1; date"
HANDED_OVER = "by desk.example with ESMTPS (handed over by mx.desk.example [127.0.0.1]); date"


def received(*values: str) -> list[tuple[str, str]]:
    return [("received", value) for value in values]


@pytest.mark.parametrize("line", [PLAIN, TLS, WIDE])
def test_a_login_at_our_postfix(line: str) -> None:
    assert border_login(received(line), IDS).lower() == AUTHOR
    assert vouched(received(HANDED_OVER, line, NO_LOGIN), AUTHOR, IDS) == "auth=pass"


@pytest.mark.parametrize(
    "lines",
    [
        (NO_LOGIN, PLAIN),  # forged below the true line
        (NO_LOGIN.replace("mail.evil.example", "mx.desk.example"), PLAIN),
        (PLAIN.replace("mx.desk.example", "mx.evil.example"),),
        (PLAIN.replace("ESMTPA", "ESMTP"),),  # nobody logged in
        (PLAIN.replace("hung@", "thao@"),),
        (PLAIN.replace("hung@people.desk.example", "hung"),),
        (PLAIN.replace("from laptop ", "from x(Authenticated sender: hung@people.desk.example) by mx.desk.example "),),
        (PLAIN.replace("(Authenticated", "(x (Authenticated").replace("example) by", "example)) by"),),
        ("from laptop (unknown [192.0.2.7]) by mx.desk.example (Postfix) with ESMTPA id 1 " + PLAIN,),
        ("from laptop (unknown [192.0.2.7]) by mx.desk.example (Postfix) with SMTP id 1"
         " for <(Authenticated sender: hung@people.desk.example) by mx.desk.example (Postfix) with ESMTPA id 2>; at",),
        ("by mx.desk.example (Authenticated sender: hung@people.desk.example) with ESMTPA id 1; date",),
        (),
    ],
)  # fmt: skip
def test_no_login_of_the_author(lines: tuple[str, ...]) -> None:
    assert vouched(received(*lines), AUTHOR, IDS) == ""


def test_results_that_contradict_the_login_say_nothing() -> None:
    other = ("authentication-results", "mx.desk.example; auth=pass smtp.auth=thao@people.desk.example")
    same = ("authentication-results", "mx.desk.example; auth=pass smtp.auth=hung@people.desk.example")
    assert vouched([other, *received(PLAIN)], AUTHOR, IDS) == ""
    assert vouched([same, *received(PLAIN)], AUTHOR, IDS) == "auth=pass"


VERDICT = "dmarc=pass header.from=people.desk.example"


@pytest.mark.parametrize(
    "value", ["mx.desk.example; ", ' "mx.desk.example" ; ', "MX.desk.example 1; ", "mx.desk.example;"]
)
def test_our_own_id(value: str) -> None:
    assert vouched([("authentication-results", value + VERDICT), *received(NO_LOGIN)], AUTHOR, IDS) == "dmarc=pass"


@pytest.mark.parametrize(
    "value",
    [
        *("(x) mx.desk.example; ", "(x)mx.desk.example; ", "mx.desk.example(x); ", '"mx".desk.example; '),
        *('mx."desk".example; ', '"mx.desk\\.example"; ', '""mx.desk.example; ', "mx.desk.example(x) 1; ", "; "),
    ],
)
def test_our_own_id_in_disguise(value: str) -> None:
    assert vouched([("authentication-results", value + VERDICT), *received(NO_LOGIN)], AUTHOR, IDS) == ""


def test_a_long_line_is_judged_quickly() -> None:
    line = "from laptop " + "(x) " * 4000 + "(Authenticated sender: hung@people.desk.example) by mx.desk.example" * 99
    assert vouched(received(line, "from x (" + "(" * 16000), AUTHOR, IDS) == ""
