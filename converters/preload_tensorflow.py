"""Imported once by the server that conversions of TensorFlow networks are forked from.

Imports alone: a forked child inherits modules, but not the threads that the first operation would start.
"""

from __future__ import annotations

import contextlib
import importlib

from converters import quiet
from foundation import privacy
from zoo.tensorflow_model import load_triton_first


def warm_up() -> None:
    """Imports what a conversion uses."""
    privacy.leave_no_settings()
    load_triton_first()
    for module in ("tensorflow", "keras", "tf2onnx", "onnxruntime"):
        # Each conversion reports a missing or broken package itself.
        with contextlib.suppress(Exception), quiet.terminal_spared():
            importlib.import_module(module)


warm_up()
