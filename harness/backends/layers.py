"""The time of one layer of a network, as a runtime's own profiler reports it."""

from __future__ import annotations

import dataclasses
from typing import Any

WARM_UP_INFERENCES = 5
"""Inferences of a profiled network that are not counted, because the first ones allocate memory."""


@dataclasses.dataclass(frozen=True)
class LayerTime:
    """A layer as the runtime runs it; after fusion it may represent several nodes of the graph."""

    position: int
    """Place in the order of execution, from 0."""
    name: str
    """The runtime's name of the layer."""
    kind: str
    """The runtime's type of the layer, as in `Conv` or `CaskConvolution`."""
    precision: str
    """Precision of its computation, as in `fp16`; empty if the runtime does not report it."""
    time_ms: float
    """Median over the profiled inferences."""
    variant: str = ""
    """Distinguishes layers of the same kind, as in `3x3 depthwise`; empty if the runtime does not report it."""
    shapes: str = ""
    """First input and first output without the batch, as in `32x112x112 > 64x56x56`; empty if not reported."""

    def to_json(self) -> dict[str, Any]:
        """The layer as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LayerTime:
        """The layer read back."""
        return cls(**data)
