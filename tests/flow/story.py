"""Plays a story: a YAML file with mails in, time passing, and what must follow. See tests/stories/README.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from gateway.model import SendResult, Sent
from gateway.options import Caps
from tests.flow.clients import mail, reply, reply_address
from tests.flow.desk_under_test import DeskUnderTest, Mail
from tests.flow.invariants import check

_HOLE = re.compile(r"\$\{(reply|id|bounce):([^}]*)\}")


_MANY = re.compile(r"\$([0-9]+) (\S+)")
_DSN = re.compile(r"\$dsn ([0-9]+) (\S+)")


def _many(found: re.Match[str]) -> str:
    """`$500 c%d@khach.example`: so many addresses."""
    return ", ".join(found[2] % number for number in range(int(found[1])))


def _dsn(found: re.Match[str]) -> str:
    """`$dsn 1 an@khach.example`: a delivery report (RFC 3464) that names the recipient; the number makes it another."""
    number, recipient = found.groups()
    return (
        f"From: MAILER-DAEMON@mx.other.example\nTo: bounce@desk.example\nSubject: Undelivered Mail Returned to Sender\n"
        f"Message-ID: <dsn{number}@mx.other.example>\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n"
        f"--B\nContent-Type: text/plain\n\nCould not be delivered ({number}).\n\n"
        "--B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.other.example\n\n"
        f"Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: 5.1.1\n\n--B--\n"
    )


class StoryFailed(AssertionError):
    pass


class Player:
    """One story on one desk."""

    def __init__(self, story: dict[str, Any], folder: Path, url: str = "") -> None:
        caps = Caps(**story.get("caps", {}))
        self.desk = DeskUnderTest(folder, caps=caps, url=url)
        self.raws: dict[str, bytes] = {}
        self.last = 0
        self._mark = 0

    def play(self, steps: list[dict[str, Any]]) -> None:
        for number, step in enumerate(steps, 1):
            self._mark = len(self.desk.mails)
            try:
                self._step(dict(step))
            except AssertionError as error:
                raise StoryFailed(f"step {number} {json.dumps(step, ensure_ascii=False)[:300]}: {error}") from error
        check(self.desk)

    def _step(self, step: dict[str, Any]) -> None:
        for verb in ("mail", "reply", "repeat", "time", "refuse", "accept_again"):
            if verb in step:
                getattr(self, f"_{verb}")(step.pop(verb))
        for name in list(step):
            getattr(self, f"_see_{name}")(step[name])

    # --- what happens ---

    def _mail(self, spec: dict[str, Any]) -> None:
        spec = {name: self._filled(value) for name, value in spec.items()}
        to = spec.get("to", "")
        spec["cc"] = _MANY.sub(_many, spec.get("cc", ""))
        raw = mail(
            sender=spec.get("from", ""),
            to=to,
            cc=spec.get("cc", ""),
            subject=spec.get("subject", ""),
            body=spec.get("body", "…"),
            message_id=self._id(spec["id"]) if spec.get("id") else "",
            date=self.desk.now,
            headers=self._headers(spec),
        )
        if spec.get("raw"):
            raw = _DSN.sub(_dsn, spec["raw"]).replace("\n", "\r\n").encode()
        if spec.get("file"):
            raw = (Path(__file__).parents[1] / spec["file"]).read_bytes()
        self.raws[spec.get("id", "")] = raw
        rcpt = spec.get("rcpt") or [
            part.strip() for part in f"{to}, {spec.get('cc', '')}".split(",") if "desk.example" in part
        ]
        self.last = self.desk.receive(
            raw,
            rcpt if isinstance(rcpt, list) else [rcpt],
            mail_from=spec.get("envelope", "sender@x.example"),
            auth=spec.get("auth"),
            quiet=spec.get("quiet", False),
        )

    def _filled(self, value: Any) -> Any:
        """`${reply: an@khach.example answer}` is where an answer to that mail goes, `${id: …}` its Message-ID,
        `${bounce: …}` its envelope sender."""
        if isinstance(value, list):
            return [self._filled(one) for one in value]
        if isinstance(value, dict):
            return {name: self._filled(one) for name, one in value.items()}
        return _HOLE.sub(self._fill, value) if isinstance(value, str) else value

    def _fill(self, hole: re.Match[str]) -> str:
        address, _, kind = hole[2].strip().partition(" ")
        received = self._latest(address, kind)
        if hole[1] == "id":
            return received.header("Message-ID")
        return received.envelope_from if hole[1] == "bounce" else reply_address(received)

    def _headers(self, spec: dict[str, Any]) -> dict[str, str]:
        headers = dict(spec.get("headers", {}))
        if spec.get("refs"):
            headers["References"] = " ".join(self._id(name) for name in spec["refs"])
        if spec.get("proven"):
            domain = spec["from"].rstrip(">").split("@")[1]
            headers["Authentication-Results"] = f"mx.desk.example; dmarc=pass header.from={domain}"
        return headers

    def _reply(self, spec: dict[str, Any]) -> None:
        """`to` names a mail received: "<address> <kind>", the latest of its kind; `by` replies to it."""
        address, _, kind = spec["to"].partition(" ")
        received = self._latest(address, kind)
        by = spec.get("by", address)
        raw = reply(
            received,
            sender=by,
            body=spec.get("body", ""),
            message_id=self._id(spec["id"]),
            quote=spec.get("quote", True),
            date=self.desk.now,
        )
        headers = self._headers({**spec, "from": spec.get("by", address)})
        headers |= {"Cc": spec["cc"]} if spec.get("cc") else {}
        raw = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items()) + raw
        self.raws[spec["id"]] = raw
        auth = by if spec.get("auth") is True else spec.get("auth")
        rcpt = [reply_address(received), *(one for one in spec.get("cc", "").split(", ") if "@desk.example" in one)]
        self.last = self.desk.receive(raw, rcpt, mail_from=spec.get("envelope", by), auth=auth)

    def _repeat(self, spec: dict[str, Any]) -> None:
        rcpt = spec["rcpt"]
        self.last = self.desk.receive(
            self.raws[spec["id"]], rcpt if isinstance(rcpt, list) else [rcpt], mail_from="x@y.example"
        )

    def _time(self, spec: dict[str, float]) -> None:
        self.desk.pass_time(**spec)

    def _refuse(self, spec: dict[str, str]) -> None:
        for address, text in spec.items():
            self.desk.refuse[address] = SendResult(0, Sent.REFUSED if text.startswith("5") else Sent.LATER, text)

    def _accept_again(self, address: str) -> None:
        del self.desk.refuse[address]

    # --- what must be seen ---

    def _see_sent(self, wanted: list[dict[str, Any]]) -> None:
        """Exactly these mails went out in this step: to, kind, and words that must or must not be in them."""
        fresh = self.desk.mails[self._mark :]
        have = sorted((m.to, m.kind) for m in fresh)
        want = sorted((w["to"], w["kind"]) for w in wanted)
        assert have == want, f"sent {have}, wanted {want}"
        for one in wanted:
            got = next(m for m in fresh if (m.to, m.kind) == (one["to"], one["kind"]))
            self._look_at(got, one)

    def _look_at(self, got: Mail, one: dict[str, Any]) -> None:
        text = f"{got.header('Subject')}\n{got.text}"
        whole = "\n".join([text, got.header("From"), got.header("To"), got.header("Cc")])
        for words in _list(one.get("has")):
            assert words in whole, f"{words!r} is not in:\n{whole}"
        for words in _list(one.get("lacks")):
            assert words not in whole, f"{words!r} is in:\n{whole}"
        for name, value in one.get("headers", {}).items():
            assert value in got.header(name), f"{name}: {got.header(name)!r}, wanted {value!r}"
        if "subject" in one:
            assert got.header("Subject") == one["subject"], got.header("Subject")
        if "envelope" in one:
            assert got.envelope_from == one["envelope"], got.envelope_from
        if "files" in one:
            names = [part.get_filename() for part in got.message.walk() if part.get_filename()]
            assert names == one["files"], names

    def _see_count(self, wanted: dict[str, int]) -> None:
        """How many mails of a kind went out in this step."""
        fresh = [mail.kind for mail in self.desk.mails[self._mark :]]
        have = {kind: fresh.count(kind) for kind in wanted}
        assert have == wanted, f"sent {have} of {fresh}, wanted {wanted}"

    def _see_outcome(self, wanted: str | list[str]) -> None:
        found = [row["outcome"] for row in self.desk.store.outcomes(self.last)]
        assert sorted(found) == sorted(_list(wanted)), f"outcome {found}, wanted {wanted}"

    def _see_tickets(self, wanted: int) -> None:
        assert len(self.desk.tickets()) == wanted, [t["subject"] for t in self.desk.tickets()]

    def _see_ticket(self, wanted: dict[str, Any]) -> None:
        number = wanted.pop("number")
        ticket = next((t for t in self.desk.tickets() if t["number"] == number), None)
        assert ticket is not None, f"no ticket {number}"
        for key, value in wanted.items():
            if key == "messages":
                self._messages(ticket["messages"], value)
            else:
                assert ticket[key] == value, f"{key} is {ticket[key]!r}, wanted {value!r}"

    def _messages(self, have: list[dict[str, Any]], want: int | list[dict[str, Any]]) -> None:
        if isinstance(want, int):
            assert len(have) == want, f"{len(have)} messages, wanted {want}"
            return
        assert len(have) == len(want), [m["body"][:60] for m in have]
        for got, one in zip(have, want, strict=True):
            for key, value in one.items():
                ok = value in got[key] if key == "body" else got[key] == value
                assert ok, f"{key} is {got[key]!r}, wanted {value!r}"

    def _see_events(self, wanted: dict[int, list[str]]) -> None:
        for number, kinds in wanted.items():
            ticket = self.desk.store.ticket(number)
            assert ticket is not None
            have = [event["kind"] for event in ticket["events"]]
            for kind in kinds:
                assert kind in have, f"{kind} is not among {have}"

    def _latest(self, address: str, kind: str) -> Mail:
        mails = self.desk.sent_to(address, kind)
        assert mails, f"{address} has received no {kind}; sent were {[(m.to, m.kind) for m in self.desk.mails]}"
        return mails[-1]

    def _id(self, name: str) -> str:
        return name if name.startswith("<") else f"<{name}@client.example>"


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def stories(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Every story below `folder`: (file:name, story)."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        for story in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            found.append((f"{path.stem}: {story['story']}", story))
    return found
