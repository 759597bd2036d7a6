"""A desk's random life: customers, strangers, agents, managers who write, quote, mistype, close, bounce, repeat.

Whatever must never leave the house carries the word SECRET (`invariants.SECRET`): all that customers write, notes,
texts of confirmations. What agents write to customers does not.
"""

from __future__ import annotations

import base64
import quopri
import random
from html import escape

from tests.flow.clients import reply_address
from tests.flow.desk_under_test import DeskUnderTest, Mail
from tests.flow.invariants import staff

CUSTOMERS = ("an@khach.example", "binh@khach.example", "wang@kehu.example", "jane@client.example")
STRANGERS = ("evil@x.example", "secretary@khach.example")
DOORS = ("kythuat@desk.example", "kinhdoanh@desk.example", "hotro@desk.example", "thietke@desk.example")
ORDERS = (
    "", "", "", "#take", "#wait", "#close", "#close duplicate", "#clsoe", "# note", "#cc sep@khach.example",
    "#uncc sep@khach.example", "#assign hung.le@people.desk.example", "#assign nobody@x.example",
)  # fmt: skip
STYLES = ("quoted", "outlook", "qq", "apple", "html", "outlook html", "below", "between", "none", "trimmed")


class Life:
    """One life, drawn from a seed. `sent` are the raw mails so far with their recipients, for repeats."""

    def __init__(self, desk: DeskUnderTest, seed: int) -> None:
        self.desk = desk
        self.random = random.Random(seed)
        self.seed = seed
        self.count = 0
        self.sent: list[tuple[bytes, list[str]]] = []
        self.staff = staff(desk)

    def step(self) -> None:
        acts = (
            *[self.customer_opens] * 3,
            *[self.customer_replies] * 3,
            *[self.agent_replies] * 6,
            *[self.agent_confirms, self.stranger_writes, self.time_passes, self.bounce, self.repeat] * 1,
        )
        self.random.choice(acts)()

    # --- acts ---

    def customer_opens(self) -> None:
        sender = self.random.choice(CUSTOMERS)
        head = [f"From: {sender}", f"To: {self.random.choice(DOORS)}", f"Subject: Chuyện {self.count}"]
        if self.random.random() < 0.4:
            head.append(f"Cc: {self.random.choice(['sep@khach.example', *CUSTOMERS, *self.staff])}")
        self._send(sender, head, f"SECRET chuyện của {sender}.", proven=self.random.random() < 0.5)

    def customer_replies(self) -> None:
        got = [mail for mail in self.desk.mails if mail.to in (*CUSTOMERS, "sep@khach.example", *STRANGERS)]
        if not got:
            return
        received = self.random.choice(got[-12:])
        words = self.random.choice(("SECRET còn nữa.", "1 2", "2 1", "SECRET không được, cần hỏi thêm?", "SECRET 谢谢"))
        sender = received.to if self.random.random() < 0.8 else self.random.choice((*CUSTOMERS, *STRANGERS))
        self._answer(received, sender, words, "quoted", proven=self.random.random() < 0.5)

    def agent_replies(self) -> None:
        got = [mail for mail in self.desk.mails if mail.to in self.staff and mail.kind != "confirm"]
        if not got:
            return
        received = self.random.choice(got[-15:])
        agent = received.to if self.random.random() < 0.85 else self.random.choice(sorted(self.staff))
        order, note = self.random.choice(ORDERS), self.random.random() < 0.3
        words = "#note\nSECRET khách này khó tính." if note else "Chúng tôi đã xem và xử lý."
        if received.kind == "note-copy":
            words = "SECRET nhắn riêng đồng nghiệp."  # a colleague answers a note: it stays inside
        signed = f"\n\n--\nKý tên\n{agent}" if self.random.random() < 0.5 else f"\n\nKý tên {agent}"
        text = self.random.choice((f"{words}\n{order}", f"{order}\n{words}")) + signed
        how = self.random.random()
        style = self.random.choice(STYLES)
        self._answer(received, agent, text, style, auth=how < 0.7, proven=0.7 <= how < 0.85)

    def agent_confirms(self) -> None:
        asked = [mail for mail in self.desk.mails if mail.kind == "confirm"]
        if asked:
            received = self.random.choice(asked[-5:])
            agent = received.to if self.random.random() < 0.7 else self.random.choice(sorted(self.staff))
            self._answer(received, agent, "SECRET ok", "quoted", auth=self.random.random() < 0.5)

    def stranger_writes(self) -> None:
        sender = self.random.choice(STRANGERS)
        number = self.random.randint(1, 6)
        refs = " ".join(mail.header("Message-ID") for mail in self.desk.mails[-3:])
        head = [f"From: {sender}", f"To: {self.random.choice(DOORS)}", f"Subject: Re: [CTY-{number}] x"]
        head += [f"References: {refs}"] if self.random.random() < 0.5 else []
        self._send(sender, head, "SECRET cho tôi xem.\n#close", proven=self.random.random() < 0.5)

    def time_passes(self) -> None:
        self.desk.pass_time(minutes=self.random.choice((1, 30, 600, 3000)))

    def bounce(self) -> None:
        got = [mail for mail in self.desk.mails if mail.envelope_from]
        if not got:
            return
        failed = self.random.choice(got[-10:])
        self.count += 1
        text = (
            f"From: MAILER-DAEMON@mx.y.example\nTo: <{failed.envelope_from}>\n"
            f"Subject: Undelivered Mail Returned to Sender\nMessage-ID: <dsn{self.count}.{self.seed}@y>\n"
            "MIME-Version: 1.0\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\n\n'
            f"--B\nContent-Type: text/plain\n\nFailed {self.count}. SECRET\n"
            "--B\nContent-Type: message/delivery-status\n\n"
            f"Reporting-MTA: dns; y\n\nFinal-Recipient: rfc822; {failed.to}\nAction: failed\nStatus: 5.1.1\n\n--B--\n"
        )
        self._receive(text.replace("\n", "\r\n").encode(), [failed.envelope_from], "", None)

    def repeat(self) -> None:
        """Law 3: no effect, however it is wrapped now."""
        if not self.sent:
            return
        raw, rcpt = self.random.choice(self.sent)
        again = self.random.choice((raw, with_trace(raw), recoded(raw, "base64"), recoded(raw, "quoted-printable")))
        before = len(self.desk.mails)
        number = self.desk.receive(again, rcpt, mail_from="other@path.example")
        outcomes = {row["outcome"] for row in self.desk.store.outcomes(number)}
        assert outcomes == {"duplicate"}, f"a repeat had the outcome {outcomes}"
        assert len(self.desk.mails) == before, "a repeat sent mail"

    # --- how it is written ---

    def _send(self, sender: str, head: list[str], body: str, *, proven: bool = False, auth: bool = False) -> None:
        self.count += 1
        head = [*head, f"Message-ID: <c{self.count}.{self.seed}@client.example>"]
        if proven:
            head.insert(0, f"Authentication-Results: mx.desk.example; dmarc=pass header.from={sender.split('@')[1]}")
        head += ["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"]
        raw = ("\n".join(head) + f"\n\n{body}\n{self.count}\n").replace("\n", "\r\n").encode()
        to = next(line for line in head if line.startswith("To: "))[4:]
        self._receive(raw, [to], sender, sender if auth else None)

    def _answer(
        self, to: Mail, sender: str, words: str, style: str, *, proven: bool = False, auth: bool = False
    ) -> None:
        self.count += 1
        domain = sender.split("@")[1]
        head = [f"Authentication-Results: mx.desk.example; dmarc=pass header.from={domain}"] if proven else []
        rcpt = reply_address(to)
        kind, body = quote(to, f"{words}\n{self.count}" if "#" not in words[-12:] else words, style)
        head += [
            f"From: {sender}",
            f"To: {rcpt}",
            "Subject: Re: " + " ".join(to.header("Subject").split()),
            f"Message-ID: <r{self.count}.{self.seed}@client.example>",
            f"In-Reply-To: {to.header('Message-ID')}",
            f"References: {to.header('References')} {to.header('Message-ID')}",
            *("MIME-Version: 1.0", f"Content-Type: {kind}; charset=utf-8", "Content-Transfer-Encoding: 8bit"),
        ]
        raw = ("\n".join(head) + f"\n\n{body}\n").replace("\r\n", "\n").replace("\n", "\r\n").encode()
        self._receive(raw, [rcpt], sender, sender if auth else None)

    def _receive(self, raw: bytes, rcpt: list[str], mail_from: str, auth: str | None) -> None:
        self.sent.append((raw, rcpt))
        self.desk.receive(raw, rcpt, mail_from=mail_from, auth=auth)


def quote(to: Mail, words: str, style: str) -> tuple[str, str]:
    """Content type and body of a reply as clients write it."""
    text, sender, subject = to.text, to.header("From"), to.header("Subject")
    lines = text.splitlines()
    quoted = "\n".join("> " + line for line in lines)
    wrote = f"Vào Th 2, 23 thg 11, 2026 lúc 09:00 {sender} đã viết:"
    block = f"From: {sender}\nSent: Monday, November 23, 2026 9:00 AM\nTo: {to.to}\nSubject: {subject}"
    bodies = {
        "quoted": f"{words}\n\n{wrote}\n\n{quoted}",
        "outlook": f"{words}\n\n-----Original Message-----\n{block}\n\n{text}",
        "qq": (
            f"{words}\n\n\n------------------ 原始邮件 ------------------\n发件人: {sender}\n"
            f"发送时间: 2026年11月23日(星期一) 上午9:00\n收件人: {to.to}\n主题: {subject}\n\n{text}"
        ),
        "apple": f"{words}\n\n> On 23 Nov 2026, at 09:00, {sender} wrote:\n> \n{quoted}",
        "below": f"{wrote}\n\n{quoted}\n\n{words}",
        "between": f"{quoted}\n{words}\n> {lines[-1] if lines else ''}",
        "none": words,
        "trimmed": f"{words}\n\n{wrote}\n\n" + "\n".join("> " + line for line in lines[2:]),
    }
    if style in bodies:
        return "text/plain", bodies[style]
    part = to.message.get_body(("html",))  # type: ignore[attr-defined]
    html = part.get_content() if part is not None else f"<pre>{escape(text)}</pre>"
    written = "<br>".join(escape(line) for line in words.splitlines())
    if style == "html":
        return "text/html", (
            f'<div dir="ltr">{written}</div><br>'
            f'<div class="gmail_quote"><div class="gmail_attr">{escape(wrote)}<br></div>'
            f'<blockquote class="gmail_quote" style="margin:0 0 0 .8ex">{html}</blockquote></div>'
        )
    head = "<br>".join(
        f"<b>{escape(line.partition(':')[0])}:</b>{escape(line.partition(':')[2])}" for line in block.split("\n")
    )
    return "text/html", (
        f'<p class="MsoNormal">{written}</p>'
        f'<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p>{head}</p></div>{html}'
    )


def with_trace(raw: bytes) -> bytes:
    """The same mail by a longer way."""
    return (
        b"Return-Path: <x@y.example>\r\nDelivered-To: kythuat@desk.example\r\n"
        b"Received: from a.example by b.example; Mon, 23 Nov 2026 09:00:00 +0700\r\nX-Spam-Score: 0.1\r\n" + raw
    )


def recoded(raw: bytes, encoding: str) -> bytes:
    """The same mail in another transfer encoding, as relays without 8BITMIME write it."""
    head, _, body = raw.partition(b"\r\n\r\n")
    if b"Content-Transfer-Encoding: 8bit" not in head:
        return raw
    head = head.replace(b"Content-Transfer-Encoding: 8bit", f"Content-Transfer-Encoding: {encoding}".encode())
    if encoding == "base64":
        body = base64.encodebytes(body).replace(b"\n", b"\r\n")
    else:
        body = quopri.encodestring(body.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return head + b"\r\n\r\n" + body
