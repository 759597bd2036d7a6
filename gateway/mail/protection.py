"""Signed and encrypted mail (S/MIME, OpenPGP): what it is is said, and it is left as it is."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.model import Attachment

_SIGNATURES = {
    "application/pgp-signature": "OpenPGP",
    "application/pkcs7-signature": "S/MIME",
    "application/x-pkcs7-signature": "S/MIME",
}
_ENVELOPES = frozenset(["application/pkcs7-mime", "application/x-pkcs7-mime"])
_PGP_ENCRYPTED, _PGP_SIGNED = "-----BEGIN PGP MESSAGE-----", "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNED_DATA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"  # OID 1.2.840.113549.1.7.2 (RFC 5652 §5)
_LOOKED_AT = 2000


def protection(text: str, attachments: Sequence[Attachment]) -> str:
    """ "signed (OpenPGP)", "encrypted (S/MIME)", or "" for ordinary mail. Nothing is verified."""
    begin = text[:_LOOKED_AT]
    if _PGP_ENCRYPTED in begin:
        return "encrypted (OpenPGP)"
    for part in attachments:
        if part.type == "application/pgp-encrypted":
            return "encrypted (OpenPGP)"
        if part.type in _ENVELOPES:
            return "signed (S/MIME), the text inside" if _SIGNED_DATA in part.content[:64] else "encrypted (S/MIME)"
    for part in attachments:
        if part.type in _SIGNATURES:
            return f"signed ({_SIGNATURES[part.type]})"
    return "signed (OpenPGP)" if _PGP_SIGNED in begin else ""


def unread(found: str) -> str:
    """The defect of a mail that cannot be read here, "" for all others."""
    if found.startswith("encrypted"):
        return f"{found}: only who has the key can read it"
    return f"{found}: it is in the attachment" if found.endswith("inside") else ""
