"""The program of the children of `gateway read`: raw mail in, its record as one line of JSON out.

`python -m gateway.read_child '{"authserv_ids": ["mx.example"], "safe_html": false}' '{"text": ...}'`: what is asked,
and the limits. Frames and bounds are those of `gateway.mail.child_main`.
"""

from __future__ import annotations

import json
import sys
import time

from gateway.mail.child_main import serve
from gateway.options import ReadLimits
from gateway.reading import Record, read_mail

# read before any other, so that no mail pays for what loads late
_FIRST = b"Subject: =?big5?q?=A4=A4?=\n\n\xa4\xa4\xa4\xe5 Gr\xf6\xdfe \xe9t\xe9 pr\xfcfen\n"


def main(arguments: list[str]) -> int:
    """Read messages from standard input until it ends."""
    options = json.loads(arguments[0])
    authserv_ids = frozenset(options["authserv_ids"])
    limits = ReadLimits(**json.loads(arguments[1]))

    def work(raw: bytes) -> bytes:
        began = time.perf_counter()
        record = read_mail(raw, limits, authserv_ids, html=options["safe_html"])
        return line_of(record | {"seconds": round(time.perf_counter() - began, 6)})

    work(_FIRST)
    return serve(limits, work)


def line_of(record: Record) -> bytes:
    """One line of JSON, its line end with it. UTF-8; the text of a mail holds nothing that ends a line in JSON."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:
        sys.exit(0)
