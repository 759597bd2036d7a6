"""What is inside of parts that are more than a file: winmail.dat, an opaque S/MIME signature, uuencoded text.

Files found so have the number of their part and their own behind it: "2.1". Everything here is bounded by the part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gateway.mail.body import Leaf, leaves
from gateway.mail.cms import signed_content
from gateway.mail.header_read import build_tree
from gateway.mail.labels import type_of
from gateway.mail.limits import scan
from gateway.mail.rtf import rtf_text
from gateway.mail.tnef import Tnef, read_tnef
from gateway.mail.transfer import decode_transfer
from gateway.options import ReadLimits

_TNEF = frozenset(["application/ms-tnef", "application/vnd.ms-tnef"])
_PKCS7 = frozenset(["application/pkcs7-mime", "application/x-pkcs7-mime"])
_RTF = frozenset(["text/rtf", "application/rtf"])
_ENRICHED = frozenset(["text/enriched", "text/richtext"])
_PARAM = re.compile(rb"(?is)<param>[^<]*</param>")
_TAG = re.compile(rb"<<|</?[a-zA-Z][^<>]*>")
_LINE_ENDS = re.compile(rb"\n+")
_UU = re.compile(
    rb"(?m)^begin [0-7]{3,4} ([^\r\n]{1,200})\r?\n((?:[!-`][ -`]{1,90}\r?\n)+)(?:[` ]?\r?\n)?end[ \t]*(?:\r?\n|\Z)"
)


def unpacked(found: Sequence[Leaf], limits: ReadLimits) -> list[Leaf]:
    """The leaves of a mail, with what is inside of some in their place; a part that cannot be opened stays as it is."""
    has_text = any(leaf.type in ("text/plain", "text/html") and leaf.content.strip() for leaf in found)
    opened: list[Leaf] = []
    for leaf in found:
        if leaf.type in _TNEF or leaf.name.lower() == "winmail.dat":
            inner = read_tnef(leaf.content)
            opened += [leaf] if inner is None else _from_tnef(leaf, inner, has_text)
        elif leaf.type in _PKCS7:
            opened += [*_signed(leaf, limits), leaf]
        elif leaf.type in _ENRICHED and leaf.disposition != "attachment":
            opened.append(replace(leaf, type="text/plain", content=enriched_text(leaf.content)))
        elif leaf.type in _RTF and not has_text and leaf.disposition != "attachment":
            opened += [*_from_rtf(leaf), leaf]
        elif leaf.type == "text/plain" and b"begin " in leaf.content and leaf.disposition != "attachment":
            opened += _uuencoded(leaf)
        else:
            opened.append(leaf)
    return opened


def _from_tnef(leaf: Leaf, inner: Tnef, has_text: bool) -> Iterator[Leaf]:
    plain = replace(leaf, name="", disposition="", encoding="", encoded=None, params={"charset": "utf-8"})
    if not has_text:
        for media, text in (("text/plain", inner.text), ("text/html", inner.html)):
            if text.strip():
                yield replace(plain, path=f"{leaf.path}.0", type=media, group=f"{leaf.path}.0", content=text.encode())
    for number, file in enumerate(inner.files, 1):
        yield replace(
            plain,
            path=f"{leaf.path}.{number}",
            type=file.media or type_of(file.name),
            params={},
            disposition="inline" if file.content_id else "attachment",
            name=file.name,
            content_id=file.content_id,
            content=file.content,
        )


def _from_rtf(leaf: Leaf) -> Iterator[Leaf]:
    text = rtf_text(leaf.content)
    if text.strip():
        content, params = text.encode(), {"charset": "utf-8"}
        yield replace(leaf, path=f"{leaf.path}.0", type="text/plain", name="", content=content, params=params)


def enriched_text(octets: bytes) -> bytes:
    """Text of text/enriched and text/richtext (RFC 1896): one line end is a blank, of many one is too much."""
    text = _PARAM.sub(b"", octets.replace(b"\r\n", b"\n"))
    text = _LINE_ENDS.sub(lambda run: b"\n" * (len(run.group()) - 1) or b" ", text)
    return _TAG.sub(
        lambda tag: b"<" if tag.group() == b"<<" else b"\n" if tag.group().lower() == b"<nl>" else b"", text
    )


def _signed(leaf: Leaf, limits: ReadLimits) -> list[Leaf]:
    """What a signature carries is a mail's body; one that may not be parsed stays inside."""
    content = signed_content(leaf.content)
    if not content:
        return []
    judged = scan(content, limits)
    if judged.over or judged.unusual:
        return []
    return [replace(one, path=f"{leaf.path}.{one.path}") for one in leaves(build_tree(content))]


def _uuencoded(leaf: Leaf) -> Iterator[Leaf]:
    """Text with the files taken out that old clients wrote into it (POSIX uuencode)."""
    files: list[Leaf] = []
    kept, position = [], 0
    for found in _UU.finditer(leaf.content):
        kept.append(leaf.content[position : found.start()])
        position = found.end()
        name = found[1].decode("utf-8", "replace")
        content = decode_transfer(found.group(), "x-uuencode")
        file = replace(leaf, path=f"{leaf.path}.{len(files) + 1}", type=type_of(name), params={}, name=name)
        files.append(replace(file, disposition="attachment", content=content, encoding="", encoded=None))
    kept.append(leaf.content[position:])
    yield replace(leaf, content=b"".join(kept)) if files else leaf
    yield from files
