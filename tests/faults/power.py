"""The power, and what else a disk may do: a process is run on `power_cut.c`, and killed and cut off from here."""

from __future__ import annotations

import functools
import mmap
import random
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from tests.faults.cut_disk import Cut, CutDisk, Record, read_records, write_image

SOURCE = Path(__file__).with_name("power_cut.c")
# as in power_cut.c: struct control
FIELDS = (
    *("syncs", "writes", "die_at_sync", "die_after", "die_at_write"),
    *("sync_error", "sync_kinds", "sync_faults", "write_error", "write_kinds", "write_faults", "write_short"),
    *("lies", "given", "unreal"),
)
DATABASE, WAL, FILES, FOLDERS = 1, 2, 4, 8
ALL = DATABASE | WAL | FILES | FOLDERS


@functools.cache
def _compiled() -> tuple[Path, tempfile.TemporaryDirectory[str]]:
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.fail("gcc is not installed (apt-get install gcc libc6-dev)", pytrace=False)
    folder = tempfile.TemporaryDirectory(prefix="power-cut-")
    made = Path(folder.name) / "power_cut.so"
    options = ["-std=c11", "-O2", "-U_FORTIFY_SOURCE", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    done = subprocess.run([gcc, *options, "-o", made, SOURCE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made, folder


class Power:
    """The disk below `root` and the process that runs on it. `workplace` is a folder elsewhere.

    `begin` before each start of the process; run it with `environ`; when it has died, `cut`.
    """

    def __init__(self, root: Path, workplace: Path) -> None:
        self.root = root.resolve()
        workplace.mkdir(parents=True, exist_ok=True)
        self._journal, control = workplace / "journal", workplace / "control"
        control.write_bytes(bytes(8 * len(FIELDS)))
        with control.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), 8 * len(FIELDS))
        self.environ = {
            "LD_PRELOAD": str(_compiled()[0]),
            "POWER_ROOT": str(self.root),
            "POWER_JOURNAL": str(self._journal),
            "POWER_CONTROL": str(control),
        }
        self.begin()

    def begin(self, **fields: int) -> None:
        """What is on disk now is certain; the counts begin anew and no fault is given, except as named."""
        self._journal.write_bytes(b"")
        self._control[:] = bytes(8 * len(FIELDS))
        self.set(**fields)
        self.before = CutDisk(self.root)

    def set(self, **fields: int) -> None:
        for name, value in fields.items():
            self._control[8 * FIELDS.index(name) : 8 * FIELDS.index(name) + 8] = struct.pack("<q", value)

    def get(self, name: str) -> int:
        return int(struct.unpack_from("<q", self._control, 8 * FIELDS.index(name))[0])

    def records(self) -> Iterator[Record]:
        return read_records(self._journal)

    def disk(self) -> CutDisk:
        """As it was at `begin`, with all that was done since."""
        disk = deepcopy(self.before)
        for record in self.records():
            disk.apply(record)
        return disk

    def cut(self, how: Cut, chance: random.Random) -> dict[str, bytes | None]:
        """Leaves below `root` what a power cut may leave, and gives it. The process must have died."""
        image = self.disk().after(how, chance)
        write_image(image, self.root)
        self._spoil_index(how, chance)
        return image

    def _spoil_index(self, how: Cut, chance: random.Random) -> None:
        """The wal-index is not synced by anybody: after a cut it is gone, or is anything at all."""
        if how is Cut.NOTHING_LOST:
            return
        for index in self.root.rglob("*-shm"):
            index.unlink()
        for log in self.root.rglob("*-wal"):
            if chance.random() < 0.5:
                log.with_name(log.name.removesuffix("-wal") + "-shm").write_bytes(chance.randbytes(32768))
