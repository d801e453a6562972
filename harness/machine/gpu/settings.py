"""Settings for the use of a GPU while it is measured."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

WaitKind = Literal["block", "spin"]


@dataclasses.dataclass(frozen=True)
class GpuSettings:
    """How inferences run on a GPU; ignored on a processor."""

    device: int = 0
    """Index of the GPU in the CUDA driver's numbering."""
    cuda_graph: bool = False
    """Whether an inference is captured once as a CUDA graph and replayed; otherwise its kernels are enqueued singly."""
    queue_depth: int = 2
    """Inferences enqueued before the host waits for the oldest; two keep the GPU busy, as trtexec does."""
    wait: WaitKind = "block"
    """Whether the host sleeps or spins while it waits for the GPU."""
    workspace_mib: int | None = None
    """Maximum scratch memory a kernel may request while an engine is built; None leaves it to the runtime."""

    capabilities: tuple[str, ...] = ()
    """GPUs that engines are built for, as in `sm86`; empty for the available one, or for the runtime's default."""

    def to_json(self) -> dict[str, Any]:
        """The settings as a JSON object; without capabilities if there are none, so that earlier runs continue."""
        data = dataclasses.asdict(self)
        if not self.capabilities:
            del data["capabilities"]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> GpuSettings:
        """The settings read back."""
        return cls(**{**data, "capabilities": tuple(data.get("capabilities", ()))})
