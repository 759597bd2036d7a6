"""The rulebook of the bench: one department, 200 rules with words and patterns of their own."""

from __future__ import annotations

import random
from collections.abc import Sequence

from bench.letters import ENGLISH, HELP, VIETNAMESE

RULES = 200
AGENT = "lan@people.example"

_HEAD = """\
version: 1
timezone: Asia/Ho_Chi_Minh
departments:
  help:
    label: {{vi: Hỗ trợ, zh: 支持, en: Help}}
    addresses: [{help}]
    agents: [{agents}]
    escalate_to: [boss@people.example]
    hours: {{mon-sun: ["00:00-24:00"]}}
    first_response: 4h
    survey: false
rules:
"""
_LAST = """\
  - name: everything else
    when: always
    then: {department: help, priority: normal}
"""


def rulebook(agents: int = 1) -> str:
    """The text of rulebook.yaml. Few rules hold for one mail, as on a real desk, and all are looked at."""
    source = random.Random("rules")
    people = [AGENT, *(f"agent{number}@people.example" for number in range(2, agents + 1))]
    rules = [_rule(number, source) for number in range(1, RULES)]
    return _HEAD.format(help=HELP, agents=", ".join(people)) + "".join(rules) + _LAST


def _rule(number: int, source: random.Random) -> str:
    kind = number % 5
    if kind == 0:
        when = f"body: {{regex: '(?i)\\b(?:đơn|order)\\s+[A-Z]{{2}}-{number:04d}-\\d{{3,6}}\\b'}}"
    elif kind == 1:
        when = f"subject: [{_phrase(source, VIETNAMESE)}, {_phrase(source, ENGLISH)}, product{number}*]"
    else:
        when = f"body: [{_phrase(source, VIETNAMESE)}, {_phrase(source, ENGLISH)}, model {number}x]"
    return f"  - name: rule {number}\n    when: {{{when}}}\n    then: {{tags: [t{number}]}}\n"


def _phrase(source: random.Random, words: Sequence[str]) -> str:
    """Three words in a row: rare in a mail of the same words."""
    return " ".join(source.choices(words, k=3))
