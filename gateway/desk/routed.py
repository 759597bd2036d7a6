"""Routing at one door of a message."""

from __future__ import annotations

from dataclasses import replace

from gateway.desk.case import Case, DeskContext
from gateway.desk.route import Routed, route


def routed_at(case: Case, context: DeskContext, door: str, on: str) -> Routed:
    """What the rules say. A mail to several departments goes to each of them: there no rule sends it elsewhere, or one
    department would get it twice and another not at all."""
    routed = route(context.rulebook, case.reading, case.intake.envelope, door, on)
    if door and len(case.doors) > 1 and routed.department != door:
        return replace(routed, department=door, set_by={**routed.set_by, "department": "door"})
    return routed
