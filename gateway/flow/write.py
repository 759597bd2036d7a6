"""From a decision to the finished octets of its mails, and to the commit that holds both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from gateway import log
from gateway.flow.current import Current
from gateway.mail.compose import compose
from gateway.model import Commit, Decision, Json, KnownId, Notice, OutMail, ThreadKeys


def write_mails(decision: Decision, current: Current, now: datetime) -> tuple[OutMail, ...]:
    """Every notice of the decision, rendered and composed."""
    return tuple(_write(notice, current, now) for notice in decision.notices)


def _write(notice: Notice, current: Current, now: datetime) -> OutMail:
    rendered = current.templates.render(notice.kind, notice.language, notice.department, notice.values)
    if rendered.trouble:
        log.template_trouble(notice.kind, notice.language, rendered.trouble)
    mail = compose(notice, rendered.text, rendered.html, current.compose_context(now))
    return replace(mail, subject=notice.topic) if notice.topic else mail


def commit_of(
    decision: Decision,
    current: Current,
    now: datetime,
    *,
    intake_id: int | None = None,
    digest: str = "",
    took: int = 0,
    facts: Mapping[str, Json] | None = None,
) -> Commit:
    """What the store is asked to write: the decision, its mails, and their Message-IDs as ours."""
    mails = write_mails(decision, current, now)
    keys = tuple(ThreadKeys(mail.ticket, (KnownId(mail.message_id, mail.ticket, own=True),), ()) for mail in mails)
    return Commit(
        intake_id=intake_id,
        digest=digest,
        decision=replace(decision, changes=(*decision.changes, *keys)),
        mails=mails,
        at=now,
        facts=facts or {},
        took_number=took,
    )
