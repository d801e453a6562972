"""A Python environment with one version of a package, made by venv and pip."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path

from foundation.wording import quoted
from harness.errors import InstallationError
from harness.processes.process_group import kill_group

_OFFERED_MAX = 4

_UNREACHABLE = re.compile(
    r"connection broken|NewConnectionError|NameResolutionError|Max retries exceeded", re.IGNORECASE
)
_OFFERED = re.compile(r"from versions: ([^)]*)\)")


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(folder: Path, package: str, version: str, log: Path, timeout_s: float) -> dict[str, str]:
    """Makes an environment with a version of a package, numpy, and what they need; nothing is compiled.

    Args:
        folder: where the environment is made; it may be moved afterwards.
        package: the package.
        version: its version.
        log: file that gets the output of venv and pip.
        timeout_s: time limit.

    Returns:
        The version of every package in the environment.

    Raises:
        InstallationError: the version cannot be installed; the message says why.
        OSError: the log cannot be written.
    """
    # -I keeps the packages of this environment out, by PYTHONPATH or in the user's folder.
    make = [sys.executable, "-I", "-m", "venv", str(folder)]
    pip = [str(python_of(folder)), "-I", "-m", "pip", "--no-input", "--disable-pip-version-check", "--no-color"]
    how = ["install", "--progress-bar", "off", "--no-compile", "--only-binary", ":all:"]
    deadline = time.monotonic() + timeout_s
    log.write_bytes(b"")
    for command in (make, [*pip, *how, f"{package}=={version}", "numpy"]):
        if not _run(command, log, deadline):
            reason = _reason(log.read_text(encoding="utf-8", errors="replace"), deadline, timeout_s)
            raise InstallationError(f"{package} {version} cannot be installed: {reason}. The whole output is in {log}")
    listed = subprocess.run([*pip, "list", "--format", "json"], capture_output=True, text=True, check=False)
    if listed.returncode:
        raise InstallationError(f"{package} {version}: pip cannot list what it installed: {quoted(listed.stderr)}")
    return {one["name"]: one["version"] for one in json.loads(listed.stdout)}


def _run(command: Sequence[str], log: Path, deadline: float) -> bool:
    """Runs the command, whose output is appended to the log; returns whether it succeeded in time."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            return process.wait(max(0.0, deadline - time.monotonic())) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            # Also on KeyboardInterrupt.
            kill_group(process)
            process.wait()


def _reason(output: str, deadline: float, timeout_s: float) -> str:
    """Why venv or pip failed, by their output."""
    if time.monotonic() >= deadline:
        return f"it took more than {timeout_s:g} s; allow more with --install-timeout"
    if _UNREACHABLE.search(output):
        return "pip could not reach a package index"
    if offered := _OFFERED.search(output):
        newest = [one.strip() for one in offered[1].split(",")][-_OFFERED_MAX:]
        found = "no version at all" if newest == ["none"] else f"versions up to {', '.join(newest)}"
        python = f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}, {sysconfig.get_platform()}"
        return f"pip finds no such version with a wheel for this Python ({python}); it finds {found}"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return quoted((errors or lines[:1] or ["it failed without a word"])[0]).rstrip(".")
