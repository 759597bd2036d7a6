"""Folders that are there after a power cut: a name is on disk only when the folder it stands in has been synced."""

from __future__ import annotations

import os
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Makes it (0700) with all that lies above it; on disk when it returns, also if a run that died had made it."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    try:
        sync_folder(folder.parent)
    except PermissionError:
        pass  # a folder in which we may not look: whoever may has put this one there


def sync_folder(folder: Path) -> None:
    """What was made, renamed or removed in it is on disk when this returns."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
