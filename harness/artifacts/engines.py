"""Engines of many artifacts: built one after another, or side by side where builds time nothing, with progress."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.artifacts.reference import REFERENCE_SHA256
from harness.backends.backend import Backend
from harness.machine.environment import default_threads
from harness.machine.gpu.settings import GpuSettings
from harness.processes.build import BuildResult, built
from harness.processes.target import Target
from harness.records.series import Series
from harness.text.progress import Progress, minutes_text

_HOW = ("built", "from the cache", "from the bundle", "failed")


def engine_targets(
    series: Sequence[Series],
    reference: Path,
    backend: str,
    gpu: GpuSettings,
    cache_dir: Path,
    *,
    bundle_dir: Path | None,
) -> dict[Target, str]:
    """What has to be built so that the series can be measured, with names for the progress.

    Args:
        series: the series; those without an artifact are left out, and one artifact is built once.
        reference: the reference network's file, which is measured in float32 beside every series.
        backend: the runtime.
        gpu: how engines are built.
        cache_dir: where they are kept.
        bundle_dir: a bundle with engines that an earlier build made; None if there is none.
    """
    common: dict[str, Any] = {
        "backend": backend,
        "threads": 1,
        "gpu": gpu,
        "cache_dir": str(cache_dir),
        "bundle_dir": str(bundle_dir or ""),
    }
    first = Target(artifact=str(reference), sha256=REFERENCE_SHA256, precision="fp32", batch=1, **common)
    names = {first: "the reference network"}
    seen: set[tuple[str, str]] = set()
    for one in series:
        identity = (one.artifact_sha256, one.precision)
        if one.status != "ok" or identity in seen:
            continue
        seen.add(identity)
        artifact, sha256 = one.artifact_path, one.artifact_sha256
        names[Target(artifact=artifact, sha256=sha256, precision=one.precision, batch=one.batch, **common)] = one.model
    return names


def build_engines(
    backend: Backend, names: Mapping[Target, str], timeout_s: float, say: Callable[[str], None], workers: int = 0
) -> Iterator[tuple[Target, BuildResult]]:
    """Builds the engine of each target, or finds it in the cache; yields each as it ends, then prints a summary.

    Args:
        backend: the runtime of all targets.
        names: the targets, with the names that the progress shows.
        timeout_s: limit for one engine.
        say: prints a line for the user.
        workers: builds at a time if the backend builds side by side; the number of physical cores if 0.
    """
    counts: collections.Counter[str] = collections.Counter()
    started = time.monotonic()
    at_a_time = (workers or default_threads()) if backend.builds_side_by_side else 1
    with Progress("build", len(names)) as progress:
        for target, result in built(list(names), timeout_s, workers=min(at_a_time, max(len(names), 1))):
            failed = result.status != "ok"
            progress.step(_line(names[target], result), problem=failed)
            counts[_how(result)] += 1
            yield target, result
    told = ", ".join(f"{counts[how]} {how}" for how in _HOW if counts[how])
    say(f"engines: {told or 'none'}, in {minutes_text(time.monotonic() - started)}")


def _how(result: BuildResult) -> str:
    """How the engine came about, one of `_HOW`."""
    if result.engine is None:
        return "failed"
    if result.engine.bundled:
        return "from the bundle"
    return "from the cache" if result.cached else "built"


def _line(name: str, result: BuildResult) -> str:
    if result.engine is None:
        return f"{name}: {result.status}: {result.reason}"
    if result.cached:
        return f"{name}: {'from the bundle' if result.engine.bundled else 'in the cache'}"
    why = f", not taken from the bundle: {result.engine.unfit}" if result.engine.unfit else ""
    return f"{name}: {result.engine.build_s:.1f} s{why}"
