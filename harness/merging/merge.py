"""Puts folders together, of whichever kind they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from harness.artifacts.bundle import BUNDLE_NAME
from harness.errors import MergeError
from harness.merging.bundles import merge_bundles
from harness.merging.runs import merge_runs
from harness.merging.speeds import DEFAULT_SPREAD_PERCENT
from harness.records.run_info import is_run


@dataclasses.dataclass(frozen=True)
class Merged:
    """What was put together."""

    count: int
    """Rows of the run, or models of the bundle."""
    is_run: bool


def merge(directories: Sequence[Path], output: Path, spread_percent: float = DEFAULT_SPREAD_PERCENT) -> Merged:
    """Writes to a new folder what one machine alone would have written: a run directory, or a bundle.

    Args:
        directories: run directories, or bundles; they stay as they are.
        output: the new folder.
        spread_percent: see `harness.merging.speeds.check_speeds`.

    Raises:
        MergeError: the folders are of both kinds or of none, or cannot be put together; the message says why.
        HarnessError: a folder cannot be read, or the new one cannot be written.
    """
    distinct = list({directory.resolve(): directory for directory in directories}.values())
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise MergeError(f"{output} is there already; give --output a new folder")
    runs = [directory for directory in distinct if is_run(directory)]
    bundles = [directory for directory in distinct if (directory / BUNDLE_NAME).is_file()]
    for directory in distinct:
        if directory not in runs and directory not in bundles:
            there = "holds neither" if directory.is_dir() else "is not there, so it is neither"
            raise MergeError(
                f"{directory} {there} a run (run.json) nor a bundle ({BUNDLE_NAME}); give what `run --output`, "
                "`accuracy --output` or `convert --export` left"
            )
    if runs and bundles:
        raise MergeError(f"{runs[0]} is a run, {bundles[0]} is a bundle: give folders of one kind")
    if runs:
        return Merged(merge_runs(runs, output, spread_percent), is_run=True)
    return Merged(merge_bundles(bundles, output), is_run=False)
