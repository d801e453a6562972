"""Run directories of the shards of one run, or of one evaluation, as one run directory that can be continued."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation.wording import listed
from harness.errors import MergeError
from harness.files.journal import Journal
from harness.files.locking import HOLDER_NAME, LOCK_NAME, RunLock
from harness.files.storage import explained, replace_json
from harness.merging.accuracy import merge_accuracy
from harness.merging.rounds import told_of_missing_rounds
from harness.merging.run_parts import RunPart, check_alike, read_part
from harness.merging.shards import check_nothing_missing, models_shared_out
from harness.merging.speeds import check_speeds
from harness.records.accuracy_journal import AccuracyJournal
from harness.records.directory import SAMPLES_NAME, SERIES_NAME, TRIALS_NAME, RunDirectory
from harness.records.run_info import RUN_INFO_NAME, RunInfo
from harness.records.series import Series
from harness.records.sharing import measured_as
from harness.text.console import say

_LISTS = ("models", "own_models", "onnx_files")
"""Settings of which each shard of models has its own."""


def merge_runs(directories: Sequence[Path], output: Path, spread_percent: float) -> int:
    """Writes the run directory that one machine alone would have written; returns the number of its rows.

    It appears complete or not at all. Standard error has a line for each run with fewer rounds than were asked for.

    Args:
        directories: the run directories, which stay as they are; no process may be writing to them.
        output: a new folder.
        spread_percent: see `harness.merging.speeds.check_speeds`.

    Raises:
        MergeError: they are not alike, hold different results of the same thing, or one has not ended.
        RunLockedError: a process writes to one of them.
        StorageError: one cannot be read, or the new one cannot be written.
    """
    with contextlib.ExitStack() as locked:
        for directory in directories:
            locked.callback(RunLock(directory).release)
        parts = [read_part(directory) for directory in directories]
        check_alike(parts)
        check_speeds(parts, spread_percent)
        order = models_shared_out({part.directory: part.shard for part in parts})
        series = _series(parts, order)
        trials = _trials(parts)
        _check_ended(parts, series, trials, order)
        for told in told_of_missing_rounds(parts):
            say(told)
        with explained(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            staged = output.with_name(f".{output.name}.{secrets.token_hex(4)}")
            staged.mkdir()
        try:
            _write(staged, parts, series, trials)
            with explained(output):
                staged.replace(output)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
    return len(series)


def _series(parts: Sequence[RunPart], order: Sequence[str]) -> dict[str, Series]:
    """The series of all parts by key, in the order of the rows of one run."""
    found: dict[str, Series] = {}
    for part in parts:
        for key, one in part.series.items():
            found.setdefault(key, one)
    variants = {variant: place for place, variant in enumerate(dict.fromkeys(map(_variant, found.values())))}
    places = {model: place for place, model in enumerate(order)}
    # Sorting is stable: without shards of models, the order is that of the parts.
    ordered = sorted(found.values(), key=lambda one: places.get(one.model, len(places)))
    if order:
        ordered.sort(key=lambda one: variants[_variant(one)])
    return {one.key: one for one in ordered}


def _variant(one: Series) -> tuple[str, str, str, int]:
    return one.backend, one.graph, one.precision, one.batch


def _trials(parts: Sequence[RunPart]) -> dict[tuple[str, int], tuple[Mapping[str, Any], RunPart]]:
    """Every trial once, by series and round, in the order in which they were made, with where its samples are.

    Raises:
        MergeError: two parts have different trials of a series and a round.
    """
    found: dict[tuple[str, int], tuple[Mapping[str, Any], RunPart]] = {}
    for part in parts:
        for trial in part.trials:
            which = (trial["series"], trial["round"])
            earlier, owner = found.setdefault(which, (trial, part))
            if earlier != trial:
                raise MergeError(
                    f"{owner.directory} and {part.directory} have different trials of {trial['series'].split('|')[0]} "
                    f"in round {trial['round'] + 1}: leave one out"
                )
    ordered = sorted(found.items(), key=lambda item: item[1][0]["result"].get("started_at") or "")
    return dict(ordered)


def _check_ended(
    parts: Sequence[RunPart], series: Mapping[str, Series], trials: Mapping[tuple[str, int], Any], order: Sequence[str]
) -> None:
    """Refuses a shard of models of which a series has not been planned or measured yet.

    Raises:
        MergeError: see above; the message names the folder.
    """
    if not order:
        return
    check_nothing_missing(order, (one.model for one in series.values()), {part.directory: part.shard for part in parts})
    timed = {key for key, _ in trials}
    for part in parts:
        owners = measured_as(part.series.values(), {key: () for key in timed if key in part.series})
        waiting = [one.model for key, one in part.series.items() if one.status == "ok" and owners[key].key not in timed]
        if waiting:
            raise MergeError(
                f"{part.directory} has no trial of {listed(waiting)} yet: its run has not ended. Repeat its command "
                "there, and merge again"
            )


def _write(staged: Path, parts: Sequence[RunPart], series: Mapping[str, Series], trials: Mapping[Any, Any]) -> None:
    """Writes all files of the run directory, results.csv from the others."""
    info = _info(parts)
    replace_json(staged / RUN_INFO_NAME, info.to_json())
    replace_json(staged / SERIES_NAME, [one.to_json() for one in series.values()])
    with explained(staged):
        (staged / SAMPLES_NAME).mkdir()
        for part in parts:
            for file in sorted((part.directory / SAMPLES_NAME).glob("*.npz")):
                shutil.copyfile(file, staged / SAMPLES_NAME / file.name)
    journal = Journal(staged / TRIALS_NAME)
    for trial, _ in trials.values():
        journal.append(dict(trial))
    journal.close()
    results = merge_accuracy(parts, staged)
    if results:
        accuracy = AccuracyJournal(staged)
        for key in series:
            if key in results:
                accuracy.record(key, results[key])
        accuracy.close()
    RunDirectory.open(
        staged,
        environments=info.by_backend,
        settings=info.settings,
        seed=info.seed,
        reference_sha256=info.reference_sha256,
    ).close()
    with explained(staged):
        for name in (LOCK_NAME, HOLDER_NAME):
            (staged / name).unlink(missing_ok=True)


def _info(parts: Sequence[RunPart]) -> RunInfo:
    """The facts of the whole run."""
    first = next((part for part in parts if part.trials), parts[0]).info
    settings = {name: value for name, value in first.settings.items() if name != "shard"}
    for name in _LISTS:
        if name in settings:
            settings[name] = list(dict.fromkeys(one for part in parts for one in part.info.settings.get(name) or ()))
    created_at = min(part.info.created_at for part in parts)
    environments = dict(first.by_backend)
    for part in parts:
        environments = {**part.info.by_backend, **environments}
    return dataclasses.replace(first, settings=settings, created_at=created_at).with_environments(environments)
