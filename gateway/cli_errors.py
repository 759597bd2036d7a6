"""Which errors are an answer to the person at the keyboard rather than a fault of ours."""

from __future__ import annotations


def rule_errors() -> tuple[type[Exception], ...]:
    from gateway.desk.rulebook import RulebookErrors
    from gateway.edge.files import FolderProblem
    from gateway.mail.render import TemplateErrors
    from gateway.settings import SettingsError

    return (FolderProblem, RulebookErrors, TemplateErrors, SettingsError)


def start_errors() -> tuple[type[Exception], ...]:
    from gateway.store.errors import StoreBroken, StoreLocked, StoreUnavailable, StoreVersion

    return (*rule_errors(), StoreLocked, StoreVersion, StoreUnavailable, StoreBroken, OSError)


def broken() -> type[Exception]:
    """A damaged database: exit status 3, so that systemd does not try again and again."""
    from gateway.store.errors import StoreBroken

    return StoreBroken
