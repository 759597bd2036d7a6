"""Envelope addresses as SMTP writes them: strict where it matters, one regular expression in the common case.

RFC 5321 §4.1.2 paths and §4.1.1.11 parameters, RFC 6531 for addresses beyond ASCII. Nothing read here can carry a
control character, a line end, an angle bracket or an unpaired surrogate, so it may be written in a header or a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

LONGEST_PATH = 320  # RFC 5321 allows 256; VERP addresses in use are longer

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+"  # dots anywhere: addresses such as a..b@ are really in use
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
_LITERAL = r"\[[0-9A-Za-z:.-]{2,60}\]"
_PLAIN = re.compile(rf"<({_ATOM}@{_DOMAIN})>(?: +(.*))?")
_WIDE_ATOM = r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]|[^\x00-\x7f])+"
_WIDE_LABELS = r"(?:[A-Za-z0-9_.-]|[^\x00-\x7f])+"
_MAILBOX = re.compile(rf"({_WIDE_ATOM}|{_QUOTED})@({_WIDE_LABELS}|{_LITERAL})")
_STRICT_DOMAIN = re.compile(rf"{_DOMAIN}\.?")
_ROUTE = re.compile(rf"@{_WIDE_LABELS}(?:,@{_WIDE_LABELS})*:")
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reply to give instead of reading on: "501 5.1.7 ..."."""

    reply: str


@dataclass(frozen=True, slots=True)
class Path:
    """`address` as written, without brackets and source route; "" is the null reverse-path. Keys upper case."""

    address: str
    parameters: dict[str, str]

    @property
    def ascii(self) -> bool:
        return self.address.isascii()


def is_null_sender(mail_from: str | None) -> bool:
    """The one place that knows the forms of the null reverse-path (RFC 5321 §4.5.5)."""
    return mail_from in ("", "<>")


def read_path(text: str, *, recipient: bool = False) -> Path | Refusal:
    """What follows "MAIL FROM:" or "RCPT TO:". Never raises; a refusal carries 501 5.1.7 (5.1.3 for a recipient)."""
    common = _PLAIN.fullmatch(text)
    if common and len(common[1]) <= LONGEST_PATH:
        if not common[2]:
            return Path(common[1], {})
        return _with_parameters(common[1], common[2])
    code = "5.1.3" if recipient else "5.1.7"
    if _CONTROL.search(text):
        return Refusal(f"501 {code} control characters in the address")
    address, _, rest = _split(text.strip(" "))
    if address is None or len(address) > LONGEST_PATH:
        return Refusal(f"501 {code} cannot read the address")
    if is_null_sender(address):
        return Refusal(f"501 {code} no recipient") if recipient else _with_parameters("", rest)
    if recipient and address.lower() == "postmaster":
        return _with_parameters(address, rest)
    mailbox = read_mailbox(address)
    if mailbox is None:
        return Refusal(f"501 {code} cannot read the address")
    return _with_parameters(mailbox, rest)


def read_mailbox(text: str) -> str | None:
    """One address without brackets, source route removed (RFC 5321 §4.1.1.3, appendix C); None if it is none."""
    text = _ROUTE.sub("", text, count=1) if text.startswith("@") else text
    match = _MAILBOX.fullmatch(text)
    if not match or not text.isprintable():
        return None
    domain = match[2]
    if domain.startswith("["):
        return text if _is_literal(domain) else None
    if domain.isascii():
        return text.rstrip(".") if _STRICT_DOMAIN.fullmatch(domain) else None
    return text if ".." not in domain and domain.strip(".-") == domain else None


def is_relay_form(address: str) -> bool:
    """Percent hack, UUCP bang path or a second @ in the local part: an address that asks to be sent on."""
    local = address.rpartition("@")[0]
    return any(mark in local for mark in "%!@")


def _split(text: str) -> tuple[str | None, str, str]:
    """(address or None, "", parameters): brackets may be missing, as old clients do."""
    if not text.startswith("<"):
        address, _, rest = text.partition(" ")
        return (address if address and not set(address) & set('<>"') else None), "", rest
    end = _closing(text)
    if end < 0 or text[end + 1 : end + 2] not in ("", " "):
        return None, "", ""
    return text[1:end].strip(" "), "", text[end + 1 :]


def _closing(text: str) -> int:
    """Index of the ">" that is not inside a quoted local part."""
    quoted = escaped = False
    for index, character in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == ">" and not quoted:
            return index
    return -1


def _is_literal(domain: str) -> bool:
    inner = domain[1:-1]
    try:
        ip_address(inner[5:] if inner[:5].lower() == "ipv6:" else inner)
    except ValueError:
        return False
    return True


def _with_parameters(address: str, text: str) -> Path | Refusal:
    parameters: dict[str, str] = {}
    for word in text.split():
        match = _PARAMETER.fullmatch(word)
        if not match or match[1].upper() in parameters:
            return Refusal("501 5.5.4 cannot read the parameters")
        parameters[match[1].upper()] = match[2] or ""
    return Path(address, parameters)
