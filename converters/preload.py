"""Imported once by the server that conversions are forked from, so that each starts warm.

PyTorch, its exporters and ONNX Runtime take seconds to import, and the first dynamo export takes seconds
more; a forked child inherits both. Everything runs in one thread: a child must not inherit a lock held by a
thread that does not exist in it.
"""

from __future__ import annotations

import contextlib
import importlib
import os

from converters import quiet
from converters.servers import ALSO


def warm_up() -> None:
    """Imports what conversions use and exports one tiny network; does nothing if PyTorch is missing."""
    try:
        import torch
    except ImportError:
        return

    import zoo
    from converters import operator_table, pytorch
    from converters.opset import SOURCE_OPSET

    torch.set_num_threads(1)
    for module in ("converters.convert", "onnxruntime", *os.environ.pop(ALSO, "").split()):
        # Each conversion reports a missing or broken package itself.
        with contextlib.suppress(Exception), quiet.terminal_spared():
            importlib.import_module(module)
    zoo.cards()
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1))
    with contextlib.suppress(Exception), quiet.terminal_spared():
        # Each conversion reports such a failure itself.
        pytorch.export(network.eval(), exporter="dynamo", opset=SOURCE_OPSET, batch=1, resolution=8)
        operator_table.prepare(SOURCE_OPSET)


warm_up()
