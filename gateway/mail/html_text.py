"""HTML mail as legible text: our own walk over the tree of selectolax (Lexbor). Linear, never raises.

A tree that would cost more than linear time to build (deep nesting, formatting elements that are never closed) is not
built: such HTML is stripped of its tags instead.
"""

from __future__ import annotations

import html as entities
import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from gateway.mail.html_marks import mark_of
from gateway.mail.text_writer import TextWriter
from gateway.model import Region

_MOST = 1 << 21  # characters read; a mail's text is cut to 1 MiB anyway
_DEEPEST = 1000
_MOST_COPIES = 300_000
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
_SELF_CLOSING = frozenset(
    ["p", "li", "td", "th", "tr", "dd", "dt", "option", "tbody", "thead", "tfoot", "colgroup", "html", "body", "head"]
)
_FORMATTING = frozenset(
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
)
_TAG = re.compile(r"""<(/?)([a-zA-Z][a-zA-Z0-9:]*+)((?:=\s*+"[^"]*+"|=\s*+'[^']*+'|[^>=]++|=)*+)""")
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")
_LONG_TAG, _MOST_ATTRIBUTES = 1500, 500  # characters; Lexbor compares each attribute with all others of its element
_ANY_TAG = re.compile(r"<[^<>]*>")
_BREAKING_TAG = re.compile(r"(?i)<(?:br|/?p|/?div|/?tr|/?li|/?h[1-6]|/?blockquote|/?table)\b[^<>]*>")
_DROPPED = frozenset(
    [
        "script",
        "style",
        "head",
        "title",
        "meta",
        "link",
        "template",
        "svg",
        "math",
        "object",
        "embed",
        "iframe",
        "video",
        "audio",
        "canvas",
        "map",
        "noframes",
    ]
)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "body",
        "center",
        "dd",
        "details",
        "dir",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hgroup",
        "main",
        "menu",
        "nav",
        "section",
        "summary",
        "tbody",
        "thead",
        "tfoot",
        "caption",
    ]
)
_PARAGRAPHS = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "ul", "ol", "table", "blockquote"])
_HIDDEN = re.compile(
    r"(?i)display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all"
    r"|(?<![\w-])(?:font-size|max-height)\s*:\s*0(?:\.0*)?(?:px|pt|em|%)?\s*(?:!important\s*)?(?:;|\Z)"
)
_PIXEL = re.compile(r"\s*[01](?:px)?\s*\Z")
_PIXEL_STYLE = re.compile(r"(?i)(?<![\w-])(?:width|height)\s*:\s*[01](?:px)?\s*(?:;|\Z)")


def to_text(html: str) -> str:
    """The text that `read_html` finds."""
    return read_html(html)[0]


def read_html(html: str) -> tuple[str, tuple[Region, ...]]:
    """The text that a reader of `html` sees, and which of its lines the mail client marked as older mail or signature.

    Paragraphs, lists, rows of cells joined by " | ", quotes as "> ". Links are `text <url>` where text and address
    differ; images are `[alt]`; scripts, styles, hidden elements and 1-pixel images are gone. Text across inline
    elements is not broken. Lines end with LF; no trailing blank line.
    """
    source = html[:_MOST]
    try:
        if not _too_costly(source):
            return _walk(source)
    except Exception:  # noqa: BLE001  whatever the tree does, the mail stays legible
        return _stripped(source), ()
    return _stripped(source), ()


def _too_costly(source: str) -> bool:
    """Estimates, in one pass, the deepest nesting and the copies a parser makes of unclosed formatting elements."""
    depth = formatting = copies = 0
    for found in _TAG.finditer(source):
        name = found[2].lower()
        if len(found[3]) > _LONG_TAG and len(_QUOTED.sub(" ", found[3]).replace("/", " ").split()) > _MOST_ATTRIBUTES:
            return True
        if name in _VOID:
            continue
        step = -1 if found[1] else 1
        if name in _FORMATTING:
            formatting = max(0, formatting + step)
        else:
            copies += formatting if step > 0 else 0
        if name not in _SELF_CLOSING:
            depth = max(0, depth + step)
            if depth > _DEEPEST:
                return True
    return formatting > 20 and copies > _MOST_COPIES


def _stripped(source: str) -> str:
    """Tags taken out without building a tree; scripts, styles and comments go with their content."""
    for opener, closer in (("<!--", "-->"), ("<script", "</script"), ("<style", "</style")):
        source = _without(source, opener, closer)
    text = entities.unescape(_ANY_TAG.sub("", _BREAKING_TAG.sub("\n", source)))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _without(source: str, opener: str, closer: str) -> str:
    folded = source.lower()
    if len(folded) != len(source):  # a few letters change length in lower case
        folded = source
    kept, position = [], 0
    while (start := folded.find(opener, position)) >= 0:
        end = folded.find(closer, start)
        if end < 0:
            break
        kept.append(source[position:start])
        position = end + len(closer)
    kept.append(source[position:])
    return "".join(kept)


def _walk(source: str) -> tuple[str, tuple[Region, ...]]:
    writer = TextWriter()
    node = LexborHTMLParser(source).body
    if node is None:
        return "", ()
    open_marks: list[int] = []  # elements that began a region
    root = node.mem_id  # comparing nodes by == would serialise both
    following: LexborNode | None = node
    while following is not None:
        node = following
        following = _enter(node, writer, open_marks)
        while following is None:
            if node.is_element_node:
                _leave(node, writer)
                if open_marks and open_marks[-1] == node.mem_id:
                    open_marks.pop()
                    writer.end_region()
            parent = node.parent
            if node.mem_id == root or parent is None:
                break
            following = node.next
            node = parent
    return writer.text(), writer.regions()


def _enter(node: LexborNode, writer: TextWriter, open_marks: list[int]) -> LexborNode | None:
    """Write what stands before the children; the first child, or None if there is none to visit."""
    tag = node.tag
    if tag == "-text":
        writer.write(node.text_content or "")
        return None
    if not node.is_element_node or tag is None:
        return None
    attributes = node.attributes
    if tag in _DROPPED or _hidden(attributes):
        return None
    if tag == "img":
        _image(attributes, writer)
        return None
    kind = mark_of(tag, attributes) if attributes else ""
    if kind:
        open_marks.append(node.mem_id)
        writer.begin_region(kind)
    _open(tag, attributes, writer)
    return node.first_child


def _hidden(attributes: dict[str, str | None]) -> bool:
    if not attributes:
        return False
    if "hidden" in attributes:
        return True
    style = attributes.get("style")
    return bool(style) and _HIDDEN.search(style[:2000]) is not None if style else False


def _image(attributes: dict[str, str | None], writer: TextWriter) -> None:
    if any(_PIXEL.match(attributes.get(side) or "") for side in ("width", "height")):
        return
    if _PIXEL_STYLE.search((attributes.get("style") or "")[:2000]):
        return
    alt = " ".join((attributes.get("alt") or "").split())[:200]
    if alt:
        writer.write(f"[{alt}]")
    elif (attributes.get("src") or "")[:4].lower() == "cid:":
        writer.write("[image]")


def _open(tag: str, attributes: dict[str, str | None], writer: TextWriter) -> None:
    if tag == "br":
        writer.line()
    elif tag == "hr":
        writer.rule()
    elif tag == "a":
        writer.begin_link(attributes.get("href") or "")
    elif tag == "li":
        writer.begin_item()
    elif tag == "tr":
        writer.begin_row()
    elif tag in ("td", "th"):
        writer.begin_cell()
    elif tag in _PARAGRAPHS:
        writer.begin_paragraph(tag)
    elif tag in _BLOCKS:
        writer.block()


def _leave(node: LexborNode, writer: TextWriter) -> None:
    tag = node.tag or ""
    if tag == "a":
        writer.end_link()
    elif tag in ("td", "th"):
        writer.end_cell()
    elif tag == "tr":
        writer.end_row()
    elif tag in _PARAGRAPHS:
        writer.end_paragraph(tag)
    elif tag in _BLOCKS or tag == "li":
        writer.block()
