"""Signed reply addresses and signed Message-IDs: what routes an answer home without a subject tag.

`support+<purpose><kid><number>.<party>.<day>.<mac>@desk.example` and
`<<purpose><kid><number>.<party>.<day>.<mac>.<nonce>@desk.example>`, all in lower-case base32 (RFC 4648 alphabet).
Relays change case, so reading is case-insensitive. `number` and `day` are integers in base 32 without leading zeros,
`party` is 48 bits of HMAC-SHA256(key, "party" + address), `mac` 80 bits of HMAC-SHA256 over length-prefixed fields.
The number of signed fields differs (a Message-ID adds its nonce), so a Message-ID, which everybody on the thread can
read, cannot be rewritten into a signed address.

A token routes; it does not authenticate: `own` says only that From names the address it was given to.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, date, datetime
from functools import lru_cache

from gateway.model import Purpose, Token, TokenCheck, address_key
from gateway.options import Keys

_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_PAIRS = [one + other for one in _DIGITS for other in _DIGITS]
_EPOCH = date(2020, 1, 1).toordinal()
_MAX_NUMBER = 10**12 - 1  # subject tags have 1 to 12 digits
_MAX_DAY = 32**4 - 1
_MAX_LOCAL = 64  # RFC 5321 §4.5.3.1.1
_EXTENSION = 43  # "+", purpose, kid, number (8), ".", party (10), ".", day (3), ".", mac (16)
_LONGEST = 1000  # octets of an address or Message-ID worth reading
_LENGTHS = tuple(length.to_bytes(4, "big").decode("ascii") for length in range(41))  # no field is longer than a nonce
_INNER, _OUTER = bytes(octet ^ 0x36 for octet in range(256)), bytes(octet ^ 0x5C for octet in range(256))

_PURPOSES = "".join(purpose.value for purpose in Purpose)
_FIELDS = (
    rf"([{_PURPOSES}])([a-z2-7])([b-z2-7][a-z2-7]{{0,8}})"
    r"\.([a-z2-7]{10})\.(a|[b-z2-7][a-z2-7]{0,3})\.([a-z2-7]{16})"
)
_EXTENSION_FORM = re.compile(_FIELDS)
_ID_FORM = re.compile(_FIELDS + r"\.([a-z0-9]{1,40})")
_NONCE = re.compile(r"[a-z0-9]{1,40}")
_ANYWHERE = re.compile(rf"\+{_FIELDS}@", re.IGNORECASE | re.ASCII)
_STAFF = "".join(p.value for p in (Purpose.AGENT, Purpose.NOTE, Purpose.ESCALATION, Purpose.CONFIRM))
_STAFF_ANYWHERE = re.compile(
    rf"[+<]{_FIELDS.replace(_PURPOSES, _STAFF, 1)}(?:\.[a-z0-9]{{1,40}})?@".encode(), re.IGNORECASE
)


@lru_cache(maxsize=16)  # each signature of a group of mails asks for the same
def day_of(instant: datetime) -> int:
    """Days since 2020-01-01 UTC of an aware instant."""
    return instant.astimezone(UTC).toordinal() - _EPOCH


def new_key(octets: bytes) -> tuple[str, bytes]:
    """A signing key `(kid, key)` from at least 32 random octets. Two keys may share a kid: both are then tried.

    Raises ValueError for fewer octets.
    """
    if len(octets) < 32:
        raise ValueError("a signing key needs at least 32 octets")
    digest = hashlib.sha256(b"kid" + octets).digest()
    return _DIGITS[digest[0] % 32], octets


@lru_cache(maxsize=256)  # the addresses of departments
def fits(base: str) -> bool:
    """Whether signed addresses on this base keep their local part within 64 octets (bases up to 20 characters do)."""
    local = base.rpartition("@")[0]
    return 0 < len(local.encode()) <= _MAX_LOCAL - _EXTENSION


def sign_address(base: str, purpose: Purpose, number: int, address: str, day: int, keys: Keys) -> str:
    """The signed form of `base` given to `address`, valid through `day`.

    Raises ValueError when number or day are out of range or the local part would exceed 64 octets.
    """
    local, at, domain = base.rpartition("@")
    if not (local and at and domain):
        raise ValueError(f"not an address: {base!r}")
    kid, key = keys.newest
    fields = _sign(purpose, number, address, day, kid, key, None)
    signed = f"{local}+{fields}"
    if len(signed.encode()) > _MAX_LOCAL:
        raise ValueError(f"local part over {_MAX_LOCAL} octets: {signed!r}")
    return f"{signed}@{domain}"


def check_address(address: str, author: str, today: int, keys: Keys) -> TokenCheck | None:
    """The token in a recipient address, None unless its signature verifies. `author` is the From address or ""."""
    extension = _extension(address)
    match = _EXTENSION_FORM.fullmatch(extension) if extension else None
    return _check(match, None, author, today, keys, "recipient") if match else None


def address_purpose(address: str) -> Purpose | None:
    """The purpose an address of token form claims; nothing is verified."""
    extension = _extension(address)
    match = _EXTENSION_FORM.fullmatch(extension) if extension else None
    return Purpose(match.group(1)) if match else None


def bare_address(address: str) -> str:
    """The address without an extension of token form; any other address unchanged."""
    if "+" not in address or address_purpose(address) is None:
        return address
    local, _, domain = address.rpartition("@")
    return f"{local.rpartition('+')[0]}@{domain}"


def holds_token(text: str) -> bool:
    """Whether an address of token form stands anywhere in a text."""
    return _ANYWHERE.search(text) is not None


def holds_staff_token(octets: bytes) -> bool:
    """Whether an address or Message-ID that was made for an agent or manager stands in a file, be it UTF-8 or UTF-16:
    then the file holds a mail of ours to staff."""
    plain = octets.replace(b"\0", b"") if b"\0" in octets else octets
    return _STAFF_ANYWHERE.search(plain) is not None


def sign_message_id(domain: str, purpose: Purpose, number: int, address: str, day: int, nonce: str, keys: Keys) -> str:
    """A Message-ID (RFC 5322 §3.6.4) with angle brackets, bound to the address the mail goes to.

    `nonce` is 1 to 40 of a-z and 0-9 and must differ between mails. Raises ValueError as `sign_address` does.
    """
    if not _NONCE.fullmatch(nonce):
        raise ValueError(f"nonce must be 1 to 40 of a-z, 0-9: {nonce!r}")
    kid, key = keys.newest
    return f"<{_sign(purpose, number, address, day, kid, key, nonce)}.{nonce}@{domain}>"


def check_message_id(message_id: str, author: str, today: int, keys: Keys) -> TokenCheck | None:
    """The token in a Message-ID of ours, None unless its signature verifies."""
    match = _id_match(message_id)
    return _check(match, match.group(7), author, today, keys, "reference") if match else None


def looks_own(message_id: str, domain: str) -> bool:
    """Whether a Message-ID has the form of ours and our domain; nothing is verified."""
    if _id_match(message_id) is None:
        return False
    return message_id.strip().strip("<>").rpartition("@")[2].lower() == domain.lower()


def alarm_id(domain: str, nonce: str) -> str:
    """The Message-ID of an alarm: it belongs to no ticket, so nothing is signed."""
    return f"<alarm.{nonce}@{domain}>"


def looks_alarm(message_id: str, domain: str) -> bool:
    """Whether a Message-ID has the form of our alarms' and our domain; nothing is verified."""
    local, _, right = message_id.strip().strip("<>").rpartition("@")
    return local.startswith("alarm.") and right.lower() == domain.lower()


def party_matches(token: Token, address: str, keys: Keys) -> bool:
    """Whether the token was given to this address; False when its key is no longer known."""
    found = False
    for kid, key in keys.keys:
        if kid == token.kid:
            found |= hmac.compare_digest(_party(key, address), token.party)
    return found


def _extension(address: str) -> str:
    """What follows the last "+" of the local part, lower case, "" if nothing of ours can be there."""
    text = address.strip()
    if len(text) > _LONGEST or not text.isascii():
        return ""
    return text.rpartition("@")[0].rpartition("+")[2].lower() if "+" in text else ""


def _id_match(message_id: str) -> re.Match[str] | None:
    text = message_id.strip()
    if len(text) > _LONGEST or not text.isascii():
        return None
    local, at, domain = text.removeprefix("<").removesuffix(">").rpartition("@")
    return _ID_FORM.fullmatch(local.lower()) if at and domain else None


def _check(
    match: re.Match[str], nonce: str | None, author: str, today: int, keys: Keys, where: str
) -> TokenCheck | None:
    letter, kid, number, party, day, mac = match.groups()[:6]
    for known, key in keys.keys:
        if known == kid and hmac.compare_digest(_mac(key, letter, number, party, day, nonce), mac):
            token = Token(Purpose(letter), _to_int(number), party, _to_int(day), kid)
            own = bool(author) and hmac.compare_digest(_party(key, author), party)
            return TokenCheck(token, today > token.day, own, where)
    return None


def _sign(purpose: Purpose, number: int, address: str, day: int, kid: str, key: bytes, nonce: str | None) -> str:
    if not 0 < number <= _MAX_NUMBER:
        raise ValueError(f"number out of range: {number}")
    if not 0 <= day <= _MAX_DAY:
        raise ValueError(f"day out of range: {day}")
    letter, counted, party, until = purpose.value, _to_text(number), _party(key, address), _to_text(day)
    return f"{letter}{kid}{counted}.{party}.{until}.{_mac(key, letter, counted, party, until, nonce)}"


def _mac(key: bytes, letter: str, number: str, party: str, day: str, nonce: str | None) -> str:
    """Of the fields, each behind its length in four octets."""
    signed = (
        f"{_LENGTHS[len(letter)]}{letter}{_LENGTHS[len(number)]}{number}"
        f"{_LENGTHS[len(party)]}{party}{_LENGTHS[len(day)]}{day}"
    )
    if nonce is not None:
        signed = f"{signed}{_LENGTHS[len(nonce)]}{nonce}"
    return _base32(_digest(key, signed.encode("ascii"))[:10])


@lru_cache(maxsize=4096)  # one mail names its recipient in up to three signatures
def _party(key: bytes, address: str) -> str:
    digest = _digest(key, b"party" + address_key(address).encode("utf-8", "surrogatepass"))
    return _base32(digest[:6] + bytes(4))[:10]


def _digest(key: bytes, octets: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104 §2), for a third of what `hmac` takes for something so short."""
    begun, ended = _keyed(key)
    inner, outer = begun.copy(), ended.copy()
    inner.update(octets)
    outer.update(inner.digest())
    return outer.digest()


@lru_cache(maxsize=16)
def _keyed(key: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """The inner and the outer hash with their padded key; only copies of them go on."""
    padded = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    return hashlib.sha256(padded.translate(_INNER)), hashlib.sha256(padded.translate(_OUTER))


def _base32(octets: bytes) -> str:
    """RFC 4648 §6 in lower case without padding, of 10 octets; two digits at a time."""
    one, other = int.from_bytes(octets[:5], "big"), int.from_bytes(octets[5:], "big")
    return (
        f"{_PAIRS[one >> 30]}{_PAIRS[one >> 20 & 1023]}{_PAIRS[one >> 10 & 1023]}{_PAIRS[one & 1023]}"
        f"{_PAIRS[other >> 30]}{_PAIRS[other >> 20 & 1023]}{_PAIRS[other >> 10 & 1023]}{_PAIRS[other & 1023]}"
    )


@lru_cache(maxsize=1024)  # days and a ticket's number come again and again
def _to_text(value: int) -> str:
    digits = ""
    while True:
        value, rest = divmod(value, 32)
        digits = _DIGITS[rest] + digits
        if not value:
            return digits


def _to_int(text: str) -> int:
    value = 0
    for digit in text:
        value = value * 32 + _VALUES[digit]
    return value
