from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

_WAITS = """
import time
from foundation.interruption import interrupt_on_termination
interrupt_on_termination()
try:
    print("waiting", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(os.name != "posix", reason="Signals are POSIX.")
def test_a_termination_is_an_interruption() -> None:
    process = subprocess.Popen([sys.executable, "-c", _WAITS], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60) == ("interrupted\n", None)
    assert process.returncode == 0
