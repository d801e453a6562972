"""Imported once by the server that conversions of TensorFlow networks are forked from.

Modules and data alone: a forked child inherits modules, but not the threads that the first operation would start.
"""

from __future__ import annotations

import contextlib
import importlib

import zoo
from converters import quiet
from foundation import privacy
from zoo.tensorflow_model import load_triton_first


def warm_up() -> None:
    """Imports what a conversion uses, and reads the catalogue."""
    privacy.leave_no_settings()
    load_triton_first()
    # tf2onnx imports the module that it works with when it is first needed.
    for module in ("tensorflow", "keras", "tf2onnx", "tf2onnx.tfonnx", "onnxruntime", "converters.convert"):
        # Each conversion reports a missing or broken package itself.
        with contextlib.suppress(Exception), quiet.terminal_spared():
            importlib.import_module(module)
    zoo.cards()


warm_up()
