"""Words of the rows that have a fixed set of values."""

from __future__ import annotations

from typing import Literal

LatencyKind = Literal["host", "gpu_compute"]
