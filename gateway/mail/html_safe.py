"""HTML that may be shown to an agent: what an allow-list names, nothing that is fetched, runs or hides. Linear, total.

Elements come out balanced. Text, links and pictures out of the mail itself (cid:) stay; nothing is opened by looking.
"""

from __future__ import annotations

import html as entities
import re

from gateway.mail.html_tags import Do, attributes_of, pieces, split_run, tag_of, without_programs

_MOST = 1 << 20  # characters of source
_DEEPEST = 200  # open elements; deeper ones are left out, their text stays
_VOID = frozenset(["br", "hr", "img"])
_ALLOWED = _VOID | frozenset(
    [
        "a",
        "abbr",
        "b",
        "big",
        "blockquote",
        "caption",
        "center",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "div",
        "dl",
        "dt",
        "em",
        "font",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "i",
        "ins",
        "kbd",
        "li",
        "mark",
        "ol",
        "p",
        "pre",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "tt",
        "u",
        "ul",
    ]
)
_WORDS = frozenset(["align", "valign", "dir", "lang", "alt", "title", "color", "bgcolor", "face", "size", "type"])
_NUMBERS = frozenset(["colspan", "rowspan", "width", "height", "border", "start", "cellpadding", "cellspacing"])
_NUMBER = re.compile(r"\s*[0-9]{1,4}(?:%|px)?\s*")
_WORD = re.compile(r"""[^<>"'`\x00-\x1f\\]{0,200}""")
_LINK = re.compile(r"(?i)\s*(?:https?://|mailto:|tel:)[^\s\"'<>`\\\x00-\x1f]{1,2000}\s*")
_CID = re.compile(r"(?i)\s*cid:[A-Za-z0-9!#$%&*+./=?^_{|}~@-]{1,250}\s*")
_PROPERTIES = frozenset(
    [
        "background-color",
        "border",
        "border-bottom",
        "border-collapse",
        "border-left",
        "border-right",
        "border-top",
        "color",
        "direction",
        "font-family",
        "font-size",
        "font-style",
        "font-weight",
        "line-height",
        "list-style-type",
        "margin",
        "margin-bottom",
        "margin-left",
        "margin-right",
        "margin-top",
        "padding",
        "padding-bottom",
        "padding-left",
        "padding-right",
        "padding-top",
        "text-align",
        "text-decoration",
        "text-indent",
        "vertical-align",
        "white-space",
        "width",
    ]
)
_VALUE = re.compile(r"[A-Za-z0-9#%., \-\u4e00-\u9fff]{1,100}")
_MOST_PROPERTIES = 40


def safe_html(source: str) -> str:
    """The HTML that may be shown, a fragment to stand inside a page of ours; "" for none."""
    writer = _Writer()
    writer.read(without_programs(source[:_MOST]))
    return writer.text()


class _Writer:
    def __init__(self) -> None:
        self._out: list[str] = []
        self._open: list[str] = []
        self._count: dict[str, int] = {}
        self._hidden = ""  # the name of the element that hides what is in it
        self._inside = 0  # how many of its name are open within it

    def text(self) -> str:
        while self._open:
            self._out.append(f"</{self._open.pop()}>")
        return "".join(self._out)

    def read(self, source: str) -> None:
        found = iter(pieces(source))
        for text in found:
            self._text(text)
            for place, piece in enumerate(split_run(next(found, ""))):
                if place % 2:
                    self._tag(piece)
                else:
                    self._text(piece)

    def _text(self, text: str) -> None:
        if text and not self._hidden:
            self._out.append(entities.escape(entities.unescape(text), quote=False))

    def _tag(self, raw: str) -> None:
        tag = tag_of(raw)
        if self._hidden:
            self._look_for_end(tag.name, raw[1] == "/")
        elif tag.do is Do.TEXT:
            self._out.append(entities.escape(tag.word, quote=False))
        elif raw[1] == "/":
            self._close(tag.name)
        elif tag.do is Do.DROP:
            self._hidden, self._inside = tag.name, 0
        elif tag.name in _ALLOWED:
            self._begin(tag.name, attributes_of(raw))

    def _look_for_end(self, name: str, closes: bool) -> None:
        if name != self._hidden:
            return
        if not closes:
            self._inside += 1
        elif self._inside:
            self._inside -= 1
        else:
            self._hidden = ""

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        kept = "".join(f' {key}="{entities.escape(value)}"' for key, value in _kept(name, attributes))
        if name == "img":
            if " src=" in kept:
                self._out.append(f"<img{kept}>")
            elif attributes.get("alt"):
                self._out.append(entities.escape(f"[{attributes['alt'][:200]}]", quote=False))
            return
        if name not in _VOID:
            if len(self._open) >= _DEEPEST:
                return
            self._open.append(name)
            self._count[name] = self._count.get(name, 0) + 1
        rel = ' rel="noopener noreferrer nofollow" target="_blank"' if name == "a" and " href=" in kept else ""
        self._out.append(f"<{name}{kept}{rel}>")

    def _close(self, name: str) -> None:
        if not self._count.get(name):
            return
        while self._open:
            last = self._open.pop()
            self._count[last] -= 1
            self._out.append(f"</{last}>")
            if last == name:
                return


def _kept(name: str, attributes: dict[str, str]) -> list[tuple[str, str]]:
    found = []
    for key, value in attributes.items():
        if key == "href":
            good = name == "a" and _LINK.fullmatch(value) is not None
        elif key == "src":
            good = name == "img" and _CID.fullmatch(value) is not None
        elif key == "style":
            value = _style(value)
            good = bool(value)
        else:
            form = _NUMBER if key in _NUMBERS else _WORD if key in _WORDS else None
            good = form is not None and form.fullmatch(value) is not None
        if good:
            found.append((key, value.strip()))
    return found


def _style(value: str) -> str:
    kept = []
    for one in value[:4000].split(";")[:_MOST_PROPERTIES]:
        name, _, word = one.partition(":")
        name, word = name.strip().lower(), word.strip()
        if name in _PROPERTIES and _VALUE.fullmatch(word):
            kept.append(f"{name}: {word}")
    return "; ".join(kept)
