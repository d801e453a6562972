"""The driver through cuda-bindings, on the compiled fake."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]


def test_every_test_of_the_driver_passes_through_the_bindings(built_library: Path) -> None:
    """Runs in a separate process, since the bindings find the library as the loader does and keep it."""
    pytest.importorskip("cuda.bindings.driver", reason="cuda-bindings is not installed.")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        "FAKE_CUDA_CALLER": "bindings",
        "LD_LIBRARY_PATH": os.pathsep.join([str(built_library.parent), os.environ.get("LD_LIBRARY_PATH", "")]),
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/harness/machine/gpu/test_driver.py",
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\d+ passed in", done.stdout, re.MULTILINE), done.stdout
