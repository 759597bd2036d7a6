"""`gateway outbox`: what is not out yet, and the desk on hold."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from gateway.cli_parts import CONFIG, JSON, fail, print_json, read_config, store_of


@click.group(invoke_without_command=True)
@CONFIG
@JSON
@click.pass_context
def outbox(context: click.Context, config: Path, as_json: bool) -> None:
    """Mail that waits, is held or has failed; release, hold, drop."""
    if context.invoked_subcommand is not None:
        return
    settings = read_config(config)
    from gateway.store.desk_hold import DeskHold

    desk = DeskHold(store_of(settings))
    hold, rows = desk.state(), desk.unsent()
    if as_json:
        state = {"since": hold[0].isoformat(timespec="seconds"), "why": hold[1]} if hold else None
        print_json({"on_hold": state, "outbox": rows})
        return
    from gateway.show import outbox_table

    outbox_table(rows, settings.desk.prefix, hold)


IDS = click.argument("ids", type=int, nargs=-1, metavar="[ID]...")


@outbox.command()
@CONFIG
@IDS
@click.option("--all", "everything", is_flag=True, help="all of them, and end the hold")
@click.option(
    "--no-escalations",
    "quiet",
    is_flag=True,
    help="with --all: promises that came due during the hold are marked, and nobody is written to",
)
@JSON
def release(config: Path, ids: tuple[int, ...], everything: bool, quiet: bool, as_json: bool) -> None:
    """Let held mail go: single ones, or --all, which ends the hold."""
    if bool(ids) == everything:
        fail("either ids or --all")
    if quiet and not everything:
        fail("--no-escalations goes with --all")
    answer = ask(config, "outbox-release", {"ids": None if everything else list(ids), "escalate": not quiet})
    if as_json:
        print_json(answer)
        return
    click.echo(f"released {answer['released']}")
    if answer.get("overdue"):
        what = "marked; nobody is written to" if quiet else "the managers are told now"
        click.echo(f"promises that came due meanwhile: {answer['overdue']}; {what}")


@outbox.command()
@CONFIG
@click.option("--reason", default="stopped by an administrator", show_default=True)
@JSON
def hold(config: Path, reason: str, as_json: bool) -> None:
    """Stop everything that goes out, until `release --all`. Mail in is taken and decided as always."""
    answer = ask(config, "outbox-hold", {"reason": reason})
    print_json(answer) if as_json else click.echo(f"on hold; {answer['held']} mails were stopped")


@outbox.command()
@CONFIG
@click.argument("ids", type=int, nargs=-1, required=True, metavar="ID...")
@click.option("--reason", required=True, help="goes into the history of the ticket")
@JSON
def drop(config: Path, ids: tuple[int, ...], reason: str, as_json: bool) -> None:
    """Never send these."""
    answer = ask(config, "outbox-drop", {"ids": list(ids), "reason": reason})
    print_json(answer) if as_json else click.echo(f"dropped {', '.join(map(str, answer['dropped']))}")


def ask(config: Path, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The running daemon does it; without one this process, under the store's lock."""
    from gateway.edge.control import NoDaemon, call

    settings = read_config(config)
    try:
        answer = call(settings.state_dir / "control", command, arguments)
    except NoDaemon:
        answer = _alone(settings, command, arguments)
    if "error" in answer:
        fail(str(answer["error"]), 1)
    return answer


def _alone(settings: Any, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from gateway.outbox_orders import outbox_orders

    store = store_of(settings, write=True)
    try:
        return outbox_orders(store, lambda: datetime.now(UTC), lambda: None)[command](arguments)
    finally:
        store.close()
