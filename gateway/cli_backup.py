"""`gateway backup` and `gateway restore`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from gateway.cli_parts import CONFIG, JSON, fail, print_json, read_config

FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@CONFIG
@FILE
@click.option("--verify", is_flag=True, help="read FILE from end to end and say whether it is whole; writes nothing")
@click.option("--replace", is_flag=True, help="FILE may be there already: it is replaced once the new one is complete")
@JSON
def backup(config: Path, file: Path, verify: bool, replace: bool, as_json: bool) -> None:
    """Write the whole desk into FILE (a .tar.gz), beside the running daemon or without one.

    In it: every table, the octets of all mail, the signing keys, the last good rules. Not in it: gateway.yaml, secrets.
    Exit 1 if something could not be saved; it is named.
    """
    if verify:
        _verify(file, as_json)
        return
    from gateway.backup import back_up
    from gateway.cli_errors import start_errors
    from gateway.progress import progress

    if file.exists() and not replace:
        fail(f"{file} exists; another name, or --replace")
    settings = read_config(config)
    try:
        with progress(as_json) as tell:
            made = back_up(settings, config, file, tell)
    except start_errors() as error:
        fail(f"no backup was made: {error}", 1)
    if as_json:
        answer = {"file": str(file), "size": made.size, "taken_at": made.taken.isoformat(timespec="seconds")}
        print_json({**answer, "rows": made.rows, "large": made.files, "damage": made.damage})
    else:
        many = f"{made.rows['ticket']} tickets, {made.rows['intake']} mails in, {made.rows['outbox']} out"
        click.echo(f"{file}: {made.size / 1024**2:.1f} MB, {many}, {made.files} large")
    for line in made.damage:
        click.echo(f"NOT SAVED: {line}", err=True)
    sys.exit(1 if made.damage else 0)


def _verify(file: Path, as_json: bool) -> None:
    from gateway.backup import verify
    from gateway.edge.archive import ArchiveProblem
    from gateway.progress import progress

    try:
        with progress(as_json) as tell:
            told = verify(file, tell)
    except (ArchiveProblem, OSError) as error:
        if as_json:
            print_json({"ok": False, "problems": [str(error)]})
        fail(str(error), 1)
    if as_json:
        print_json({"ok": True, **told})
        return
    rows = {name: table["rows"] for name, table in told["tables"].items()}
    many = f"{rows['ticket']} tickets, {rows['intake']} mails in, {rows['outbox']} out, {told['files']} large"
    click.echo(f"{file}: whole; desk {told['prefix']} at {told['taken_at']}, {many}")
    for line in told["damage"]:
        click.echo(f"was not saved: {line}", err=True)


@click.command()
@CONFIG
@FILE
@JSON
def restore(config: Path, file: Path, as_json: bool) -> None:
    """Put FILE into an empty database and state folder, SQLite or PostgreSQL; the daemon must not run.

    From then on nothing goes out until `gateway outbox release --all`.
    """
    from gateway.backup import NotRestored
    from gateway.backup import restore as put_back
    from gateway.cli_errors import start_errors
    from gateway.edge.archive import ArchiveProblem
    from gateway.progress import progress

    settings = read_config(config)
    problems: tuple[type[Exception], ...] = (NotRestored, ArchiveProblem, *start_errors())
    try:
        with progress(as_json) as tell:
            done, about = put_back(settings, file, tell)
    except problems as error:
        fail(f"nothing was restored: {error}", 1)
    answer: dict[str, Any] = {
        "taken_at": about["taken_at"],
        "rows": dict(done.rows),
        "held": done.held,
        "overdue": done.overdue,
        "next_ticket": done.next_ticket,
        "left_out": done.left_out,
        "damage": about["damage"],
    }
    if as_json:
        print_json(answer)
        return
    prefix = settings.desk.prefix
    click.echo(f"restored: the desk {prefix} as it was at {about['taken_at']}, {done.rows['ticket']} tickets")
    for line in about["damage"]:
        click.echo(f"was not in the backup: {line}", err=True)
    click.echo(
        f"The next ticket is {prefix}-{done.next_ticket}: {done.left_out} numbers are left out, since some of them\n"
        f"were given after the backup and stand in mails that are out.\n"
        f"Nothing goes out now. {done.held} mails are held, and so is whatever the desk writes from here on.\n"
        f"Start the daemon, let it read the mailboxes, look at `gateway outbox`, then: gateway outbox release --all"
    )
