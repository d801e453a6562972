"""The time of one layer of a network, as a runtime's own profiler tells it."""

from __future__ import annotations

import dataclasses


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
