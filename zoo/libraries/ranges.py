"""Keeps the probe's activations in range in networks that add or multiply many branches.

Under the plain probe a batch norm divides by a variance near 1, whatever its input has. In most networks this is close
enough; where branches are added or multiplied, activations grow from layer to layer: beyond what half precision holds,
and, where they are multiplied, until rounding decides the result.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import probe

if TYPE_CHECKING:
    from zoo.torch_model import TorchModel

LARGEST_LOGIT = 1000.0
"""Largest magnitude of the probe's logits that is left as it is; half precision ends at 65,504."""


def keep_in_range(native: TorchModel) -> bool:
    """Multiplies the running variances of a network by powers of two, one a norm, if its logits are too large.

    The powers follow from the probe's images, norm after norm, and are too coarse to depend on rounding.

    Args:
        native: a network with the probe's weights.

    Returns:
        Whether any were changed.
    """
    import torch

    images = probe.images(native.card.resolution)
    logits = native.logits(images)
    if np.isfinite(logits).all() and np.abs(logits).max() <= LARGEST_LOGIT:
        return False
    kinds = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)
    norms = [layer for layer in native.module.modules() if isinstance(layer, kinds) and layer.running_var is not None]
    seen: set[Any] = set()

    def scale(norm: Any, inputs: tuple[Any, ...]) -> None:
        # A norm that is used several times is scaled for its first input.
        if norm not in seen:
            seen.add(norm)
            norm.running_var.mul_(_power(norm, inputs[0]))

    hooks = [norm.register_forward_pre_hook(scale) for norm in norms]
    try:
        native.logits(images)
    finally:
        for hook in hooks:
            hook.remove()
    return bool(seen)


def _power(norm: Any, values: Any) -> float:
    """The power of two nearest to what a norm's variances lack of the mean square of its input; 1 where none is."""
    mean = norm.running_mean.reshape(1, -1, *[1] * (values.dim() - 2))
    ratio = float((values - mean).double().square().mean() / norm.running_var.double().mean())
    return math.ldexp(1.0, round(math.log2(ratio))) if 0 < ratio < math.inf else 1.0
