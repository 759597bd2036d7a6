"""The address of a PostgreSQL database, `postgresql://[user[:password]@][host[:port]]/database[?parameters]`.

Nothing here shows an address to anybody: it may hold a password.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

_EXAMPLE = "postgresql://gateway@db.example/gateway"


def wrong_address(url: str) -> str:
    """What is wrong with it, or ""."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError for what is none
    except ValueError:
        return f"is no address; expected something like {_EXAMPLE}"
    if not parts.path.strip("/") or "/" in parts.path[1:]:
        return f"names no database; expected something like {_EXAMPLE}"
    if not parts.username and "user" not in dict(parse_qsl(parts.query)):
        return f"names no user; expected something like {_EXAMPLE}"
    return "has a fragment (a # in a password is written %23)" if parts.fragment else ""


def has_password(url: str) -> bool:
    return urlsplit(url).password is not None or "password" in dict(parse_qsl(urlsplit(url).query))


def with_password(url: str, password: str) -> str:
    """The same address with a password, quoted as it must be."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    if not user:  # the name is among the parameters; so is the password then
        return f"{url}&password={quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))
