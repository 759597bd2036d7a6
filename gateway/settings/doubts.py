"""What is right in gateway.yaml and right in the rules, and looks wrong when both are read together."""

from __future__ import annotations

from gateway.desk.rulebook import Rulebook
from gateway.settings.reading import Settings


def doubts(settings: Settings, book: Rulebook) -> list[str]:
    """One line each; nothing that stops a desk."""
    found = []
    for box in settings.imap:
        if book.door_of(box.address) is None:
            found.append(
                f"imap[{box.name}].address: the rules do not have {box.address}; its mail goes where the last rule says"
            )
    for user in sorted(settings.submission_users):
        if not (book.is_agent(user) or book.is_manager(user)):
            found.append(f"submission_users: {user} is no agent and no management inbox; the login gives no authority")
    if settings.submission is not None and settings.submission.auth and not settings.submission_users:
        found.append(
            "submission: submission_users is empty, so nobody can log in (gateway passwd ADDRESS makes a line)"
        )
    if not (settings.alarms.to or settings.alarms.command):
        found.append("alarms: neither 'to' nor 'command' is set; nobody is told when something is wrong")
    for address in settings.alarms.to:
        if book.door_of(address) is not None:
            found.append(f"alarms.to: {address} is an address of the desk itself, which files alarms and tells nobody")
    return found
