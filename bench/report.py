"""The tables: for people on a terminal, and as Markdown in docs/performance.md and README.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.rows import GROUPS, Found, Row, number

_BEGIN, _END = "<!-- figures -->", "<!-- end of figures -->"
_HEADER = ("| figure | target | measured | | command |", "| --- | --- | --- | --- | --- |")
ROOT = Path(__file__).resolve().parents[1]
IN_README = (
    "20 connections",
    "20 connections, share of the floor",
    "processor time a mail, 20 connections",
    "syncs a mail, 20 connections",
    "300 a second, p99",
    "300 mails a second, p99.9",
    "1 MB attachment, 4 connections",
    "each sync 5 ms slower, 20 connections",
    "1,000,000 tickets, processor time, times 1,000's",
    "after 10,000 mails of 2 KB",
)


@contextmanager
def progress(console: Console, steps: int) -> Iterator[Callable[[str], None]]:
    """A function to be told of each step: a bar on a terminal, plain lines otherwise."""
    if not console.is_terminal:
        yield lambda text: console.print(text, highlight=False)
        return
    columns = BarColumn(bar_width=30), TimeElapsedColumn(), TextColumn("{task.description}")
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=steps)
        yield lambda text: bar.update(task, description=text, advance=1)


def verdict(row: Row, value: float) -> str:
    """ "holds", "MISSED" for what is promised, "not reached" for an aim, "" without a target."""
    if row.target is None:
        return ""
    if row.target.holds(value):
        return "holds"
    return "not reached" if row.target.aim else "MISSED"


def missed(rounds: Sequence[Found]) -> list[str]:
    """The promised figures that this run did not reach."""
    return [f"{title}: {row.label}" for title, row, value in _measured(rounds) if verdict(row, value) == "MISSED"]


def _measured(rounds: Sequence[Found]) -> Iterator[tuple[str, Row, float]]:
    for title, rows in GROUPS.items():
        for row in rows:
            if (value := row.value(rounds)) is not None:
                yield title, row, value


def show(console: Console, rounds: Sequence[Found], machine: Mapping[str, str]) -> None:
    """All that was measured."""
    for name, fact in machine.items():
        console.print(f"{name:12} {fact}", highlight=False)
    last, table = "", Table()
    for title, row, value in _measured(rounds):
        if title != last:
            if last:
                console.print(table)
            table = _empty(title)
            last = title
        colour = {"holds": "green", "MISSED": "bold red", "not reached": "yellow"}.get(said := verdict(row, value), "")
        measured = f"{number(value)} {row.unit}".strip()
        table.add_row(row.label, str(row.target or ""), measured, f"[{colour}]{said}[/]" if colour else said)
    if last:
        console.print(table)


def _empty(title: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    table.add_column("figure", width=58)
    table.add_column("target", justify="right", width=14)
    table.add_column("measured", justify="right", width=16)
    table.add_column("", width=11)
    return table


def markdown(rounds: Sequence[Found], machine: Mapping[str, str]) -> str:
    """The tables of docs/performance.md."""
    lines = [f"Measured on: {'; '.join(value for name, value in machine.items() if name != 'load before')}; "]
    lines[0] += f"{len(rounds)} rounds, medians; load of the machine before: {machine['load before']}."
    last = ""
    for title, row, value in _measured(rounds):
        if title != last:
            lines += ["", f"### {title}", "", *_HEADER]
            last = title
        measured = f"{number(value)} {row.unit}".strip()
        lines.append(f"| {row.label} | {row.target or ''} | {measured} | {verdict(row, value)} | `{row.command}` |")
    return "\n".join(lines)


def short(rounds: Sequence[Found], machine: Mapping[str, str]) -> str:
    """The table of README.md."""
    lines = [f"On {machine['processor']}, {machine['memory']}, {machine['disk']}; all rows and how they are made: "]
    lines[0] += "[performance](docs/performance.md).\n"
    lines += ["| 2 KB mail unless said otherwise | target | measured |", "| --- | --- | --- |"]
    for title, row, value in _measured(rounds):
        if row.label in IN_README:
            label = f"acknowledgement at {row.label}" if title.startswith("From the end") else row.label
            label = f"event loop away at {row.label}" if title.startswith("The event loop") else label
            label = f"memory {row.label}" if title.startswith("Memory") else label
            lines.append(f"| {label} | {row.target or ''} | {f'{number(value)} {row.unit}'.strip()} |")
    return "\n".join(lines)


def write_docs(rounds: Sequence[Found], machine: Mapping[str, str]) -> None:
    """Puts the tables between the marks in docs/performance.md and README.md."""
    _put(ROOT / "docs/performance.md", markdown(rounds, machine))
    _put(ROOT / "README.md", short(rounds, machine))


def _put(path: Path, text: str) -> None:
    before, began, rest = path.read_text("utf-8").partition(_BEGIN)
    _, ended, after = rest.partition(_END)
    if not (began and ended):
        raise ValueError(f"{path.name} has no place for the figures: {_BEGIN} … {_END}")
    path.write_text(f"{before}{began}\n{text}\n{ended}{after}", "utf-8")
