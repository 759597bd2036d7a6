"""Contact forms and shops: a machine writes, a customer is meant. Their Reply-To is the author. Pure."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from gateway.desk.conditions import AddressIn
from gateway.desk.rulebook import Rulebook
from gateway.model import Evidence, Mailbox, MailKind, Reading, address_key

# what a form writes may look like a person's, a machine's or a list's mail, or like ours when it writes as the desk
_MAY_BE_FORMS = frozenset({MailKind.PERSON, MailKind.MACHINE, MailKind.LIST, MailKind.OWN})


def as_customer(reading: Reading, rulebook: Rulebook) -> Reading:
    """The reading with the customer as its author, where a sender in `form_senders` names exactly one Reply-To.

    Nothing proves a Reply-To, so the evidence is E0 and no signature counts as the author's own; the caps protect
    whoever is named. An automatic answer, a report or an absence notice stays what it is, and so does a mail whose
    Reply-To is an address or a person of ours.
    """
    form, customer = reading.message.author, _customer(reading, rulebook)
    if form is None or customer is None:
        return reading
    return replace(
        reading,
        message=replace(reading.message, author=customer, shown_from=customer),
        kind=MailKind.PERSON,
        may_answer=True,
        is_work=True,
        reason=f"the form {form.address} writes for its Reply-To",
        evidence=Evidence.E0,
        evidence_reason=f"Reply-To of the form {form.address} alone",
        tokens=tuple(replace(check, own=False) for check in reading.tokens),
    )


def _customer(reading: Reading, rulebook: Rulebook) -> Mailbox | None:
    form, named = reading.message.author, reading.message.reply_to
    answers = reading.kind is MailKind.AUTO_REPLY and reading.is_work  # it says "auto-replied" and answers nothing
    if form is None or len(named) != 1 or not (reading.kind in _MAY_BE_FORMS or answers):
        return None
    if named[0].key == form.key or not _forms(rulebook.form_senders).matches(form.key):
        return None
    return None if _is_ours(named[0], rulebook) else named[0]


def _is_ours(box: Mailbox, rulebook: Rulebook) -> bool:
    local, at, domain = address_key(box.address).rpartition("@")
    bare = f"{local.partition('+')[0]}{at}{domain}"
    ours = rulebook.door_of(box.address) is not None or rulebook.door_of(bare) is not None
    return ours or rulebook.is_agent(box.address) or rulebook.is_manager(box.address)


@lru_cache(maxsize=8)
def _forms(patterns: tuple[str, ...]) -> AddressIn:
    return AddressIn("from", patterns, "form_senders")
