"""Names of attachments: labels to show, never file paths (path traversal, control and bidi tricks)."""

from __future__ import annotations

import re
from unicodedata import normalize
from urllib.parse import unquote_to_bytes

from gateway.mail.clean import few_marks, one_line

_MOST = 120
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]+')
_PERCENT = re.compile("%[89a-fA-F][0-9a-fA-F]")
_DEVICE = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)")
_EXTENSIONS = {
    "application/gzip": "gz",
    "application/json": "json",
    "application/msword": "doc",
    "application/ms-tnef": "dat",
    "application/pdf": "pdf",
    "application/pgp-signature": "asc",
    "application/pgp-keys": "asc",
    "application/pkcs7-signature": "p7s",
    "application/x-pkcs7-mime": "p7m",
    "application/x-pkcs7-signature": "p7s",
    "application/pkcs7-mime": "p7m",
    "application/rtf": "rtf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/x-zip-compressed": "zip",
    "application/xml": "xml",
    "application/zip": "zip",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg",
    "image/jpg": "jpg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/tiff": "tif",
    "image/webp": "webp",
    "message/delivery-status": "txt",
    "message/disposition-notification": "txt",
    "message/feedback-report": "txt",
    "message/global": "eml",
    "message/rfc822": "eml",
    "text/calendar": "ics",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "text/rfc822-headers": "txt",
    "text/rtf": "rtf",
    "text/vcard": "vcf",
    "text/x-vcard": "vcf",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
}
_TYPES = {ending: media for media, ending in reversed(_EXTENSIONS.items())} | {
    "txt": "text/plain",
    "zip": "application/zip",
    "vcf": "text/vcard",
}


def type_of(name: str) -> str:
    """The media type that a file's ending stands for, "application/octet-stream" where that is not known."""
    return _TYPES.get(name.rpartition(".")[2].strip().lower(), "application/octet-stream")


def _plain(given: str) -> str:
    """Letters put together with their marks, as all but one system write them; "%E6%8A%A5.pdf", which was meant to be
    RFC 2231, undone where it is UTF-8 beyond ASCII."""
    if "%" in given and _PERCENT.search(given):
        try:
            undone = unquote_to_bytes(given).decode("utf-8")
        except UnicodeDecodeError:
            undone = given
        given = given if undone.isascii() else undone
    return given if given.isascii() else normalize("NFC", few_marks(given))


def label(given: str, path: str, media: str) -> str:
    """A label of 1 to 120 characters: the last step of a path, no control, no bidi mark, no leading dot.

    A part without a usable name is called by part number and type, "part-2.1.png". Device names are prefixed.
    """
    name = one_line(_FORBIDDEN.sub("_", re.split(r"[/\\]", _plain(given[:4000]))[-1]), 4000).strip(". ")
    if not name.strip("_"):
        return f"part-{path}.{_EXTENSIONS.get(media, 'bin')}"
    if _DEVICE.match(name):
        name = f"_{name}"
    if len(name) <= _MOST:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 10:
        return name[:_MOST].rstrip(". ")
    return f"{stem[: _MOST - len(extension) - 1].rstrip('. ')}.{extension}"
