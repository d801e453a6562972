from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from converters import servers


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


def report() -> None:
    """Ends with a code that says whether what was expected is there, and whether its variable is."""
    raise SystemExit(10 * ("pycls.models.anynet" in sys.modules) + (servers.ALSO in os.environ))


@pytest.mark.skipif(sys.platform == "win32", reason="no servers there")
def test_pytorchs_server_imports_the_packages_that_are_expected() -> None:
    code = (
        "from converters import servers; from tests.converters.test_servers import report; "
        "servers.expect(['pycls', 'no such package']); "
        "process = servers.start('pytorch', report, ()); process.join(); print(process.exitcode)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert ended.stdout == "10\n", ended.stderr


@pytest.mark.parametrize("module", servers.PACKAGE_MODULES.values())
def test_the_modules_of_packages_are_there(module: str) -> None:
    pytest.importorskip(module.partition(".")[0])
    assert importlib.util.find_spec(module)
