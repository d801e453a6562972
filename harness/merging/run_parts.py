"""Run directories as they are put together: what each holds, and whether they are alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.artifacts.model_shard import ModelShard
from harness.errors import MergeError
from harness.files.journal import parse_journal
from harness.files.storage import explained
from harness.machine.environment import MACHINE_FACTS
from harness.records.accuracy_journal import ACCURACY_NAME, read_results
from harness.records.accuracy_result import AccuracyResult
from harness.records.directory import TRIALS_NAME, load_series
from harness.records.run_info import FIXED_SETTINGS, RunInfo, differing_facts, load_run_info
from harness.records.series import Series


@dataclasses.dataclass(frozen=True)
class RunPart:
    """One of the run directories."""

    directory: Path
    info: RunInfo
    series: Mapping[str, Series]
    """By key, in the order of its rows."""
    trials: Sequence[Mapping[str, Any]]
    """The lines of its journal."""
    accuracy: Mapping[str, AccuracyResult]
    """The newest evaluation by series key."""
    shard: ModelShard | None
    """Which share of the models it measured; None if it is no such share."""


def read_part(directory: Path) -> RunPart:
    """Reads a run directory, which stays as it is.

    Raises:
        StorageError, DifferentRunError: it cannot be read.
    """
    info = load_run_info(directory)
    path = directory / TRIALS_NAME
    with explained(path):
        trials, _ = parse_journal(path.read_bytes() if path.is_file() else b"", path)
    accuracy = read_results(directory) if (directory / ACCURACY_NAME).is_file() else {}
    stated = info.settings.get("shard")
    shard = ModelShard.from_json(stated) if stated else None
    return RunPart(directory, info, load_series(directory), trials, accuracy, shard)


def check_alike(parts: Sequence[RunPart]) -> None:
    """Refuses runs whose rows are not comparable, or would have had another seed in one run.

    Raises:
        MergeError: two runs differ; the message says in what.
    """
    first = parts[0]
    for other in parts[1:]:
        told = f"{first.directory} and {other.directory}"
        _check_environments(first, other, told)
        # How trials are made says nothing about an evaluation, which has none.
        timed = bool(first.trials and other.trials)
        ours, theirs = (_facts(part, timed=timed) for part in (first, other))
        if differences := differing_facts(ours, theirs):
            listed = "; ".join(f"{name} {one!r} and {another!r}" for name, one, another in differences)
            raise MergeError(
                f"{told} were measured differently: {listed}. Begin all shards with the same options and version; "
                "--shard gives them the same seed"
            )


def _check_environments(first: RunPart, other: RunPart, told: str) -> None:
    for backend, another in other.info.by_backend.items():
        one = first.info.by_backend.get(backend)
        if one is None:
            # Another backend is another environment; it has to be the same machine.
            ours, theirs = (
                {name: facts.get(name) for name in MACHINE_FACTS}
                for facts in (first.info.environment, another.environment)
            )
        elif one.environment_id == another.environment_id:
            continue
        else:
            ours, theirs = one.environment, another.environment
        if one is None and ours == theirs:
            continue
        listed = "; ".join(f"{name} {was!r} and {now!r}" for name, was, now in differing_facts(ours, theirs))
        ids = f"{(one or first.info).environment_id} and {another.environment_id}"
        raise MergeError(
            f"{told} are of different environments ({ids}): {listed}. Rows of different environments are never mixed; "
            "`python -m reports html` shows several runs in one page"
        )


def _facts(part: RunPart, *, timed: bool) -> dict[str, Any]:
    """What is the same in all parts of one run, of which those about trials only if there are any."""
    info = part.info
    of_trials = {**{name: info.settings.get(name) for name in FIXED_SETTINGS}, "seed": info.seed} if timed else {}
    return {**of_trials, "reference network": info.reference_sha256[:16], "version": info.harness_version}
