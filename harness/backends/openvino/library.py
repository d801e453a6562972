"""The import of OpenVINO, without its reports."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

_REPORTS = "openvino_telemetry"


def load() -> ModuleType:
    """The module `openvino`.

    Its import starts a thread that looks up a server of its maker and leaves an identifier in the user's home, unless
    the package that does so is missing: findings/openvino_analytics.sh. No variable ends it, so that package is made
    unavailable to this process, which OpenVINO takes in its stride.

    Raises:
        ImportError: it is not installed, or does not load.
    """
    if "openvino" not in sys.modules:
        # None is Python's own mark of a module that must not be found.
        cast("dict[str, ModuleType | None]", sys.modules).setdefault(_REPORTS, None)
    import openvino

    module: ModuleType = openvino
    return module
