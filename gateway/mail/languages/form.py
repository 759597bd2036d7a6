"""What is known of a language: the words that mail clients print in it around what people write."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """Each field holds phrases between bars, in lower case and NFC: "from | sent by". "" where there are none.

    `docs/reading.md` ("Adding a language") says for each where a client shows it; a test checks the form.
    """

    code: str  # ISO 639-1

    # labels of the header block above older mail; blanks in them do not count
    sender: str
    date: str
    to: str
    cc: str
    subject: str
    other: str = ""

    # the line above a quote: "On … wrote:", "Am … schrieb …:", "… 于2024年6月3日写道："
    wrote: str = ""  # the verb, with nothing after it but a date
    wrote_then_name: str = ""  # the verb, where the name may follow it
    starts: str = ""  # words it may begin with
    no_author: str = ""  # words a sentence about somebody's mail begins with, no author: "as A B wrote:"
    cites: str = ""  # words it may begin with that need no verb: "quoting A <a@b.example>:"

    # between drawn dashes, or before a colon
    original: str = ""
    forwarded: str = ""
    forwarded_by: str = ""  # before a name: "----- forwarded by A on … -----"
    details: str = ""  # what Notes writes before a summary of the older mail: "hide details for …"
    reply_above: str = ""  # in a line above which other desks ask for the answer

    # subjects, before the colon
    reply_prefix: str = ""
    forward_prefix: str = ""

    # the end of a letter
    sent_from: str = ""  # last lines of phones and apps: what they begin with; "… beyond" means that it ends with it
    sign_off: str = ""  # "best regards": begins a signature where telephone numbers and the like follow
    thanks: str = ""  # "thank you": such a signature begins below it
    postscript: str = ""  # "p.s.": what follows is not signature
    contact: str = ""  # labels of telephone numbers and the like
    disclaimer: str = ""  # three of them in a last paragraph make it a disclaimer, two a long one; "!…": one is enough


def each(phrases: str) -> tuple[str, ...]:
    """The phrases of a field."""
    return tuple(" ".join(phrase.split()) for phrase in phrases.split("|") if phrase.strip())
