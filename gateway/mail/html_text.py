"""HTML mail as legible text. Linear, never raises.

Tags are read one after the other, with a stack of what is open. End tags that are left out, forgotten or crossed are
understood as browsers do as far as text goes; there is no tree that a hostile mail could make costly.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from gateway.mail.clean import many_lines
from gateway.mail.html_tags import Do, Tag, pieces, tags_of, without_programs
from gateway.mail.text_writer import TextWriter
from gateway.model import Region

_MOST = 1 << 21  # characters read; a mail's text is cut to 1 MiB anyway
_SURROGATES = re.compile(r"&#(5[5-7]\d{3});&#(5[6-7]\d{3});")
_INVISIBLE = "\u00ad\u200b\u034f\ufeff\u2060"
_NO_INVISIBLE = dict.fromkeys(map(ord, _INVISIBLE))
_LONGEST_KEPT = 400  # characters of a run of tags that is remembered
_SEARCHED = 100  # elements looked through for the one that an end tag closes
_SCOPES = frozenset(["table", "td", "th", "caption"])  # no end tag of what is outside closes these
_TABLE = frozenset(["table", "tbody", "thead", "tfoot", "tr", "td", "th", "caption"])
# what an element closes that was left open, and where the search for it ends
_CLOSES = {
    "li": (frozenset(["li"]), frozenset(["ul", "ol", "menu", "dir", "table", "td", "th"])),
    "dd": (frozenset(["dd", "dt"]), frozenset(["dl", "table", "td", "th"])),
    "dt": (frozenset(["dd", "dt"]), frozenset(["dl", "table", "td", "th"])),
    "td": (frozenset(["td", "th"]), frozenset(["tr", "table"])),
    "th": (frozenset(["td", "th"]), frozenset(["tr", "table"])),
    "tr": (frozenset(["tr", "caption"]), frozenset(["table"])),
    "a": (frozenset(["a"]), frozenset(["table", "td", "th"])),
    **dict.fromkeys(("tbody", "thead", "tfoot"), (frozenset(["tbody", "thead", "tfoot"]), frozenset(["table"]))),
}
_OPEN_PARAGRAPH = frozenset(["p"])
_NOT_PARAGRAPH = frozenset(["table", "td", "th", "div", "li", "blockquote", "center", "ul", "ol"])
_IN_LINE = frozenset([Do.INLINE, Do.LINK])
_VOID = frozenset([Do.NOTHING, Do.BREAK, Do.RULE, Do.IMAGE, Do.TEXT])
_SURE_END = frozenset(["p", "li", "td", "th", "tr", "dd", "dt"])


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
    walk = _Walk()
    if not walk.read(source):
        walk = _Walk()
        walk.read(without_programs(source))
    return walk.text(), walk.regions()


_Act = Callable[["_Walk", Tag], None]


class _Walk(TextWriter):
    """`_stack` holds what is open: (its tag, what its end does, whether text was too small to see around it)."""

    def __init__(self) -> None:
        super().__init__()
        self._stack: list[tuple[Tag, _Act, bool]] = []
        self._paragraphs = 0  # how many of them are <p>
        self._watched: dict[str, int] = {}  # inline elements among them
        self._small = False
        self._skipped: Tag | None = None
        self._inside: dict[str, int] = {}  # what was opened within the skipped element
        self._failed: tuple[str, int] = ("", -1)

    def read(self, source: str) -> bool:
        """False when a script or style went on to the end."""
        write = self.write
        found = iter(pieces(_visible(source)))
        for text in found:
            if text and not self._small and self._skipped is None:
                write(_unescaped(text) if "&" in text else text)
            run = next(found, "")
            hides, acts = _known(run) if len(run) <= _LONGEST_KEPT else _acts(run)
            if hides or self._skipped is not None:
                self._read_hidden(acts)
                continue
            for act, tag in acts:
                act(self, tag)
        self._pop_to(0)
        return self._skipped is None or self._skipped.name not in ("script", "style", "title")

    def _read_hidden(self, acts: Iterable[tuple[_Act, Tag]]) -> None:
        for act, tag in acts:
            if self._skipped is None or self._ends_skipped(tag):
                act(self, tag)

    def _push(self, tag: Tag, leave: _Act) -> None:
        self._stack.append((tag, leave, self._small))
        if tag.odd:
            if tag.size is not None:
                self._small = tag.size
            if tag.mark:
                self.begin_region(tag.mark)

    def _pop(self) -> None:
        tag, leave, self._small = self._stack.pop()
        leave(self, tag)
        if tag.mark:
            self.end_region()

    def _pop_to(self, place: int) -> None:
        while len(self._stack) > place:
            self._pop()

    def _find(self, names: frozenset[str], barriers: frozenset[str]) -> int:
        """Where the innermost open element of these names is, -1 if there is none this side of a barrier."""
        stack = self._stack
        for place in range(len(stack) - 1, max(-1, len(stack) - 1 - _SEARCHED), -1):
            name = stack[place][0].name
            if name in names:
                return place
            if name in barriers:
                break
        return -1

    def _end_open(self, name: str) -> None:
        """Close what the beginning of this element closes."""
        closes = _CLOSES.get(name)
        if closes and self._stack and self._stack[-1][0].name not in closes[1]:
            place = self._find(*closes)
            if place >= 0:
                self._pop_to(place)

    def _end_paragraph(self) -> None:
        place = self._find(_OPEN_PARAGRAPH, _NOT_PARAGRAPH)
        if place >= 0:
            self._pop_to(place)

    def close(self, tag: Tag) -> None:
        stack, name = self._stack, tag.name
        if stack and stack[-1][0].name == name:
            closed, leave, self._small = stack.pop()
            leave(self, closed)
            if closed.mark:
                self.end_region()
        elif self._failed != (name, len(stack)):
            place = self._find(frozenset([name]), frozenset() if name in _TABLE else _SCOPES)
            if place < 0 or (stack[place][0].do in _IN_LINE and self._crosses(place)):
                self._failed = (name, len(stack))
            else:
                self._pop_to(place)

    def _crosses(self, place: int) -> bool:
        """Whether the end of an inline element would end a block that began inside it."""
        return any(one[0].do not in _IN_LINE for one in self._stack[place + 1 :])

    def inline(self, tag: Tag) -> None:
        if tag.mark or tag.size is not None or self._watched.get(tag.name):
            self._watched[tag.name] = self._watched.get(tag.name, 0) + 1
            self._push(tag, _Walk.end_inline)

    def end_inline(self, tag: Tag) -> None:
        self._watched[tag.name] -= 1

    def begin_block(self, tag: Tag) -> None:
        if tag.name in _CLOSES:
            self._end_open(tag.name)
        if self._paragraphs:
            self._end_paragraph()
        self._push(tag, TextWriter.end_block)
        self.block()

    def begin_p(self, tag: Tag) -> None:
        if self._paragraphs:
            self._end_paragraph()
        self._push(tag, _Walk.end_p)
        self._paragraphs += 1
        self.gap(tag)

    def end_p(self, tag: Tag) -> None:
        self._paragraphs -= 1
        self.gap(tag)

    def begin_other_paragraph(self, tag: Tag) -> None:
        if self._paragraphs:
            self._end_paragraph()
        self._push(tag, TextWriter.end_paragraph)
        self.begin_paragraph(tag)

    def row(self, tag: Tag) -> None:
        self._end_open("tr")
        self._push(tag, TextWriter.end_row)
        self.begin_row()

    def cell(self, tag: Tag) -> None:
        self._end_open("td")
        self._push(tag, TextWriter.end_cell)
        self.begin_cell()

    def item(self, tag: Tag) -> None:
        self._end_open("li")
        if self._paragraphs:
            self._end_paragraph()
        self._push(tag, TextWriter.end_block)
        self.begin_item()

    def link(self, tag: Tag) -> None:
        self._end_open("a")
        self._push(tag, TextWriter.end_link)
        self.begin_link(tag.word)

    def line_break(self, _: Tag) -> None:
        self.line()

    def drawn_rule(self, tag: Tag) -> None:
        if self._paragraphs:
            self._end_paragraph()
        if tag.mark:
            self.begin_region(tag.mark)
        self.rule()
        if tag.mark:
            self.end_region()

    def word(self, tag: Tag) -> None:
        if not self._small:
            self.write(tag.word)

    def skip(self, tag: Tag) -> None:
        self._end_open(tag.name)
        self._skipped = tag
        self._inside.clear()

    def _ends_skipped(self, tag: Tag) -> bool:
        """Whether the skipped element ends here, and the tag has a meaning beyond that."""
        skipped, name, inside = self._skipped, tag.name, self._inside
        if skipped is None:
            return True
        if tag.do is not Do.CLOSE:
            if name in _SURE_END and not inside and (name == skipped.name or skipped.name == "p"):
                self._skipped = None
                return True
            if tag.do not in _VOID:
                inside[name] = inside.get(name, 0) + 1
        elif inside.get(name):
            inside[name] -= 1
            if not inside[name]:
                del inside[name]
        elif name == skipped.name:
            self._skipped = None
        elif name not in self._watched and self._find(frozenset([name]), _SCOPES - {name}) >= 0:
            self._skipped = None
            return True
        return False


_BEGIN: dict[Do, _Act] = {
    Do.CLOSE: _Walk.close,
    Do.INLINE: _Walk.inline,
    Do.BLOCK: _Walk.begin_block,
    Do.PARAGRAPH: _Walk.begin_other_paragraph,
    Do.ROW: _Walk.row,
    Do.CELL: _Walk.cell,
    Do.ITEM: _Walk.item,
    Do.LINK: _Walk.link,
    Do.BREAK: _Walk.line_break,
    Do.RULE: _Walk.drawn_rule,
    Do.IMAGE: _Walk.word,
    Do.DROP: _Walk.skip,
    Do.TEXT: _Walk.word,
}


def _acts(run: str) -> tuple[bool, tuple[tuple[_Act, Tag], ...]]:
    """What is to be done at each tag of a run, and whether one of them hides what follows."""
    tags = tags_of(run)
    is_p = (tag.do is Do.PARAGRAPH and tag.name == "p" for tag in tags)
    acts = tuple((_Walk.begin_p if p else _BEGIN[tag.do], tag) for p, tag in zip(is_p, tags, strict=True))
    return any(tag.do is Do.DROP for tag in tags), acts


_known = lru_cache(maxsize=4096)(_acts)


def _visible(text: str) -> str:
    """Without the signs that no reader sees: soft hyphen, zero-width blank and joiners, byte order mark."""
    return text if text.isascii() or not any(sign in text for sign in _INVISIBLE) else text.translate(_NO_INVISIBLE)


def _unescaped(text: str) -> str:
    """Character references as characters; pairs of surrogates, which some clients write for one, are that one."""
    if "&#5" in text:
        text = _SURROGATES.sub(_joined, text)
    return _visible(many_lines(entities.unescape(text), _MOST * 4))


def _joined(pair: re.Match[str]) -> str:
    high, low = int(pair[1]), int(pair[2])
    if 0xD800 <= high < 0xDC00 <= low < 0xE000:
        return chr(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)
    return pair.group()
