"""The administrator's own command for alarms: run without a shell, bounded in time, killed with all its children."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

# What it may know of our surroundings; no secret of ours is among them.
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")


def run_command(argv: Sequence[str], alarm: Mapping[str, Any], timeout: float) -> str:
    """Runs it with the alarm as one JSON object on standard input and its outline in GATEWAY_ALARM (what it is),
    GATEWAY_ALARM_ABOUT (of what) and GATEWAY_ALARM_STATE (begin, reminder, end, test). "" if it ended with status 0
    within `timeout` seconds, else why not. What it prints goes to our log as it is."""
    environ = {name: os.environ[name] for name in _PASSED if name in os.environ} | {
        "GATEWAY_ALARM": str(alarm.get("alarm", "")),
        "GATEWAY_ALARM_ABOUT": str(alarm.get("about", "")).replace("\0", ""),
        "GATEWAY_ALARM_STATE": str(alarm.get("state", "")),
    }
    try:
        process = subprocess.Popen(  # noqa: S603 - the administrator's own words, no shell, no text of a mail as argument
            list(argv), stdin=subprocess.PIPE, stdout=2, stderr=2, env=environ, cwd="/", start_new_session=True
        )
    except (OSError, ValueError) as error:
        return f"{argv[0]}: {getattr(error, 'strerror', None) or error}"
    try:
        process.communicate(json.dumps(alarm).encode() + b"\n", timeout)
    except subprocess.TimeoutExpired:
        return f"{argv[0]}: did not end within {timeout:g} s"
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.close()
    status = process.returncode
    if status == 0:
        return ""
    return f"{argv[0]}: " + (f"killed by signal {-status}" if status < 0 else f"ended with status {status}")
