"""Engines for both sides of a gate, where the backend builds any: several builds, since each is a sample of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from harness.comparison.duet import environment
from harness.comparison.pair import Conditions, Pairing
from harness.errors import ComparisonError
from harness.processes.build import Builder, BuildJob
from harness.text.progress import Progress


def build_folders(cache_dir: Path, builds: int) -> list[str]:
    """The cache of each build: of one the usual, of several folders of their own, which share no timings of kernels."""
    if builds == 1:
        return [str(cache_dir)]
    return [str(cache_dir / "gate-builds" / str(index)) for index in range(builds)]


def build_sides(
    pairings: Sequence[Pairing],
    conditions: Conditions,
    folders: Sequence[str],
    *,
    baseline_python: Path | None,
    timeout_s: float,
) -> None:
    """Builds every engine that the pairs will need, in the environment that will run it.

    Raises:
        ComparisonError: an engine cannot be built.
    """
    here = Path(sys.executable)
    wanted = {
        (side.artifact, side.precision, python): pairing.model
        for pairing in pairings
        for side, python in ((pairing.base, baseline_python or here), (pairing.new, here))
    }
    with Progress("build", len(wanted) * len(folders)) as progress:
        for folder in folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            for (artifact, precision, python), model in wanted.items():
                job = BuildJob(artifact, conditions.backend, precision, folder, conditions.gpu)
                with Builder(python, environment() if python != here else None) as builder:
                    built = builder.build(job, timeout_s)
                if built.status != "ok":
                    raise ComparisonError(f"{model} ({artifact}) cannot be built: {built.status}: {built.reason}")
                progress.step(f"{model}: {built.build_s:.1f} s")
