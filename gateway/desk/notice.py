"""What the gateway writes and to whom: builders of `Notice`. The words are in the templates."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from gateway.desk import say
from gateway.desk.case import Case, DeskContext
from gateway.desk.phrases import hint
from gateway.desk.rulebook import Department
from gateway.model import Attachment, Entry, Mailbox, Notice, Purpose, TicketFacts

CUT_MARK = "=#=#="
_CUT = {
    "vi": f"{CUT_MARK} Viết câu trả lời phía trên dòng này {CUT_MARK}",
    "zh": f"{CUT_MARK} 请在此行上方填写回复 {CUT_MARK}",
    "en": f"{CUT_MARK} Write your answer above this line {CUT_MARK}",
}
_KINDS = {"note": "note", "answer": "answer", "staged": "staged", "survey-answer": "survey", "imported": "note"}
_REPLY = re.compile(r"^(?:\s*(?:re|fw|fwd|aw|tr|回复|答复|转发|trả lời)\s*[:：])+\s*", re.IGNORECASE)


def cut_line(language: str) -> str:
    """The line above which an answer is written; it always begins with `CUT_MARK`."""
    return _CUT.get(language, _CUT["en"])


@lru_cache(maxsize=256)  # every notice of a ticket asks for it
def bare_subject(subject: str, prefix: str) -> str:
    """A subject without reply marks, and without our tag and cut mark, which only we may write."""
    text = re.sub(rf"\[?\b{re.escape(prefix)}-[0-9]{{1,12}}\b\]?", " ", subject)
    return re.sub(r"\s+", " ", _REPLY.sub("", text.replace(CUT_MARK, " ").strip())).strip()


def shown_name(department: Department, language: str) -> str:
    return department.label.get(language) or department.label.get(department.language) or department.name


class Writer:
    """Builds the notices of one ticket."""

    def __init__(self, context: DeskContext, number: int, department: str, subject: str, now: datetime) -> None:
        self._context, self._number, self._now = context, number, now
        self.department = context.department(department)
        self.subject = bare_subject(subject, context.desk.prefix)

    @property
    def shown_department(self) -> str:
        return shown_name(self.department, self.department.staff_language)

    def name_of(self, box: Mailbox) -> str:
        """A colleague's name, else the one the mail gave, else the address."""
        return self.agent_name(box.address) or box.name or box.address

    def agent_name(self, address: str) -> str:
        return self._context.rulebook.agent_name(address)

    def _sender(self, language: str) -> Mailbox:
        return Mailbox(self._context.rulebook.address_of(self.department.name), shown_name(self.department, language))

    def _subject(self, text: str) -> str:
        return f"{text} [{self._context.tag(self._number)}]".strip()

    def _values(self, language: str, values: Mapping[str, object]) -> dict[str, object]:
        return {
            "tag": f"[{self._context.tag(self._number)}]",
            "department": shown_name(self.department, language),
            "desk": self._context.desk.name or self._context.desk.domain,
            **values,
        }

    def to_customer(
        self,
        kind: str,
        cause: str,
        to: Mailbox,
        language: str,
        values: Mapping[str, object],
        *,
        subject: str = "",
        auto: str = "auto-generated",
        purpose: Purpose | None = Purpose.REPLY,
        thread: Sequence[str] = (),
        attachments: tuple[Attachment, ...] = (),
        days: int | None = None,
        topic: str = "",
    ) -> Notice:
        """A mail to a customer or participant. `thread`: their Message-IDs, oldest first."""
        return Notice(
            kind=kind,
            ticket=self._number,
            cause=cause,
            to=Mailbox(to.address) if auto else to,  # nothing that a stranger may have written is sent back by machine
            language=language,
            department=self.department.name,
            values=self._values(language, values),
            subject=subject
            or self._subject(f"Re: {self.subject}" if self.subject else shown_name(self.department, language)),
            sender=self._sender(language),
            reply_purpose=purpose,
            reply_number=self._number,
            auto_submitted=auto,
            in_reply_to=thread[-1] if thread else "",
            references=tuple(thread),
            attachments=attachments,
            not_after=self._now + timedelta(days=days) if days else None,
            topic=topic,
        )

    def to_staff(
        self,
        kind: str,
        cause: str,
        to: Mailbox,
        values: Mapping[str, object],
        *,
        purpose: Purpose = Purpose.AGENT,
        number: int | None = None,
        author_name: str = "",
        thread: Sequence[str] = (),
        attachments: tuple[Attachment, ...] = (),
        auto: str = "auto-generated",
        days: int | None = None,
        null_sender: bool = False,
        mark: str = "",
    ) -> Notice:
        """A mail to an agent or manager, answered under a signed address of its own.

        `null_sender`: it tells of a failure, and its own failure must not come back (RFC 5321 §4.5.5).
        """
        language = self.department.staff_language
        sender = self._sender(language)
        if author_name:
            sender = Mailbox(sender.address, f"{author_name} · {sender.name}")
        return Notice(
            kind=kind,
            ticket=self._number,
            cause=cause,
            to=to,
            language=language,
            department=self.department.name,
            values=self._values(language, {"cut": cut_line(language), "subject": self.subject, **values}),
            subject=f"[{self._context.tag(self._number)}] {mark}{self.subject}".strip(),
            sender=sender,
            reply_purpose=purpose,
            reply_number=self._number if number is None else number,
            auto_submitted=auto,
            in_reply_to=thread[-1] if thread else "",
            references=tuple(thread),
            attachments=attachments,
            staff=True,
            not_after=self._now + timedelta(days=days) if days else None,
            null_sender=null_sender,
        )


def history(writer: Writer, entries: Sequence[Entry], most: int = 5) -> list[dict[str, str]]:
    """The last entries as the staff templates show them: by name, on the department's clock, notes marked as such."""
    department = writer.department
    shown = []
    for entry in entries[-most:]:
        key = _KINDS.get(entry.kind) or ("held" if entry.held else "")
        label = f" ({hint(f'entry-{key}', department.staff_language)})" if key else ""
        who = writer.name_of(entry.author) if entry.author else "?"
        when = say.instant(entry.at, department.timezone, department.staff_language)
        shown.append({"who": f"{who}{label}", "when": when, "text": entry.body[:4000]})
    return shown


def _known(box: Mailbox | None, ticket: TicketFacts | None) -> Mailbox | None:
    """With the name they gave before, where this mail gives none."""
    if box is None or box.name or ticket is None:
        return box
    people = [
        *([ticket.requester] if ticket.requester else []),
        *(Mailbox(p.address, p.name) for p in ticket.participants),
    ]
    return Mailbox(box.address, next((one.name for one in people if one.key == box.key and one.name), ""))


def agent_notices(
    writer: Writer,
    case: Case,
    what: str,
    recipients: Sequence[Mailbox],
    ticket: TicketFacts | None,
    extra: Mapping[str, object],
) -> list[Notice]:
    """The customer's mail, whole, to each agent who is to see it."""
    message = case.reading.message
    shown = _known(message.author or message.shown_from, ticket)
    language = writer.department.staff_language
    values: dict[str, object] = {
        "what": what,
        "customer_name": shown.name if shown else "",
        "customer_address": shown.address if shown else "",
        "evidence": hint(f"evidence-{int(case.reading.evidence)}", language),
        "body": case.reading.new_text,
        "due": "",
        "assignee": writer.name_of(Mailbox(ticket.assignee)) if ticket and ticket.assignee else "",
        "also_to": [],
        "not_included": [],
        "hints": [],
        "history": history(writer, ticket.recent) if ticket else [],
        "commands_help": True,
        **extra,
    }
    thread = (*(ticket.thread_ids if ticket else ()), *((message.message_id,) if message.message_id else ()))
    return [
        writer.to_staff(
            "agent-notice",
            f"intake:{case.intake.id}",
            to,
            values,
            author_name=(shown.name or shown.address) if shown else "",
            thread=thread,
            attachments=message.attachments,
        )
        for to in recipients
    ]
