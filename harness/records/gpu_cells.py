"""The cells of a row that the GPU figures of its trials fill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.machine.gpu.figures import GpuFigures
from harness.stats.trials import median

MEDIANS = {
    "latency_host_median_ms": "latency_host_median_ms",
    "input_copy_median_ms": "input_copy_median_ms",
    "output_copy_median_ms": "output_copy_median_ms",
    "enqueue_median_ms": "enqueue_median_ms",
    "sm_clock_mhz": "gpu_sm_clock_mhz",
    "memory_clock_mhz": "gpu_memory_clock_mhz",
    "power_w": "gpu_power_w",
    "temperature_c": "gpu_temperature_c",
    "energy_mj": "gpu_energy_mj",
    "memory_mib": "gpu_memory_mib",
    "engine_mib": "engine_mib",
    "engine_build_s": "engine_build_s",
}
"""Fields of `GpuFigures` whose column holds the median over the trials."""


def gpu_cells(figures: Sequence[GpuFigures]) -> dict[str, Any]:
    """The cells of a series whose trials ran on a GPU; empty if none did."""
    if not figures:
        return {}
    newest = figures[-1]
    cells: dict[str, Any] = {column: _median(figures, field) for field, column in MEDIANS.items()}
    throughput = _median(figures, "throughput_images_per_s")
    if throughput is not None:
        cells["throughput_images_per_s"] = throughput
    counts = [one.foreign_processes_count for one in figures if one.foreign_processes_count is not None]
    cells |= {
        "gpu_throttle_reasons": _throttle_reasons(figures),
        "gpu_foreign_processes_count": max(counts, default=None),
        "cuda_graph": None if newest.cuda_graph is None else ("on" if newest.cuda_graph else "off"),
        "queue_depth": newest.queue_depth,
        "wait": newest.wait,
        "engine_sha256": newest.engine_sha256,
        "engine_capabilities": newest.engine_capabilities,
        "engine_portable": _portable(newest.engine_capabilities),
        **_jit_cells(figures),
        "warnings": " ".join(dict.fromkeys(sentence for one in figures for sentence in one.warnings)),
    }
    return cells


def _portable(capabilities: str | None) -> str | None:
    """Whether the engine runs on GPUs of several compute capabilities."""
    if capabilities is None:
        return None
    return "yes" if "+" in capabilities or capabilities.endswith("and later") else "no"


def _jit_cells(figures: Sequence[GpuFigures]) -> dict[str, Any]:
    """The longest compilation: usually the first trial's, after which the others find its kernels in the cache."""
    compiled = [one for one in figures if one.jit_s is not None]
    if not compiled:
        return {}
    longest = max(compiled, key=lambda one: one.jit_s or 0.0)
    return {"jit_s": longest.jit_s, "jit_cache": longest.jit_cache}


def _median(figures: Sequence[GpuFigures], field: str) -> float | None:
    values = [value for one in figures if (value := getattr(one, field)) is not None]
    return median(values) if values else None


def _throttle_reasons(figures: Sequence[GpuFigures]) -> str | None:
    """Every reason that any trial saw; `none` if the device reports reasons and reported none."""
    told = [one.throttle_reasons for one in figures if one.throttle_reasons is not None]
    seen = sorted({reason for text in told for reason in text.split("+") if reason})
    if seen:
        return "+".join(seen)
    return "none" if told else None
