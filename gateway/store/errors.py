"""What can go wrong in the store, in the words its callers act on (our fault is a 4xx)."""

from __future__ import annotations

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.model import Stale

# primary result codes of sqlite3.h; an extended code carries one in its low octet
_BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 6, 8, 10, 11, 13, 14, 26
# PostgreSQL, Appendix A: classes by their first two letters
_DISK_FULL = "53100"
_DAMAGED = frozenset({"XX001", "XX002"})
_OF_THE_JOB = frozenset({"22", "23", "54"})  # values no row can hold, constraints, program limits
# connections, logins, no such database, transactions and locks, resources, an operator's hand, the system below
_OF_THE_SERVER = frozenset({"08", "28", "3D", "25", "40", "53", "55", "57", "58"})
_PASSING = frozenset({"42501", "0A000", "F0000"})  # rights taken away; a plan changed under us; its configuration
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StoreUnavailable(Exception):
    """Nothing was written; the same call may succeed later. `full`: for want of room."""

    def __init__(self, text: str, *, full: bool = False) -> None:
        super().__init__(text)
        self.full = full


class StoreUnfit(StoreUnavailable):
    """This database cannot keep mail safely, or not at all as this machine is: a person has to change something."""


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
    inner: BaseException = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if _is_psycopg(inner):
        return _postgres_error(inner)
    if isinstance(error, IntegrityError):
        return StoreRefused(str(inner))
    if isinstance(inner, sqlite3.Error):
        return _sqlite_error(inner)
    if isinstance(error, OSError):
        return StoreUnavailable(str(error), full=error.errno in _NO_ROOM)
    return inner


def _sqlite_error(error: BaseException) -> BaseException:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (_CORRUPT, _NOTADB):
        return StoreBroken(str(error))
    if code == _FULL:
        return StoreUnavailable(str(error), full=True)
    if code in (_BUSY, _LOCKED, _READONLY, _IOERR, _CANTOPEN):
        return StoreUnavailable(str(error))
    return error


def _is_psycopg(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] == "psycopg"


def sqlstate_of(error: BaseException | None) -> str | None:
    """The five letters of PostgreSQL's Appendix A, from a driver's error or from what SQLAlchemy made of it."""
    return getattr(getattr(error, "orig", error), "sqlstate", None)


def _postgres_error(error: BaseException) -> BaseException:
    state, text = sqlstate_of(error), str(error).strip()
    if state is None:  # it comes from the driver: no connection, or no more
        return StoreUnavailable(text) if type(error).__name__ in ("OperationalError", "InterfaceError") else error
    if state == _DISK_FULL:
        return StoreUnavailable(text, full=True)
    if state in _DAMAGED:
        return StoreBroken(text)
    if state[:2] in _OF_THE_JOB:
        return StoreRefused(text)
    return StoreUnavailable(text) if state[:2] in _OF_THE_SERVER or state in _PASSING else error
