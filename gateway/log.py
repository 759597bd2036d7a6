"""What the daemon says: one function per loggable event, one line per event.

Addresses are logged, subjects and texts of mail never. A line is `key=value` pairs or one JSON object; whatever a
sender or server wrote is escaped, so that no value forges a line or drives a terminal (attack matrix row 93). Under
journald every line carries its priority as `<n>` (sd-daemon(3)) and no time of its own.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime
from functools import lru_cache
from typing import Protocol

_log, _root = logging.getLogger("gateway"), logging.getLogger()
_only: list[_Only] = []  # one, once there is a log
_VALUE = 2000  # characters of one value
_PLAIN = re.compile(r"[^\s\"=\\]+\Z")
_SAFE = re.compile(r"[!#-<>-\[\]-~]{1,1000}\Z")  # visible ASCII that needs neither escaping nor quotes: most values
# C0, DEL, C1, line and paragraph separators, bidi and zero-width marks, BOM, lone surrogates
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_PRIORITY = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
# They log protocol lines, even of messages, at INFO and DEBUG.
_CHATTY = (
    *("mail.log", "mail.debug", "imapclient", "imapclient.imaplib"),
    *("uvicorn", "uvicorn.error", "uvicorn.access", "sqlalchemy", "alembic", "asyncio"),
)

Value = str | int | float | bool | datetime | None


class Stream(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> int: ...

    def flush(self) -> None: ...


def setup(format: str, level: str, journald: bool, stream: Stream | None = None) -> None:
    """Makes `stream`, or else stderr, the one log. `format` is "kv" (key=value) or "json", `level` a name of the
    logging module.

    Raises ValueError for another word. May be called again.
    """
    if format not in ("kv", "json"):
        raise ValueError(f"log format {format!r} is neither 'kv' nor 'json'")
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"log level {level!r} is none of debug, info, warning, error")
    handler = logging.StreamHandler(stream or sys.stderr)
    formatter = LineFormatter(json_lines=format == "json", journald=journald)
    handler.setFormatter(formatter)
    # what no line of ours shows is not looked for (Python's logging HOWTO, "Optimization")
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    _only[:] = [_Only(handler, formatter)]
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


class LineFormatter(logging.Formatter):
    """One line per record, always; pure ASCII control, everything else as written."""

    def __init__(self, *, json_lines: bool, journald: bool) -> None:
        super().__init__()
        self._json = json_lines
        self._journald = journald

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Value] = {}
        if not self._journald:
            fields["time"] = _time(record.created)
        fields["level"] = record.levelname.lower()
        event = getattr(record, "event", None)
        if isinstance(event, str):
            fields["event"] = event
            fields.update(getattr(record, "fields", {}))
        else:
            fields["logger"] = record.name
            fields["message"] = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            fields["trace"] = "".join(traceback.format_exception(record.exc_info[1]))[-_VALUE:]
        return self._line(record.levelno, fields)

    def of_event(self, level: int, event: str, given: Mapping[str, Value]) -> str:
        """The line of an event of this moment."""
        fields: dict[str, Value] = {} if self._journald else {"time": _time(time.time())}
        fields["level"] = logging.getLevelName(level).lower()
        fields["event"] = event
        fields.update(given)
        return self._line(level, fields)

    def _line(self, level: int, fields: Mapping[str, Value]) -> str:
        line = _as_json(fields) if self._json else _as_text(fields)
        return f"<{_priority(level)}>{line}" if self._journald else line


class _Only:
    """The one handler that `setup` made: as long as there is no other, lines go to it without a record, in half the
    time. A mail is worth four lines."""

    def __init__(self, handler: logging.StreamHandler[Stream], formatter: LineFormatter) -> None:
        self._handler, self._formatter = handler, formatter
        self._handlers = [handler]

    def took(self, level: int, event: str, fields: Mapping[str, Value]) -> bool:
        """Whether the line is written; else it is for `logging`."""
        if _root.handlers != self._handlers or _log.handlers:
            return False
        try:
            line = self._formatter.of_event(level, event, fields)
            with self._handler.lock or nullcontext():
                self._handler.stream.write(line + self._handler.terminator)
                self._handler.flush()
        except Exception:  # noqa: BLE001 - what is to become of it `logging` knows
            return False
        return True


def escaped(text: str) -> str:
    r"""One line that any terminal may show: controls, bidi marks and lone surrogates as \n, \x1b, \u202e."""
    safe = _UNSAFE.sub(lambda found: _escape(found[0]), text.replace("\\", "\\\\"))
    return safe if len(safe) <= _VALUE else safe[:_VALUE] + "…"


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _as_text(fields: Mapping[str, Value]) -> str:
    return " ".join([f"{key}={_quoted(value)}" for key, value in fields.items() if value is not None])


def _quoted(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else _text(value)
    if _SAFE.match(text):
        return text
    text = escaped(text)
    return text if _PLAIN.match(text) else '"' + text.replace('"', '\\"') + '"'


def _as_json(fields: Mapping[str, Value]) -> str:
    kept = {key: _bounded(value) for key, value in fields.items() if value is not None}
    # json escapes C0 by itself; the rest that is unsafe is escaped here, in JSON's own way
    line = json.dumps(kept, ensure_ascii=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def _bounded(value: Value) -> Value:
    if isinstance(value, bool | int | float):
        return value
    text = _text(value)
    return text if len(text) <= _VALUE else text[:_VALUE] + "…"


def _text(value: Value) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _time(created: float) -> str:
    return f"{_second(int(created))}.{int(created % 1 * 1000):03}Z"


@lru_cache(maxsize=2)
def _second(of: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(of))


def _priority(level: int) -> int:
    return next((number for floor, number in _PRIORITY if level >= floor), 7)


def _say(level: int, event: str, error: BaseException | None = None, **fields: Value) -> None:
    if _log.isEnabledFor(level):
        if error is None and _only and _only[0].took(level, event, fields):
            return
        trace = (type(error), error, error.__traceback__) if error is not None else None
        _log.log(level, event, exc_info=trace, extra={"event": event, "fields": fields})


# --- the life of the daemon ---


def ready() -> None:
    _say(logging.INFO, "ready")


def stopping() -> None:
    _say(logging.INFO, "stopping")


def listening(name: str, host: str, port: int) -> None:
    _say(logging.INFO, "listening", name=name, host=host, port=port)


def fault(where: str, what: str, error: BaseException | None = None) -> None:
    """Something of ours went wrong; the trace of `error` goes into the same line."""
    _say(logging.ERROR, "fault", error, where=where, what=what)


def clock_jumped(by: float) -> None:
    """The machine's clock and the desk's own time differ by `by` seconds; the desk keeps its own for a while."""
    _say(logging.ERROR, "clock_jumped", by=by)


def clock_followed(by: float) -> None:
    """The desk's time has been set to the machine's clock, `by` seconds from where it was."""
    _say(logging.WARNING, "clock_followed", by=by)


def lines_lost(lines: int) -> None:
    """Nobody read the log, or there was no room for it; mail goes on (fault matrix row 30)."""
    _say(logging.WARNING, "log_lines_lost", lines=lines)


def rules_loaded(digest: str, rules: int) -> None:
    _say(logging.INFO, "rules_loaded", digest=digest[:12], rules=rules)


def rules_refused(problems: str) -> None:
    """A rule file or template that does not load; what is in force stays (law 9)."""
    _say(logging.ERROR, "rules_refused", problems=problems)


def template_trouble(kind: str, language: str, what: str) -> None:
    _say(logging.ERROR, "template_trouble", kind=kind, language=language, what=what)


def alarm(state: str, alarm: str, about: str, reason: str) -> None:
    """An alarm begins, lasts or is over."""
    level = logging.INFO if state == "end" else logging.ERROR
    _say(level, "alarm", state=state, alarm=alarm, about=about or None, reason=reason)


def on_hold(why: str) -> None:
    """Nothing goes out until a person releases it."""
    _say(logging.WARNING, "on_hold", why=why)


def hold_ended(released: int, overdue: int) -> None:
    _say(logging.WARNING, "hold_ended", released=released, overdue=overdue)


# --- mail in ---


def kept(intake_id: int, source: str, size: int, sender: str) -> None:
    _say(logging.INFO, "kept", intake=intake_id, source=source, size=size, sender=sender or "<>")


def not_kept(source: str, why: str) -> None:
    """Answered 4xx, or left on the IMAP server (law 1)."""
    _say(logging.ERROR, "not_kept", source=source, why=why)


def refused(peer: str, reply: str, sender: str = "", recipient: str = "") -> None:
    """A command of an SMTP client was refused."""
    _say(logging.INFO, "refused", peer=peer, reply=reply, sender=sender or None, recipient=recipient or None)


def imap_connected(mailbox: str, folder: str = "") -> None:
    _say(logging.INFO, "imap_connected", mailbox=mailbox, folder=folder or None)


def imap_lost(mailbox: str, why: str, wait: float) -> None:
    """`wait`: seconds until the next try."""
    _say(logging.WARNING, "imap_lost", mailbox=mailbox, why=why, wait=wait)


# --- decisions ---


def decided(intake_id: int, outcome: str, ticket: int | None, department: str, ms: float | None = None) -> None:
    _say(
        logging.INFO, "decided", intake=intake_id, outcome=outcome, ticket=ticket, department=department or None, ms=ms
    )


def group(claimed: int, done: int, seconds: float) -> None:
    """One batch of the desk."""
    _say(logging.DEBUG, "group", claimed=claimed, done=done, seconds=seconds)


def quarantined(intake_id: int, reason: str) -> None:
    _say(logging.WARNING, "quarantined", intake=intake_id, reason=reason)


def escalated(ticket: int, kind: str, due: datetime) -> None:
    _say(logging.WARNING, "escalated", ticket=ticket, target=kind, due=due)


# --- mail out ---


def sent(outbox_id: int, kind: str, ticket: int, recipient: str, result: str, reply: str, attempts: int) -> None:
    """One try to deliver one mail; a warning where it did not go out."""
    _say(
        logging.INFO if result == "delivered" else logging.WARNING,
        "sent" if result == "delivered" else f"send_{result}",
        outbox=outbox_id,
        kind=kind,
        ticket=ticket,
        to=recipient,
        reply=reply,
        attempts=attempts,
    )


def relay_trouble(why: str, wait: float) -> None:
    """No mail can go out; the next look is in `wait` seconds."""
    _say(logging.WARNING, "relay_trouble", why=why, wait=wait)


def relay_works(lasted: float) -> None:
    """The end of a trouble that lasted so many seconds."""
    _say(logging.INFO, "relay_works", lasted=lasted)


def held(kind: str, ticket: int, recipient: str, why: str) -> None:
    """An automatic mail that a cap kept back."""
    _say(logging.WARNING, "held", kind=kind, ticket=ticket, to=recipient, why=why)
