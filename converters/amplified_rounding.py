"""How much of a disagreement is the network's own rounding, which no graph can share.

A deep network may amplify the rounding of its first layers until it decides the last digits of its output. Two correct
implementations then differ by as much as the network's output in float32 differs from that in float64.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo import probe

MOST_TIMES_OWN = 4.0
"""Largest error of a graph, as a multiple of the network's own, that rounding explains."""

AMPLIFIES = (
    "the network amplifies rounding: its own output in float32 is {own:.1e} off that in float64, so that the graph can "
    "agree with it to {error:.1e} and no better"
)


def own_error(module: Any, batches: Iterable[NDArray[np.float32]]) -> float:
    """The relative L2 error of a network's output in float32 with respect to that in float64.

    Args:
        module: a `torch.nn.Module` that returns one tensor.
        batches: float32 (N, 3, R, R) each.

    Returns:
        The error; 0 if the network does not run in float64.
    """
    import torch

    given = [torch.from_numpy(batch) for batch in batches]
    try:
        with torch.no_grad():
            rounded = torch.cat([module(batch).flatten() for batch in given])
            in_float64 = copy.deepcopy(module).double()
            exact = torch.cat([in_float64(batch.double()).flatten() for batch in given])
    except MemoryError:
        raise
    except Exception:
        return 0.0
    error = probe.relative_l2(rounded.numpy(force=True), exact.numpy(force=True))
    return error if np.isfinite(error) else 0.0
