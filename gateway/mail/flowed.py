"""RFC 3676 format=flowed: paragraphs that were broken for the wire are joined again. Linear, total."""

from __future__ import annotations


def unflow(text: str, delete_space: bool) -> str:
    """`text` with flowed lines joined within one quote depth; quotes as "> "; the signature line "-- " stays alone."""
    out: list[str] = []
    pieces: list[str] = []
    open_depth = -1
    for line in text.split("\n"):
        depth, content = _split(line)
        flows = content.endswith(" ") and content != "-- "
        if open_depth != depth or content == "-- ":
            _finish(out, pieces, open_depth)
        pieces.append(content[:-1] if flows and delete_space else content)
        open_depth = depth
        if not flows:
            _finish(out, pieces, depth)
            open_depth = -1
    _finish(out, pieces, open_depth)
    return "\n".join(out)


def _split(line: str) -> tuple[int, str]:
    content = line.lstrip(">")
    return len(line) - len(content), content.removeprefix(" ")


def _finish(out: list[str], pieces: list[str], depth: int) -> None:
    if not pieces:
        return
    prefix = "> " * min(depth, 20) if depth > 0 else ""
    out.append(prefix + "".join(pieces))
    pieces.clear()
