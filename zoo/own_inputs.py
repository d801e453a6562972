"""What input a user network takes, found by trying those that networks usually take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

from foundation.wording import counted

_SIZES_PX = (28, 32, 64, 96, 112, 128, 160, 192, 224, 240, 256, 288, 299, 320, 384, 448, 512, 518)
_CHANNELS = (1, 4, 2, 6)
_BATCHES = (1, 2, 4, 8, 16, 32)


def runs(network: Callable[[torch.Tensor], Any], *shape: int, dtype: torch.dtype = torch.float32) -> bool:
    """Whether a network takes an input of this shape and type."""
    try:
        with torch.inference_mode():
            network(torch.zeros(shape, dtype=dtype))
    except Exception:
        return False
    return True


def input_advice(network: torch.nn.Module, batch: int, resolution: int) -> str:
    """What to do about a network that does not take images (N, 3, R, R) of float32; empty if nothing is found.

    Args:
        network: the module.
        batch: N, as tried.
        resolution: R, as tried.
    """
    if (needed := _required_inputs(network)) and len(needed) > 1:
        return f"its forward takes {len(needed)} inputs ({', '.join(needed)}): return a module that takes images alone"
    square = (resolution, resolution)
    sizes = sorted(_SIZES_PX, key=lambda size: abs(size - resolution))
    for taken, advice in (
        *(((batch, 3, size, size), f"it takes images of {size} px: --resolution {size}") for size in sizes),
        *(((batch, channels, *square), _of_channels(channels)) for channels in _CHANNELS),
        ((batch, *square, 3), "it takes images (N, R, R, 3): return a module that permutes (N, 3, R, R) to them first"),
        *(((n, 3, *square), f"it takes {counted(n, 'image')} at a time: --batch {n}") for n in _BATCHES),
    ):
        if taken != (batch, 3, *square) and runs(network, *taken):
            return advice
    if runs(network, batch, 3, *square, dtype=torch.uint8) or runs(network, batch, 3, *square, dtype=torch.int64):
        return "it takes integers: return a module that takes float32 and rounds to them first"
    return ""


def _of_channels(channels: int) -> str:
    if channels == 1:
        return (
            "it takes images of one channel: return a module that makes one of three first, as in "
            "images.mean(1, keepdim=True)"
        )
    return f"it takes images of {channels} channels: return a module that makes them of three first"


def _required_inputs(network: torch.nn.Module) -> list[str]:
    """Names of the inputs of a network's forward that have no default; empty if its signature is not known."""
    try:
        parameters = inspect.signature(network.forward).parameters.values()
    except (TypeError, ValueError):
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in positional and p.default is inspect.Parameter.empty]
