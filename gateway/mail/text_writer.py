"""Lays out text for `html_text`: collapses blanks, delays line breaks, keeps quote and list prefixes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.mail.html_tags import Tag
from gateway.model import Region

_BLANKS = re.compile(r"[ \t\r\n\f\xa0]+")
_ALL_BLANKS = " \t\r\n\f\xa0"
_EAST = "[\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60]"  # not Hangul: Korean has blanks between words
_WIDE = re.compile(_EAST)
_WRAPPED = re.compile(rf"(?<={_EAST})[ \t\r\f]*\n[ \t\r\n\f]*(?={_EAST})")
_SHOWN_LINK = re.compile(r"(?i)(?:https?://|mailto:|tel:|ftp://)[^\s<>]{1,2000}\Z")
_CLOSED = -2  # the end of a region that ended before its first text
_MOST_REGIONS = 1000
_DEEPEST = 10  # quote and list prefixes beyond this are not repeated: output stays linear


@dataclass(slots=True)
class _Row:
    """A table row being written: has it text yet, did a cell break its line, is a cell about to begin."""

    text: bool = False
    broken: bool = False
    fresh: bool = False


class TextWriter:
    """Collects the visible text. Breaks are pending until text follows, so no blank lines pile up."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._breaks = 0  # line ends to write before the next text
        self._blank = ""  # the blank run before the next text, as it stood in the source
        self._separator = ""
        self._quotes = self._quoted = 0  # depth of what comes, and of the line last begun
        self._pre = 0
        self._lists: list[int] = []  # 0 for bullets, else the next number
        self._marker = ""
        self._rows: list[_Row] = []
        self._row: _Row | None = None  # the innermost
        self._link: tuple[str, int] | None = None
        self._line = 0  # of the text written last
        self._regions: list[tuple[str, int, int]] = []  # in the order they begin; -1 while not known
        self._open: list[int] = []  # places in `_regions`
        self._linked = False  # the address of a link was written last
        self._hollow = False  # nothing but NBSP since the line began
        self._waiting = False  # a region has begun and no text has followed

    def text(self) -> str:
        return "".join(self._out).rstrip()

    def regions(self) -> tuple[Region, ...]:
        """The marked regions that hold text, in order; one without text is a point, and kept as such."""
        found = [region for region in self._regions if region[1] >= 0][:_MOST_REGIONS]
        return tuple(Region(kind, first, self._line + 1 if end < 0 else end) for kind, first, end in found)

    def begin_region(self, kind: str) -> None:
        """Text from here to `end_region` is of this kind."""
        self.block()
        self._open.append(len(self._regions))
        self._regions.append((kind, -1, -1))
        self._waiting = True

    def end_region(self) -> None:
        place = self._open.pop()
        kind, first, _ = self._regions[place]
        self._regions[place] = (kind, first, self._line + 1 if first >= 0 else _CLOSED)
        self.block()

    def _settle_regions(self) -> None:
        """Regions that have begun begin at this line."""
        self._waiting = False
        for place in range(len(self._regions) - 1, -1, -1):
            kind, first, end = self._regions[place]
            if first >= 0:
                break
            self._regions[place] = (kind, self._line, self._line if end == _CLOSED else end)

    def write(self, text: str) -> None:
        """Text of one run between tags. Blanks in a row are one; a paragraph of nothing but NBSP is an empty line."""
        if self._pre:
            self._write_lines(text)
            return
        if "  " in text or "\n" in text or "\xa0" in text or "\t" in text or "\r" in text or "\f" in text:
            text = self._even(text)
        core = text.strip(" \n")
        if core:
            if text[0] in " \n":
                self._blank = self._blank or text[0]
            self._put(core)
            self._blank = text[-1] if text[-1] in " \n" else ""
        elif text:
            self._blank = self._blank or text[0]

    def _even(self, text: str) -> str:
        """One blank for many, none for a line end between wide characters. Outer ones with a line end become it."""
        if "\xa0" in text and not text.strip(_ALL_BLANKS):
            self._hollow = True
        if "\n" not in text:
            return _BLANKS.sub(" ", text)
        core = text.strip(_ALL_BLANKS)
        if not core:
            return "\n"
        before, after = text[: text.find(core[0])], text[text.rfind(core[-1]) + 1 :]
        inner = _WRAPPED.sub("", core) if not core.isascii() else core
        return (
            ("\n" if "\n" in before else before[:1] and " ")
            + _BLANKS.sub(" ", inner)
            + ("\n" if "\n" in after else after[:1] and " ")
        )

    def _write_lines(self, text: str) -> None:
        for place, line in enumerate(text.replace("\r\n", "\n").split("\n")):
            if place:
                self.line()
            if line:
                self._put(line.replace("\xa0", " "))

    def _put(self, text: str) -> None:
        if not text:
            return
        row = self._row
        if self._breaks or not self._out:
            self._begin_line()
            if row is not None and row.text and not row.fresh:
                row.broken = True
        elif self._separator:
            self._out.append(self._separator)
        elif self._blank:
            self._space(text)
        elif self._linked and text[0].isalnum():
            self._out.append(" ")
        self._linked = False
        self._separator = self._blank = ""
        self._hollow = False
        if row is not None:
            row.text, row.fresh = True, False
        self._out.append(text)

    def _begin_line(self) -> None:
        quotes = min(self._quotes, _DEEPEST)
        prefix = "> " * quotes
        if self._out:
            breaks = min(self._breaks, 3)
            self._line += breaks
            if breaks > 1:
                self._out.append("\n" + (("> " * min(quotes, self._quoted)).rstrip() + "\n") * (breaks - 1))
            else:
                self._out.append("\n")
        if self._waiting:
            self._settle_regions()
        self._breaks, self._quoted = 0, quotes
        if prefix:
            self._out.append(prefix)
        if self._lists:
            depth = min(len(self._lists), _DEEPEST)
            self._out.append("  " * (depth - 1) + (self._marker or "  "))
            self._marker = ""

    def _space(self, text: str) -> None:
        """A line end in the source between two wide characters is no blank: mailers wrap Chinese text anywhere."""
        before = self._out[-1][-1:] if self._out else ""
        if "\n" in self._blank and _WIDE.match(before) and _WIDE.match(text):
            return
        self._out.append(" ")

    def line(self) -> None:
        """One line end, kept even if the line is empty."""
        if self._out:
            self._breaks += 1
        self._blank = ""

    def block(self) -> None:
        """The next text begins a line."""
        row = self._row
        if row is not None and row.fresh:
            return  # a block at the beginning of a cell does not leave the row's line
        if self._hollow:
            self._hollow = False
            self._breaks = max(self._breaks, 2) if self._out else 0
        elif not self._breaks and self._out:
            self._breaks = 1
        self._blank = ""

    def end_block(self, _: Tag) -> None:
        self.block()

    def begin_paragraph(self, tag: Tag) -> None:
        """Of what is set apart by blank lines and is no <p>: a list, a table, a quote, a heading."""
        self.gap(tag)
        if tag.name == "blockquote":
            self._quotes += 1
        elif tag.name == "pre":
            self._pre += 1
        elif tag.name in ("ul", "ol"):
            self._lists.append(int(tag.word or 1) if tag.name == "ol" else 0)

    def end_paragraph(self, tag: Tag) -> None:
        if tag.name == "pre":
            self._pre -= 1
        elif tag.name in ("ul", "ol") and self._lists:
            self._lists.pop()
            self._marker = ""
        self.gap(tag)
        if tag.name == "blockquote":
            self._quotes -= 1

    def gap(self, tag: Tag) -> None:
        """A blank line before what follows; not in lists and tables, nor where the mail says that there is none."""
        if self._row is not None or self._lists or tag.tight or self._hollow:
            self.block()
        elif self._out:
            self._blank = ""
            if self._breaks < 2:
                self._breaks = 2

    def begin_item(self) -> None:
        self.block()
        if not self._lists:
            self._marker = ""
            return
        number = self._lists[-1]
        self._marker = f"{number}. " if number else "- "
        if number:
            self._lists[-1] = number + 1

    def rule(self) -> None:
        self.block()
        self._put("---")
        self.block()

    def begin_row(self) -> None:
        self.block()
        self._row = _Row()
        self._rows.append(self._row)

    def end_row(self, _: Tag) -> None:
        if self._rows:
            row = self._rows.pop()
            self._separator = ""
            self._row = outer = self._rows[-1] if self._rows else None
            if outer is not None and row.text:
                outer.broken = outer.broken or row.broken or outer.text
                outer.text, outer.fresh = True, False
        self.block()

    def begin_cell(self) -> None:
        row = self._row
        if row is None:
            self.block()
        elif not row.text:
            row.fresh = bool(self._breaks) or not self._out
        elif row.broken:
            self.block()
        else:
            self._breaks, self._blank, self._separator = 0, "", " | "
            row.fresh = True

    def end_cell(self, _: Tag) -> None:
        if self._row is not None:
            self._row.fresh = self._hollow = False
            self._blank = ""

    def begin_link(self, href: str) -> None:
        self._link = (href.strip(), len(self._out))

    def end_link(self, _: Tag) -> None:
        if self._link is None:
            return
        href, start = self._link
        self._link = None
        shown = "".join(self._out[start:])[:4000].strip() if start < len(self._out) else ""
        if not shown or not _SHOWN_LINK.match(href) or _same(shown, href):
            return
        self._blank = self._separator = ""
        self._out.append(f" <{href.removeprefix('mailto:')}>")
        self._linked = True


def _same(shown: str, href: str) -> bool:
    return _bare(shown) == _bare(href)


def _bare(address: str) -> str:
    bare = re.sub(r"(?i)^(?:https?://|mailto:|tel:|ftp://)", "", address.strip(" |>\n"))
    return bare.partition("?")[0].rstrip("/").lower() if "@" in bare else bare.rstrip("/").lower()
