"""`gateway read`: what is understood of mail, and why. Needs no desk: no gateway.yaml, no database."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from gateway.cli_parts import JSON, fail, print_json

_MAIL = click.Path(exists=True, allow_dash=True, path_type=Path)


@click.command()
@click.argument("mails", nargs=-1, required=True, type=_MAIL, metavar="MAIL...")
@JSON
@click.option("--jsonl", is_flag=True, help="of each mail in files, folders and mboxes one line of JSON")
@click.option("--authserv-id", "authserv_ids", multiple=True, metavar="HOST", help="whose word on senders counts")
@click.option(
    "--safe-html", "html", is_flag=True, help="with the HTML that may be shown: nothing remote, nothing that runs"
)
@click.option("--jobs", type=click.IntRange(1, 64), help="children that read, with --jsonl  [default: one a processor]")
@click.option("--quiet", is_flag=True, help="no progress on stderr")
def read(
    mails: tuple[Path, ...],
    as_json: bool,
    jsonl: bool,
    authserv_ids: tuple[str, ...],
    html: bool,
    jobs: int | None,
    quiet: bool,
) -> None:
    """What is understood of mail, and why. MAIL is a file, "-" for standard input; with --jsonl also folders, mboxes.

    Every mail has its answer: what ends or exceeds its reader is reported under "quarantine" and costs only itself.
    Exit status: 0 when each was answered, 1 when a file could not be read or there was no mail.
    """
    from gateway.edge.child import NoChild

    try:
        status = (
            _batch(mails, authserv_ids, html, jobs, quiet) if jsonl else _single(mails, authserv_ids, html, as_json)
        )
    except (NoChild, OSError) as error:
        fail(str(error))
    sys.exit(status)


def _single(mails: tuple[Path, ...], authserv_ids: tuple[str, ...], html: bool, as_json: bool) -> int:
    from gateway.options import ReadLimits
    from gateway.read_many import Readers

    if len(mails) > 1 or (mails[0] != Path("-") and mails[0].is_dir()):
        fail("one mail at a time; --jsonl reads many")
    raw = sys.stdin.buffer.read() if mails[0] == Path("-") else mails[0].read_bytes()
    with Readers(ReadLimits(), authserv_ids, html=html) as readers:
        record = readers.read(raw)
    if as_json:
        print_json(record)
    elif html:
        click.echo(record.get("safe_html", ""))
    else:
        from gateway.show_read import reading_page

        reading_page(record)
    return 0


def _batch(mails: tuple[Path, ...], authserv_ids: tuple[str, ...], html: bool, jobs: int | None, quiet: bool) -> int:
    from gateway.mailbag import find_mails
    from gateway.options import ReadLimits
    from gateway.progress import progress
    from gateway.read_many import UNREAD, Readers, line_for

    if Path("-") in mails:
        fail("--jsonl reads files and folders, not standard input")
    found = find_mails(mails)
    total, unread = len(found), 0
    with (
        progress(quiet) as tell,
        Readers(ReadLimits(), authserv_ids, jobs or os.cpu_count() or 1, html=html) as readers,
    ):
        for done, (place, record) in enumerate(readers.records(found), 1):
            sys.stdout.buffer.write(line_for(place, record))
            unread += (record["quarantine"] or "").startswith(UNREAD)
            tell("reading", done, total)
        sys.stdout.buffer.flush()
    if not total:
        click.echo("there is no mail", err=True)
    return 1 if unread or not total else 0
