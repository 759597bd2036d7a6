"""What people type. Thin: every command reads settings, calls one thing and prints it, `--json` for machines."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from gateway.cli_backup import backup, restore
from gateway.cli_outbox import outbox
from gateway.cli_parts import CONFIG, JSON
from gateway.cli_parts import fail as _fail
from gateway.cli_parts import print_json as _print
from gateway.cli_parts import read_config as _settings
from gateway.cli_parts import store_of as _store
from gateway.cli_read import read
from gateway.cli_score import score


def _control(config: Path) -> Path:
    from gateway.settings import SettingsError, read_state_dir

    try:
        return read_state_dir(config) / "control"
    except SettingsError as error:
        _fail(str(error))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mail-ticket-gateway", prog_name="gateway")
def main() -> None:
    """An email-centric ticket gateway: mail in, tickets, mail out."""


for _command in (backup, restore, outbox, read, score):
    main.add_command(_command)


@main.command()
@CONFIG
def run(config: Path) -> None:
    """Run the daemon in the foreground (systemd starts this)."""
    from gateway import log
    from gateway.cli_errors import broken, start_errors
    from gateway.daemon import run as run_daemon
    from gateway.edge.log_pipe import LogPipe
    from gateway.watch import last_words

    settings = _settings(config, passwords=True)
    pipe = LogPipe(sys.stderr.fileno(), log.lines_lost)
    log.setup(settings.log_format, settings.log_level, bool(os.environ.get("JOURNAL_STREAM")), pipe)
    try:
        status = run_daemon(settings, pipe.trouble)
    except broken() as error:
        status = 3
        pipe.write(f"{error}\n")
        last_words(settings, str(error))
    except start_errors() as error:
        status = 2
        pipe.write(f"{error}\n")
    finally:
        pipe.close()
    sys.exit(status)


@main.command()
@CONFIG
@click.option("--quiet", is_flag=True, help="say nothing when all is well")
@click.option("--database", is_flag=True, help="every page of the database as well; also beside a running daemon")
@JSON
def check(config: Path, quiet: bool, database: bool, as_json: bool) -> None:
    """Check gateway.yaml, the rules and the templates; exit 1 with every problem."""
    from gateway.build import rules_from
    from gateway.cli_errors import rule_errors
    from gateway.settings import borrowed_keys, read_settings
    from gateway.settings.doubts import doubts

    problems, notes, found = [], [], ""
    try:
        settings = read_settings(config, os.environ)
        current = rules_from(settings, keys=borrowed_keys(settings.state_dir))
        book, notes = current.rulebook, doubts(settings, current.rulebook)
        found = f"{len(book.departments)} departments, {len(book.rules)} rules, digest {book.digest[:12]}: good"
    except rule_errors() as error:
        problems = str(error).splitlines()
    if database:
        problems += _store(_settings(config)).check()
    if as_json:
        _print({"ok": not problems, "problems": problems, "notes": notes})
    else:
        for line in (*problems, *(f"note: {note}" for note in notes)):
            click.echo(line, err=True)
        if found and not quiet:
            click.echo(found)
    sys.exit(1 if problems else 0)


@main.command()
@CONFIG
@JSON
def status(config: Path, as_json: bool) -> None:
    """What runs, what is wrong, what waits."""
    from gateway.edge.control import NoDaemon, call

    try:
        answer = call(_control(config), "status", {})
    except NoDaemon:
        answer = {"status": _status_on_disk(config), "health": {"reasons": ["no daemon is running"]}}
    if "error" in answer:
        _fail(str(answer["error"]), 1)
    if as_json:
        _print(answer)
    else:
        from gateway.show import status_page

        status_page(answer["status"], answer["health"])


def _status_on_disk(config: Path) -> dict[str, Any]:
    """What the store says while no daemon runs; nothing, where there is no store yet."""
    from gateway.store.database import is_there

    settings = _settings(config)
    return dict(_store(settings).status()) if is_there(settings.database_url) else {}


@main.command()
@CONFIG
@click.option("--test", "test", is_flag=True, help="send a test alarm by mail and by command, now")
@JSON
def alarms(config: Path, test: bool, as_json: bool) -> None:
    """The alarms that stand; --test tries both ways out. Exit 1 while one stands, or when a way fails."""
    from gateway.edge.control import NoDaemon, call
    from gateway.show import alarm_page, alarm_test_page

    try:
        answer = call(_control(config), "alarm-test" if test else "status", {})
    except NoDaemon:
        _fail("no daemon is running", 1)
    if "error" in answer:
        _fail(str(answer["error"]), 1)
    shown = answer if test else {"alarms": answer["health"]["alarms"]}
    if as_json:
        _print(shown)
        good = answer["command"] in (None, "done") if test else not shown["alarms"]
    else:
        good = alarm_test_page(answer) if test else alarm_page(shown["alarms"])
    sys.exit(0 if good else 1)


@main.command()
@CONFIG
@click.option("--status", "state", type=click.Choice(["new", "open", "waiting", "closed"]))
@click.option("--department", help="its name in the rules")
@JSON
def tickets(config: Path, state: str | None, department: str | None, as_json: bool) -> None:
    """List the tickets."""
    settings = _settings(config)
    filters = {key: value for key, value in (("status", state), ("department", department)) if value}
    rows = _store(settings).tickets(filters, settings.desk.prefix)
    if as_json:
        _print({"tickets": rows})
        return
    from gateway.show import ticket_table

    ticket_table(rows)


@main.command()
@CONFIG
@click.argument("tag")
@JSON
def show(config: Path, tag: str, as_json: bool) -> None:
    """Show one ticket whole: mails, history and why."""
    settings = _settings(config)
    digits = tag.strip("[]").rpartition("-")[2]
    if not digits.isascii() or not digits.isdigit():
        _fail(f"'{tag}' is no tag; expected something like {settings.desk.prefix}-12")
    found = _store(settings).ticket(int(digits), settings.desk.prefix)
    if found is None:
        _fail(f"there is no ticket {settings.desk.prefix}-{digits}", 1)
    if as_json:
        _print(found)
        return
    from gateway.show import ticket_page

    ticket_page(found)


@main.command()
@CONFIG
@click.argument("mail", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "recipients", multiple=True, help="envelope recipient; repeatable")
@click.option("--from", "mail_from", help="envelope sender")
@click.option("--auth", "auth_user", help="as if submitted with this login")
@click.option("--rules", "rules_dir", type=click.Path(path_type=Path), help="another folder of rules")
@click.option("--fresh", is_flag=True, help="as if no mail had come before it")
@JSON
def explain(
    config: Path,
    mail: Path,
    recipients: tuple[str, ...],
    mail_from: str | None,
    auth_user: str | None,
    rules_dir: Path | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """What would become of a mail, and why. Changes nothing.

    Its authentication results are believed as if a host of ours had handed it over.
    """
    from gateway.cli_errors import start_errors
    from gateway.explain import Question, explain_mail

    settings = _settings(config)
    question = Question(mail.read_bytes(), recipients, mail_from, auth_user, rules_dir, fresh)
    try:
        answer = explain_mail(settings, question)
    except start_errors() as error:
        _fail(str(error))
    if as_json:
        _print(answer)
        return
    from gateway.show import explanation

    explanation(answer)


@main.command()
@CONFIG
@click.option("--release", type=int, metavar="ID", help="let one out: it is handled again, and no rule holds it")
@click.option("--raw", type=int, metavar="ID", help="print the original octets")
@JSON
def quarantine(config: Path, release: int | None, raw: int | None, as_json: bool) -> None:
    """Mail that was put aside: list, look at, release."""
    settings = _settings(config)
    if raw is not None:
        try:
            sys.stdout.buffer.write(_store(settings).raw(raw))
        except KeyError:
            _fail(f"there is no mail {raw}", 1)
        return
    if release is not None:
        _release(settings, release)
        return
    rows = _store(settings).quarantined()
    if as_json:
        _print({"quarantined": rows})
        return
    from gateway.show import quarantine_table

    quarantine_table(rows)


def _release(settings: Any, number: int) -> None:
    from gateway.edge.control import NoDaemon, call

    try:
        answer = call(settings.state_dir / "control", "quarantine-release", {"id": number})
    except NoDaemon:
        if number not in {row["id"] for row in _store(settings).quarantined()}:
            _fail(f"{number} is not in quarantine", 1)
        store = _store(settings, write=True)
        store.release_quarantined(number)
        store.close()
        answer = {"released": number}
    if "error" in answer:
        _fail(str(answer["error"]), 1)
    click.echo(f"released {number}")


@main.command()
@CONFIG
def migrate(config: Path) -> None:
    """Bring the database's schema up to date (the daemon does this when it starts)."""
    from gateway.cli_errors import start_errors

    settings = _settings(config)
    try:
        store = _store(settings, write=True)
    except start_errors() as error:
        _fail(str(error))
    click.echo(f"schema {store.status().get('revision', '')}")
    store.close()


@main.command()
@CONFIG
@click.option("--pid", hidden=True, help="for the unit file")
def reload(config: Path, pid: str | None) -> None:  # noqa: ARG001 - systemd names the process, the socket finds it
    """Read rules and templates again; a bad set changes nothing and is shown."""
    from gateway.edge.control import NoDaemon, call

    try:
        answer = call(_control(config), "reload", {})
    except NoDaemon:
        _fail("no daemon is running", 1)
    problems = answer.get("problems") or ([answer["error"]] if "error" in answer else [])
    if problems:
        _fail("\n".join(["the rules in force stay:", *problems]), 1)
    click.echo("rules and templates are live")


@main.command()
@CONFIG
@click.option("--accept", is_flag=True, help="the machine's clock is right: the desk follows it at once")
@JSON
def clock(config: Path, accept: bool, as_json: bool) -> None:
    """The time the running desk goes by, and why it is not the machine's where it is not."""
    from gateway.edge.control import NoDaemon, call

    try:
        answer = call(_control(config), "clock", {"accept": accept})
    except NoDaemon:
        _fail("no daemon is running", 1)
    if "error" in answer:
        _fail(str(answer["error"]), 1)
    if as_json:
        _print(answer)
        return
    click.echo(f"the desk goes by {answer['desk']}")
    if answer["trouble"]:
        click.echo(answer["trouble"], err=True)


@main.command()
@click.argument("address")
def passwd(address: str) -> None:
    """Print a line for the submission users file (an agent's login). The password is asked for twice, or is the first
    line of standard input where that is no terminal."""
    from gateway.settings import hash_password

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("no password was given")
    click.echo(f"{address.strip().lower()}: {hash_password(password, os.urandom(16))}")


@main.command()
@click.option("--state", type=click.Path(path_type=Path), default=Path("demo-state"), show_default=True)
@click.option("--exit", "leave", is_flag=True, help="stop after the story instead of staying up")
def demo(state: Path, leave: bool) -> None:
    """Run the real daemon on an example desk, send it real mail, and tell what became of each."""
    from gateway.demo.story import play

    sys.exit(play(state, stay=not leave))
