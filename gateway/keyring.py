"""Agents' password hashes and the gateway's own signing keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from gateway.options import Keys
from gateway.strictyaml import Problem, StrictYamlError


class SettingsError(StrictYamlError):
    """Everything wrong with gateway.yaml and the files it names."""


# --- passwords ---

SCRYPT = re.compile(r"scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9_-]{16,})\$([A-Za-z0-9_-]{43})\Z")
_NOBODY = f"scrypt$14$8$1${'A' * 22}${'A' * 43}"  # as dear to check as any


def hash_password(password: str, salt: bytes) -> str:
    """`scrypt$14$8$1$salt$hash` (log2 N, r, p; base64url without padding). ValueError for a salt under 12 octets."""
    if len(salt) < 12:
        raise ValueError("a salt has at least 12 octets")
    return "$".join(("scrypt", "14", "8", "1", _text64(salt), _text64(_scrypt(password, salt, 14, 8, 1))))


def verify_password(password: str, stored: str) -> bool:
    """Whether the password is the one that was hashed; constant time in the comparison. False for a malformed hash."""
    match = SCRYPT.match(stored)
    if not match or not (10 <= int(match[1]) <= 17 and 1 <= int(match[2]) <= 16 and 1 <= int(match[3]) <= 4):
        return False
    try:
        salt = base64.urlsafe_b64decode(match[4] + "=" * (-len(match[4]) % 4))
        found = _scrypt(password, salt, int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return False
    return hmac.compare_digest(_text64(found), match[5])


def verify_login(users: Mapping[str, str], user: str, password: str) -> bool:
    """Whether it is the password of one of `users` (addresses in lower case → stored hashes). Takes as long for an
    address that is not among them, so that guessing tells nobody who is."""
    stored = users.get(user.strip().lower())
    return verify_password(password, stored or _NOBODY) and stored is not None


def _scrypt(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    octets = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(octets, salt=salt, n=2**log_n, r=r, p=p, maxmem=2**29, dklen=32)


def _text64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


# --- signing keys ---

_KIDS = "abcdefghijklmnopqrstuvwxyz234567"
_KEY_LINE = re.compile(r"([a-z2-7]) ([0-9a-f]{64})\Z")


def load_keys(state_dir: Path) -> Keys:
    """The signing keys of `state_dir/keys`, newest first; every key ever made verifies. The first call makes the file
    (0600) with one 256-bit key; two processes that start at once end with the same one. Raises SettingsError."""
    path = state_dir / "keys"
    try:
        return _read_keys(path)
    except FileNotFoundError:
        _write_keys(path, f"a {secrets.token_hex(32)}\n", first=True)
        return _read_keys(path)


def borrowed_keys(state_dir: Path) -> Keys:
    """The signing keys for somebody who only looks: nothing is written. Where there are none yet, or others may not
    read them, keys that nobody has signed with. Raises SettingsError for a file that cannot be used."""
    try:
        return _read_keys(state_dir / "keys")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return Keys((("a", secrets.token_bytes(32)),))


def add_key(state_dir: Path) -> Keys:
    """Makes a new newest key; the older ones go on verifying. Raises SettingsError when all 32 names are used."""
    path = state_dir / "keys"
    keys = load_keys(state_dir).keys
    free = [kid for kid in _KIDS if kid not in {used for used, _ in keys}]
    if not free:
        raise SettingsError([Problem(str(path), 0, 0, "", "all 32 key names are used; delete the oldest line")])
    lines = [f"{free[0]} {secrets.token_hex(32)}\n", *(f"{kid} {key.hex()}\n" for kid, key in keys)]
    _write_keys(path, "".join(lines), first=False)
    return _read_keys(path)


def _read_keys(path: Path) -> Keys:
    if path.stat().st_mode & 0o077:
        raise SettingsError([Problem(str(path), 0, 0, "", "others can read the signing keys; run: chmod 600 on it")])
    found: list[tuple[str, bytes]] = []
    problems: list[Problem] = []
    for number, line in enumerate(path.read_text("ascii", "replace").splitlines(), 1):
        match = _KEY_LINE.match(line)
        if match and match[1] not in {kid for kid, _ in found}:
            found.append((match[1], bytes.fromhex(match[2])))
        else:
            problems.append(Problem(str(path), number, 1, "", "must be a new letter a-z or 2-7 and 64 hex digits"))
    if problems or not found:
        raise SettingsError(
            problems or [Problem(str(path), 0, 0, "", "the file holds no key; restore it from a backup")]
        )
    return Keys(tuple(found))


def _write_keys(path: Path, text: str, *, first: bool) -> None:
    """Whole or not at all, on disk before it returns. The first writer wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".keys-{secrets.token_hex(8)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if first:
            try:
                os.link(fresh, path)
            except FileExistsError:
                pass
        else:
            os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
