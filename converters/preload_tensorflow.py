"""Imported once by the server that conversions of TensorFlow networks are forked from.

No more than imports: a forked child inherits modules, but not the threads that the first operation starts.
"""

from __future__ import annotations

import contextlib
import importlib

from converters import quiet
from zoo.tensorflow_model import load_triton_first


def warm_up() -> None:
    """Imports what a conversion uses."""
    load_triton_first()
    for module in ("tensorflow", "keras", "tf2onnx", "onnxruntime"):
        # What is missing or broken is each conversion's own to report.
        with contextlib.suppress(Exception), quiet.terminal_spared():
            importlib.import_module(module)


warm_up()
