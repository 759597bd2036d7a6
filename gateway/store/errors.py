"""What can go wrong in the store, in the words its callers act on (RELIABILITY G10–G12: our fault is a 4xx)."""

from __future__ import annotations

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.model import Stale

# primary result codes of sqlite3.h; an extended code carries one in its low octet
_BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 6, 8, 10, 11, 13, 14, 26
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StoreUnavailable(Exception):
    """Nothing was written; the same call may succeed later. `full`: for want of room."""

    def __init__(self, text: str, *, full: bool = False) -> None:
        super().__init__(text)
        self.full = full


class StoreBroken(Exception):
    """The database or a kept file is damaged. Stop intake; never repair by dropping rows (G12)."""


class StoreRefused(Exception):
    """This one job breaks a constraint of the schema. Nothing of it was written; its neighbours were."""


class StoreLocked(Exception):
    """Another process holds this store."""


class StoreVersion(Exception):
    """The database's schema is not the one this program knows."""


class Settled(Stale):
    """The intake row has its outcome already: deciding again is of no use."""


def store_error(error: BaseException) -> BaseException:
    """`error` in the words above; one that is none of these is returned as it is."""
    if isinstance(error, IntegrityError):
        return StoreRefused(str(error.orig))
    if isinstance(error, DBAPIError) and error.orig is not None:
        return _database_error(error.orig)
    if isinstance(error, sqlite3.Error):
        return _database_error(error)
    if isinstance(error, OSError):
        return StoreUnavailable(str(error), full=error.errno in _NO_ROOM)
    return error


def _database_error(error: BaseException) -> BaseException:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (_CORRUPT, _NOTADB):
        return StoreBroken(str(error))
    if code == _FULL:
        return StoreUnavailable(str(error), full=True)
    if code in (_BUSY, _LOCKED, _READONLY, _IOERR, _CANTOPEN):
        return StoreUnavailable(str(error))
    return error
