"""Authentication-Results (RFC 8601): a tolerant reader with strict trust.

Which fields count. Headers are read from the top. Fields count down to the end of the block that our border host
wrote, that is, until the first of:
- a Received field whose `by` host is not one of the configured authserv-ids (so an internal hop that writes its own
  Received line is to be listed too; without that, the mail merely proves less);
- a Received field by a host that has already written one (the true line is above any forged one);
- any Received field below the border's, which is the first one whose `from` is not itself a listed host.
Received fields without a `from` clause above all of these are hand-overs inside one host and are passed over.
Inside that block only fields of exactly a configured authserv-id count, compared without regard to case.

Microsoft 365 writes no authserv-id, and its hosts have thousands of names. Where `*.outlook.com` is configured as one,
every host below that name is one of ours, and the topmost field counts where it has no authserv-id, no other: mail from
another tenant has one of theirs below it. `X-MS-Exchange-Organization-AuthAs: Internal` (which 365 takes off mail from
outside) then vouches for an author of the domain that this field names in header.from.

The border host's own Received field counts too where it is a Postfix's and names a login ("Authenticated sender",
`smtpd_sasl_authenticated_header`): that is `auth=pass` with this login.

What they say. One verdict per method: if fields disagree on a method, that method says nothing. SPF alone never counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.mail.domains import aligned, normal_domain
from gateway.model import address_key

_MOST_FIELDS = 20
_LONGEST = 16 * 1024
_QUOTED_EQUALS = "\x00"  # an "=" that stood inside a quoted string separates nothing

_ID = re.compile(r'\s*(?:"([^"\\]+)"|([^\s;"()\\]+))(?=[\s;]|\Z)')
_BY = re.compile(r"(?:^|\s)by\s+([^\s;()]+)", re.IGNORECASE)
_FROM = re.compile(r"^\s*from\s+([^\s;()]+)(?:\s*\(\s*([^()\s\[]*)[^()]*\))?", re.IGNORECASE)
# as Postfix writes it, from the first word on: what a client says (HELO) stands in the first word alone, without
# blanks and parentheses, so no client can write the comment with the login
_COMMENT = r"\((?:[^()]|\([^()]*\))*\)"
_LOGIN = re.compile(
    rf"\s*from\s+[^\s()]+\s+{_COMMENT}(?:\s+{_COMMENT}){{0,4}}?\s+\(Authenticated sender: ([^\s()]+)\)"
    r"\s+by\s+[^\s;()]+\s+\([^()]*\)\s+with\s+(?:E|UTF8)SMTPS?A\s+id\s"
)


@dataclass(frozen=True, slots=True)
class MethodResult:
    """`dkim=pass header.d=example.org`: lower-case method, result and property names."""

    method: str
    result: str
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Results:
    """One field. `authserv_id` is "" where the writer left it out."""

    authserv_id: str
    results: tuple[MethodResult, ...]


def read_results(value: str) -> Results | None:
    """One Authentication-Results value; None when quotes or comments do not close, or it is over 16 KiB."""
    segments = _segments(value) if len(value) <= _LONGEST else None
    if not segments:
        return None
    head = segments[0]
    named = bool(head) and "=" not in head[0]
    found = (_method(words) for words in (segments[1:] if named else segments))
    identity = head[0].replace(_QUOTED_EQUALS, "=") if named else ""
    return Results(identity, tuple(result for result in found if result))


def _trusted(block: Iterable[tuple[str, str]], ids: frozenset[str]) -> tuple[Results, ...]:
    """The fields that count, by the rule above."""
    values = [value for name, value in block if name == "authentication-results"]
    fields = (read_results(value) for value in values if _plain_id(value) in ids)
    named = [field for field in fields if field and field.authserv_id.lower() in ids]
    return (*named, *_nameless(values, ids))[:_MOST_FIELDS]


def _nameless(values: Sequence[str], ids: frozenset[str]) -> tuple[Results, ...]:
    """The topmost field, where it has no authserv-id and hosts that write none are ours."""
    if not values or not _any_below(ids):
        return ()
    first = read_results(values[0])
    return (first,) if first and not first.authserv_id else ()


@lru_cache(maxsize=16)
def _any_below(ids: frozenset[str]) -> bool:
    return any(name.startswith("*.") for name in ids)


def _listed(host: str, ids: frozenset[str]) -> bool:
    """Whether a host is named, or stands below a name with `*.`."""
    if host in ids or not _any_below(ids):
        return host in ids
    below = host.partition(".")[2]
    while "." in below and f"*.{below}" not in ids:  # `*.com` lists nobody
        below = below.partition(".")[2]
    return "." in below


@lru_cache(maxsize=16)
def _folded(authserv_ids: frozenset[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in authserv_ids if name)


def _plain_id(value: str) -> str:
    """The authserv-id where it stands first, whole and without a comment before it, as our own hosts write it.

    What else the grammar allows is how a forged field gets past a border host that looks for its own id.
    """
    match = _ID.match(value[:_LONGEST])
    return (match.group(1) or match.group(2)).lower() if match else ""


def border_login(headers: Iterable[tuple[str, str]], authserv_ids: frozenset[str]) -> str:
    """Who logged in at our border host, as its Postfix wrote into its own Received field; "" if nobody."""
    return _login(_border_block(headers, _folded(authserv_ids)))


def _login(block: Iterable[tuple[str, str]]) -> str:
    lines = [value for name, value in block if name == "received"]
    match = _LOGIN.match(lines[-1][:_LONGEST]) if lines else None
    return match.group(1) if match else ""


def vouched(headers: Sequence[tuple[str, str]], author: str, authserv_ids: frozenset[str]) -> str:
    """How a host of ours vouches for the author's address: "dmarc=pass", "dkim=pass", "auth=pass", or ""."""
    ids = _folded(authserv_ids)
    block = list(_border_block(headers, ids))
    if not block:
        return ""
    by_method: dict[str, list[MethodResult]] = {}
    if login := _login(block):
        by_method["auth"] = [MethodResult("auth", "pass", {"smtp.auth": login})]
    for field in _trusted(block, ids):
        for result in field.results:
            by_method.setdefault(result.method, []).append(result)
    domain = author.rpartition("@")[2]
    if _any_below(ids) and _internal(headers, by_method.get("dmarc", ()), domain):
        return "AuthAs: Internal"
    if _dmarc(by_method.get("dmarc", ()), domain):
        return "dmarc=pass"
    if _dkim(by_method.get("dkim", ()), domain):
        return "dkim=pass"
    if _auth(by_method.get("auth", ()), author):
        return "auth=pass"
    return ""


def _internal(headers: Iterable[tuple[str, str]], dmarc: Sequence[MethodResult], domain: str) -> bool:
    """Exchange Online says that an account of the tenant's own wrote it."""
    said = [value.strip().lower() for name, value in headers if name == "x-ms-exchange-organization-authas"]
    named = {normal_domain(_address(result.properties.get("header.from", ""))) for result in dmarc}
    return said == ["internal"] and named == {normal_domain(domain)}


def _dmarc(results: Sequence[MethodResult], domain: str) -> bool:
    return _one_verdict(results) and {
        normal_domain(_address(result.properties.get("header.from", "")).rpartition("@")[2]) for result in results
    } == {normal_domain(domain)}


def _dkim(results: Sequence[MethodResult], domain: str) -> bool:
    return _one_verdict(results) and any(aligned(_signer(result), domain) for result in results)


def _auth(results: Sequence[MethodResult], author: str) -> bool:
    return _one_verdict(results) and {
        address_key(_address(result.properties.get("smtp.auth", ""))) for result in results
    } == {address_key(author)}


def _one_verdict(results: Sequence[MethodResult]) -> bool:
    return bool(results) and all(result.result == "pass" for result in results)


def _signer(result: MethodResult) -> str:
    """header.d, or the domain of header.i where only that is given (Gmail). Two that contradict say nothing."""
    d = _address(result.properties.get("header.d", ""))
    i = _address(result.properties.get("header.i", "")).rpartition("@")[2]
    if d and i and not aligned(d, i):
        return ""
    return d or i


def _address(value: str) -> str:
    """QQ writes `<a@x.cn>`."""
    return value.strip().removeprefix("<").removesuffix(">")


def _border_block(headers: Iterable[tuple[str, str]], ids: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The Authentication-Results that count, and the Received field of the border (the last one given)."""
    seen: set[str] = set()
    beyond = False
    for name, value in headers:
        if name == "authentication-results":
            yield name, value
        elif name == "received":
            by = _BY.search(value[:_LONGEST])
            origin = _FROM.match(value[:_LONGEST])
            host = by.group(1).lower().rstrip(".") if by else ""
            if origin is None and not seen:
                continue
            if beyond or not _listed(host, ids) or host in seen:
                return
            seen.add(host)
            beyond = not _is_ours(origin, ids)
            if beyond:
                yield name, value


def _is_ours(origin: re.Match[str] | None, ids: frozenset[str]) -> bool:
    """The client is a listed host by the name it gave, and by its reverse name where one is written."""
    if origin is None:
        return False
    reverse = (origin.group(2) or "").lower()
    is_number = ":" in reverse or not reverse.strip("0123456789.")
    return _listed(origin.group(1).lower(), ids) and (is_number or _listed(reverse, ids))


def _method(words: list[str]) -> MethodResult | None:
    if not words or "=" not in words[0]:
        return None
    method, _, result = words[0].partition("=")
    properties: dict[str, str] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if equals and _QUOTED_EQUALS not in key:
            key = key.lower()
            # a property given twice with two values says nothing
            value = value.replace(_QUOTED_EQUALS, "=")
            properties[key] = value if properties.get(key, value) == value else ""
    return MethodResult(method.partition("/")[0].lower(), result.lower(), properties)


def _segments(value: str) -> list[list[str]] | None:
    """Words between semicolons, comments gone, quoted strings opened, blanks around "=" gone."""
    segments: list[list[str]] = [[]]
    for word in _words(value):
        if word is None:
            return None
        if word == ";":
            segments.append([])
        else:
            _append(segments[-1], word)
    return segments


def _append(words: list[str], word: str) -> None:
    if words and (word.startswith("=") or words[-1].endswith("=")):
        words[-1] += word
    else:
        words.append(word)


def _words(value: str) -> Iterator[str | None]:
    """Words and ";" in order; None and the end when a quote or comment does not close."""
    word, quoted, position = "", False, 0
    while position < len(value):
        char = value[position]
        if char == "(" or char in " \t\r\n;":
            if word or quoted:
                yield word
            word, quoted = "", False
            if char == ";":
                yield ";"
            position = _after_comment(value, position) if char == "(" else position + 1
        elif char == '"':
            text, position = _quoted(value, position)
            word, quoted = word + text, True
        else:
            end = _PLAIN.match(value, position)
            word += end.group() if end else char
            position = end.end() if end else position + 1
        if position < 0:
            yield None
            return
    if word or quoted:
        yield word


_PLAIN = re.compile(r'[^(\s;"]+')


def _after_comment(value: str, start: int) -> int:
    """Position after the comment that opens at `start` (RFC 5322 §3.2.2: they nest), -1 if it does not close."""
    depth, position = 0, start
    while position < len(value):
        char = value[position]
        if char == "\\":
            position += 1
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if not depth:
                return position + 1
        position += 1
    return -1


def _quoted(value: str, start: int) -> tuple[str, int]:
    """The text of the quoted string that opens at `start`, and the position after it or -1."""
    chars: list[str] = []
    position = start + 1
    while position < len(value):
        char = value[position]
        if char == '"':
            return "".join(chars).replace("=", _QUOTED_EQUALS), position + 1
        if char == "\\":
            position += 1
            char = value[position : position + 1]
        chars.append(char)
        position += 1
    return "", -1
