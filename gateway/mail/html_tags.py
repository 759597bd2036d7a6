"""HTML cut into text and tags, and what each tag means for a reader. Linear in the source, whatever it is.

No tree is built: mail repeats few tags many times, so that what a tag means is mostly known already.
"""

from __future__ import annotations

import html as entities
import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from gateway.mail.html_marks import mark_of


class Do(IntEnum):
    """What is to be done at a tag."""

    NOTHING = 0
    CLOSE = 1
    INLINE = 2
    BLOCK = 3
    PARAGRAPH = 4
    ROW = 5
    CELL = 6
    ITEM = 7
    LINK = 8
    BREAK = 9
    RULE = 10
    IMAGE = 11
    DROP = 12
    TEXT = 13  # blanks between tags


@dataclass(frozen=True, slots=True, eq=False)
class Tag:
    """`word`: where a link leads, what stands for an image, a list's first number. `mark`: see `html_marks`. `size`:
    does it make text invisibly small (True), of another size (False), or neither (None)? `tight`: no blank lines
    around the paragraph.
    """

    do: Do
    name: str
    word: str = ""
    mark: str = ""
    size: bool | None = None
    tight: bool = False
    odd: bool = False  # it has a mark or a size


# an attribute's value in quotes may hold ">" and "<"; quotes elsewhere mean nothing. What is no tag is found out later:
# a pattern that begins with a plain "<" is quicker
_ONE = r"""<[^<>=]*+(?:=[ \t\r\n]*+(?:"[^"]*+"|'[^']*+')?+[^<>=]*+)*+>"""
_RUN = re.compile(rf"({_ONE}[ \t\r\n]*+(?:{_ONE}[ \t\r\n]*+)*+)")
_IN_RUN = re.compile(f"({_ONE})")
_NAME = re.compile(r"</?([a-zA-Z][^\s/>]*)")
_LONGEST_KEPT = 200  # characters of a tag that is remembered
_REFERENCE = re.compile(
    "&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});"
)  # "&copy=" in a link is none
_START = re.compile("[1-9][0-9]{0,4}")
_SCHEMES = ("http:", "https:", "mailto:", "ftp:")
_OTHER = re.compile(r"<[!?/]")  # <!DOCTYPE, <![if, <?xml, </>
_ATTRIBUTE = re.compile(r"""([^\s=/>"'<]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+)))?""")
_VOID = frozenset(["area", "base", "col", "embed", "input", "link", "meta", "param", "source", "track", "wbr"])
_FORMATTING = frozenset(["b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "sub", "sup"])
_DROPPED = frozenset(
    ["audio", "canvas", "iframe", "map", "math", "noframes", "object", "script", "style", "svg", "template", "title",
     "video"]
)  # fmt: skip
_BLOCKS = frozenset(
    ["address", "article", "aside", "body", "caption", "center", "dd", "details", "dir", "div", "dl", "dt", "fieldset",
     "figcaption", "figure", "footer", "form", "header", "hgroup", "html", "main", "menu", "nav", "option", "section",
     "summary", "tbody", "tfoot", "thead"]
)  # fmt: skip
_PARAGRAPHS = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "ul", "ol", "table", "blockquote"])
_DO = {
    **dict.fromkeys(_FORMATTING | _VOID, Do.NOTHING),
    **dict.fromkeys(_DROPPED, Do.DROP),
    **dict.fromkeys(_BLOCKS, Do.BLOCK),
    **dict.fromkeys(_PARAGRAPHS, Do.PARAGRAPH),
    **dict.fromkeys(("td", "th"), Do.CELL),
    "tr": Do.ROW, "li": Do.ITEM, "a": Do.LINK, "br": Do.BREAK, "hr": Do.RULE, "img": Do.IMAGE,
}  # fmt: skip
_HIDDEN = re.compile(
    r"(?i)display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all"
    r"|(?<![\w-])(?:max-)?height\s*:\s*0(?:\.0*)?(?:px|pt|em|%)?\s*(?:!important\s*)?(?:;|\Z)"
)
_CUT_OFF = re.compile(r"(?i)overflow(?:-y)?\s*:\s*(?:hidden|clip)")
_SIZE = re.compile(
    r"(?i)(?<![\w-])font(?:-size)?\s*:\s*(?:[a-z ]*\s)?(?:(0(?:\.0*)?(?:px|pt|em|rem|%)?)(?=\s*(?:[;!/]|\Z))|[^\s;])"
)
_PIXEL = re.compile(r"\s*[01](?:px)?\s*\Z")
_PIXEL_STYLE = re.compile(r"(?i)(?<![\w-])(?:width|height)\s*:\s*[01](?:px)?\s*(?:!important\s*)?(?:;|\Z)")
_NO_MARGIN = re.compile(r"(?i)margin\s*:\s*0[a-z]{0,2}\s*(?:;|\Z)|margin-bottom\s*:\s*0[a-z]{0,2}\s*(?:;|\Z)")
_NO_TOP = re.compile(r"(?i)margin\s*:|margin-top\s*:\s*0")


def pieces(source: str) -> list[str]:
    """Text, tags, text, tags, …, text: tags that follow each other, with blanks between them, are one piece.

    Comments are left out.
    """
    return _RUN.split(_without(source, "<!--", "-->") if "<!--" in source else source)


def without_programs(source: str) -> str:
    """Without scripts, styles and the title, found by their names alone: where they do not end as tags do."""
    for name in ("script", "style", "title"):
        source = _without(source, f"<{name}", f"</{name}")
    return source


def _without(source: str, opener: str, closer: str) -> str:
    """What is opened and never closed stays: it is text before it is nothing."""
    openers, closers = {opener, opener.upper()}, {closer, closer.upper()}
    kept, position = [], 0
    starts = {one: source.find(one) for one in openers}
    while True:
        starts = {one: place if place < 0 or place >= position else source.find(one, position)
                  for one, place in starts.items()}  # fmt: skip
        start = min((place for place in starts.values() if place >= 0), default=-1)
        if start < 0:
            break
        ends = [place + len(closer) for one in closers if (place := source.find(one, start + len(opener))) >= 0]
        if not ends:
            break
        end = min(ends)
        if closer[0] == "<":
            end = source.find(">", end) + 1 or len(source)
        kept.append(source[position:start])
        position = end
    kept.append(source[position:])
    return "".join(kept)


def tags_of(run: str) -> tuple[Tag, ...]:
    """What tags, as `pieces` has them, mean. What no reader sees is left out."""
    found: list[Tag] = []
    for place, piece in enumerate(_IN_RUN.split(run)):
        if place % 2:
            found.append(tag_of(piece))
        elif piece:
            found.append(Tag(Do.TEXT, "", word=piece))
    return tuple(
        tag
        for place, tag in enumerate(found)
        if tag.do is not Do.NOTHING and not (tag.do is Do.TEXT and _is_between_blocks(found, place))
    )


def split_run(run: str) -> list[str]:
    """What stands between tags, tag, what stands between, … of a run that `pieces` has found."""
    return _IN_RUN.split(run)


def tag_of(raw: str) -> Tag:
    """What one tag means."""
    return _known(raw) if len(raw) <= _LONGEST_KEPT else _read(raw)


def attributes_of(raw: str) -> dict[str, str]:
    """The attributes of a tag by lower-case name, their references undone; the first of two of one name counts."""
    named = _NAME.match(raw)
    found: dict[str, str] = {}
    for key, double, single, bare in _ATTRIBUTE.findall(raw[named.end() : -1]) if named else ():
        value = double or single or bare
        found.setdefault(key.lower(), _REFERENCE.sub(_unescaped, value) if "&" in value else value)
    return found


def _is_between_blocks(found: list[Tag], place: int) -> bool:
    before, after = found[place - 1], found[place + 1] if place + 1 < len(found) else _NOTHING
    return _begins_line(before) and before.name != "pre" and _begins_line(after)


def _begins_line(tag: Tag) -> bool:
    return Do.BLOCK <= tag.do <= Do.ITEM or (tag.do is Do.CLOSE and Do.BLOCK <= _DO.get(tag.name, 0) <= Do.ITEM)


def _read(raw: str) -> Tag:
    named = _NAME.match(raw)
    if named is None:
        return _NOTHING if _OTHER.match(raw) else Tag(Do.TEXT, "", word=entities.unescape(raw))
    name = named[1].lower()
    if "@" in name or name.startswith(_SCHEMES):
        return Tag(Do.TEXT, "", word=entities.unescape(raw))  # an address that nobody made a "&lt;" of
    if raw[1] == "/":
        return Tag(Do.BREAK if name == "br" else Do.NOTHING if name in _FORMATTING else Do.CLOSE, name)
    do = _DO.get(name, Do.INLINE)
    if named.end() >= len(raw) - 1:
        return Tag(do, name)
    return _with_attributes(do, name, raw)


_NOTHING = Tag(Do.NOTHING, "")
_known = lru_cache(maxsize=1024)(_read)


def _with_attributes(do: Do, name: str, raw: str) -> Tag:
    found: dict[str, str | None] = {**attributes_of(raw)}
    style = (found.get("style") or "")[:2000]
    if "hidden" in found or (style and _is_hidden(style)):
        return Tag(Do.NOTHING if do in (Do.IMAGE, Do.BREAK, Do.RULE) or name in _VOID else Do.DROP, name)
    if do is Do.IMAGE:
        return _image(found, style)
    size = _SIZE.search(style) if style else None
    mark = mark_of(name, found)
    return Tag(
        do=Do.INLINE if do is Do.NOTHING and size and name not in _VOID else do,
        name=name,
        word=_word(do, name, found),
        mark=mark,
        odd=bool(mark or size),
        size=size[1] is not None if size else None,
        tight=name == "p" and _is_tight(found.get("class") or "", style),
    )


def _word(do: Do, name: str, found: dict[str, str | None]) -> str:
    if do is Do.LINK:
        return (found.get("href") or "").strip()
    start = found.get("start") if name == "ol" else None
    return start if start and _START.fullmatch(start) else ""


def _unescaped(found: re.Match[str]) -> str:
    return entities.unescape(found.group())


def _is_hidden(style: str) -> bool:
    found = _HIDDEN.search(style)
    return found is not None and ("height" not in found.group().lower() or _CUT_OFF.search(style) is not None)


def _is_tight(classes: str, style: str) -> bool:
    """Word's paragraphs, and those of others that say so, have no space between them."""
    if classes[:5].lower().removeprefix("x_").startswith("mso"):  # "x_": quoted by Outlook on the web
        return "margin" not in style or _NO_MARGIN.search(style) is not None or "margin-bottom:" not in style
    return bool(style) and _NO_MARGIN.search(style) is not None and _NO_TOP.search(style) is not None


def _image(found: dict[str, str | None], style: str) -> Tag:
    if any(_PIXEL.match(found.get(side) or "") for side in ("width", "height")) or _PIXEL_STYLE.search(style):
        return _NOTHING
    alt = " ".join((found.get("alt") or "").split())[:200]
    shown = f"[{alt}]" if alt else "[image]" if (found.get("src") or "")[:4].lower() == "cid:" else ""
    return Tag(Do.IMAGE, "img", word=shown) if shown else _NOTHING
