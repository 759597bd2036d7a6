"""Putting the parts together from settings: used by the daemon and by the commands."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
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
from gateway.options import Keys
from gateway.settings import Settings, load_keys
from gateway.store.errors import StoreLocked, StoreUnavailable
from gateway.store.folders import make_folder
from gateway.store.ledger import StoreLedger
from gateway.store.lock import FileLock
from gateway.store.store import Store, migrate, open_store

RULE_ENDINGS = (".yaml", ".yml", ".txt")
TEMPLATE_ENDINGS = (".j2",)


class Transport(Protocol):
    """A way out: SMTP or Maildir. Never raises; one result for each mail. `then`: what the next call begins with."""

    def send(self, batch: Sequence[Outgoing], then: Outgoing | None = None) -> list[SendResult]: ...


def shipped(name: str) -> Path:
    """A folder that comes with the program: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent
    inside = package / "_shipped" / name
    return inside if inside.is_dir() else package.parent / name


def fixed_of(settings: Settings, keys: Keys | None = None) -> Fixed:
    """`keys`: instead of those of the state folder, which are made when there are none."""
    return Fixed(
        desk=settings.desk,
        keys=keys or load_keys(settings.state_dir),
        caps=settings.caps,
        limits=settings.limits,
        authserv_ids=settings.authserv_ids,
        list_ids=settings.list_ids,
        spam_threshold=settings.spam_threshold,
        mailbox_addresses={box.name: box.address for box in settings.imap},
    )


def rules_from(settings: Settings, *, still: bool = False, keys: Keys | None = None) -> Current:
    """The rules and templates as they are on disk; raises FolderProblem, RulebookErrors or TemplateErrors."""
    read = read_still if still else read_folder
    rules = read(settings.rules_dir, RULE_ENDINGS)
    templates = read_folder(shipped("templates"), TEMPLATE_ENDINGS)
    if settings.templates_dir != shipped("templates"):
        templates |= read(settings.templates_dir, TEMPLATE_ENDINGS)
    return load_current(fixed_of(settings, keys), rules, templates)


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
            except Exception as error:  # noqa: BLE001 - see _why: whatever a rule file brings up, the mail goes on
                return self._refuse(error).splitlines()
            self._take(fresh)
            return []

    def _begin(self) -> Current:
        """The rules on disk, else the last good ones. Raises what is wrong with the former if there are no others."""
        try:
            fresh = rules_from(self._settings)
        except Exception as error:
            kept = self._last_good.load()
            if kept is None:
                raise
            self._refuse(error)
            try:
                return load_current(fixed_of(self._settings), *kept)
            except (RulebookErrors, TemplateErrors):  # kept by an older version of this program
                raise error from None
        return self._take(fresh)

    def _refuse(self, error: Exception) -> str:
        self.trouble = _why(error)
        log.rules_refused(self.trouble)
        return self.trouble

    def _take(self, fresh: Current) -> Current:
        try:
            self._last_good.save(fresh.rule_files, fresh.template_files)
        except OSError as error:  # a full disk must not keep a good rule file from taking effect
            log.fault("rules", f"the last good rules cannot be kept: {error}")
        self.trouble = ""
        self._current = fresh
        log.rules_loaded(fresh.rulebook.digest, len(fresh.rulebook.rules))
        return fresh


def _why(error: Exception) -> str:
    """The problems as the author of a rule file is to see them; a fault of our own checking is named as such."""
    if isinstance(error, (FolderProblem, RulebookErrors, TemplateErrors)):
        return str(error)
    log.fault("rules", f"{type(error).__name__}: {error}", error)
    return f"the rules and templates cannot be checked: {type(error).__name__}: {error}"


@dataclass
class Parts:
    """Everything a running daemon holds."""

    store: Store
    ledger: StoreLedger
    rules: LiveRules
    child: ReadingChild
    transports: list[Transport]
    metrics: Metrics
    lock: FileLock

    def record_rulebook(self) -> None:
        """Old rulebooks are kept: a decision names the one it was made by. A full disk costs only that record."""
        current = self.rules.current()
        try:
            self.store.record_rulebook(current.rulebook.digest, current.rule_files).result()
        except StoreUnavailable as error:
            log.fault("rules", f"the rulebook cannot be recorded: {error}")

    def close(self) -> None:
        """What was handed to the store is written first; the lock goes last."""
        self.child.close()
        self.store.close()
        self.lock.close()


def build_parts(settings: Settings) -> Parts:
    """The one daemon on this state folder: nothing in it changes before its lock is held, and the database not before
    the rules are good. Starts nothing. Raises StoreLocked, StoreVersion, StoreUnavailable, StoreBroken, or what is
    wrong with the rules."""
    make_folder(settings.state_dir)
    with ExitStack() as undo:
        lock = only_one(settings.state_dir)
        undo.callback(lock.close)
        rules = LiveRules(settings)
        store = prepared_store(settings)
        undo.callback(store.close)
        parts = Parts(
            store=store,
            ledger=StoreLedger(store),
            rules=rules,
            child=ReadingChild(settings.limits, unpack),
            transports=transports(settings),
            metrics=Metrics(),
            lock=lock,
        )
        parts.record_rulebook()
        undo.pop_all()
        return parts


def only_one(state_dir: Path) -> FileLock:
    """The lock that the daemon of a state folder holds. Raises StoreLocked."""
    try:
        return FileLock(state_dir / "daemon")
    except StoreLocked as error:
        raise StoreLocked(f"another gateway runs on this state folder: {error}") from None


def prepared_store(settings: Settings) -> Store:
    """The store, its schema brought up to date first."""
    migrate(settings.database_url, shipped("migrations"))
    return open_store(settings.database_url, settings.state_dir)


def transports(settings: Settings) -> list[Transport]:
    if settings.relay is not None:
        return [SmtpSender(settings.relay) for _ in range(settings.relay.connections)]
    return [MaildirSender(settings.maildir or settings.state_dir / "outgoing")]
