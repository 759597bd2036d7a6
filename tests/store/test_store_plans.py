"""No statement of a mail's path goes through a whole table: what is asked of the database is really executed here, and
SQLite is asked how it would do it (EXPLAIN QUERY PLAN). So a desk of a million tickets is as quick as a new one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from gateway.model import SendResult, Sent
from gateway.store.store import Store
from tests.flow.clients import mail, reply
from tests.flow.desk_under_test import DeskUnderTest
from tests.flow.test_any_order import OPEN_CAPS
from tests.store.statements import heard

pytestmark = pytest.mark.sqlite

# what a statement may go through from one end to the other, and why that costs the same on a large desk
SHORT = {
    "ticket_number": "one row",
    "desk_hold": "one row or none",
}
_SCAN = re.compile(r"^SCAN (\w+)")


@contextmanager
def statements(store: Store) -> Iterator[dict[str, Any]]:
    """Every SELECT, INSERT, UPDATE and DELETE that the store executes meanwhile, with the parameters of one run."""
    said: dict[str, Any] = {}

    def hear(_: Connection, statement: str, parameters: Any) -> None:
        if statement.split(None, 1)[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"):
            said[statement] = tuple(parameters)

    with heard(store, before=hear):
        yield said


def live(desk: DeskUnderTest) -> None:
    """New mail, a reply, an agent's answer, mail that fails: all that the path of a mail asks of the store."""
    number = 0
    for number in range(3):
        desk.receive(
            mail(
                sender=f"khach{number}@khach.example",
                to="kythuat@desk.example",
                subject="Lỗi thanh toán",
                body="Trang web báo lỗi khi thanh toán.",
                message_id=f"<{number}@khach.example>",
            ),
            ["kythuat@desk.example"],
            mail_from=f"khach{number}@khach.example",
        )
    acknowledged = desk.sent_to("khach0@khach.example")[0]
    notice = desk.sent_to("hung.le@people.desk.example")[0]
    desk.receive(
        reply(acknowledged, sender="khach0@khach.example", body="Vẫn còn lỗi.", message_id="<r@khach.example>"),
        [acknowledged.header("Reply-To") and re.findall(r"[^<\s]+@desk\.example", acknowledged.header("Reply-To"))[0]],
        mail_from="khach0@khach.example",
    )
    desk.refuse["khach0@khach.example"] = SendResult(0, Sent.REFUSED, "550 5.1.1 unknown")
    desk.receive(
        reply(notice, sender="hung.le@people.desk.example", body="Đã sửa xong.", message_id="<a@people.example>"),
        [re.findall(r"[^<\s]+@desk\.example", notice.header("Reply-To"))[0]],
        mail_from="hung.le@people.desk.example",
        auth="hung.le@people.desk.example",
    )


def test_no_statement_of_the_path_of_a_mail_goes_through_a_table(tmp_path: Path) -> None:
    desk = DeskUnderTest(tmp_path, caps=OPEN_CAPS)
    try:
        with statements(desk.store) as said:
            live(desk)
        assert {"INSERT", "SELECT", "UPDATE"} <= {statement.split(None, 1)[0] for statement in said}
        assert len(said) > 30
        slow = {}
        with desk.store._parts.read() as connection:
            for statement, parameters in said.items():
                plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
                whole = {name for step in plan for name in _SCAN.findall(step)} - SHORT.keys()
                if whole:
                    slow[statement] = plan
        assert slow == {}
    finally:
        desk.close()
