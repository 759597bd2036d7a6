"""The log: one line per event whatever is in it, no mail content, priorities for journald."""

from __future__ import annotations

import inspect
import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import log

HOSTILE = [
    "a\nlevel=error event=forged",
    "a\r\n<0>panic",
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "lone \udc80 surrogate",
    "bidi \u202e txt.exe",
    "line\u2028paragraph\u2029nel\x85",
    'quote " and = and \\ and blank',
    "\x00\x7f\ufeff\u200b",
    "x" * 100_000,
]


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {
        name: logging.getLogger(name).level
        for name in ("mail.log", "imapclient", "imapclient.imaplib", "uvicorn.error")
    }
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)


def capture(monkeypatch: pytest.MonkeyPatch, kind: str, level: str = "debug", journald: bool = False) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    log.setup(kind, level, journald)
    return stream


def test_text(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = capture(monkeypatch, "kv")
    log.kept(7, "smtp", 2048, "lan@khach.vn")
    log.kept(8, "imap", 10, "")
    line, bounce = stream.getvalue().splitlines()
    assert re.match(r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line)
    assert line.partition(" ")[2] == "level=info event=kept intake=7 source=smtp size=2048 sender=lan@khach.vn"
    assert bounce.endswith("sender=<>")


def test_json(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = capture(monkeypatch, "json")
    log.escalated(12, "first-response", datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
    said = json.loads(stream.getvalue())
    assert datetime.fromisoformat(said.pop("time")).tzinfo is not None
    assert said == {
        "level": "warning",
        "event": "escalated",
        "ticket": 12,
        "target": "first-response",
        "due": "2026-11-23T09:30:00+00:00",
    }


@pytest.mark.parametrize("kind", ["kv", "json"])
def test_journald_priorities(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = capture(monkeypatch, kind, journald=True)
    log.ready()
    log.quarantined(3, "too deep")
    log.fault("desk", "boom")
    log.group(1, 1, 0.25)
    logging.getLogger("gateway").critical("last words")
    assert [line[:3] for line in stream.getvalue().splitlines()] == ["<6>", "<4>", "<3>", "<7>", "<2>"]
    assert "time" not in stream.getvalue()


@pytest.mark.parametrize("journald", [False, True])
@pytest.mark.parametrize("kind", ["kv", "json"])
@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_stay_in_their_line(
    value: str, kind: str, journald: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attack matrix row 93."""
    stream = capture(monkeypatch, kind, journald=journald)
    log.sent(1, "ack", 2, value, "later", value, 1)
    logging.getLogger("mail.log").warning("peer said %s", value)
    text = stream.getvalue()
    text.encode("utf-8")  # no lone surrogate
    assert text.count("\n") == 2
    assert len(text.splitlines()) == 2
    assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in text.replace("\n", ""))
    assert "\u202e" not in text
    assert len(text) < 13_000
    if kind == "json":
        for line in text.splitlines():
            json.loads(line[3:] if journald else line)


def test_a_text_value_cannot_pose_as_another_field(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = capture(monkeypatch, "kv")
    log.not_kept("smtp", 'x" level=info event="ready')
    assert 'why="x\\" level=info event=\\"ready"' in stream.getvalue()


def test_a_fault_carries_its_trace_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = capture(monkeypatch, "kv")
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError as error:
        log.fault("desk", str(error), error)
    (line,) = stream.getvalue().splitlines()
    assert "event=fault where=desk" in line
    assert "Traceback" in line
    assert "RuntimeError: first\\nsecond" in line


def test_results_of_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = capture(monkeypatch, "kv")
    for result in ("delivered", "later", "refused"):
        log.sent(5, "ack", 2, "a@x.vn", result, "250 2.0.0 Ok", 1)
    events = [line.split(" ")[2] for line in stream.getvalue().splitlines()]
    assert events == ["event=sent", "event=send_later", "event=send_refused"]


@pytest.mark.parametrize("name", ["mail.log", "imapclient", "imapclient.imaplib", "uvicorn.error"])
def test_chatty_libraries_are_raised_to_warning(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = capture(monkeypatch, "kv", level="debug")
    logging.getLogger(name).info("MAIL FROM:<a@x.vn>")
    logging.getLogger(name).debug("Subject: secret")
    assert stream.getvalue() == ""
    logging.getLogger(name).warning("trouble")
    assert "trouble" in stream.getvalue()


def test_level_and_second_setup(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = capture(monkeypatch, "kv", level="warning")
    log.ready()
    assert stream.getvalue() == ""
    second = capture(monkeypatch, "json", level="info")
    log.ready()
    assert second.getvalue().count("\n") == 1
    assert stream.getvalue() == ""


@pytest.mark.parametrize(("kind", "level"), [("xml", "info"), ("kv", "loud")])
def test_other_words_are_refused(kind: str, level: str) -> None:
    with pytest.raises(ValueError, match="log"):
        log.setup(kind, level, journald=False)


def test_no_event_takes_content_of_mail() -> None:
    """Law 6 in the log: no function has a place for a subject, a body or a text."""
    for name, function in inspect.getmembers(log, inspect.isfunction):
        if not name.startswith("_") and function.__module__ == log.__name__ and name != "escaped":
            assert not {"subject", "body", "text", "content", "raw", "message"} & set(
                inspect.signature(function).parameters
            ), name


@given(st.text(alphabet=st.characters(), max_size=300))
def test_law_escaped_text_is_one_safe_line(text: str) -> None:
    safe = log.escaped(text)
    safe.encode("utf-8")
    assert len(safe.splitlines()) <= 1
    assert "\x1b" not in safe


@pytest.mark.parametrize("kind", ["kv", "json"])
@pytest.mark.parametrize("journald", [False, True])
def test_a_line_is_the_same_with_a_record_and_without(
    monkeypatch: pytest.MonkeyPatch, kind: str, journald: bool
) -> None:
    """Alone, the log's handler is given lines past `logging`; with another one beside it both are told."""
    stream = capture(monkeypatch, kind, journald=journald)
    beside = logging.NullHandler()
    for text in HOSTILE:
        stream.truncate(0)
        stream.seek(0)
        log.refused("192.0.2.1", text)
        logging.getLogger("gateway").addHandler(beside)
        try:
            log.refused("192.0.2.1", text)
        finally:
            logging.getLogger("gateway").removeHandler(beside)
        without, with_record = (re.sub(r"[0-9-]+T[0-9:.]+Z", "", line) for line in stream.getvalue().splitlines())
        assert without == with_record


def test_a_stream_that_fails_is_for_logging_to_handle(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = capture(monkeypatch, "kv")
    monkeypatch.setattr(logging, "raiseExceptions", False)
    stream.close()
    log.kept(1, "smtp", 2, "a@b.example")  # raises nothing
