"""Trials as a measuring process tells them, for tests of what is made of them."""

from __future__ import annotations

from typing import Any

from harness.machine.gpu.figures import GpuFigures
from harness.processes.trial import TrialResult

GPU = GpuFigures(
    latency_host_median_ms=11.0,
    input_copy_median_ms=0.2,
    output_copy_median_ms=0.1,
    enqueue_median_ms=0.5,
    throughput_images_per_s=420.0,
    sm_clock_mhz=1500.0,
    memory_clock_mhz=2600.0,
    power_w=300.0,
    temperature_c=60.0,
    energy_mj=120.0,
    throttle_reasons="",
    foreign_processes_count=0,
    memory_mib=80.0,
    cuda_graph=False,
    queue_depth=2,
    wait="block",
    engine_mib=40.0,
    engine_build_s=30.0,
    engine_sha256="e" * 64,
    engine_capabilities="sm86+sm89",
    jit_s=4.0,
    jit_cache="miss",
)
"""Everything that a trial on a GPU finds beside the latencies, nothing unknown."""


def ok_trial(latency_ms: float = 10.0, **values: Any) -> TrialResult:
    """A finished trial on a processor, nothing unknown but what needs more samples."""
    known: dict[str, Any] = {
        "latency_kind": "host",
        "latency_median_ms": latency_ms,
        "latency_mean_ms": 11.0,
        "latency_p90_ms": 12.0,
        "latency_min_ms": 9.0,
        "reference_median_ms": 5.0,
        "ratio": 2.0,
        "ratio_spread_percent": 1.0,
        "samples_count": 100,
        "blocks_count": 12,
        "blocks_contaminated_count": 1,
        "load_s": 0.1,
        "first_inference_ms": 50.0,
        "memory_peak_mib": 200.0,
        "worker_s": 2.0,
        "precision_effective": "fp32",
        "input_digest": "1" * 64,
        "output_digest": "2" * 64,
        "reference_sha256": "3" * 64,
        "throughput_images_per_s": 100.0,
        "runtime": "onnxruntime 1.30.0",
        "provider": "CPUExecutionProvider",
        "started_at": "2026-01-31T12:00:00+00:00",
        **values,
    }
    return TrialResult(status="ok", **known)
