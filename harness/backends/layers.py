"""The time of one layer of a network, as a runtime's own profiler tells it."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class LayerTime:
    """A layer as the runtime runs it: after fusion it may stand for several nodes of the graph."""

    position: int
    """Place in the order of execution, from 0."""
    name: str
    """The runtime's own name of the layer."""
    kind: str
    """The runtime's own type of the layer, as in `Conv` or `CaskConvolution`."""
    precision: str
    """What it computed in, as in `fp16`; empty where the runtime does not say."""
    time_ms: float
    """Median over the profiled inferences."""
    variant: str = ""
    """What tells layers of one kind apart, as in `3x3 depthwise`; empty where the runtime does not say."""
    shapes: str = ""
    """First input and first output without the batch, as in `32x112x112 > 64x56x56`; empty likewise."""

    def to_json(self) -> dict[str, Any]:
        """The layer as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LayerTime:
        """The layer read back."""
        return cls(**data)
