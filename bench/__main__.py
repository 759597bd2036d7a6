"""`make bench`: the real daemon from end to end, with floors measured in the same run. See docs/performance.md."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from bench.measure import Bench
from bench.processes import Relay
from bench.rounds import Found, Plan, Rounds, chosen
from bench.shim import NoCompiler, Syncs


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the cases that matter most, one round")
    parser.add_argument("--only", nargs="+", default=[], metavar="CASE", help="these cases alone")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0, help="of one measurement, about")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cases = chosen(options.only, options.quick)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        try:
            syncs = Syncs(folder)
        except NoCompiler as error:
            print(f"Syncs are not counted, the slow disk is not measured: {error}", file=sys.stderr)
            syncs, cases = None, [case for case in cases if not case.slow]
        rounds, seconds = options.rounds or (1 if options.quick else 3), options.seconds or (3 if options.quick else 6)
        plan = Plan(cases, rounds, seconds, lambda text: print(text, file=sys.stderr))
        with Relay(folder) as relay:
            found = Rounds(Bench(folder, relay, syncs), plan).run()
    if options.json:
        print(json.dumps(found, indent=1))
        return
    medians = median_of(found)
    for case, figures in medians.items():
        print(case, {name: round(value, 2) for name, value in figures.items()})


def median_of(found: list[Found]) -> Found:
    return {
        case: {name: statistics.median(one[case][name] for one in found) for name in figures}
        for case, figures in found[0].items()
    }


if __name__ == "__main__":
    main()
