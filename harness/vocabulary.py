"""Row values that come from a fixed set of words."""

from __future__ import annotations

from typing import Literal

LatencyKind = Literal["host", "gpu_compute"]
