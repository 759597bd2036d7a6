"""The one current pair of rulebook and templates, and what else a decision is made with. Swapped whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from gateway.desk.case import DeskContext
from gateway.desk.rulebook import Rulebook, load_rulebook
from gateway.mail.classify import OwnMail
from gateway.mail.compose import ComposeContext
from gateway.mail.render import Templates, compile_templates
from gateway.mail.token import day_of
from gateway.mail.understand import ReadContext
from gateway.model import address_key
from gateway.options import Caps, Desk, Keys, ReadLimits


@dataclass(frozen=True, slots=True)
class Fixed:
    """What a running daemon never changes: identity, keys, limits, whom we trust."""

    desk: Desk
    keys: Keys
    caps: Caps
    limits: ReadLimits
    authserv_ids: frozenset[str] = frozenset()
    list_ids: frozenset[str] = frozenset()
    spam_threshold: float = 0.0
    mailbox_addresses: Mapping[str, str] | None = None  # IMAP mailbox name → the address it stands for


@dataclass(frozen=True)
class Current:
    """One rulebook with its templates, ready to decide and to write. What follows from them is worked out once."""

    fixed: Fixed
    rulebook: Rulebook
    templates: Templates
    rule_files: Mapping[str, str]
    template_files: Mapping[str, str]
    failed: dict[str, str] = field(default_factory=dict, compare=False)  # kinds of notice whose template has failed

    @cached_property
    def desk_context(self) -> DeskContext:
        return DeskContext(self.rulebook, self.fixed.desk, self.fixed.caps)

    def read_context(self, now: datetime) -> ReadContext:
        return ReadContext(
            keys=self.fixed.keys,
            prefix=self.fixed.desk.prefix,
            domain=self.fixed.desk.domain,
            authserv_ids=self.fixed.authserv_ids,
            own=self._own_mail,
            today=day_of(now),
        )

    def compose_context(self, now: datetime) -> ComposeContext:
        return ComposeContext(keys=self.fixed.keys, desk=self.fixed.desk, now=now, reply_modes=self._reply_modes)

    @cached_property
    def _own_mail(self) -> OwnMail:
        bounce = address_key(self.fixed.desk.bounce_address)
        return OwnMail(
            addresses=self.rulebook.all_addresses() | {bounce},
            domain=self.fixed.desk.domain,
            list_ids=self.fixed.list_ids,
            spam_threshold=self.fixed.spam_threshold,
            bounce=bounce,
        )

    @cached_property
    def _reply_modes(self) -> Mapping[str, str]:
        return {
            address_key(self.rulebook.address_of(name)): department.reply_address
            for name, department in self.rulebook.departments.items()
        }

    def accepts(self, bare: str) -> bool:
        """Whether an address, our signature taken off, is one of ours."""
        return (
            self.rulebook.door_of(bare) is not None
            or address_key(bare) == address_key(self.fixed.desk.bounce_address)
            or (
                address_key(bare).split("@")[0] in ("postmaster", "abuse")
                and address_key(bare).split("@")[1:] == [self.fixed.desk.domain]
            )
        )


def load_current(fixed: Fixed, rule_files: Mapping[str, str], template_files: Mapping[str, str]) -> Current:
    """Checks everything before anything takes effect; raises RulebookErrors or TemplateErrors with all problems."""
    rulebook = load_rulebook(rule_files)
    templates = compile_templates(template_files)
    return Current(fixed, rulebook, templates, rule_files, template_files)
