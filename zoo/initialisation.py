"""Builds networks without the random values that their weights replace, which large ones take seconds to draw."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def left_out() -> Iterator[None]:
    """Leaves tensors as they are that PyTorch would fill with random values, inside the context.

    For networks of which every such tensor is set afterwards.
    """
    try:
        import torch
    except ImportError:
        # Whatever needs it says so.
        yield
        return
    from torch.nn import init
    from torch.overrides import TorchFunctionMode

    # A function of `init` that PyTorch's modes see is called with the mode switched off, hence both.
    filling = {torch.Tensor.normal_, torch.Tensor.uniform_, init.normal_, init.uniform_, init.kaiming_uniform_}

    class LeftOut(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            options = kwargs or {}
            if func in filling:
                return args[0] if args else options["tensor"]
            return func(*args, **options)

    with LeftOut():
        yield
