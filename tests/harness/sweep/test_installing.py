"""What pip's failures become; the outputs are those of pip 23.2."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from harness.errors import InstallationError
from harness.sweep import installing
from harness.sweep.installing import install, python_of

UNKNOWN = """\
Looking in indexes: https://pypi.org/simple
ERROR: Could not find a version that satisfies the requirement onnxruntime==9.9.9 (from versions: 1.15.0, 1.29.0, \
1.30.0, 1.31.0, 1.31.1, 1.32.0)
ERROR: No matching distribution found for onnxruntime==9.9.9
"""
OFFLINE = """\
WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken by \
'NewConnectionError('<HTTPConnection object at 0x7f1b>: [Errno 111] Connection refused')': /simple/onnxruntime/
ERROR: Could not find a version that satisfies the requirement onnxruntime==1.24.1 (from versions: none)
ERROR: No matching distribution found for onnxruntime==1.24.1
"""
FULL = "Collecting numpy\nERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
NO_VENV = "The virtual environment was not created successfully because ensurepip is not available.\n\nmore\n"


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (UNKNOWN, "it finds versions up to 1.30.0, 1.31.0, 1.31.1, 1.32.0"),
        (UNKNOWN, f"no such version with a wheel for this Python (cpython 3.{sys.version_info[1]}, "),
        (UNKNOWN.replace("1.15.0, 1.29.0, 1.30.0, 1.31.0, 1.31.1, 1.32.0", "none"), "it finds no version at all"),
        (OFFLINE, "pip could not reach a package index"),
        (FULL, "an OSError: [Errno 28] No space left on device"),
        (NO_VENV, "ensurepip is not available"),
        ("", "it failed without a word"),
    ],
)
def test_a_failure_is_one_sentence(output: str, reason: str) -> None:
    told = installing._reason(output, time.monotonic() + 60, 60)
    assert reason in told
    assert not told.endswith(".")


def test_a_failing_installation_names_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'Error: no module venv'\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(installing.sys, "executable", str(python))
    log = tmp_path / "log"
    with pytest.raises(InstallationError) as failed:
        install(tmp_path / "environment", "onnxruntime", "1.30.0", log, 60)
    assert str(failed.value) == (
        f"onnxruntime 1.30.0 cannot be installed: Error: no module venv. The whole output is in {log}"
    )
    assert log.read_text() == "Error: no module venv\n"


def test_an_installation_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nsleep 60\n")
    python.chmod(0o755)
    monkeypatch.setattr(installing.sys, "executable", str(python))
    with pytest.raises(InstallationError, match=r"took more than 0\.2 s; allow more with --install-timeout"):
        install(tmp_path / "environment", "onnxruntime", "1.30.0", tmp_path / "log", 0.2)


@pytest.mark.slow
@pytest.mark.network
def test_a_real_environment_can_be_moved(tmp_path: Path) -> None:
    packages = install(tmp_path / "made", "onnxruntime", "1.23.2", tmp_path / "log", 1200)
    assert packages["onnxruntime"] == "1.23.2"
    assert "torch" not in packages
    (tmp_path / "made").rename(tmp_path / "moved")
    from harness.comparison.duet import runtime_of

    assert runtime_of(python_of(tmp_path / "moved"), "onnxruntime") == "onnxruntime 1.23.2"
    with pytest.raises(InstallationError, match="pip finds no such version"):
        install(tmp_path / "none", "onnxruntime", "99.0.0", tmp_path / "log", 1200)
