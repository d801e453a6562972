"""Imported once by the server that conversions of TensorFlow networks are forked from.

No more than imports: a forked child inherits modules, but not the threads that the first operation starts.
"""

from __future__ import annotations

import contextlib

from converters import quiet


def warm_up() -> None:
    """Imports what a conversion uses; what is missing is each conversion's own to report."""
    for module in ("tensorflow", "keras", "tf2onnx", "onnxruntime"):
        with contextlib.suppress(ImportError), quiet.terminal_spared():
            __import__(module)


warm_up()
