"""A throw-away certificate authority, and server certificates for localhost signed by it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.servers import need

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")


def make_authority(directory: Path) -> Path:
    """Writes ca.pem and ca.key; returns ca.pem, what a client is to trust."""
    extensions = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
    _request(directory, "ca", "/CN=Test authority", extensions, ())
    return directory / "ca.pem"


def make_certificate(directory: Path, host: str = "localhost", name: str = "cert") -> tuple[Path, Path]:
    """Writes cert.pem and cert.key (or another `name`) for `host` and 127.0.0.1, signed by ca.pem in the same
    directory."""
    names = f"subjectAltName=DNS:{host}" + (",IP:127.0.0.1" if host == "localhost" else "")
    extensions = (names, "basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth")
    signer = ("-CA", str(directory / "ca.pem"), "-CAkey", str(directory / "ca.key"))
    _request(directory, name, f"/CN={host}", extensions, signer)
    return directory / f"{name}.pem", directory / f"{name}.key"


def make_expired(directory: Path, host: str = "localhost", name: str = "cert") -> tuple[Path, Path]:
    """As `make_certificate`, but its last day was yesterday."""
    request, extra = directory / "expired.csr", directory / "expired.ext"
    extra.write_text(f"subjectAltName=DNS:{host}\nextendedKeyUsage=serverAuth\n")
    openssl, key = need("openssl", "openssl"), directory / f"{name}.key"
    new = (*_NEW_KEY[:-2], "-subj", f"/CN={host}", "-keyout", str(key), "-out", str(request))
    sign = ("-req", "-in", str(request), "-CA", str(directory / "ca.pem"), "-CAkey", str(directory / "ca.key"))
    out = ("-CAcreateserial", "-days", "-1", "-extfile", str(extra), "-out", str(directory / f"{name}.pem"))
    for command in ((openssl, "req", *new), (openssl, "x509", *sign, *out)):
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return directory / f"{name}.pem", key


def _request(directory: Path, name: str, subject: str, extensions: tuple[str, ...], signer: tuple[str, ...]) -> None:
    out = ("-keyout", str(directory / f"{name}.key"), "-out", str(directory / f"{name}.pem"))
    added = [word for extension in extensions for word in ("-addext", extension)]
    command = [need("openssl", "openssl"), "req", "-x509", *_NEW_KEY, "-subj", subject, *added, *signer, *out]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
