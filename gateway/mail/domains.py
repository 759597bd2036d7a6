"""Domain names as mail authentication compares them (RFC 7489 §3.1, relaxed alignment), by a short table.

The table need not be complete to be safe: two names are aligned only when one is a parent of the other, and nobody
can sign for a registry's own name.
"""

from __future__ import annotations

# second-level labels under which country registries register names: com.vn, co.uk, edu.cn
_SECOND_LEVEL = (
    "ac ad asso biz co com ed edu firm gen go gob gouv gov govt gv health ind info int k12 ltd me mil mod ne net nhs"
    " nic nom or org plc pro res sch tm web name id"
)
_SHARED_HOSTS = (
    "appspot.com azurewebsites.net blogspot.com cloudfront.net firebaseapp.com fly.dev github.io gitlab.io"
    " herokuapp.com myshopify.com netlify.app onmicrosoft.com pages.dev vercel.app web.app wordpress.com"
    " workers.dev"
)
_SECOND = frozenset(_SECOND_LEVEL.split())
_SHARED = frozenset(_SHARED_HOSTS.split())


def normal_domain(domain: str) -> str:
    """Lower case, no final dot, A-labels (RFC 5890) where the name is not ASCII and can be encoded."""
    name = domain.strip().rstrip(".").lower()
    if name.isascii() or len(name) > 253:
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def is_public_suffix(domain: str) -> bool:
    """One label, a registry's second level such as com.vn, or a host that gives sub-domains to strangers."""
    labels = domain.split(".")
    if len(labels) < 2 or domain in _SHARED:
        return True
    return len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _SECOND


def aligned(one: str, other: str) -> bool:
    """Equal, or one is a parent of the other and not a public suffix."""
    first, second = normal_domain(one), normal_domain(other)
    if not first or not second:
        return False
    parent, child = (first, second) if len(first) <= len(second) else (second, first)
    return not is_public_suffix(parent) and (child == parent or child.endswith("." + parent))
