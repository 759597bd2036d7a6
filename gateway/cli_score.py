"""`gateway score`: how well mail is read, on any folder of mails with what people say of them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli_parts import JSON, fail, print_json

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=_FOLDER)
@JSON
@click.option("--misses", is_flag=True, help="every wrong answer beside the right one")
@click.option("--quiet", is_flag=True, help="no progress on stderr")
def score(folder: Path, as_json: bool, misses: bool, quiet: bool) -> None:
    """How well the mails in FOLDER are read, by the .toml file beside each .eml: docs/reading.md has its keys.

    Exit status: 0 when it was measured, 1 when there is no pair or a .toml file asks what is no question.
    """
    from gateway.edge.child import NoChild
    from gateway.mailbag import single
    from gateway.options import ReadLimits
    from gateway.progress import progress
    from gateway.read_many import Readers
    from gateway.score import BadExpectation, Score

    wanted = _expectations(folder)
    total, found = len(wanted), Score()
    try:
        with progress(quiet) as tell, Readers(ReadLimits(), children=os.cpu_count() or 1) as readers:
            for done, (place, record) in enumerate(readers.records(map(single, wanted)), 1):
                name = place.path.relative_to(folder).with_suffix("").as_posix()
                try:
                    found.add(name, record, wanted[place.path])
                except (BadExpectation, KeyError, TypeError, ValueError) as error:
                    fail(f"{place.path.with_suffix('.toml')}: {error}", 1)
                tell("reading", done, total)
    except NoChild as error:
        fail(str(error))
    if as_json:
        print_json(found.as_json())
        return
    from gateway.show_read import score_page

    score_page(found.as_json(), misses)


def _expectations(folder: Path) -> dict[Path, Mapping[str, Any]]:
    """The pairs under the folder, by name."""
    mails = [mail for mail in sorted(folder.rglob("*.eml")) if mail.with_suffix(".toml").exists()]
    if not mails:
        fail(f"{folder} has no mail x.eml with its x.toml beside it", 1)
    wanted: dict[Path, Mapping[str, Any]] = {}
    for mail in mails:
        notes = mail.with_suffix(".toml")
        try:
            wanted[mail] = tomllib.loads(notes.read_text("utf-8"))
        except ValueError as error:
            fail(f"{notes}: {error}", 1)
    return wanted
