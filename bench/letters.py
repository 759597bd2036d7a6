"""The mails of the bench: distinct senders, subjects, bodies and Message-IDs, made before anything is measured.

Words are drawn from small Vietnamese and English lists with a seeded generator, so that two mails rarely share a
sentence, a few rules hold for each, and every run has the same mails.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HELP = "help@desk.example"
DOMAIN = "customer.example"

_VIETNAMESE = (
    "chào quý công ty chúng tôi gặp lỗi khi thanh toán đơn hàng trên trang web nhờ kiểm tra giúp hôm qua máy in ở tầng "
    "ba không kết nối được mạng nội bộ khách hàng phàn nàn về thời gian phản hồi hóa đơn tháng này bị sai địa chỉ xin "
    "gửi lại báo giá cho gói dịch vụ mới bản thiết kế chưa đúng màu như đã thống nhất tên miền sắp hết hạn vui lòng "
    "gia hạn thêm một năm tài khoản của nhân viên mới chưa được cấp quyền truy cập hệ thống xin cảm ơn và mong tin"
)
_ENGLISH = (
    "please have a look at the order page it shows an error after the payment step and the invoice of last month has "
    "a wrong address we would like a new quote for the larger package the printer on the third floor lost its "
    "connection again our colleague cannot log in since monday the domain expires soon kindly renew it thank you"
)
VIETNAMESE, ENGLISH = tuple(_VIETNAMESE.split()), tuple(_ENGLISH.split())


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail ready for the wire: no line begins with a dot, `head + tail` ends with CR LF."""

    message_id: str
    sender: str
    recipient: str
    head: bytes
    tail: bytes = b""  # shared between large mails, so that two hundred of them fit into memory

    @property
    def envelope(self) -> bytes:
        return f"MAIL FROM:<{self.sender}>\r\nRCPT TO:<{self.recipient}>\r\nDATA\r\n".encode()


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What a customer has in hand after an acknowledgement: whom to answer, and to which mail."""

    customer: str
    message_id: str
    reply_to: str


class Writer:
    """Makes letters, never two alike. `series` tells the mails of one measurement from those of all others."""

    def __init__(self, series: str, known: int = 0) -> None:
        self._series, self._known = series, known
        self._random = random.Random(series)
        self._number = 0

    def texts(self, count: int) -> list[Letter]:
        """2 KB of plain text each."""
        return [self._letter(self._plain(1450)) for _ in range(count)]

    def pages(self, count: int) -> list[Letter]:
        """50 KB each: an HTML page with nested tables beside its plain text."""
        return [self._letter(self._alternative()) for _ in range(count)]

    def attachments(self, count: int) -> list[Letter]:
        """1 MB each: a text and a photograph in base64."""
        photographs = [_photograph(self._random) for _ in range(4)]
        return [self._letter(self._mixed(), photographs[n % 4]) for n in range(count)]

    def replies(self, to: Sequence[Acknowledged]) -> list[Letter]:
        """2 KB each: an answer to each acknowledgement, with it quoted below."""
        return [self._reply(one) for one in to]

    def old_replies(self, tickets: int, count: int) -> list[Letter]:
        """2 KB each: customers come back to a ticket each, drawn from all prepared ones that are not closed."""
        not_closed = range(1, tickets, 2)
        places = self._random.sample(not_closed, min(count, len(not_closed)))
        return [self._old_reply(place, tickets) for place in places]

    def _letter(self, rest: str, tail: bytes = b"") -> Letter:
        self._number += 1
        return self._headed(self._sender(), HELP, f"{self.words(5)} {self._number}", "", rest, tail)

    def _sender(self) -> str:
        if self._known:
            return known_customer(self._number % self._known)
        return f"first.{self._series}.{self._number}@{DOMAIN}"

    def _headed(self, sender: str, to: str, subject: str, more: str, rest: str, tail: bytes = b"") -> Letter:
        number = f"{self._series}.{self._number}"
        head = (
            f"Received: from mx.{DOMAIN} (mx.{DOMAIN} [192.0.2.7]) by mail.desk.example (Postfix)"
            f"\r\n\twith ESMTPS id {number} for <{HELP}>; Mon, 23 Nov 2026 08:30:00 +0700 (+07)\r\n"
            f"Received: from laptop (unknown [198.51.100.9]) by mx.{DOMAIN} (Postfix) with ESMTPSA id X{number};"
            "\r\n\tMon, 23 Nov 2026 08:29:58 +0700 (+07)\r\n"
            f"From: Khách <{sender}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n"
            f"Date: Mon, 23 Nov 2026 08:29:57 +0700\r\nMessage-ID: <{number}@{DOMAIN}>\r\n{more}MIME-Version: 1.0\r\n"
        )
        return Letter(f"<{number}@{DOMAIN}>", sender, to, (head + rest).encode(), tail)

    def _plain(self, octets: int) -> str:
        text = "\r\n".join(self._lines(octets))
        return f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"

    def _lines(self, octets: int) -> Iterator[str]:
        while octets > 0:
            line = f"{self.words(11)} {self._random.randrange(10**6)}."
            octets -= len(line.encode()) + 2
            yield line

    def words(self, count: int) -> str:
        """So many words of one of the two languages."""
        return " ".join(self._random.choices(VIETNAMESE if self._random.random() < 0.7 else ENGLISH, k=count))

    def _alternative(self) -> str:
        rows = "\r\n".join(
            f'<table><tr><td style="font-family:Arial;color:#333333"><p>{line}</p></td></tr></table>'
            for line in self._lines(26_000)
        )
        return (
            'Content-Type: multipart/alternative; boundary="two"\r\n\r\n--two\r\n'
            + self._plain(6_000)
            + "--two\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            + f"<html><body>\r\n{rows}\r\n</body></html>\r\n--two--\r\n"
        )

    def _mixed(self) -> str:
        return (
            'Content-Type: multipart/mixed; boundary="two"\r\n\r\n--two\r\n'
            + self._plain(1_000)
            + '--two\r\nContent-Type: image/jpeg\r\nContent-Disposition: attachment; filename="photo.jpg"\r\n'
            + "Content-Transfer-Encoding: base64\r\n\r\n"
        )

    def _old_reply(self, place: int, tickets: int) -> Letter:
        customer = known_customer(place % customers_of(tickets))
        self._number += 1
        more = f"In-Reply-To: {old_id(place)}\r\nReferences: {old_id(place)}\r\n"
        subject = f"Re: [BEN-{place + 1}] {self.words(4)}"
        return self._headed(customer, HELP, subject, more, self._plain(1450))

    def _reply(self, to: Acknowledged) -> Letter:
        self._number += 1
        quoted = "\r\n".join(f"> {line}" for line in self._lines(500))
        rest = self._plain(800).removesuffix("\r\n") + f"\r\n\r\nOn Mon, 23 Nov 2026, Desk wrote:\r\n\r\n{quoted}\r\n"
        more = f"In-Reply-To: {to.message_id}\r\nReferences: {to.message_id}\r\n"
        return self._headed(to.customer, to.reply_to, f"Re: {self.words(4)}", more, rest)


def customers_of(tickets: int) -> int:
    """How many customers a prepared database of so many tickets knows."""
    return max(2_000, tickets // 5)


def old_id(place: int) -> str:
    """The Message-ID that opened the prepared ticket at this place, which counts from 0."""
    return f"<old.{place}@{DOMAIN}>"


def known_customer(number: int) -> str:
    """A customer whom the prepared databases know."""
    return f"customer{number}@{DOMAIN}"


def _photograph(source: random.Random) -> bytes:
    return base64.encodebytes(source.randbytes(745_000)).replace(b"\n", b"\r\n") + b"--two--\r\n"
