"""PyTorch's table of how each of its operators is written in ONNX, built before an export asks for it.

The exporter builds the table for each export, which takes a sixth of the time of a small network's. A server builds one
ahead, and each conversion that is forked from it begins with its own copy.
"""

from __future__ import annotations

import contextlib
from typing import Any

_BUILD = "from_torchlib"
"""The method is not part of PyTorch's public interface; without it, nothing is prepared."""


def prepare(opset: int) -> None:
    """Builds the table for the next export in this process, or in each of its forks, if that is of this opset.

    It is given out once: an export may change its table. Later exports build their own, as all do without this.
    """
    with contextlib.suppress(ImportError, KeyError, TypeError):
        from torch.onnx._internal.exporter._registration import ONNXRegistry

        # First, so that a table of an earlier call is given out here.
        table = ONNXRegistry.from_torchlib(opset_version=opset)
        build = vars(ONNXRegistry)[_BUILD]

        def given_out(cls: type, *args: Any, **options: Any) -> Any:
            setattr(ONNXRegistry, _BUILD, build)
            if not args and options == {"opset_version": opset}:
                return table
            return getattr(cls, _BUILD)(*args, **options)

        setattr(ONNXRegistry, _BUILD, classmethod(given_out))
