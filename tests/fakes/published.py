"""What made-up releases state of their models."""

from __future__ import annotations

from collections.abc import Mapping

from foundation.published_latency import PublishedLatency
from harness.records.series import Series


def stated(
    device: str, latencies_ms: Mapping[str, float | None], source: str = "s", target: str = ""
) -> dict[str, Series]:
    """By the names of the models, as `reports.runs.Runs.stated`; a model with None has a target alone.

    Args:
        device: where the release measured.
        latencies_ms: its figures by variant.
        source: the release.
        target: what it searched the networks for.
    """
    return {
        f"{source}/{variant}": Series(
            model=f"{source}/{variant}",
            source=source,
            variant=variant,
            backend="onnxruntime",
            precision="fp32",
            batch=1,
            latencies_published=()
            if ms is None
            else (PublishedLatency(device, ms, "README.md", runtime="TensorRT 8", batch=1),),
            searched_for=target,
        )
        for variant, ms in latencies_ms.items()
    }
