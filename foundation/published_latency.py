"""A latency that a release states about its model."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class PublishedLatency:
    """One figure of a release, with the conditions that it states; a condition that it does not state is empty.

    Devices, runtimes and precisions are in the release's words: figures are compared with others of the same table.
    """

    device: str
    latency_ms: float
    """Milliseconds for the whole batch."""
    stated_in: str
    """File and table of the release."""
    runtime: str = ""
    precision: str = ""
    batch: int | None = None
    """Images in one inference."""

    @property
    def conditions(self) -> str:
        """What is stated beside the figure, as in `A100 (80GB), TensorRT 8, FP16, batch 1`."""
        batch = "" if self.batch is None else f"batch {self.batch}"
        return ", ".join(filter(None, (self.device, self.runtime, self.precision, batch)))
