"""Putting the parts together from settings: used by the daemon and by the commands."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway import log
from gateway.desk.rulebook import RulebookErrors
from gateway.edge.child import ReadingChild
from gateway.edge.files import FolderProblem, LastGood, read_folder, read_still
from gateway.edge.maildir_out import MaildirSender
from gateway.edge.metrics import Metrics
from gateway.edge.smtp_out import SmtpSender
from gateway.flow.current import Current, Fixed, load_current
from gateway.mail.render import TemplateErrors
from gateway.mail.wire import unpack
from gateway.model import Outgoing, SendResult
from gateway.settings import Settings, load_keys
from gateway.store.ledger import StoreLedger
from gateway.store.store import Store, migrate, open_store

RULE_ENDINGS = (".yaml", ".yml", ".txt")
TEMPLATE_ENDINGS = (".j2",)


class Transport(Protocol):
    """A way out: SMTP or Maildir. Never raises; one result for each mail."""

    def send(self, batch: Sequence[Outgoing]) -> list[SendResult]: ...


def shipped(name: str) -> Path:
    """A folder that comes with the program: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent
    inside = package / "_shipped" / name
    return inside if inside.is_dir() else package.parent / name


def fixed_of(settings: Settings) -> Fixed:
    return Fixed(
        desk=settings.desk,
        keys=load_keys(settings.state_dir),
        caps=settings.caps,
        limits=settings.limits,
        authserv_ids=settings.authserv_ids,
        list_ids=settings.list_ids,
        spam_threshold=settings.spam_threshold,
        mailbox_addresses={box.name: box.address for box in settings.imap},
    )


def rules_from(settings: Settings, *, still: bool = False) -> Current:
    """The rules and templates as they are on disk; raises FolderProblem, RulebookErrors or TemplateErrors."""
    read = read_still if still else read_folder
    rules = read(settings.rules_dir, RULE_ENDINGS)
    templates = read_folder(shipped("templates"), TEMPLATE_ENDINGS)
    if settings.templates_dir != shipped("templates"):
        templates |= read(settings.templates_dir, TEMPLATE_ENDINGS)
    return load_current(fixed_of(settings), rules, templates)


class LiveRules:
    """The current pair, swapped whole. A bad file never takes effect: the last good pair stays (law 9)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._last_good = LastGood(settings.state_dir / "rules.last-good.json")
        self.trouble = ""
        self._current = self._begin()

    def current(self) -> Current:
        return self._current

    def reload(self) -> list[str]:
        """Reads, checks and swaps; the problems, or none."""
        with self._lock:
            try:
                fresh = rules_from(self._settings, still=True)
            except (FolderProblem, RulebookErrors, TemplateErrors) as error:
                self.trouble = str(error)
                log.rules_refused(self.trouble)
                return self.trouble.splitlines()
            self._take(fresh)
            return []

    def _begin(self) -> Current:
        try:
            fresh = rules_from(self._settings)
        except (FolderProblem, RulebookErrors, TemplateErrors) as error:
            kept = self._last_good.load()
            if kept is None:
                raise
            self.trouble = str(error)
            log.rules_refused(self.trouble)
            return load_current(fixed_of(self._settings), *kept)
        self._take(fresh)
        return fresh

    def _take(self, fresh: Current) -> None:
        self._last_good.save(fresh.rule_files, fresh.template_files)
        self.trouble = ""
        self._current = fresh
        log.rules_loaded(fresh.rulebook.digest, len(fresh.rulebook.rules))


@dataclass
class Parts:
    """Everything a running daemon holds."""

    store: Store
    ledger: StoreLedger
    rules: LiveRules
    child: ReadingChild
    transports: list[Transport]
    metrics: Metrics

    def close(self) -> None:
        self.child.close()
        self.store.close()


def build_parts(settings: Settings) -> Parts:
    """Opens the store under its lock, loads the rules, starts nothing."""
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    rules = LiveRules(settings)
    store = prepared_store(settings)
    store.record_rulebook(rules.current().rulebook.digest, rules.current().rule_files)
    return Parts(
        store=store,
        ledger=StoreLedger(store),
        rules=rules,
        child=ReadingChild(settings.limits, unpack),
        transports=transports(settings),
        metrics=Metrics(),
    )


def prepared_store(settings: Settings) -> Store:
    """The store, its schema brought up to date first."""
    migrate(settings.database_url, shipped("migrations"))
    return open_store(settings.database_url, settings.state_dir)


def transports(settings: Settings) -> list[Transport]:
    if settings.relay is not None:
        return [SmtpSender(settings.relay) for _ in range(settings.relay.connections)]
    return [MaildirSender(settings.maildir or settings.state_dir / "outgoing")]
