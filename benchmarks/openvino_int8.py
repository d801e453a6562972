"""Whether OpenVINO runs the zoo's INT8 artifacts in integers, and what it computes of them.

Each model's artifact of scheme `tensorrt` (generated calibration images): how many of its convolutions and matrix
products ran as integers and which did not, and how far its outputs are from those of the FP32 artifact and from ONNX
Runtime's of the same file, on noise and on generated images. Nothing is timed, so that other work does not disturb it.

    python benchmarks/openvino_int8.py --models all --machine "two cores of a server processor"
    python benchmarks/openvino_int8.py --write-only

An interrupted call resumes: what the CSV has of an artifact and a version is not computed again. Missing artifacts are
converted. The document beside the CSV is then written from all of its rows.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import csv_rows
import numpy as np
from numpy.typing import NDArray

from converters.inputs import FeedSet, rows_of
from converters.verify import Agreement, measure
from foundation.cache import default_cache_dir
from foundation.wording import counted, listed, one_line
from harness import backends
from harness.artifacts.conversions import convert_all
from harness.artifacts.file_agreement import ComparedOn, input_sets
from harness.artifacts.request import ArtifactRequest
from harness.artifacts.runtime_agreement import session_rows
from harness.backends.openvino.executed import ExecutedLayer
from harness.backends.openvino.session import OpenVinoSession
from harness.errors import HarnessError
from harness.machine.environment import default_threads
from harness.machine.gpu.settings import GpuSettings
from harness.records.series import Series
from harness.text.console import say

BACKEND = "openvino"
GENERATED = ComparedOn(None, None, "")
NATURAL = "natural"

COLUMNS = (
    "model",
    "same_as",
    "status",
    "reason",
    "products",
    "integer_products",
    "others",
    "fp32_relative_l2",
    "fp32_top1",
    "ort_relative_l2",
    "ort_top1",
    "ort_fp32_relative_l2",
    "artifact_sha256",
    "library",
    "onnxruntime",
    "exact",
    "machine",
)
KEY = ("model", "artifact_sha256")
Rows = Sequence[Mapping[str, str]]

_DIGITS_OF_DIGEST = 16
_BETWEEN = " | "
_THREADS = 1
_DOCUMENT = """\
# INT8 artifacts in OpenVINO

Every model's INT8 artifact of scheme `tensorrt` (generated calibration images, probe weights), run by OpenVINO, by
`benchmarks/openvino_int8.py`. Nothing was timed.

- Library: {libraries}; beside it {onnxruntimes}.
- Machine: {machines}. Integer kernels {exactness} ([openvino.md](openvino.md#int8)).

*Integer* is how many of the convolutions and matrix products that OpenVINO executed ran in u8 or i8. *From FP32* is the
relative L2 of the outputs from those of the FP32 artifact in OpenVINO, *from ORT* from those of ONNX Runtime on the
same file, and *ORT from FP32* the same of ONNX Runtime's; on 8 generated images, with the share of equal top-1 classes.
All figures, and every product that was no integer one: [{csv}]({csv})."""


@dataclasses.dataclass(frozen=True)
class Computed:
    """What an INT8 artifact's layers and outputs are."""

    layers: Sequence[ExecutedLayer]
    from_fp32: Agreement
    """OpenVINO's INT8 outputs against its FP32 ones."""
    from_ort: Agreement
    """Against ONNX Runtime's on the same file."""
    ort_from_fp32: Agreement
    """ONNX Runtime's INT8 outputs against its FP32 ones."""


def computed(int8: Series, fp32: Series) -> Computed:
    """Runs both artifacts of a model in both runtimes.

    Raises:
        HarnessError: OpenVINO does not run one of them as asked.
    """
    (natural,) = (one for one in input_sets(int8, GENERATED, []) if one.name == NATURAL)
    exact, _ = _in_openvino(fp32, natural)
    quantised, layers = _in_openvino(int8, natural)
    in_ort = [rows_of([natural], Path(one.artifact_path), one.batch)[0] for one in (int8, fp32)]
    return Computed(
        layers,
        measure(NATURAL, exact, quantised),
        measure(NATURAL, in_ort[0], quantised),
        measure(NATURAL, in_ort[1], in_ort[0]),
    )


def _in_openvino(series: Series, fed: FeedSet) -> tuple[NDArray[np.float32], Sequence[ExecutedLayer]]:
    with series.target(_THREADS, GpuSettings(), Path()).open() as session:
        rows = session_rows(session, fed, series.batch)
        return rows, cast(OpenVinoSession, session).layers()


def row_of(series: Series, found: Computed | HarnessError, fixed: Mapping[str, str], hidden: Path) -> dict[str, Any]:
    """The row of one model.

    Args:
        series: its INT8 artifact.
        found: what it computes, or why it does not.
        fixed: the columns that are the same in all rows.
        hidden: a folder of this machine that no row names.
    """
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | dict(fixed)
    row |= {"model": series.model, "artifact_sha256": series.artifact_sha256[:_DIGITS_OF_DIGEST]}
    if isinstance(found, HarnessError):
        return row | {"status": "failed", "reason": one_line(str(found).replace(str(hidden), "CACHE"))}
    products = [one for one in found.layers if one.is_arithmetic]
    others = [f"{one.kind} {one.name} {one.kernel}" for one in products if one.precision != "int8"]
    return row | {
        "status": "ok",
        "products": len(products),
        "integer_products": len(products) - len(others),
        "others": _BETWEEN.join(others),
        "fp32_relative_l2": f"{found.from_fp32.relative_l2:.3e}",
        "fp32_top1": f"{found.from_fp32.top1_agreement:.3f}",
        "ort_relative_l2": f"{found.from_ort.relative_l2:.3e}",
        "ort_top1": f"{found.from_ort.top1_agreement:.3f}",
        "ort_fp32_relative_l2": f"{found.ort_from_fp32.relative_l2:.3e}",
    }


def compute(request: ArtifactRequest, path: Path, cache_dir: Path, machine: str) -> None:
    """Computes what the CSV lacks, one model after another, and appends each row as soon as it is known."""
    fixed = {
        "library": backends.usable(BACKEND).runtime(),
        "onnxruntime": backends.usable("onnxruntime").runtime(),
        "exact": "no" if backends.get(BACKEND).saturates_int8() else "yes",
        "machine": machine,
    }
    for card in request.cards():
        one_model = dataclasses.replace(request, models=(card.name,))
        (int8,) = convert_all(dataclasses.replace(one_model, precision="int8"), cache_dir, say)
        digest, rows = int8.artifact_sha256[:_DIGITS_OF_DIGEST], csv_rows.read(path)
        known = [one for one in rows if one["artifact_sha256"] == digest and one["library"] == fixed["library"]]
        if any(one["model"] == card.name for one in known):
            continue
        if known:
            same_as = known[0]["same_as"] or known[0]["model"]
            row: dict[str, Any] = known[0] | {"model": card.name, "same_as": same_as}
        else:
            row = row_of(int8, _found(int8, one_model, cache_dir), fixed, cache_dir)
        csv_rows.append(path, COLUMNS, [row])
        say(f"{card.name}: {row['integer_products']} of {row['products']}, {row['ort_relative_l2']} {row['reason']}")


def _found(int8: Series, request: ArtifactRequest, cache_dir: Path) -> Computed | HarnessError:
    if int8.status != "ok":
        return HarnessError(f"{int8.status}: {int8.reason}")
    (fp32,) = convert_all(request, cache_dir, say)
    try:
        return computed(int8, fp32)
    except HarnessError as error:
        return error


def totals(rows: Rows) -> Iterator[str]:
    """The figures of all models; an artifact of several models counts once."""
    ok = [row for row in rows if row["status"] == "ok" and not row["same_as"]]
    artifacts = counted(len({row["artifact_sha256"] for row in rows}), "artifact")
    yield f"- {counted(len(rows), 'model')}, {artifacts}; {len(ok)} ran."
    if not ok:
        return
    whole = [row for row in ok if row["products"] == row["integer_products"]]
    products, integer = (sum(int(row[name]) for row in ok) for name in ("products", "integer_products"))
    yield f"- {integer:,} of {products:,} convolutions and products ran as integers; in {len(whole)} artifacts all."
    for name, column in (("from FP32", "fp32"), ("from ONNX Runtime", "ort")):
        far = [(float(row[f"{column}_relative_l2"]), row["model"]) for row in ok]
        yield (
            f"- {name}: relative L2 {statistics.median(one for one, _ in far):.1%} in the median, at most "
            f"{max(far)[0]:.1%} ({max(far)[1]})."
        )


def every_model(rows: Rows) -> Iterator[str]:
    """One row for each model."""
    yield "| model | integer | from FP32 | top-1 | from ORT | top-1 | ORT from FP32 |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for row in rows:
        label = f"{row['model']} (same as {row['same_as']})" if row["same_as"] else row["model"]
        if row["status"] != "ok":
            yield f"| {label} | {row['status']}: {row['reason']} | | | | | |"
            continue
        errors = [float(row[f"{name}_relative_l2"]) for name in ("fp32", "ort", "ort_fp32")]
        tops = [float(row[f"{name}_top1"]) for name in ("fp32", "ort")]
        yield (
            f"| {label} | {row['integer_products']} of {row['products']} | {errors[0]:.1%} | {tops[0]:.0%} "
            f"| {errors[1]:.1%} | {tops[1]:.0%} | {errors[2]:.1%} |"
        )


def not_integer(rows: Rows) -> Iterator[str]:
    """The models with products that were no integer ones."""
    left = [row for row in rows if row["others"] and not row["same_as"]]
    yield from (f"- {row['model']}: {listed(row['others'].split(_BETWEEN), 3)}" for row in left)
    if not left:
        yield "None."


def document(rows: Rows, csv_name: str) -> str:
    """The document about all rows of the CSV."""

    def values(column: str) -> str:
        return listed(sorted({row[column] for row in rows}), most=len(rows))

    head = _DOCUMENT.format(
        libraries=values("library"),
        onnxruntimes=values("onnxruntime"),
        machines=values("machine"),
        exactness="add products in 16 bits, and cut them off there" if "no" in values("exact") else "are exact there",
        csv=csv_name,
    )
    parts = [head, "\n## Totals\n", *totals(rows), "\n## Not as integers\n", *not_integer(rows), "\n## Every model\n"]
    return "\n".join([*parts, *every_model(rows)]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="all", help="names, globs, sources or suites (%(default)s)")
    parser.add_argument("--output", type=Path, default=Path("docs/openvino_int8_table.csv"), help="the CSV")
    parser.add_argument("--cache-dir", type=Path, default=default_cache_dir())
    parser.add_argument("--machine", help="what the document calls this machine, by default its number of cores")
    parser.add_argument("--write-only", action="store_true", help="write the document from the CSV alone")
    arguments = parser.parse_args()
    if not arguments.write_only:
        machine = arguments.machine or counted(default_threads(), "core")
        request = ArtifactRequest(models=tuple(arguments.models.split(",")), backend=BACKEND)
        compute(request, arguments.output, arguments.cache_dir, machine)
    rows = csv_rows.tidied(arguments.output, COLUMNS, KEY)
    arguments.output.with_suffix(".md").write_text(document(rows, arguments.output.name), encoding="utf-8")


if __name__ == "__main__":
    main()
