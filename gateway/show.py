"""How commands print for people: rich on a terminal, plain lines otherwise."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table


def console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def ticket_table(rows: list[dict[str, Any]]) -> None:
    """One line a ticket: a table on a terminal, else fields between tabs."""
    out = console()
    if not out.is_terminal:
        for row in rows:
            named = [str(row[name] or "-") for name in ("tag", "status", "department", "assignee", "requester")]
            print("\t".join([*named, str(len(row["messages"])), " ".join(row["subject"].split())]))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("ticket", "status", "department", "assignee", "requester", "mails", "subject"):
        table.add_column(title, overflow="fold")
    for row in rows:
        cells = (row["tag"], row["status"], row["department"], row["assignee"] or "-", row["requester"] or "-")
        table.add_row(*(escape(str(cell)) for cell in cells), str(len(row["messages"])), escape(row["subject"]))
    out.print(table if rows else "no tickets")


def ticket_page(ticket: dict[str, Any], prefix: str) -> None:
    """One ticket whole."""
    out = console()
    out.print(f"[bold]{prefix}-{ticket['number']}[/bold] {escape(ticket['subject'])}")
    for key in ("status", "department", "assignee", "requester", "priority", "merged_into"):
        if ticket.get(key):
            out.print(f"  {key}: {escape(str(ticket[key]))}")
    for message in ticket.get("messages", []):
        marks = [name for name in ("held", "unverified") if message.get(name)]
        marks += [] if message.get("public") else ["internal"]
        title = " · ".join([str(message.get("from") or "?"), str(message["received_at"]), *marks])
        out.print(Panel(escape(message["body"]), title=escape(title), title_align="left"))
    out.print("[bold]history[/bold]")
    for event in ticket.get("events", []):
        details = ", ".join(
            f"{key}={value}" for key, value in (event.get("data") or {}).items() if value not in ("", None)
        )
        out.print(f"  {event['at']} {event['kind']} by {escape(str(event['actor']))} {escape(details)}")


def explanation(answer: dict[str, Any]) -> None:
    """What would become of a mail."""
    out = console()
    for name, value in answer.get("reading", {}).items():
        if name != "new_text":
            out.print(f"{name}: {escape(str(value))}")
    out.print(
        Panel(escape(answer.get("reading", {}).get("new_text", "")), title="what is new in it", title_align="left")
    )
    for routed in answer.get("rules", []):
        out.print(f"[bold]rules[/bold] at door '{escape(routed['door'])}': department {escape(routed['department'])}")
        for step in routed["tried"]:
            mark = "[green]held[/green]" if step["held"] else "did not hold"
            out.print(f"  {escape(step['place'])} {escape(step['rule'])}: {mark} {escape(step['why'])}")
        for name, place in routed["set_by"].items():
            out.print(f"  {escape(name)} set by {escape(place)}")
    for verdict in answer["outcomes"]:
        reasons = "; ".join(verdict.get("reasons", []))
        out.print(f"[bold]outcome[/bold]: {verdict['outcome']} {verdict.get('ticket') or ''} {escape(reasons)}")
    for mail in answer.get("mails", []):
        out.print(Panel(escape(mail["text"]), title=escape(f"{mail['kind']} to {mail['to']}"), title_align="left"))
