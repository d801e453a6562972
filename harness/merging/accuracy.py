"""The evaluations of several run directories as those of one: shards of images put together, image by image."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.accuracy.outcome import Remarks, with_counts
from harness.accuracy.predictions import PredictionTable, read_predictions, write_predictions
from harness.accuracy.records import (
    ACCURACY_FOLDER,
    CONTENT_DIGEST,
    IMAGES_DIGEST,
    IMAGES_NAME,
    UNREADABLE_NAME,
    content_digest,
    folder_name,
    images_read,
    predictions_name,
)
from harness.accuracy.shard_record import ShardRecord, read_shard
from harness.errors import MergeError
from harness.files.journal import Journal, parse_journal
from harness.files.storage import explained, replace_text
from harness.merging.run_parts import RunPart
from harness.merging.shards import check_complete
from harness.records.accuracy_result import AccuracyResult
from harness.records.series import Series
from harness.records.table import format_cells


@dataclasses.dataclass(frozen=True)
class EvaluatedShard:
    """The evaluation of one shard of a set of images, in one run directory."""

    part: RunPart
    folder: Path
    record: ShardRecord
    digests: Sequence[str]
    """Digest of the content of each image, in the order of the predictions."""
    unreadable: Mapping[int, str]
    """Why images gave no input, by their index in the shard."""

    def table(self, series: Series) -> PredictionTable:
        """The predictions of a series for the images of the shard."""
        return read_predictions(self.folder / f"{predictions_name(series.model, series.key)}.parquet")


def merge_accuracy(parts: Sequence[RunPart], output: Path) -> dict[str, AccuracyResult]:
    """Writes the predictions of all parts below `output`; returns the evaluation of each series by key.

    Args:
        parts: the run directories.
        output: the new run directory.

    Raises:
        MergeError: a shard of images is missing or has not ended, or two parts have different results.
        AccuracyError, StorageError: something cannot be read or written.
    """
    shards: dict[str, list[EvaluatedShard]] = {}
    results: dict[str, AccuracyResult] = {}
    for part in parts:
        for folder in sorted((part.directory / ACCURACY_FOLDER).glob("*/")):
            record = read_shard(folder)
            if record is None:
                _copy_whole(part, folder, output / ACCURACY_FOLDER / folder.name)
            else:
                shards.setdefault(record.whole_digest, []).append(_evaluated(part, folder, record))
    of_shards = {one.folder.name for group in shards.values() for one in group}
    for part in parts:
        for key, result in part.accuracy.items():
            if folder_name(result.images, result.images_digest) in of_shards:
                continue
            earlier = results.setdefault(key, result)
            if _figures(earlier) != _figures(result):
                raise MergeError(f"{part.series[key].model} has different accuracies in the folders; leave one out")
    for group in shards.values():
        results |= _together(group, output)
    return results


def _figures(result: AccuracyResult) -> AccuracyResult:
    return dataclasses.replace(result, evaluated_at="", images_digest="")


def _evaluated(part: RunPart, folder: Path, record: ShardRecord) -> EvaluatedShard:
    path = folder / IMAGES_NAME
    with explained(path):
        entries, _ = parse_journal(path.read_bytes(), path)
    digests, unreadable = images_read(entries, folder)
    return EvaluatedShard(part, folder, record, digests, unreadable)


def _copy_whole(part: RunPart, folder: Path, target: Path) -> None:
    """Copies predictions for a whole set of images beside those of other series for the same images.

    Raises:
        MergeError: the images have other contents, or a series has other predictions there.
    """
    if unfinished := [file for file in folder.glob("*.jsonl") if file.name != IMAGES_NAME]:
        raise MergeError(f"{unfinished[0]} has not seen all images yet: repeat the command in {part.directory}")
    with explained(target):
        target.mkdir(parents=True, exist_ok=True)
        for file in sorted(folder.iterdir()):
            there = target / file.name
            if not there.exists():
                shutil.copyfile(file, there)
            elif _content(there) != _content(file):
                raise MergeError(f"{file} differs from the file of that name in another folder; leave one out")


def _content(file: Path) -> str:
    """Digest of what a file says: of the record of images, however many pieces it was written in."""
    if file.name == IMAGES_NAME:
        return content_digest(images_read(parse_journal(file.read_bytes(), file)[0], file.parent)[0])
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _together(group: Sequence[EvaluatedShard], output: Path) -> dict[str, AccuracyResult]:
    """Writes the predictions for a whole set of images, from all of its shards."""
    record = group[0].record
    check_complete({one.folder: one.record.shard for one in group}, record.images)
    series = {key: facts for one in group for key, facts in one.part.series.items() if key in one.record.remarks}
    _check_evaluated(group, series)
    chosen = _once(group, series)
    positions = np.concatenate([one.record.positions for one in chosen]).astype(np.int64)
    if sorted(positions) != list(range(record.whole_count)):
        raise MergeError(
            f"the shards of {record.images} do not hold each of its {record.whole_count:,} images once: their folders "
            "are of different sets, or damaged"
        )
    order = np.argsort(positions)
    folder = output / ACCURACY_FOLDER / folder_name(record.images, record.whole_digest)
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    digests = _write_images(folder, chosen, order)
    results = _reasons(group, record)
    for key, facts in series.items():
        table = _joined(chosen, facts, order, digests, record)
        path = folder / f"{predictions_name(facts.model, key)}.parquet"
        write_predictions(path, table)
        remarks = Remarks.together([one.record.remarks[key] for one in chosen])
        known = [one.part.accuracy[key] for one in chosen]
        measured = next((one for one in known if one.measured), known[0])
        whole = dataclasses.replace(
            measured,
            images_digest=record.whole_digest,
            predictions=path.relative_to(output).as_posix(),
            evaluated_at=max(one.evaluated_at for one in known),
        )
        results[key] = with_counts(whole, table, remarks)
    return results


def _check_evaluated(group: Sequence[EvaluatedShard], series: Mapping[str, Series]) -> None:
    """Refuses a series that has seen one shard and not another.

    Raises:
        MergeError: see above; the message names the series, the folder and the reason.
    """
    for one in group:
        for key, facts in series.items():
            if key not in one.record.remarks:
                known = one.part.accuracy.get(key)
                why = known.reason if known and known.reason else "its evaluation has not ended"
                raise MergeError(
                    f"{facts.model} has not seen shard {one.record.shard} of {one.record.images} ({why}): repeat the "
                    f"command in {one.part.directory}, and merge again"
                )


def _once(group: Sequence[EvaluatedShard], series: Mapping[str, Series]) -> list[EvaluatedShard]:
    """Each shard once, in order.

    Raises:
        MergeError: two folders have different results of a shard.
    """
    found: dict[int, EvaluatedShard] = {}
    for one in group:
        earlier = found.setdefault(one.record.shard.number, one)
        if earlier is one:
            continue
        told = f"{earlier.folder} and {one.folder}, both of shard {one.record.shard},"
        if list(earlier.digests) != list(one.digests):
            raise MergeError(f"{told} have seen images of the same names and other contents: leave one out")
        for facts in series.values():
            if not np.array_equal(earlier.table(facts).top, one.table(facts).top):
                raise MergeError(f"{told} have other predictions of {facts.model}: leave one out")
    return [found[number] for number in sorted(found)]


def _write_images(folder: Path, chosen: Sequence[EvaluatedShard], order: np.ndarray[Any, Any]) -> list[str]:
    """Writes the record of all images and the list of unreadable ones; returns the digests in order."""
    every = [digest for one in chosen for digest in one.digests]
    digests = [every[position] for position in order]
    unreadable: dict[int, str] = {}
    listed: dict[int, list[str]] = {}
    for one in chosen:
        lines = _unreadable_lines(one)
        for index, line in zip(sorted(one.unreadable), lines, strict=True):
            position = one.record.positions[index]
            unreadable[position], listed[position] = one.unreadable[index], line
    journal = Journal(folder / IMAGES_NAME)
    journal.append({"sha256": digests, "unreadable": unreadable})
    journal.close()
    if listed:
        rows = [["image", "location", "reason"], *(listed[position] for position in sorted(listed))]
        replace_text(folder / UNREADABLE_NAME, "".join(map(format_cells, rows)))
    return digests


def _unreadable_lines(one: EvaluatedShard) -> list[list[str]]:
    path = one.folder / UNREADABLE_NAME
    if not one.unreadable:
        return []
    with explained(path):
        return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))[1:]


def _reasons(group: Sequence[EvaluatedShard], record: ShardRecord) -> dict[str, AccuracyResult]:
    """The series that no shard evaluated, with the reason."""
    return {
        key: dataclasses.replace(result, images_digest=record.whole_digest)
        for one in group
        for key, result in one.part.accuracy.items()
        if not result.measured and key not in one.record.remarks
    }


def _joined(
    chosen: Sequence[EvaluatedShard],
    facts: Series,
    order: np.ndarray[Any, Any],
    digests: Sequence[str],
    record: ShardRecord,
) -> PredictionTable:
    """The predictions of a series for all images.

    Raises:
        MergeError: they were made differently from shard to shard.
    """
    tables = [one.table(facts) for one in chosen]
    kinds = [_kind(table) for table in tables]
    for one, kind in zip(chosen, kinds, strict=True):
        if kind != kinds[0]:
            differing = sorted(name for name in {**kind, **kinds[0]} if kind.get(name) != kinds[0].get(name))
            raise MergeError(
                f"{facts.model} was evaluated differently in {chosen[0].part.directory} and {one.part.directory}: "
                + "; ".join(f"{name} {kinds[0].get(name)!r} and {kind.get(name)!r}" for name in differing)
            )
    names = [name for table in tables for name in table.names]
    return PredictionTable(
        names=[names[position] for position in order],
        labels=np.concatenate([table.labels for table in tables])[order],
        top=np.concatenate([table.top for table in tables])[order],
        readable=np.concatenate([table.readable for table in tables])[order],
        identity={**tables[0].identity, IMAGES_DIGEST: record.whole_digest, CONTENT_DIGEST: content_digest(digests)},
    )


def _kind(table: PredictionTable) -> dict[str, Any]:
    """How predictions were made, on whichever images."""
    return {name: value for name, value in table.identity.items() if name not in (IMAGES_DIGEST, CONTENT_DIGEST)}
