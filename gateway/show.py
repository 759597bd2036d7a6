"""How commands print for people: tables and frames on a terminal, plain lines otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

_SETTERS = {
    "door": "the address it was written to",
    "ticket": "its ticket",
    "department": "the department's own setting",
}
_SAID = frozenset({"ticket", "kind", "actor", "how", "reading", "evidence"})  # an event repeats them


def console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def ticket_table(rows: list[dict[str, Any]]) -> None:
    """One line a ticket: a table on a terminal, else fields between tabs."""
    names = ("tag", "status", "department", "assignee", "requester")
    lines = [[*(row[name] for name in names), len(row["messages"]), row["subject"]] for row in rows]
    _table(("ticket", *names[1:], "mails", "subject"), lines, "no tickets")


def quarantine_table(rows: list[dict[str, Any]]) -> None:
    """One line a mail that was put aside."""
    lines = [
        (
            row["id"],
            _when(row["received_at"]),
            row["mail_from"] or ("<>" if row["mail_from"] == "" else "-"),
            ", ".join(row["rcpt_to"]),
            _size(row["size"]),
            row["reason"],
        )
        for row in rows
    ]
    _table(("id", "received", "from", "to", "size", "why"), lines, "nothing is in quarantine")


def outbox_table(rows: list[dict[str, Any]], prefix: str, hold: tuple[datetime, str] | None) -> None:
    """Mail that is not out; whether the desk is on hold goes to people first, and to stderr."""
    if hold is not None:
        _on_hold(Console(stderr=True, highlight=False, soft_wrap=True), hold[0].isoformat(), hold[1])
    lines = [
        (
            row["id"],
            row["state"],
            row["kind"],
            f"{prefix}-{row['ticket']}" if row["ticket"] else "-",
            row["recipient"],
            _when(row["created_at"]),
            row["subject"],
            row["reply"],
        )
        for row in rows
    ]
    _table(("id", "state", "kind", "ticket", "to", "written", "subject", "reply"), lines, "nothing waits")


def _on_hold(out: Console, since: str, why: str) -> None:
    words = f"ON HOLD since {_when(since)} ({why}): nothing goes out until `gateway outbox release --all`"
    out.print(f"[yellow]![/yellow] {escape(words)}")


def _table(titles: Sequence[str], lines: Sequence[Sequence[Any]], nothing: str) -> None:
    out = console()
    cells = [[" ".join(str("-" if cell in (None, "") else cell).split()) for cell in line] for line in lines]
    if not lines:
        out.print(nothing)
    elif not out.is_terminal:
        for line in cells:
            print("\t".join(line))
    else:
        table = Table(box=None, pad_edge=False)
        for title in titles:
            table.add_column(title, overflow="fold")
        for line in cells:
            table.add_row(*map(escape, line))
        out.print(table)


def status_page(status: Mapping[str, Any], health: Mapping[str, Any]) -> None:
    """What runs, what is wrong, what waits."""
    out = console()
    _wellbeing(out, health)
    if status.get("on_hold"):
        _on_hold(out, status["on_hold"]["since"], status["on_hold"]["why"])
    for name, title in (("tickets", "tickets"), ("intake", "mail in"), ("outbox", "mail out")):
        counts = status.get(name)
        if counts is not None:
            out.print(f"{title}: " + (", ".join(f"{many} {state}" for state, many in counts.items()) or "none"))
    relay = health.get("relay")
    if relay:
        out.print(
            f"relay in trouble for {int(relay['lasts'])} s, next try in {int(relay['again'])} s: "
            + escape(relay["why"])
        )
    if status.get("oldest_waiting"):
        out.print(f"oldest mail that waits: {_when(status['oldest_waiting'])}")
    if status.get("database_size"):
        out.print(f"database: {_size(status['database_size'])}, schema {status.get('revision')}")
    if health.get("rulebook"):
        out.print(f"rules: digest {health['rulebook'][:12]}")
    for box in health.get("mailboxes", []):
        _mailbox(out, box)


def _wellbeing(out: Console, health: Mapping[str, Any]) -> None:
    reasons = health.get("reasons", [])
    for reason in reasons:
        out.print(f"[red]✗[/red] {escape(str(reason))}")
    if not reasons:
        out.print("[green]✓[/green] running and well")
    for note in health.get("notes", []):
        out.print(f"[yellow]![/yellow] {escape(str(note))}")
    for alarm in health.get("alarms", []):
        out.print(f"alarm since {_when(alarm['begun'])}: {escape(_alarm(alarm))}")


def _mailbox(out: Console, box: Mapping[str, Any]) -> None:
    """One mailbox: when it was polled well, and what the last comparison of each folder with the ledger found."""
    trouble = f", {box['trouble']}" if box["trouble"] else ""
    out.print(f"mailbox {escape(box['name'])}: polled well {box['silent_seconds']} s ago{escape(trouble)}")
    for one in box["folders"]:
        found = f"{one['on_server']} on the server, {one['known']} known, {one['missed']} missed"
        more = "".join(f", {one[name]} {name}" for name in ("unmoved", "changed") if one[name])
        out.print(f"  {escape(one['folder'])}: compared {_when(one['at'])}: {found}{more}")


def _alarm(alarm: Mapping[str, Any]) -> str:
    return f"{alarm['alarm']} {alarm['about']}".strip() + f": {alarm['reason']}"


def alarm_page(alarms: Sequence[Mapping[str, Any]]) -> bool:
    """The alarms that stand, one a line; whether there are none."""
    out = console()
    for alarm in alarms:
        risk = "[red]✗[/red]" if alarm["mail_at_risk"] else "[yellow]![/yellow]"
        out.print(f"{risk} {_when(alarm['begun'])} {escape(_alarm(alarm))}")
    if not alarms:
        out.print("no alarms")
    return not alarms


def alarm_test_page(answer: Mapping[str, Any]) -> bool:
    """What became of a test alarm by each way; whether none has failed."""
    out = console()
    mail = ", ".join(answer["mail"])
    out.print(f"mail: written to {escape(mail)}; see that it arrives" if mail else "mail: alarms.to is not set")
    command = answer["command"]
    out.print("command: alarms.command is not set" if command is None else f"command: {escape(command)}")
    return command in (None, "done")


def ticket_page(ticket: dict[str, Any]) -> None:
    """One ticket whole: its mails, what happened, and why."""
    out = console()
    out.print(f"[bold]{escape(ticket['tag'])}[/bold] {escape(ticket['subject'])}")
    prefix = ticket["tag"].rpartition("-")[0]
    facts = {name: ticket.get(name) for name in ("status", "department", "assignee", "requester", "priority")}
    facts["tags"] = ", ".join(ticket["tags"])
    facts["answers also go to"] = ", ".join(
        person["address"] for person in ticket["participants"] if person["verified"] and person["role"] != "requester"
    )
    facts |= {f"{one['kind']} due": _target(one) for one in ticket["targets"]}
    facts["is part of"] = ticket["merged_into"] and f"{prefix}-{ticket['merged_into']}"
    facts["may belong to"] = ticket["related"] and f"{prefix}-{ticket['related']}"
    _facts(out, facts)
    for message in ticket["messages"]:
        marks = [name for name in ("held", "unverified") if message[name]] + ([] if message["public"] else ["internal"])
        title = " · ".join([message["from"] or "?", _when(message["received_at"]), *marks])
        _block(out, title, message["body"].rstrip())
    out.print("[bold]history[/bold]")
    for event in ticket["events"]:
        line = f"{_when(event['at'])} {event['kind']} by {event['actor']}"
        out.print("  " + escape(f"{line}: {_words(event['data'])}" if event["data"] else line))
    out.print("[bold]why[/bold]")
    for decision in ticket["decisions"]:
        _decision(out, decision)
    out.print("[bold]mail out[/bold]")
    for mail in ticket["outbox"]:
        reply = f", {mail['reply']}" if mail["reply"] else ""
        out.print(
            "  " + escape(f"{_when(mail['created_at'])} {mail['kind']} to {mail['recipient']}: {mail['state']}{reply}")
        )


def _decision(out: Console, decision: Mapping[str, Any]) -> None:
    """One mail's or tick's decision: outcome, reasons, what was proven, the rules that set something."""
    facts = decision["facts"] or {}
    proven = f" · E{facts['evidence']}: {facts['evidence_reason']}" if "evidence" in facts else ""
    author = f" · {facts['author']}" if facts.get("author") else ""
    reasons = [reason for reason in decision["reasons"] if reason != facts.get("evidence_reason")]
    why = f": {'; '.join(reasons)}" if reasons else ""
    out.print("  " + escape(f"{_when(decision['at'])} {decision['outcome']}{author}{proven}{why}"))
    for fired in (one for rules in decision["rules"] for one in rules if one.get("set")):
        out.print("    " + escape(f"{fired['place']} {fired['rule']}: {_words(fired['set'])}"))


def explanation(answer: dict[str, Any]) -> None:
    """What would become of a mail: first what, then why, then the mails that would go out."""
    out = console()
    for verdict in answer["outcomes"]:
        where = f" at {verdict['door']}" if verdict["door"] else ""
        tag = f" {verdict['tag']}" if verdict["tag"] else ""
        out.print(f"[bold]{escape(verdict['outcome'] + tag + where)}[/bold]: {escape('; '.join(verdict['reasons']))}")
    if any(verdict["outcome"] == "duplicate" for verdict in answer["outcomes"]):
        out.print("  it is here already; with --fresh: what becomes of it as if nothing had come before")
    for event in answer["events"]:
        words = _words({name: value for name, value in event.items() if name not in _SAID})
        out.print(f"  {escape(event['kind'])}" + (f": {escape(words)}" if words else ""))
    if answer["reading"] is not None:
        _mail_read(out, answer["reading"])
    for routed in answer["rules"]:
        _rules_tried(out, routed)
    _mails_out(out, answer["mails"])


def _mail_read(out: Console, reading: Mapping[str, Any]) -> None:
    files = [f"{one['name']} ({one['type']}, {_size(one['size'])})" for one in reading["attachments"]]
    out.print("[bold]the mail[/bold]")
    _facts(
        out,
        {
            "from": reading["from"] or f"{reading['shown_from'] or 'nobody'} (not strictly readable: proves nothing)",
            "subject": reading["subject"],
            "is": f"{reading['kind']}: {reading['why']}",
            "wants a ticket": "yes" if reading["is_work"] else "no",
            "may be answered by machine": "yes" if reading["may_be_answered"] else "no",
            "evidence": f"{reading['evidence']}: {reading['evidence_reason']}",
            "language": reading["language"] or "unsure",
            "attachments": ", ".join(files),
            "defects": "; ".join(reading["defects"]),
        },
    )
    _block(out, "what is new in it", reading["new_text"].rstrip())


def _rules_tried(out: Console, routed: Mapping[str, Any]) -> None:
    where = f" at {routed['door']}" if routed["door"] else ""
    out.print(
        f"[bold]rules for {'a mail on a ticket' if routed['on'] == 'reply' else 'new mail'}{escape(where)}[/bold]"
    )
    for step in routed["tried"]:
        mark = "[green]✓[/green]" if step["held"] else "✗"
        out.print(f"  {mark} {escape(step['place'])} {escape(step['rule'])}: {escape(step['why'])}")
    for name, place in routed["set_by"].items():
        value = ", ".join(routed[name]) if isinstance(routed[name], list) else _word(routed[name])
        out.print(f"  {escape(name)} = {escape(value)}, set by {escape(_SETTERS.get(place, place))}")


def _mails_out(out: Console, mails: Sequence[Mapping[str, Any]]) -> None:
    """Each text once, with all who would get it."""
    if not mails:
        out.print("[bold]no mail would go out[/bold]")
    alike: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for mail in mails:
        alike.setdefault((mail["kind"], mail["subject"], mail["text"]), []).append(mail)
    for (kind, subject, text), group in alike.items():
        files = group[0]["attachments"]
        head = [f"From: {group[0]['from']}", f"Subject: {subject}"]
        head += [f"Attachments: {', '.join(map(str, files))}"] if files else []
        title = f"{kind} to {', '.join(mail['to'] for mail in group)}"
        whole = "\n".join([*head, "", text.rstrip()])
        _block(out, title, whole)


def _block(out: Console, title: str, text: str) -> None:
    """A text of somebody's: in a frame on a terminal, else indented below its title."""
    if out.is_terminal:
        out.print(Panel(escape(text), title=escape(title), title_align="left"))
        return
    print(f"--- {title}")
    for line in text.splitlines():
        print(f"    {line}".rstrip())


def _facts(out: Console, facts: Mapping[str, Any]) -> None:
    for name, value in facts.items():
        if value:
            out.print(f"  {escape(name)}: {escape(str(value))}")


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_word(value)}" for name, value in values.items() if value not in ("", None))


def _word(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False, default=str)


def _target(target: Mapping[str, Any]) -> str:
    kept = f", answered {_when(target['met_at'])}" if target["met_at"] else ""
    return (
        _when(target["due"]) + kept + (f", escalated {_when(target['breached_at'])}" if target["breached_at"] else "")
    )


def _when(instant: str) -> str:
    """`2026-11-23T01:30:00.123456Z` → `2026-11-23 01:30 UTC`."""
    return f"{instant[:10]} {instant[11:16]} UTC"


def _size(octets: int) -> str:
    for unit, size in (("MB", 1024**2), ("KB", 1024)):
        if octets >= size:
            return f"{octets / size:.1f} {unit}"
    return f"{octets} octets"
