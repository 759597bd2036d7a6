"""Lays out text for `html_text`: collapses blanks, delays line breaks, keeps quote and list prefixes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.model import Region

_BLANKS = re.compile(r"[ \t\r\n\f\xa0]+")
_INVISIBLE = re.compile("[\u00ad\u200b\u034f\ufeff\u2060]+")
_WIDE = re.compile("[\u1100-\u115f\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60]")
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
        self._link: tuple[str, int] | None = None
        self._line = 0  # of the text written last
        self._regions: list[tuple[str, int, int]] = []  # in the order they begin; -1 while not known
        self._open: list[int] = []  # places in `_regions`
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
        text = _INVISIBLE.sub("", text)
        if self._pre:
            self._write_lines(text)
            return
        words = _BLANKS.split(text)
        if len(words) == 1:
            self._put(text)
            return
        blanks = _BLANKS.findall(text)
        for place, word in enumerate(words):
            if word:
                self._put(word)
            if place < len(blanks):
                self._blank = self._blank or blanks[place]

    def _write_lines(self, text: str) -> None:
        for place, line in enumerate(text.replace("\r\n", "\n").split("\n")):
            if place:
                self.line()
            if line:
                self._put(line.replace("\xa0", " "))

    def _put(self, text: str) -> None:
        if not text:
            return
        row = self._rows[-1] if self._rows else None
        if self._breaks or not self._out:
            self._begin_line()
            if row is not None and row.text and not row.fresh:
                row.broken = True
        elif self._separator:
            self._out.append(self._separator)
        elif self._blank:
            self._space(text)
        self._separator = self._blank = ""
        if row is not None:
            row.text, row.fresh = True, False
        self._out.append(text)

    def _begin_line(self) -> None:
        quotes = min(self._quotes, _DEEPEST)
        prefix = "> " * quotes
        if self._out:
            between = ("> " * min(quotes, self._quoted)).rstrip() + "\n"
            self._line += min(self._breaks, 3)
            self._out.append("\n" + between * (min(self._breaks, 3) - 1))
        if self._waiting:
            self._settle_regions()
        self._breaks, self._quoted = 0, quotes
        self._out.append(prefix)
        depth = min(len(self._lists), _DEEPEST)
        if depth:
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
        row = self._rows[-1] if self._rows else None
        if row is not None and row.fresh:
            return  # a block at the beginning of a cell does not leave the row's line
        self._breaks = max(self._breaks, 1) if self._out else 0
        self._blank = ""

    def begin_paragraph(self, tag: str) -> None:
        self._gap(2)
        if tag == "blockquote":
            self._quotes += 1
        elif tag == "pre":
            self._pre += 1
        elif tag in ("ul", "ol"):
            self._lists.append(1 if tag == "ol" else 0)

    def end_paragraph(self, tag: str) -> None:
        if tag == "pre":
            self._pre -= 1
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
            self._marker = ""
        self._gap(2)
        if tag == "blockquote":
            self._quotes -= 1

    def _gap(self, breaks: int) -> None:
        nested = bool(self._lists) or bool(self._rows)
        self.block()
        if self._breaks and not nested:
            self._breaks = max(self._breaks, breaks)

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
        self._rows.append(_Row())

    def end_row(self) -> None:
        if self._rows:
            row = self._rows.pop()
            self._separator = ""
            if self._rows:
                self._rows[-1].broken = self._rows[-1].broken or row.broken
                self._rows[-1].text = self._rows[-1].text or row.text
        self.block()

    def begin_cell(self) -> None:
        row = self._rows[-1] if self._rows else None
        if row is None:
            self.block()
            return
        if row.text and not row.broken:
            self._breaks, self._blank, self._separator = 0, "", " | "
            row.fresh = True
        elif row.text:
            self.block()
        else:
            row.fresh = bool(self._breaks) or not self._out

    def end_cell(self) -> None:
        if self._rows:
            self._rows[-1].fresh = False
            self._blank = ""

    def begin_link(self, href: str) -> None:
        self._link = (href.strip(), len(self._out))

    def end_link(self) -> None:
        if self._link is None:
            return
        href, start = self._link
        self._link = None
        shown = "".join(self._out[start:])[:4000].strip() if start < len(self._out) else ""
        if not shown or not _SHOWN_LINK.match(href) or _same(shown, href):
            return
        self._blank = self._separator = ""
        self._out.append(f" <{href.removeprefix('mailto:')}>")


def _same(shown: str, href: str) -> bool:
    return _bare(shown) == _bare(href)


def _bare(address: str) -> str:
    bare = re.sub(r"(?i)^(?:https?://|mailto:|tel:|ftp://)", "", address.strip(" |>\n"))
    return bare.partition("?")[0].rstrip("/").lower() if "@" in bare else bare.rstrip("/").lower()
