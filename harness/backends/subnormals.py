"""The share of a network's numbers that are subnormal, which slow a processor down."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Subnormals:
    """Shares of the float32 numbers of a network on a processor, in percent."""

    weights_percent: float
    activations_percent: float | None
    """Among the inputs and outputs of its convolutions and matrix products; None if they were not counted."""
