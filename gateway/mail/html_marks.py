"""Which elements of an HTML mail hold what its author did not write: by the marks that mail clients leave on them.

    quote      holds older mail, and nothing else
    container  holds older mail; answers may stand between its quotes
    lead       is what the client wrote above older mail: "On … wrote:"
    rest       is the header block above older mail that follows it to the end
    signature  the author's signature, or what an app signs with

Marks were looked up in mail of these clients: Gmail, Outlook (desktop, web, mobile, Mac), Apple Mail, Thunderbird,
Yahoo, Proton, Tuta, Zoho, GMX, QQ, NetEase (web, Mail Master), Foxmail, 139, Lark, Alibaba, Infomaniak.
"""

from __future__ import annotations

import re
from functools import lru_cache

_NAMED = {
    "gmail_quote": "container",
    "gmail_quote_container": "container",
    "gmail_extra": "container",
    "gmail_attr": "lead",
    "yahoo_quoted": "quote",
    "iosymail": "quote",
    "yqt": "quote",
    "protonmail_quote": "quote",
    "tutanota_quote": "quote",
    "zmail_extra": "container",
    "ik_mail_quote": "quote",
    "isreplycontent": "quote",
    "isforwardcontent": "quote",
    "ntes-mailmaster-quote": "quote",
    "reply139content": "quote",
    "orimsghtmlseperator": "quote",
    "history-quote-wrapper": "quote",
    "olk_src_body_section": "quote",
    "mail-editor-reference-message-container": "quote",
    "moz-forward-container": "quote",
    "moz-cite-prefix": "lead",
    "moz-email-headers-table": "lead",
    "divrplyfwdmsg": "rest",
    "outlookmessageheader": "rest",
    "stopspelling": "rest",
    "ms-outlook-mobile-reference-message": "quote",
    "gmail_signature": "signature",
    "moz-signature": "signature",
    "protonmail_signature_block": "signature",
    "signature": "signature",
    "ms-outlook-mobile-signature": "signature",
    "applemailsignature": "signature",
    "ntes-signature": "signature",
    "imail_signature": "signature",
    "lark-mail-signature": "signature",
    "ymail_android_signature": "signature",
    "ydp-yahoo-signature": "signature",
    "editorusersignature": "signature",
    "tutanota_signature": "signature",
    "__aliyun_signature_wrap": "signature",
}
_PREFIXED = ("x_", "m_")  # clients that quote HTML rename its marks: "x_divRplyFwdMsg", "m_-123gmail_quote"
_PREFIX = re.compile(r"(?:x_|m_-?\d*)+")
# Word's header block: <div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in">, and Foxmail's
_RULED = re.compile(r"(?i)border-top:\s*solid\s+(?:#e1e1e1|#b5c4df)\s+1(?:\.0)?pt;\s*padding:\s*3(?:\.0)?pt")
_LOOKED_AT = 200
_MARKED = frozenset(["div", "blockquote", "table", "pre", "p", "hr", "section"])


def mark_of(tag: str, attributes: dict[str, str | None]) -> str:
    """The kind of region that an element begins, "" for none."""
    if tag not in _MARKED and "id" not in attributes:
        return ""
    if tag == "blockquote" and ("cite" in attributes or (attributes.get("type") or "").lower() == "cite"):
        return "quote"
    classes, label = attributes.get("class") or "", attributes.get("id") or ""
    if classes or label:
        kind = _named(classes[:_LOOKED_AT], label[:_LOOKED_AT])
        if kind:
            return "quote" if tag == "blockquote" and kind == "container" else kind
    if tag != "div":
        return ""
    style = attributes.get("style") or ""
    if "border-top" in style and _RULED.search(style[:_LOOKED_AT]):
        return "rest"
    return "quote" if attributes.get("name") == "quote" else ""


@lru_cache(maxsize=1024)
def _named(classes: str, label: str) -> str:
    for word in (*label.lower().split(), *classes.lower().split()):
        kind = _NAMED.get(word)
        if kind is None and word.startswith(_PREFIXED):
            kind = _NAMED.get(_PREFIX.sub("", word, count=1))
        if kind is None and word.startswith(("divrplyfwdmsg", "yahoo_quoted", "yqt", "lark-mail-quote-")):
            kind = "rest" if word.startswith("div") else "quote"
        if kind:
            return kind
    return ""
