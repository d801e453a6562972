"""The two sides of a gate: which artifacts they hold, and which of them are the same series."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from foundation.selection import ALL, Selectable, SelectionError, parts, select
from foundation.vocabulary import NATIVE
from harness.artifacts.bundle import BUNDLE_NAME, read_bundle
from harness.artifacts.file_precisions import in_asked_precision
from harness.artifacts.file_series import FileSettings, check_companions, check_shapes, series_of_file
from harness.artifacts.input_shapes import AskedShapes
from harness.artifacts.onnx_files import OnnxFile
from harness.artifacts.request import ArtifactRequest
from harness.artifacts.suites import with_suites
from harness.comparison.pair import Pairing, Side
from harness.errors import ArtifactError, ComparisonError
from harness.records.companions import with_companions
from harness.records.directory import SERIES_NAME
from harness.records.series import Series
from harness.text.console import say


@dataclasses.dataclass(frozen=True)
class SideSeries:
    """One artifact of a side, or why there is none."""

    model: str
    precision: str
    batch: int
    path: str = ""
    """Empty if the conversion failed."""
    sha256: str = ""
    failure: str = ""
    """Status and reason of a conversion that failed."""
    suites: frozenset[str] | None = None
    """Names of the zoo's suites that the model is in; None if they were not recorded."""
    inputs: str = ""
    """What its inputs hold; see `Series.inputs`."""
    custom_operators: str = ""
    """See `Series.custom_operators`."""
    companions: tuple[str, ...] = ()
    """See `Series.companions`."""
    held: str = ""
    """See `Series.held`; series whose inputs hold something else are never paired."""
    graph: str = NATIVE
    """One of `GRAPHS`."""
    notes: str = ""
    """What was fixed in a file that is measured, in sentences; empty for series of a folder."""

    def __str__(self) -> str:
        inputs = f", inputs {self.inputs}" if self.inputs else ""
        graph = "" if self.graph == NATIVE else f" {self.graph}"
        return f"{self.model} ({self.precision}{graph}, batch {self.batch}{inputs})"


@dataclasses.dataclass(frozen=True)
class Unpaired:
    """A series that has an artifact on one side only."""

    pairing: Pairing
    """Without a file on the side that lacks it."""
    reason: str


def check_file_settings(paths: Sequence[Path], files: FileSettings) -> None:
    """Refuses what is stated for files that are not there, or where there is no file.

    Args:
        paths: both sides.
        files: how files are measured.

    Raises:
        HarnessError: an option concerns nothing; the message names it.
    """
    lone = [path for path in paths if _is_file(path)]
    stated = {
        "--batch": files.shapes.batch != AskedShapes.batch,
        "--resolution": files.shapes.resolution is not None,
        "--shape": bool(files.shapes.shapes),
        "--custom-operators": bool(files.custom_operators),
        "--input-range, --input": bool(files.inputs),
    }
    if not lone and (given := [option for option, is_stated in stated.items() if is_stated]):
        raise ComparisonError(
            f"{', '.join(given)}: for .onnx files alone; series of a folder are measured as they were converted, or as "
            "their run measured them"
        )
    check_companions(files.inputs, files.custom_operators)
    check_shapes(lone, files.shapes.shapes)


def _is_file(path: Path) -> bool:
    return path.suffix == ".onnx" and not path.is_dir()


def read_side(path: Path, files: FileSettings) -> list[SideSeries]:
    """The series of a run directory, an exported folder or an ONNX file, including those whose conversion failed.

    Args:
        path: one of these.
        files: how a file is measured.

    Raises:
        ComparisonError: the path is none of these, or holds no artifact, or two of the same series.
    """
    if _is_file(path):
        if not path.is_file():
            raise ComparisonError(f"{path}: no such file.")
        file = series_of_file(path.stem, path, files)
        (file,) = in_asked_precision([file], _request(path, files), files.cache_dir, say)
        # Two files of different names must be comparable: all they share is that there is one on each side.
        series = dataclasses.replace(file, model="onnx")
        one = side_series(series)
        if one.failure:
            raise ComparisonError(one.failure)
        return [dataclasses.replace(one, notes=series.warnings)]
    return read_folder(path, files.backend.name)


def read_folder(path: Path, backend: str) -> list[SideSeries]:
    """The series of a run directory or an exported folder, including those whose conversion failed.

    Args:
        path: one of these.
        backend: whose series count, if a run measured several.

    Raises:
        ComparisonError: the path is none of these, or holds no artifact, or two of the same series.
    """
    if (path / BUNDLE_NAME).is_file():
        bundle = read_bundle(path)
        bundle.check_files(bundle.models)
        members: list[tuple[Series, frozenset[str] | None]] = [
            (model.series("", bundle.directory), frozenset(model.suites)) for model in bundle.models
        ]
    elif (path / SERIES_NAME).is_file():
        measured = _of_backend(_series_of_run(path / SERIES_NAME), backend)
        members = [(_as_it_is_now(one), None) for one in measured]
    else:
        raise ComparisonError(
            f"{path} is not a run directory, exported folder or .onnx file. Make one with python -m harness run "
            f"--output {path}, or python -m harness convert --export {path}."
        )
    # What other backends measured of the same artifact.
    found = list(dict.fromkeys(side_series(one, suites) for one, suites in members))
    if not any(one.path for one in found):
        failures = f" The first: {found[0]}: {found[0].failure}" if found else ""
        raise ComparisonError(f"{path} holds no artifact.{failures}")
    _refuse_twins(path, [one for one in found if one.path])
    return found


def _request(path: Path, files: FileSettings) -> ArtifactRequest:
    """How another precision is made of a file, if one is asked."""
    return ArtifactRequest(
        onnx_files=(OnnxFile(path),),
        inputs=files.inputs,
        backend=files.backend.name,
        file_precision=files.precision,
    )


def side_series(one: Series, suites: frozenset[str] | None = None) -> SideSeries:
    """A series as one of a side; `suites` are the names of the zoo's suites that the model is in, if known."""
    if one.status == "ok" and one.artifact_path:
        return SideSeries(
            one.model,
            one.precision,
            one.batch,
            one.artifact_path,
            one.artifact_sha256,
            suites=suites,
            inputs=one.inputs,
            custom_operators=one.custom_operators,
            companions=one.companions,
            held=one.held,
            graph=one.graph,
        )
    failure = f"{one.status}: {one.reason}"
    return SideSeries(one.model, one.precision, one.batch, failure=failure, suites=suites, graph=one.graph)


def _as_it_is_now(one: Series) -> Series:
    """The series with the digests of its companions as they are now, or with the failure to read them."""
    try:
        return with_companions(one, one.inputs, one.custom_operators)
    except ArtifactError as error:
        return dataclasses.replace(one, status="failed", reason=str(error))


def _refuse_twins(path: Path, found: list[SideSeries]) -> None:
    names = [str(one) for one in found]
    twin = next((name for name in names if names.count(name) > 1), None)
    if twin:
        raise ComparisonError(
            f"{path} has two artifacts of {twin}: of two versions, or of two shapes of a file. Measure or export each "
            "into a separate directory."
        )


def selected(base: list[SideSeries], new: list[SideSeries], patterns: list[str]) -> set[str]:
    """Names of the models that any pattern selects on either side; no pattern selects all.

    Raises:
        ComparisonError: a pattern selects none; the message offers the nearest names.
    """
    # The suites that one side recorded of a model apply to the other side too.
    recorded = {one.model: one.suites for one in (*base, *new) if one.suites is not None}
    names = dict.fromkeys(one.model for one in (*new, *base))
    wanted = parts(patterns)
    models = with_suites([Selectable(name, recorded.get(name)) for name in names], wanted)
    try:
        return set(select(wanted or [ALL], models, place="in these artifacts"))
    except SelectionError as error:
        raise ComparisonError(str(error)) from error


def pairings(base: list[SideSeries], new: list[SideSeries], patterns: list[str]) -> list[Pairing]:
    """The series that both sides have: the same model, batch and values of inputs, and the same precision and graph.

    Instead of the same precision, or the same graph, it may be the only one of the base.

    Args:
        base: the baseline's artifacts.
        new: the candidate's.
        patterns: names, globs, sources or suites (`foundation.selection`); none selects all.

    Raises:
        ComparisonError: the sides have no series in common, or a pattern selects nothing.
    """
    names = selected(base, new, patterns)
    chosen = [one for one in new if one.model in names]
    there = [one for one in base if one.path]
    found = []
    for one in (each for each in chosen if each.path):
        like = [other for other in there if (other.model, other.batch, other.held) == (one.model, one.batch, one.held)]
        if counterpart := _counterpart(one, like):
            found.append(Pairing(one.model, one.batch, side_of(counterpart), side_of(one)))
    if not found:
        raise ComparisonError(
            f"the sides have no series in common: the baseline has {_some(base)}, the candidate {_some(chosen or new)}"
        )
    return found


def _counterpart(one: SideSeries, like: list[SideSeries]) -> SideSeries | None:
    """The series of the base that is compared with one of the candidate; None if there is none, or a choice.

    Args:
        one: the candidate's.
        like: the base's of the same model, batch and values of inputs.
    """
    exact = [other for other in like if (other.precision, other.graph) == (one.precision, one.graph)]
    if exact:
        return exact[0]
    of_precision = [other for other in like if other.precision == one.precision]
    of_graph = [other for other in like if other.graph == one.graph]
    return next((only[0] for only in (of_precision, of_graph, like) if len(only) == 1), None)


def unpaired(
    base: list[SideSeries], new: list[SideSeries], patterns: list[str], paired: list[Pairing]
) -> list[Unpaired]:
    """The series that only one side has, or should have: the candidate's, then the baseline's.

    Args:
        base: the baseline's series.
        new: the candidate's.
        patterns: as for `pairings`.
        paired: the result of `pairings`.
    """
    whose = ("baseline", "candidate")
    names = selected(base, new, patterns)
    sides = [{str(one): one for one in side if one.model in names} for side in (base, new)]
    taken = [
        {
            str(SideSeries(one.model, side.precision, one.batch, inputs=side.inputs, graph=side.graph))
            for one, side in sides_of
        }
        for sides_of in ([(one, one.base) for one in paired], [(one, one.new) for one in paired])
    ]
    found = []
    for name in dict.fromkeys([*sides[1], *sides[0]]):
        both = [side.get(name) for side in sides]
        left = [one for one, names in zip(both, taken, strict=True) if one and name not in names]
        if not left:
            continue
        reasons = [f"{who}: {one.failure}" for who, one in zip(whose, both, strict=True) if one and one.failure]
        held = f" with inputs of {left[0].inputs}" if left[0].inputs else ""
        reasons += [f"the {who} does not have it{held}" for who, one in zip(whose, both, strict=True) if one is None]
        one_side = [side_of(one) if one else Side("", "", left[0].precision) for one in both]
        found.append(Unpaired(Pairing(left[0].model, left[0].batch, *one_side), "; ".join(reasons)))
    return found


def side_of(series: SideSeries) -> Side:
    """The artifact of a series."""
    return Side(
        series.path,
        series.sha256,
        series.precision,
        series.inputs,
        series.custom_operators,
        series.companions,
        graph=series.graph,
    )


def _series_of_run(path: Path) -> list[Series]:
    try:
        return [Series.from_json(data) for data in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise ComparisonError(f"{path} is damaged ({error}). Measure that run again.") from error


def _of_backend(series: list[Series], backend: str) -> list[Series]:
    """The series of a backend in a run of several, whose artifacts in int8 differ; all if it measured none of them."""
    return [one for one in series if one.backend == backend] or series


def _some(series: list[SideSeries]) -> str:
    told = ", ".join(f"{one} ({one.failure})" if one.failure else str(one) for one in series[:3])
    return f"{told} and {len(series) - 3} more" if len(series) > 3 else told
