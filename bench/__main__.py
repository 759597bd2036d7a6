"""`make bench`: the real daemon from end to end, with floors measured in the same run. See docs/performance.md."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from bench.cases import Case, Kind
from bench.machine import machine
from bench.measure import Bench
from bench.prepare import KEPT_AT
from bench.processes import Relay
from bench.report import markdown, missed, progress, short, show, write_docs
from bench.rounds import Plan, Rounds, chosen
from bench.rows import Found
from bench.shim import NoCompiler, Syncs

FULL, QUICK = (3, 6.0), (1, 3.0)  # rounds, seconds of one measurement


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # and nothing stays behind
    logging.getLogger().addHandler(logging.NullHandler())  # the gateway's own words while databases are prepared
    if options.read:
        kept = json.loads(options.read.read_text("utf-8"))
        found, here = kept["rounds"], kept["machine"]
    else:
        found, here = _measured(options)
    _say(options, found, here)
    return 1 if options.strict and missed(found) else 0


def _measured(options: argparse.Namespace) -> tuple[list[Found], dict[str, str]]:
    errors = Console(stderr=True)
    rounds, seconds = QUICK if options.quick else FULL
    KEPT_AT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=options.disk) as name:
        folder, cases = Path(name), chosen(options.only, options.quick)
        here = machine(folder)
        syncs, cases = _syncs(folder, _possible(cases, errors), errors)
        plan = Plan(cases, options.rounds or rounds, options.seconds or seconds)
        with progress(errors, plan.steps) as plan.told, Relay(folder) as relay:
            return Rounds(Bench(folder, relay, syncs), plan).run(), here


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="what matters most, one round, about two minutes")
    parser.add_argument("--only", nargs="+", default=[], metavar="CASE", help="these cases alone")
    parser.add_argument("--rounds", type=int, default=0, help=f"default: {FULL[0]}, with --quick {QUICK[0]}")
    parser.add_argument("--seconds", type=float, default=0, help="of one measurement, about")
    parser.add_argument("--disk", type=Path, default=KEPT_AT, metavar="FOLDER", help=f"default: {KEPT_AT}")
    parser.add_argument("--read", type=Path, metavar="FILE", help="measure nothing, take what --json printed")
    parser.add_argument("--json", action="store_true", help="every figure of every round")
    parser.add_argument("--markdown", action="store_true", help="print the tables as docs/performance.md has them")
    parser.add_argument("--write-docs", action="store_true", help="put them into docs/performance.md and README.md")
    parser.add_argument("--strict", action="store_true", help="exit status 1 when a promised figure is missed")
    return parser.parse_args()


def _possible(cases: list[Case], errors: Console) -> list[Case]:
    if shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"):
        return cases
    errors.print("[bold yellow]No mailbox is measured[/]: Dovecot is missing (apt-get install dovecot-imapd)")
    return [case for case in cases if case.kind is not Kind.MAILBOX]


def _syncs(folder: Path, cases: list[Case], errors: Console) -> tuple[Syncs | None, list[Case]]:
    try:
        return Syncs(folder), cases
    except NoCompiler as error:
        errors.print(f"[bold yellow]Syncs are not counted and no slow disk is measured[/]: {error}", highlight=False)
        return None, [case for case in cases if not case.slow]


def _say(options: argparse.Namespace, found: list[Found], here: dict[str, str]) -> None:
    if options.write_docs:
        write_docs(found, here)
    if options.json:
        print(json.dumps({"machine": here, "rounds": found}, indent=1))
    elif options.markdown:
        print(markdown(found, here), short(found, here), sep="\n\n")
    else:
        show(Console(width=None if sys.stdout.isatty() else 116), found, here)


if __name__ == "__main__":
    sys.exit(main())
