"""Switches off what dependencies do unasked: reports to their makers, identifiers, files in the user's home.

A library reads its variable when it is imported, and child processes inherit it. So each package of this project calls
`switch_off` before it imports anything else. docs/privacy.md lists what every dependency was seen to do.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

SWITCHES = {
    # Without it, ONNX Runtime's wheels for Linux from 1.29 on start a thread that uploads, and write an identifier, a
    # database and, in 1.29 and 1.30, an empty log for every process: findings/onnxruntime_telemetry.sh.
    "ORT_DISABLE_TELEMETRY": "1",
    # Without it, huggingface_hub 2.4 downloads a list of programs, recognises by it which one called it, and sends that
    # with the versions of the installed frameworks: findings/huggingface_hub_agents.sh.
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""Variables that switch reports off, and the value that does."""

# The values that both libraries understand as yes, in lower case.
_YES = ("1", "true", "yes", "on")


def switch_off() -> None:
    """Switches reports off in this process and its children, except where the user set a variable.

    An empty variable counts as not set. What is already imported has read its variable, and is not affected.
    """
    for name, value in SWITCHES.items():
        if not os.environ.get(name):
            os.environ[name] = value


def telemetry() -> str | None:
    """The state of reports by the variables: `off`, or those that leave reports on, as in `ORT_DISABLE_TELEMETRY=0`.

    None on Windows, where ONNX Runtime passes its events to the system and heeds no variable.
    """
    if sys.platform == "win32":
        return None
    set_to = {name: os.environ.get(name, "") for name in SWITCHES}
    return ", ".join(f"{name}={value}" for name, value in set_to.items() if value.strip().lower() not in _YES) or "off"


def leave_no_settings() -> None:
    """Has Keras not create `~/.keras/keras.json` in this process; a file that exists is read as always.

    To be called before Keras is imported, in processes of this project's own alone: Keras then keeps no files at all,
    which a user's code may want it to.
    """
    if not os.environ.get("KERAS_HOME") and not Path("~/.keras/keras.json").expanduser().is_file():
        # Nothing can be created below a device, which Keras accepts.
        os.environ["KERAS_HOME"] = os.devnull
