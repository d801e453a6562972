"""Engines for both sides of a gate, if the backend builds any: several builds, since each build is another sample."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from harness.comparison.duet import Interpreters, environment
from harness.comparison.pair import Conditions, Pairing
from harness.errors import ComparisonError
from harness.processes.build import built
from harness.processes.target import Target
from harness.text.progress import Progress


def build_folders(cache_dir: Path, builds: int) -> list[str]:
    """The cache of each build: the usual one for one build; for several, separate ones that share no kernel timings."""
    if builds == 1:
        return [str(cache_dir)]
    return [str(cache_dir / "gate-builds" / str(index)) for index in range(builds)]


def build_sides(
    pairings: Sequence[Pairing],
    conditions: Conditions,
    folders: Sequence[str],
    *,
    interpreters: Interpreters,
    timeout_s: float,
) -> None:
    """Builds every engine that the pairs will need, in the environment that will run it.

    Raises:
        ComparisonError: an engine cannot be built.
    """
    wanted: dict[Path, dict[Target, str]] = {}
    for pairing in pairings:
        for side, python in ((pairing.base, interpreters.base), (pairing.new, interpreters.new)):
            wanted.setdefault(python, {})[conditions.target(side, pairing.batch)] = pairing.model
    with Progress("build", len(folders) * sum(map(len, wanted.values()))) as progress:
        for folder in folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            for python, models in wanted.items():
                names = {dataclasses.replace(target, cache_dir=folder): model for target, model in models.items()}
                for target, result in built(list(names), timeout_s, python=python, environment=environment(python)):
                    model = names[target]
                    if result.status != "ok":
                        raise ComparisonError(
                            f"{model} ({target.artifact}) cannot be built: {result.status}: {result.reason}"
                        )
                    progress.step(f"{model}: {result.build_s:.1f} s")
