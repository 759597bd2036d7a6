"""`gateway read` for people: what a mail is, who wrote it, what is new in it, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from gateway.show import console


def reading_page(record: Mapping[str, Any]) -> None:
    """The whole record of `gateway.reading`; what is not there is left out."""
    out = console()
    if record["quarantine"]:
        out.print(f"[bold red]put aside, not read[/bold red]: {escape(record['quarantine'])}")
    _lines(out, _who_and_what(record))
    _block(out, "what is new in it", record["new_text"])
    _block(out, "what it quotes", record["quoted_text"])
    _block(out, "signature", record["signature"])
    if record["forwarded"]:
        _lines(out, {f"forwarded {name}": value for name, value in record["forwarded"].items()})
    for part in record["attachments"]:
        inline = f" inline {part['content_id'] or ''}".rstrip() if part["inline"] else ""
        out.print(f"  part {part['path']}: {escape(part['name'])} ({escape(part['type'])}, {part['size']}){inline}")
    for defect in record["defects"]:
        out.print(f"  [yellow]defect[/yellow]: {escape(defect)}")


def _who_and_what(record: Mapping[str, Any]) -> dict[str, Any]:
    evidence, bounce = record["sender_evidence"], record["bounce"]
    strictly = "" if record["author"] else " (not strictly readable: proves nothing)"
    return {
        "from": _shown(record["from"]) + strictly if record["from"] else "nobody",
        "evidence": f"{evidence['level']}: {evidence['why']}" if evidence else None,
        "reply to": ", ".join(map(_shown, record["reply_to"])),
        "to": ", ".join(map(_shown, record["to"])),
        "cc": ", ".join(map(_shown, record["cc"])),
        "subject": record["subject"],
        "date": record["date"],
        "Message-ID": record["message_id"],
        "in reply to": " ".join(record["in_reply_to"]),
        "references": " ".join(record["references"]),
        "is": f"{record['kind']}: {record['kind_reason']}" if record["kind"] else None,
        "wants a ticket": _yes(record["is_work"]),
        "may be answered by machine": _yes(record["may_answer"]),
        "could not be delivered": f"{', '.join(bounce['recipients']) or 'to whom, it does not say'}: "
        f"{bounce['status'] or 'no status'}, {'for good' if bounce['permanent'] else 'for now'}"
        if bounce
        else None,
        "language": record["language"] or "unsure",
    }


def _shown(box: Mapping[str, str]) -> str:
    return f"{box['name']} <{box['address']}>" if box["name"] else box["address"]


def _yes(answer: bool | None) -> str | None:
    return None if answer is None else "yes" if answer else "no"


def _lines(out: Console, facts: Mapping[str, Any]) -> None:
    for name, value in facts.items():
        if value:
            out.print(f"  {escape(name)}: {escape(str(value))}")


def _block(out: Console, title: str, text: str) -> None:
    if text.strip():
        out.print(Panel(escape(text), title=title, title_align="left")) if out.is_terminal else _plain(out, title, text)


def _plain(out: Console, title: str, text: str) -> None:
    out.print(f"{title}:")
    for line in text.split("\n"):
        out.print(f"    {escape(line)}")


def score_page(found: Mapping[str, Any], misses: bool) -> None:
    """Each question with its shares; then what was lost, how long it took, and what was wrong if asked for."""
    out = console()
    table = Table(box=None, pad_edge=False)
    for column in ("question", "mails", "right", "", "recall", "precision"):
        table.add_column(column, justify="left" if column == "question" else "right")
    for name, row in found["questions"].items():
        shares = (f"{row[share]:.1%}" for share in ("share", "recall", "precision"))
        table.add_row(name, str(row["asked"]), str(row["right"]), *shares)
    out.print(table)
    took = found["milliseconds"]
    out.print(f"{found['mails']} mails; words lost in {len(found['text_lost'])}: {' '.join(found['text_lost'][:20])}")
    out.print(f"a mail takes {took['median']} ms (median), {took['99th']} ms (99 of 100), {took['most']} ms (longest)")
    for miss in found["misses"] if misses else ():
        out.print(f"[bold]{escape(miss['mail'])}[/bold] {miss['question']}")
        out.print(f"  expected {escape(repr(miss['expected']))}")
        out.print(f"  found    {escape(repr(miss['found']))}")
