"""Bodies and attachments: our own walk over the tree, with IMAP part numbers (RFC 3501 §6.4.5).

Text is taken from octets by `charset.decode`. An attached message is one attachment, never mixed into the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from gateway.mail.charset import decode
from gateway.mail.clean import cut, many_lines, one_line
from gateway.mail.flowed import unflow
from gateway.mail.header_read import Part, part_type
from gateway.mail.html_text import read_html
from gateway.mail.labels import label
from gateway.mail.params import parse_params
from gateway.mail.transfer import decode_regular, decode_transfer, split_base64
from gateway.model import Attachment, Encoded, Region
from gateway.options import ReadLimits

_HTML_SOURCE = re.compile(r"(?is)\A\s*(?:<!doctype html|<html\b)")
_META = re.compile(rb"""(?i)<meta\s[^>]{0,200}charset\s*=\s*["']?([a-z0-9_:-]{2,40})""")
_META_WITHIN = 4096
_STUB = 400  # characters: a longer text is never taken for "please view the HTML version"
_STUB_WORDS = re.compile(r"(?i)html|mime|browser|trình duyệt|浏览器|网页")
_BLANKS = re.compile(r"\s+")
_NOT_SHOWN = frozenset({"text/x-amp-html", "text/watch-html"})  # further faces of an alternative
_DEEPEST = 100  # the tree is bounded by `limits` already; this bounds the recursion of a tree that was not scanned


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf of the tree, its transfer encoding undone."""

    path: str
    type: str
    params: dict[str, str]
    disposition: str
    name: str  # as given, not yet a label
    content_id: str
    location: str  # Content-Location
    content: bytes = field(repr=False)
    encoded: Encoded | None = field(repr=False)
    encoding: str
    parent: str  # subtype of the multipart it stands in, "" for a whole message
    group: str  # path of the nearest multipart/alternative around it, "" if none
    attached: bool  # it stands inside a container that is itself an attachment


@dataclass(frozen=True, slots=True)
class Body:
    """What `read_body` found. `text`, `html` and `html_text` are at most `limits.text` octets."""

    text: str
    html: str
    html_text: str
    regions: tuple[Region, ...]  # of `html_text`
    attachments: tuple[Attachment, ...]
    defects: tuple[str, ...]


def leaves(tree: Part) -> list[Leaf]:
    """All leaves in order. The numbers are those of IMAP: "1" for a single part, "2.1" inside a nested multipart."""
    found: list[Leaf] = []
    _collect(tree, "", "", "", False, found, 0)
    return found


def _collect(part: Part, path: str, parent: str, group: str, attached: bool, found: list[Leaf], depth: int) -> None:
    media = part_type(part)
    children = part.children()
    if children is None:
        if media.startswith("multipart/"):
            media = "text/plain"  # its boundary is missing: what it holds is shown as it stands
        found.append(_leaf(part, path or "1", media, parent, group, attached))
        return
    if depth >= _DEEPEST:
        return
    if path:
        attached = attached or parse_params(part.field("content-disposition"))[0] == "attachment"
    subtype = media.partition("/")[2]
    if subtype == "alternative":
        group = path or "0"
    for number, child in enumerate(children, 1):
        _collect(child, f"{path}.{number}" if path else str(number), subtype, group, attached, found, depth + 1)


def _leaf(part: Part, path: str, media: str, parent: str, group: str, attached: bool) -> Leaf:
    _, params = parse_params(part.field("content-type"))
    disposition, extra = parse_params(part.field("content-disposition"))
    encoding = part.field("content-transfer-encoding").decode("ascii", "replace")
    content, encoded = _decoded(part, media, encoding)
    return Leaf(
        path=path,
        type=media,
        params=params,
        disposition=disposition,
        name=extra.get("filename") or params.get("name") or "",
        content_id=one_line(part.field("content-id").decode("ascii", "ignore"), 250).strip("<> "),
        location=one_line(part.field("content-location").decode("ascii", "ignore"), 250).strip(),
        content=content,
        encoded=encoded,
        encoding=encoding.strip().lower(),
        parent=parent,
        group=group,
        attached=attached,
    )


def _decoded(part: Part, media: str, encoding: str) -> tuple[bytes, Encoded | None]:
    stored, place = part.stored(), part.place()
    if place is not None and encoding.strip().lower() == "base64" and (regular := decode_regular(stored)) is not None:
        return regular[0], Encoded(part.view(place[0], len(regular[1])), place[0])
    if media.startswith("text/") and encoding.strip().lower() == "base64":
        encoded, behind = split_base64(stored)
        return decode_transfer(encoded, encoding) + (b"\r\n" + behind if behind else b""), None
    return decode_transfer(stored, encoding), None


@dataclass(slots=True)
class _Section:
    """A piece of text in its faces: those of one alternative, or a single text part."""

    group: str
    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    mislabelled: bool = False  # the HTML was called text/plain
    shown: str = ""  # the text of `html`
    regions: tuple[Region, ...] = ()  # of `shown`


def read_body(found: list[Leaf], limits: ReadLimits, hint: str = "") -> Body:
    """Text, HTML and attachments of the leaves of one message. `hint`: the charset of text that names none."""
    sections: list[_Section] = []
    files: list[Leaf] = []
    defects: list[str] = []
    room = limits.text * 2  # octets to decode: no charset of ours needs more for `limits.text` octets of UTF-8
    for leaf in found:
        if not _is_text(leaf, sections):
            if not (leaf.group and leaf.type in _NOT_SHOWN):
                files.append(leaf)
            continue
        shown = _beginning(leaf.content, room)
        room -= len(shown)
        text, lost = decode(shown, leaf.params.get("charset") or _meta_charset(leaf, shown) or hint)
        if len(shown) < len(leaf.content):
            defects.append(f"part {leaf.path}: shown cut, it is in the raw mail")
        if lost:
            defects.append(f"part {leaf.path}: {lost} characters could not be decoded")
        _add(sections, leaf, many_lines(text, limits.text))
    for section in sections:
        _show(section)
    joined = cut("\n".join(_texts(sections)), limits.text)
    html = cut("\n".join(piece for section in sections for piece in section.html), limits.text)
    html_text = cut("\n".join(section.shown for section in sections if section.html), limits.text)
    attachments = tuple(_attachment(leaf, _is_shown(leaf, html)) for leaf in files)
    return Body(joined, html, html_text, _all_regions(sections), attachments, tuple(defects))


def _is_shown(leaf: Leaf, html: str) -> bool:
    """Whether the HTML shows this part as a picture (RFC 2392, RFC 2557), whatever its disposition says."""
    if leaf.content_id and "cid:" in html:
        return f"cid:{leaf.content_id}" in html or f"cid:{quote(leaf.content_id)}" in html
    return bool(leaf.location) and leaf.parent == "related" and f'"{leaf.location}"' in html


def _meta_charset(leaf: Leaf, content: bytes) -> str:
    """What HTML says of itself, where the part's header says nothing."""
    found = _META.search(content, 0, _META_WITHIN) if leaf.type == "text/html" else None
    return found[1].decode("ascii") if found else ""


def _show(section: _Section) -> None:
    """Make the text of the HTML, with the regions counted from its first line."""
    found = [read_html(piece) for piece in section.html]
    section.shown = "\n".join(text for text, _ in found)
    section.regions = _joined((text, regions) for text, regions in found)


def _all_regions(sections: list[_Section]) -> tuple[Region, ...]:
    return _joined((section.shown, section.regions) for section in sections if section.html)


def _joined(texts: Iterable[tuple[str, tuple[Region, ...]]]) -> tuple[Region, ...]:
    """The regions of texts that are joined by line ends."""
    line = 0
    joined: list[Region] = []
    for text, regions in texts:
        joined += [Region(kind, first + line, end + line) for kind, first, end in regions] if line else regions
        line += text.count("\n") + 1
    return tuple(joined)


def _beginning(content: bytes, room: int) -> bytes:
    """At most `room` octets, cut at a line's end where there is one."""
    if len(content) <= room:
        return content
    end = content.rfind(b"\n", 0, room) + 1
    return content[: end or room]


def _is_text(leaf: Leaf, sections: list[_Section]) -> bool:
    """Body text: text/plain or text/html that is not an attachment. A named part is, unless it is the first text."""
    if leaf.attached or leaf.type not in ("text/plain", "text/html"):
        return False
    if leaf.disposition == "attachment":
        return not leaf.parent and not leaf.name  # nothing else is there to be read
    if leaf.name and sections:
        return bool(leaf.group) and leaf.group == sections[-1].group and leaf.disposition != "inline"
    return not leaf.name or leaf.disposition != "inline" or leaf.parent != "mixed"


def _add(sections: list[_Section], leaf: Leaf, text: str) -> None:
    if not sections or not leaf.group or sections[-1].group != leaf.group:
        sections.append(_Section(leaf.group))
    section = sections[-1]
    if leaf.type == "text/html" or _HTML_SOURCE.match(text):
        if section.mislabelled:
            section.html.pop()  # both faces are HTML
        section.html.append(text)
        section.mislabelled = leaf.type != "text/html" and bool(leaf.group)
        return
    if leaf.params.get("format", "").lower() == "flowed":
        text = unflow(text, leaf.params.get("delsp", "").lower() == "yes")
    section.plain.append(text)


def _texts(sections: list[_Section]) -> list[str]:
    """The text of each section, in order; HTML after plain text that says the same (broken alternatives) adds none."""
    texts: list[str] = []
    before: _Section | None = None
    for section in sections:
        text = _section_text(section)
        if before is not None and not before.html and not section.plain and texts and _contains(text, texts[-1]):
            texts.pop()
        said = before is not None and bool(before.html) and not before.plain and not section.html and bool(texts)
        if text.strip() and not (said and _contains(texts[-1], text)):
            texts.append(text)
        before = section
    return texts


def _section_text(section: _Section) -> str:
    plain = "\n".join(section.plain)
    if not section.html:
        return plain
    return section.shown if _is_stub(plain, section.shown) else plain


def _is_stub(plain: str, shown: str) -> bool:
    bare = plain.strip()
    if not bare:
        return True
    if len(bare) > _STUB or not shown.strip() or _STUB_WORDS.search(bare) is None:
        return False
    return len(shown) > len(bare) or not _contains(shown, bare)


def _contains(shown: str, plain: str) -> bool:
    bare = _BLANKS.sub("", plain)
    return bool(bare) and bare in _BLANKS.sub("", shown)


def _attachment(leaf: Leaf, shown: bool) -> Attachment:
    inline = leaf.disposition == "inline" or shown
    return Attachment(
        path=leaf.path,
        name=label(leaf.name, leaf.path, leaf.type),
        type=leaf.type,
        content=leaf.content,
        inline=inline,
        content_id=leaf.content_id,
        encoded=leaf.encoded,
    )
