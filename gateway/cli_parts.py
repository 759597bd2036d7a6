"""What every command shares: where gateway.yaml is, what goes wrong, how it is told."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

DEFAULT = "/etc/gateway/gateway.yaml"


def _default() -> str:
    """A command below another one (`gateway outbox release`) takes what was given to that one."""
    context = click.get_current_context(silent=True)
    above = context.parent.params.get("config") if context and context.parent else None
    return str(above or os.environ.get("GATEWAY_CONFIG", DEFAULT))


CONFIG = click.option(
    "-c",
    "--config",
    "config",
    type=click.Path(path_type=Path),
    default=_default,
    help=f"gateway.yaml  [default: $GATEWAY_CONFIG, else {DEFAULT}]",
)
JSON = click.option("--json", "as_json", is_flag=True, help="for machines")


def fail(text: str, status: int = 2) -> NoReturn:
    click.echo(text, err=True)
    sys.exit(status)


def read_config(config: Path, *, passwords: bool = False) -> Any:
    """Only the daemon and `check` look the secrets up: systemd hands them to the service and to nobody else."""
    from gateway.settings import SettingsError, read_settings

    try:
        return read_settings(config, os.environ, passwords=passwords)
    except SettingsError as error:
        fail(str(error))


def store_of(settings: Any, *, write: bool = False) -> Any:
    """The store as a command sees it: reading beside a daemon, or writing where none runs."""
    from gateway.build import prepared_store
    from gateway.cli_errors import start_errors
    from gateway.store.store import open_store

    try:
        if write:
            return prepared_store(settings)
        return open_store(settings.database_url, settings.state_dir, lock=False, read_only=True)
    except start_errors() as error:
        fail(str(error))


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))
