"""The modules of phrases: their form, and that no word says two things."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from dataclasses import fields
from pathlib import Path

import pytest

from gateway.mail import languages
from gateway.mail.languages import ALL, Language
from gateway.mail.languages.form import each

FOLDER = Path(languages.__file__).parent
WANTED = {"vi", "zh", "en", "ja", "ko", "de", "fr", "es", "pt", "ru", "nl", "pl", "it", "sv", "tr"}
LABELS = ("sender", "date", "to", "cc", "subject", "other")
PHRASES = [one.name for one in fields(Language) if one.name != "code"]


def test_every_module_is_among_the_languages_under_its_name() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "form"}
    assert {language.code for language in ALL} == modules
    assert modules >= WANTED
    assert len(ALL) == len(modules)


@pytest.mark.parametrize("language", ALL, ids=lambda language: language.code)
def test_phrases_are_lower_case_nfc_and_said_once(language: Language) -> None:
    for name in PHRASES:
        phrases = each(getattr(language, name))
        assert len(set(phrases)) == len(phrases), name
        for phrase in phrases:
            assert phrase == unicodedata.normalize("NFC", phrase).lower(), (name, phrase)
            assert len(phrase) <= 60, (name, phrase)


@pytest.mark.parametrize("language", ALL, ids=lambda language: language.code)
def test_a_label_says_one_thing(language: Language) -> None:
    says = defaultdict(set)
    for kind in LABELS:
        for phrase in each(getattr(language, kind)):
            says["".join(phrase.split())].add(kind)
    assert {label: kinds for label, kinds in says.items() if len(kinds) > 1} == {}


@pytest.mark.parametrize("code", sorted(WANTED))
def test_a_wanted_language_has_all_that_its_mails_need(code: str) -> None:
    language = next(one for one in ALL if one.code == code)
    empty = [name for name in PHRASES if not each(getattr(language, name))]
    may_lack = {
        "other",
        "no_author",
        "cites",
        "wrote_then_name",
        "forwarded_by",
        "details",
        "reply_above",
        "postscript",
    }
    assert set(empty) <= may_lack
