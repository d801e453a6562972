"""The two sides of a gate: which artifacts they hold, and which of them are the same series."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from harness.artifact_digest import artifact_sha256
from harness.bundle import BUNDLE_NAME, read_bundle
from harness.comparison.errors import ComparisonError
from harness.comparison.pair import Pairing, Side
from harness.results import SERIES_NAME
from harness.series import SeriesFacts


@dataclasses.dataclass(frozen=True)
class SideSeries:
    """One artifact of a side."""

    model: str
    precision: str
    batch: int
    path: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.model} ({self.precision}, batch {self.batch})"


def read_side(path: Path) -> list[SideSeries]:
    """The artifacts of a run directory, an exported folder or an ONNX file.

    Raises:
        ComparisonError: it is none of them, or holds no artifact.
    """
    if path.is_file() and path.suffix == ".onnx":
        # Two files of different names are to be compared: what they share is that there is one on each side.
        return [SideSeries("onnx", "fp32", 1, str(path.resolve()), artifact_sha256(path))]
    if (path / BUNDLE_NAME).is_file():
        bundle = read_bundle(path)
        bundle.check_files(bundle.models)
        series = [model.series("", bundle.directory) for model in bundle.models]
    elif (path / SERIES_NAME).is_file():
        series = _series_of_run(path / SERIES_NAME)
    else:
        raise ComparisonError(
            f"{path} is no run directory, exported folder or .onnx file. Make one with python -m harness run --output "
            f"{path}, or python -m harness convert --export {path}."
        )
    found = [
        SideSeries(one.model, one.precision, one.batch, one.artifact_path, one.artifact_sha256)
        for one in series
        if one.status == "ok" and one.artifact_path
    ]
    if not found:
        raise ComparisonError(f"{path} holds no artifact: every conversion failed. Its results.csv says why.")
    return found


def pairings(base: list[SideSeries], new: list[SideSeries], patterns: list[str]) -> list[Pairing]:
    """The series that both sides have: the same model and batch, in one precision or, where it has only one, in any.

    Args:
        base: the baseline's artifacts.
        new: the candidate's.
        patterns: parts of names, whatever the case; none selects all.

    Raises:
        ComparisonError: nothing is on both sides.
    """
    chosen = [one for one in new if not patterns or any(part.lower() in one.model.lower() for part in patterns)]
    found = []
    for one in chosen:
        like = [other for other in base if (other.model, other.batch) == (one.model, one.batch)]
        same = [other for other in like if other.precision == one.precision] or (like if len(like) == 1 else [])
        if same:
            found.append(Pairing(one.model, one.batch, _side(same[0]), _side(one)))
    if not found:
        raise ComparisonError(
            f"the sides have no series in common: the baseline has {_some(base)}, the candidate {_some(chosen or new)}"
        )
    return found


def _side(series: SideSeries) -> Side:
    return Side(series.path, series.sha256, series.precision)


def _series_of_run(path: Path) -> list[SeriesFacts]:
    try:
        return [SeriesFacts.from_json(data) for data in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise ComparisonError(f"{path} is damaged ({error}). Measure that run again.") from error


def _some(series: list[SideSeries]) -> str:
    told = ", ".join(str(one) for one in series[:3])
    return f"{told} and {len(series) - 3} more" if len(series) > 3 else told
