"""Where the author's words end: at "-- ", what phones add, contact lines under a farewell, disclaimers.

When in doubt it is text: a name under "Kind regards" stays, and nothing is cut where nothing would stay above.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gateway.mail import phrases
from gateway.mail.attribution import address_in
from gateway.mail.phrases import folded
from gateway.mail.quoting import BLANKS, is_blank, is_rule, trimmed

_LONGEST_MOBILE = 160
_MOST_BELOW_DASHES = 15
_MOST_BELOW_RFC = 40
_BLOCK = 16  # lines a signature without "-- " may take
_SEARCHED = 24  # lines from the end in which it is looked for
_LONGEST_LINE = 120
_LONGEST_DISCLAIMER = 6000
_DRAWN = frozenset("-—–_=*~━─· ")
_ROUNDS = 6
_BULLETS = ("* ", "- ", "• ", "+ ")
_MOST_SAID = 12  # words of a line in a signature, but for addresses
_NUMBER = 5  # figures of a telephone number, at least
_PUNCTUATION = " ,.!;:…~-–—*_，。！；：～、\t\xa0\u3000"

_PRODUCT = re.compile(
    r"iphon[eu]|ipad|ipod|\bios\b|android|samsung|galaxy|huawei|xiaomi|redmi|oppo|vivo|pixel|honor|blackberry|nokia|"
    r"sony|xperia|\blg\b|\bhtc\b|oneplus|windows|outlook|gmail|yahoo|proton|\baol\b|网易|新浪|qq邮箱|foxmail|钉钉|飞书|"
    r"华为|小米|荣耀|k-9|thunderbird|spark|airmail|\bnine\b|tutanota|\btuta\b|fairphone|mail\.ru|яндекс|web\.de|\bgmx\b|"
    r"zalo|갤럭시|아이폰|surface|mail app|mail-app|superhuman|bluemail|blue mail|mailspring|mailbox|"
    r"mailbird|workmail|edison|zoho|libero mail"
)
_THING = re.compile(
    r"phone|\bcell\b|tablet|mobil|móvil|movil|celular|cellulare|handy|telefon|téléphone|teléfono|telefono|portable|"
    r"điện thoại|thiết bị|máy|手机|手機|gerät|appareil|dispositivo|apparaat|urządz|enhet|cihaz|устройств|телефон|"
    r"смартфон|携帯|スマホ|휴대"
)
_OWN = re.compile(
    r"\b(?:my|meine[mr]?|mon|mi|meu|minha|mio|mia|mijn|min|mojego|mojej|моего|моей|của tôi|m[oó]j|mého)\b|"
    r"我的|私の|내 |나의|cihazım|telefonum"
)
_MOST_WORDS = 10  # of a line that a phone adds
_LINKED = re.compile(r"\[([^\[\]]{1,80})\]\([^()\s]{1,120}\)")  # as Markdown has it
_PHONE = re.compile(r"(?:\+|\(|\b0|\b1)[\d(][\d\s().\-/–]{5,}\d")
_WEB = re.compile(
    r"(?:https?://|www\.)\S|^[\w.-]+\.(?:com|net|org|vn|cn|jp|kr|de|fr|es|it|nl|pl|se|ru|eu|io|tr|br|pt)\S*$"
)


def cut_signature(own: list[str]) -> tuple[list[str], list[str]]:
    """`own` without what it is signed with, and that. The first is blank only where `own` is."""
    lines = trimmed(own)
    end = len(lines)
    for _ in range(_ROUNDS):
        shorter = _end_of_text(lines, end)
        if shorter >= end or not _holds_text(lines, shorter):
            break
        end = shorter
    return trimmed(lines[:end]), trimmed(lines[end:])


def strip_signature(lines: list[str], most: int | None = None) -> list[str]:
    """The lines above a "-- " line (RFC 3676 §4.3), or above a bare "--" with at most `most` (15) lines below it.

    Nothing is cut where nothing would stay above.
    """
    for index, line in enumerate(lines):
        if line[:3].rstrip("\r") in ("-- ", "--") and line.rstrip(BLANKS) == "--":
            below = len(lines) - index - 1
            if (line.startswith("-- ") or below <= (most or _MOST_BELOW_DASHES)) and not all(
                map(is_blank, lines[:index])
            ):
                return trimmed(lines[:index])
    return lines


def strip_mobile_signature(lines: list[str]) -> list[str]:
    """The lines without a last "Sent from my iPhone"."""
    kept = trimmed(lines)
    return trimmed(kept[:-1]) if kept and is_mobile_signature(kept[-1]) else kept


def is_mobile_signature(line: str) -> bool:
    """Whether a last line is what a phone or an app adds: it names the device or the app in words of one language."""
    if len(line) > _LONGEST_MOBILE:
        return False
    text = folded((_LINKED.sub(r"\1", line) if "[" in line else line).strip(BLANKS + "*_[<(")).replace("’", "'")
    if text.endswith("?"):
        return False
    if "outlook" in text and "aka.ms" in text:
        return True
    if len(text.split()) > _MOST_WORDS and "http" not in text:
        return False
    if not (text.startswith(phrases.SENT_FROM) or _sent_from_between(text)):
        return False
    if _PRODUCT.search(text):
        return True
    return _OWN.search(text) is not None and (_THING.search(text) is not None or len(text.split()) <= 8)


def _sent_from_between(text: str) -> bool:
    if len(text) > 80:
        return False
    bare = text.rstrip(_PUNCTUATION + ">)]")
    return bare.endswith(phrases.SENT_FROM_LAST) and any(
        bare.startswith(a) and bare.endswith(b) for a, b in phrases.SENT_FROM_ENDS
    )


def _holds_text(lines: list[str], end: int) -> bool:
    return not all(is_blank(line) or is_rule(line) for line in lines[:end])


def _end_of_text(lines: list[str], last: int) -> int:
    """Where the last thing that is no text begins; `last` if there is none."""
    end = last
    while end and (is_blank(lines[end - 1]) or is_rule(lines[end - 1])):
        end -= 1
    if not end:
        return last
    if is_mobile_signature(lines[end - 1]):
        return end - 1
    if end > 1 and lines[end - 1].lstrip(" <(").startswith("http") and is_mobile_signature(lines[end - 2]):
        return end - 2
    searches = (_disclaimer, _below_dashes, _below_farewell) if lines[end - 1].strip(" |") else (_card,)
    for search in searches:
        begins = search(lines, end)
        if begins < end:
            return begins
    return last


def _card(lines: list[str], end: int) -> int:
    """Where a table of short lines between bars begins, as NetEase signs."""
    first = end
    for index in range(end - 1, max(-1, end - _BLOCK), -1):
        bare = lines[index].strip(BLANKS)
        if not bare.strip("| "):
            first = index if "|" in bare else first
        elif len(bare) > 60 or _is_sentence(bare):
            break
    return first


def _disclaimer(lines: list[str], end: int) -> int:
    """Where the last paragraph begins, if it is a disclaimer or the like."""
    first, length = end, 0
    while first and not is_blank(lines[first - 1]) and length <= _LONGEST_DISCLAIMER:
        first -= 1
        length += len(lines[first])
    if not first or length > _LONGEST_DISCLAIMER or length < 40:
        return end
    text = folded(" ".join(lines[first:end]))
    weight = length if text.isascii() else len(text.encode("utf-8", "replace"))
    words = set(phrases.words(text))
    if weight < 400 and _hits(text, words, phrases.FOOTERS):
        return first
    if weight < 90:
        return end
    hits = _hits(text, words, phrases.DISCLAIMERS)
    if not text.isascii():
        hits += sum(phrase in text for phrase in phrases.WIDE_DISCLAIMERS)
    return first if hits >= 3 or (hits == 2 and weight >= 180) else end


def _hits(text: str, words: set[str], known: Mapping[str, Sequence[str]]) -> int:
    return sum(phrase in text for word in words & known.keys() for phrase in known[word])


def _below_dashes(lines: list[str], end: int) -> int:
    """At the last "-- ", or at a "--" or drawn rule under which only short lines, one with a contact, stand."""
    for index in range(end - 1, max(0, end - _MOST_BELOW_RFC) - 1, -1):
        line = lines[index]
        if line[:1] not in _DRAWN:
            continue
        if line.rstrip(BLANKS) in ("--", "—", "–") and line[:1] in "-—–":
            below = lines[index + 1 : end]
            if line.startswith("-- ") or (len(below) <= _MOST_BELOW_DASHES and not any(map(_is_sentence, below))):
                return index
            return end
        if end - index <= _BLOCK and is_rule(line) and _stands_apart(lines, index):
            below = lines[index + 1 : end]
            if all(map(_is_short, below)) and any(map(_is_contact, below)) and not any(map(_is_sentence, below)):
                return index
    return end


def _stands_apart(lines: list[str], index: int) -> bool:
    """A rule directly under words that end no sentence underlines them."""
    above = lines[index - 1].rstrip(BLANKS) if index else ""
    return not above or above[-1] in ".!?。！？．"


def _below_farewell(lines: list[str], end: int) -> int:
    """At "Kind regards", or under "Thanks", if only short lines follow and one of them is a number or an address."""
    contact = False
    for index in range(end - 1, max(0, end - _SEARCHED) - 1, -1):
        line = lines[index]
        if is_blank(line):
            continue
        farewell = _farewell(line)
        if farewell == "sign-off" and contact and index < end - 1:
            return index - 1 if index > 1 and _farewell(lines[index - 1]) == "sign-off" else index
        if farewell:
            return index + 1 if contact and index < end - 1 else end
        if end - index > _BLOCK or not _is_short(line) or _is_sentence(line) or _is_postscript(line):
            return end
        contact = contact or _is_contact(line)
    return end


def _farewell(line: str) -> str:
    if len(line) > 80:
        return ""
    text = folded(line).strip(_PUNCTUATION)
    head = text if text in phrases.SIGN_OFFS or text in phrases.THANKS else _before_name(text)
    return "sign-off" if head in phrases.SIGN_OFFS else "thanks" if head in phrases.THANKS else ""


def _before_name(text: str) -> str:
    """ "best regards" of "best regards, john smith"."""
    head, comma, name = text.partition(",")
    return head.strip() if comma and len(name.split()) <= 4 else ""


def _is_short(line: str) -> bool:
    return len(line) <= _LONGEST_LINE


def _is_sentence(line: str) -> bool:
    """What a signature does not hold: questions, list items, lines that announce something, and running text."""
    bare = line.strip(BLANKS)
    words = len(bare.split())
    if bare.endswith((":", "：")) or bare.startswith(_BULLETS) or (words > _MOST_SAID and not _is_contact(bare)):
        return True
    if ("?" in bare or "？" in bare) and "://" not in bare:
        return True
    return bare.endswith((".", "!", "。", "！")) and (words >= 8 or (bare[-1] in "。！" and len(bare) >= 14))


def _is_postscript(line: str) -> bool:
    return folded(line[:12].lstrip(BLANKS)).startswith(phrases.POSTSCRIPTS)


def _is_contact(line: str) -> bool:
    bare = line.strip(BLANKS)
    if _PHONE.search(bare) or _WEB.search(bare) or ("@" in bare and address_in(bare)):
        return True
    head = folded(bare[:24]).replace("：", ":")
    label, colon, _ = head.partition(":")
    if colon and "".join(label.split()).strip(".") in phrases.CONTACT_LABELS:
        return True
    return head.partition(" ")[0].strip(".") in phrases.CONTACT_LABELS and sum(map(str.isdigit, bare)) >= _NUMBER
