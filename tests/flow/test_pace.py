"""When mail may go: a relay in trouble, rates, and domains that are slow, away or limited."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.flow import destinations
from gateway.flow.destinations import HORIZON, REFUSALS, REST, SLOW
from gateway.flow.pace import LONGEST, LONGEST_LOGIN, UNCLEAR, Pace
from gateway.model import Outgoing, SendResult, Sent
from gateway.options import Relay

AT = datetime(2026, 11, 22, tzinfo=UTC)


class Watch:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def mail(number: int, domain: str = "x.example", tries: int = 0) -> Outgoing:
    return Outgoing(number, 1, "ack", f"a{number}@{domain}", "b@desk.example", f"<{number}@d>", b"x", tries, AT)


def pace(watch: Watch, **given: int) -> Pace:
    return Pace(Relay("relay", **given), watch)  # type: ignore[arg-type]  # the numbers among the options


def told(which: Pace, one: Outgoing, sent: Sent, reply: str = "said", rest: float = 0.0) -> None:
    which.end(one, SendResult(one.id, sent, reply, rest))


def send(which: Pace, one: Outgoing, sent: Sent = Sent.DELIVERED, rest: float = 0.0) -> bool:
    """One whole turn; whether the mail was sent."""
    if not which.enter():
        return False
    try:
        if which.begin(one) != 0:
            return False
        told(which, one, sent, rest=rest)
        return True
    finally:
        which.leave()


# --- the relay ---


def test_a_relay_in_trouble_is_left_alone_longer_and_longer_but_never_for_more_than_a_minute() -> None:
    watch = Watch()
    way = pace(watch)
    looks, began = [], watch.now
    while watch.now < began + 600:
        if send(way, mail(1), Sent.TROUBLE):
            looks.append(watch.now - began)
        watch.now += 0.5
    assert looks[:7] == [0, 1, 3, 7, 15, 31, 63]
    assert {after - before for before, after in pairwise(looks[6:])} == {LONGEST}
    trouble = way.trouble()
    assert trouble is not None
    assert (trouble.why, trouble.lasts) == ("said", 600)
    watch.now += LONGEST
    assert send(way, mail(1))
    assert way.trouble() is None
    assert send(way, mail(2), Sent.TROUBLE)
    assert way.trouble().again == 1  # type: ignore[union-attr]


def test_a_refused_login_is_tried_seldom() -> None:
    watch = Watch()
    way = pace(watch)
    looks = sum(send(way, mail(1), Sent.TROUBLE, 60.0) for _ in range(3600) if _tick(watch))
    assert looks == 2 + (3600 - 60 - 120 - 240) // int(LONGEST_LOGIN) + 2


def _tick(watch: Watch) -> bool:
    watch.now += 1
    return True


def test_one_sender_alone_looks() -> None:
    watch = Watch()
    way = pace(watch)
    assert send(way, mail(1), Sent.TROUBLE)
    watch.now += 2
    assert way.enter()
    others: list[bool] = []
    other = threading.Thread(target=lambda: others.append(way.enter()))
    other.start()
    other.join(10)
    assert others == [False]
    assert way.begin(mail(1)) == 0
    told(way, mail(1), Sent.DELIVERED)
    assert way.begin(mail(2)) == 0, "it works again: the turn goes on"
    told(way, mail(2), Sent.DELIVERED)
    way.leave()
    assert way.enter()


def test_trouble_ends_the_turns_of_all() -> None:
    watch = Watch()
    way = pace(watch)
    assert way.enter()
    assert send(way, mail(1), Sent.TROUBLE)
    assert way.begin(mail(2)) is None


def test_one_mail_that_breaks_connections_is_not_the_relays_trouble_and_many_are() -> None:
    way = pace(Watch())
    for number in range(19):
        assert send(way, mail(number, f"d{number}.example"), Sent.UNCLEAR if number % 3 else Sent.DELIVERED)
    for number in range(UNCLEAR):
        assert way.trouble() is None
        assert send(way, mail(number, f"e{number}.example"), Sent.UNCLEAR)
    assert way.trouble() is not None


def test_the_rate_over_all() -> None:
    watch = Watch()
    way = pace(watch, rate=120)
    sent = sum(send(way, mail(number)) for number in range(3000) if _pass(watch, 0.1))
    assert 600 <= sent <= 604  # 300 s, two a second


def _pass(watch: Watch, seconds: float) -> bool:
    watch.now += seconds
    return True


# --- ahead of its turn ---


def test_a_mail_goes_ahead_only_behind_a_quick_domain_and_waits_for_nothing() -> None:
    watch = Watch()
    way = pace(watch, domain_connections=1)
    assert way.begin(mail(1)) == 0
    assert way.ahead(mail(1), mail(2, "y.example")) is None, "nothing is known of x.example yet"
    told(way, mail(1), Sent.DELIVERED)
    assert way.begin(mail(3)) == 0
    assert way.ahead(mail(3), mail(4)) is None, "one connection at a time to x.example"
    assert way.ahead(mail(3), mail(5, "y.example")) == 0
    way.end(mail(3), SendResult(3, Sent.DELIVERED, "said"), mail(5, "y.example"))
    told(way, mail(5, "y.example"), Sent.DELIVERED)
    assert way.begin(mail(6, "y.example")) == 0


def test_the_time_before_its_turn_is_not_its_domains() -> None:
    watch = Watch()
    way = pace(watch)
    assert send(way, mail(1))
    assert way.begin(mail(2)) == 0
    assert way.ahead(mail(2), mail(3, "y.example")) == 0
    watch.now += SLOW * 2
    way.end(mail(2), SendResult(2, Sent.DELIVERED, "said"), mail(3, "y.example"))
    told(way, mail(3, "y.example"), Sent.DELIVERED)
    assert way.begin(mail(4, "y.example")) == 0
    assert way.begin(mail(5, "y.example")) == 0, "y.example is quick: two at once"


def test_a_mail_that_is_dropped_leaves_room() -> None:
    way = pace(Watch(), domain_connections=1)
    assert send(way, mail(1))
    assert way.begin(mail(2)) == 0
    assert way.ahead(mail(2), mail(3, "y.example")) == 0
    way.drop(mail(3, "y.example"))
    told(way, mail(2), Sent.TROUBLE)
    assert way.ahead(mail(2), mail(4)) is None, "none while the relay is in trouble"


# --- domains ---


def drain(way: Pace, watch: Watch, mails: list[Outgoing], seconds: float) -> dict[int, float]:
    """Plays the outbox: what is put off is asked for again at its time. When each was sent."""
    due = {one.id: watch.now for one in mails}
    by_id = {one.id: one for one in mails}
    sent: dict[int, float] = {}
    end = watch.now + seconds
    while due and watch.now < end:
        for number in [number for number, at in sorted(due.items(), key=lambda pair: (pair[1], pair[0]))]:
            if due[number] > watch.now:
                continue
            wait = way.begin(by_id[number])
            assert wait is not None
            if wait:
                assert 0 < wait <= HORIZON
                due[number] = watch.now + wait
                continue
            told(way, by_id[number], Sent.DELIVERED)
            sent[number] = watch.now
            del due[number]
        watch.now = max(watch.now + 0.001, min(due.values(), default=end))
    return sent


def test_the_rate_of_a_domain_is_kept_and_used_and_holds_up_no_other() -> None:
    watch = Watch()
    way = pace(watch, domain_rate=60)
    began = watch.now
    sent = drain(way, watch, [mail(number) for number in range(200)] + [mail(900, "other.example")], 400)
    assert sent[900] == began
    times = sorted(at for number, at in sent.items() if number != 900)
    assert len(times) == 200
    assert all(after - before > 0.99 for before, after in pairwise(times))
    assert times[-1] - times[0] < 205


def test_a_slow_domain_gets_one_connection_and_another_is_free() -> None:
    watch = Watch()
    way = pace(watch, connections=2)
    slow = [mail(number, "slow.example") for number in range(5)]
    assert way.begin(slow[0]) == 0
    watch.now += SLOW + 1
    put_off = way.begin(slow[1])
    assert put_off is not None
    assert put_off > 0, "another connection does not wait for it too"
    assert send(way, mail(9, "quick.example"))
    watch.now += 20
    told(way, slow[0], Sent.DELIVERED)
    assert way.begin(slow[1]) == 0, "one after the other it is served"
    assert way.begin(mail(10, "slow2.example")) == 0
    watch.now += SLOW + 1
    told(way, mail(10, "slow2.example"), Sent.DELIVERED)
    assert way.begin(mail(11, "slow2.example")), "all slow ones together leave a connection free"
    told(way, slow[1], Sent.DELIVERED)
    watch.now += 1
    assert way.begin(slow[2]) == 0
    watch.now += 0.01
    told(way, slow[2], Sent.DELIVERED)
    assert way.begin(slow[3]) == 0
    assert way.begin(slow[4]) == 0, "quick again: as many as there are connections"


def test_the_first_mail_to_a_domain_goes_alone_until_it_has_answered() -> None:
    way = pace(Watch(), connections=8)
    assert way.begin(mail(1)) == 0
    waited: list[float | None] = []
    other = threading.Thread(target=lambda: waited.append(way.begin(mail(2))))
    other.start()
    other.join(0.2)
    assert other.is_alive()
    told(way, mail(1), Sent.DELIVERED)
    other.join(10)
    assert waited == [0]
    assert [way.begin(mail(number)) for number in (3, 4, 5)] == [0, 0, 0]


def test_the_connections_of_a_domain() -> None:
    way = pace(Watch(), connections=4, domain_connections=2)
    assert send(way, mail(1))
    assert [way.begin(mail(2)), way.begin(mail(3))] == [0, 0]
    waited: list[float | None] = []
    other = threading.Thread(target=lambda: waited.append(way.begin(mail(4))))
    other.start()
    other.join(0.2)
    assert other.is_alive()
    way.close()
    other.join(10)
    assert waited == [None]


def test_a_domain_that_keeps_saying_4xx_rests_and_others_go_on() -> None:
    watch = Watch()
    way = pace(watch)
    for number in range(REFUSALS):
        assert send(way, mail(number, "away.example", tries=1), Sent.LATER)
    assert way.begin(mail(50, "AWAY.example")) == REST
    assert send(way, mail(51, "b.example"))
    watch.now += REST
    assert send(way, mail(50, "away.example", tries=1), Sent.LATER), "one is tried"
    assert way.begin(mail(52, "away.example")) == 2 * REST
    watch.now += 2 * REST
    assert send(way, mail(50, "away.example"))
    assert [send(way, mail(number, "away.example")) for number in range(60, 70)] == [True] * 10
    assert way.trouble() is None


def test_a_domain_that_greylists_refuses_each_first_try_and_does_not_rest_for_it() -> None:
    watch = Watch()
    way = pace(watch)
    many = range(20 * REFUSALS)
    assert all(send(way, mail(number, "grey.example"), Sent.LATER) for number in many)
    assert all(send(way, mail(number, "grey.example", tries=1)) for number in many)


def test_what_is_known_of_domains_is_bounded() -> None:
    way = pace(Watch())
    for number in range(3 * destinations.KNOWN):
        assert send(way, mail(number, f"d{number}.example"))
    assert len(way._to._of) <= destinations.KNOWN


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(list(Sent)), st.sampled_from([0.01, 1.0, 8.0])), max_size=120
    ),
    st.integers(0, 200),
    st.integers(0, 2),
)
def test_nothing_is_ever_put_off_for_good(steps: list[tuple[int, Sent, float]], rate: int, most: int) -> None:
    """Whatever happened before: once the relay and all domains answer, everything goes."""
    watch = Watch()
    way = pace(watch, domain_rate=rate, domain_connections=most)
    for number, (domain, sent, took) in enumerate(steps):
        one = mail(number, f"d{domain}.example")
        if way.enter():
            if way.begin(one) == 0:
                watch.now += took
                told(way, one, sent)
            way.leave()
        watch.now += 0.5
    left = Counter[int]()
    waiting = {number: watch.now for number in range(1000, 1020)}
    while waiting:
        watch.now = max(watch.now + 0.5, min(waiting.values()))
        number = min(waiting, key=lambda each: (waiting[each], each))
        one = mail(number, f"d{number % 4}.example")
        left[number] += 1
        assert left[number] < 400
        if not way.enter():
            continue
        wait = way.begin(one)
        if wait == 0:
            told(way, one, Sent.DELIVERED)
            del waiting[number]
        elif wait is not None:
            waiting[number] = watch.now + wait
        way.leave()
