"""Broken mail: no exception, nothing that cannot be stored, no mail over its time. `torture_read.py` has an hour."""

from __future__ import annotations

import json
import time
from pathlib import Path

from gateway.mail.limits import scan
from gateway.options import ReadLimits
from gateway.read_child import line_of
from gateway.reading import read_mail
from tests.mail.mutations import Mutations

LIMITS = ReadLimits()
IN_PROCESS, IN_CHILD = 1.0, 10.0  # seconds of processor time


def read_one(raw: bytes) -> float:
    """Seconds of processor time; AssertionError if a promise was broken."""
    unusual = scan(raw, LIMITS).unusual
    began = time.process_time()
    record = read_mail(raw, LIMITS)
    took = time.process_time() - began
    line = line_of(record)
    assert json.loads(line) == record
    assert line.count(b"\n") == 1
    assert not record["text"].strip() or record["new_text"].strip()
    assert took < (IN_CHILD if unusual else IN_PROCESS), f"{took:.2f} s"
    return took


def test_a_sample_of_broken_mails() -> None:
    mails = Mutations(Path(__file__).parent.parent / "corpus")
    read_one(b"Subject: warm\n\nGr\xf6\xdfe pr\xfcfen\n")
    for number in range(300):
        try:
            read_one(mails.mail(number))
        except Exception as fault:
            raise AssertionError(f"mail {number}: {type(fault).__name__}: {fault}") from fault


def test_containers_in_containers() -> None:
    """Found by the fuzzer: each container looked through the lines of all those inside it."""
    inner = b'<div class="gmail_quote"><div class="gmail_extra">' * 1000 + b"x<br>" * 20_000
    read_one(b"From: a@b.example\nIn-Reply-To: <1@b.example>\nContent-Type: text/html\n\n<p>yes</p>" + inner)
