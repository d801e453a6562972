from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="no servers there")
def test_a_servers_runtime_leaves_no_file(tmp_path: Path) -> None:
    """The server imports ONNX Runtime before it forks; a conversion inherits its variables."""
    code = (
        "import time; from converters import servers; "
        "process = servers.start(servers.NO_FRAMEWORK, time.sleep, (0,)); process.join(); print(process.exitcode)"
    )
    # Of the user's variables only PATH: CI, for example, silences ONNX Runtime.
    folders = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "TMPDIR"), str(tmp_path))
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), **folders}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert ended.stdout == "0\n", ended.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
