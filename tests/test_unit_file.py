"""The unit files, judged by systemd itself. Needs Debian's `systemd` package; no systemd has to run."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNIT = (ROOT / "gateway.service").read_text(encoding="utf-8")
SOCKET = (ROOT / "gateway-smtp.socket").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "systemd.md").read_text(encoding="utf-8")
EXPOSURE = 11  # tenths; what is left is the network itself and the host's root directory


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.fail("systemd-analyze is missing: apt-get install --no-install-recommends systemd")
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The units with programs that exist on every machine."""
    (tmp_path / "gateway.service").write_text(re.sub(r"(?m)^(Exec\w+)=.*$", r"\1=/bin/true", UNIT))
    (tmp_path / "gateway-smtp.socket").write_text(SOCKET)
    return tmp_path


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60)


def test_systemd_accepts_the_units(analyze: str, folder: Path) -> None:
    units = [folder / "gateway.service", folder / "gateway-smtp.socket"]
    done = run(analyze, "verify", "--recursive-errors=no", *units)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_would_notice_a_mistake(analyze: str, folder: Path) -> None:
    unit = folder / "gateway.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=60", "WatchdogSecs=60"))
    assert "WatchdogSecs" in run(analyze, "verify", "--recursive-errors=no", unit).stderr


def test_exposure(analyze: str, folder: Path) -> None:
    unit = folder / "gateway.service"
    command = (analyze, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}")
    done = run(*command, unit)
    assert done.returncode == 0, done.stdout
    # the threshold bites: one protection less is too much
    unit.write_text(unit.read_text().replace("PrivateDevices=yes\n", "").replace("PrivateUsers=yes\n", ""))
    assert run(*command, unit).returncode != 0


def values(unit: str, key: str) -> list[str]:
    return re.findall(rf"(?m)^{key}=(.*)$", unit)


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("Type", ["notify"]),
        ("NotifyAccess", ["main"]),
        ("WatchdogSec", ["60"]),
        ("OOMPolicy", ["continue"]),
        ("DynamicUser", ["yes"]),
        ("StateDirectory", ["gateway"]),
        ("ExecStart", ["/opt/gateway/bin/gateway run"]),
        ("ExecReload", ["/opt/gateway/bin/gateway reload --pid $MAINPID"]),
        ("SocketBindAllow", ["tcp:2525", "tcp:2587", "tcp:8025"]),
        ("SocketBindDeny", ["any"]),
        ("SystemCallFilter", ["@system-service", "~@privileged @resources"]),
    ],
)
def test_what_the_daemon_relies_on(key: str, wanted: list[str]) -> None:
    assert values(UNIT, key) == wanted


def test_a_bad_rule_file_does_not_keep_the_daemon_from_starting() -> None:
    """It starts on the last good rules; the check only prints."""
    assert all(line.startswith("-") for line in values(UNIT, "ExecStartPre"))


def test_nothing_in_the_unit_needs_a_program_of_another_package() -> None:
    programs = [
        line.lstrip("-").split()[0] for key in ("ExecStartPre", "ExecStart", "ExecReload") for line in values(UNIT, key)
    ]
    assert set(programs) == {"/opt/gateway/bin/gateway"}


def test_the_filter_lets_the_reading_child_set_its_limits(analyze: str) -> None:
    """setrlimit(2) is in @resources and refused; glibc and CPython call prlimit64(2), which must stay allowed."""
    refused = run(analyze, "syscall-filter", "@resources", "@privileged").stdout
    allowed = run(analyze, "syscall-filter", "@default", "@system-service").stdout
    assert "prlimit64" in allowed
    assert "prlimit64" not in refused


def test_the_socket_unit_hands_over_port_25_by_name() -> None:
    assert values(SOCKET, "ListenStream") == ["25"]
    assert values(SOCKET, "FileDescriptorName") == ["smtp"]
    assert values(SOCKET, "Service") == ["gateway.service"]


def test_the_guide_agrees_with_the_units() -> None:
    for word in (
        "gateway.service",
        "gateway-smtp.socket",
        "/opt/gateway",
        "LoadCredential=",
        "systemctl reload gateway",
    ):
        assert word in GUIDE, word
    assert "(postfix.md)" in GUIDE
    for port in (value.removeprefix("tcp:") for value in values(UNIT, "SocketBindAllow")):
        assert port in GUIDE, port
    program = "/opt/gateway/bin/gateway"
    assert program in UNIT
    assert program in GUIDE
