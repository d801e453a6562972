"""Merged rows as CSV: with the harness's own columns, or with those of timm's result files."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any

from harness.records.table import format_header, format_row
from harness.text.wording import number_text
from reports.errors import ReportError
from reports.groups import grouped
from reports.records import records

if TYPE_CHECKING:
    import pandas

    from zoo.card import Preprocessing

# The columns of results/results-imagenet.csv and results/benchmark-infer-*.csv of huggingface/pytorch-image-models,
# by their names there: parameters in millions, gmacs in 1e9 multiply-adds, step time in ms. The last ones are ours:
# readers that select columns by name ignore them, readers of the figures need them.
TIMM_COLUMNS = (
    "model", "top1", "top1_err", "top5", "top5_err", "param_count", "img_size", "crop_pct", "interpolation",
    "infer_samples_per_sec", "infer_step_time", "infer_batch_size", "infer_img_size", "infer_gmacs",
    "accuracy_kind", "weights", "backend", "precision", "device", "environment_id",
)  # fmt: skip
_SAME_NAME = ("model", "accuracy_kind", "weights", "backend", "precision", "device", "environment_id")


def results_csv(rows: pandas.DataFrame) -> str:
    """The rows as a results.csv; the rows of a single run are unchanged."""
    return format_header() + "".join(format_row(_as_text(row)) for row in records(rows))


def _as_text(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}


def timm_csv(rows: pandas.DataFrame) -> str:
    """The ok rows with timm's columns, fastest first within each environment and batch size.

    `accuracy_kind` says whether an accuracy was measured here or stated by the release: timm's are measured.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(TIMM_COLUMNS)
    preprocessing = _preprocessing(set(rows["model"]))
    for group in grouped(rows):
        for row in records(group.rows):
            # A user network has no card.
            facts = _timm_row(row, preprocessing.get(row["model"]))
            writer.writerow([_cell(facts[name]) for name in TIMM_COLUMNS])
    return buffer.getvalue()


def _preprocessing(models: Set[str]) -> dict[str, Preprocessing]:
    """The preprocessing of every model of the zoo, and of networks of libraries where these are installed."""
    try:
        import zoo
        from zoo import libraries

        cards = zoo.cards()
        of_libraries, _ = libraries.split(sorted(models))
        with contextlib.suppress(zoo.ZooError):
            cards += libraries.cards(of_libraries)
        return {card.name: card.preprocessing for card in cards}
    except ImportError as error:
        raise ReportError(
            f"timm's crop_pct and interpolation come from the catalogue of models, which cannot be read here "
            f"({error}). Copy the run to a machine with the whole package and repeat the command there."
        ) from error


def _timm_row(row: Mapping[str, Any], preprocessing: Preprocessing | None) -> dict[str, Any]:
    kind = row["accuracy_kind"]
    top1 = row["accuracy_percent"]
    top5 = row[f"accuracy_{kind}_top5_percent"] if kind else None
    return {
        **{name: row[name] for name in _SAME_NAME},
        "top1": top1,
        "top1_err": None if top1 is None else 100 - top1,
        "top5": top5,
        "top5_err": None if top5 is None else 100 - top5,
        "param_count": None if row["parameters"] is None else row["parameters"] / 1e6,
        "img_size": row["resolution"],
        "crop_pct": preprocessing and crop_fraction(preprocessing),
        "interpolation": preprocessing and preprocessing.interpolation,
        "infer_samples_per_sec": row["throughput_images_per_s"],
        "infer_step_time": row["latency_median_ms"],
        "infer_batch_size": row["batch"],
        "infer_img_size": row["resolution"],
        "infer_gmacs": None if row["macs"] is None else row["macs"] / 1e9,
    }


def crop_fraction(preprocessing: Preprocessing) -> float | None:
    """The share of the shorter side that the centre crop keeps, which timm calls crop_pct."""
    if preprocessing.resize_px:
        return preprocessing.crop_px / preprocessing.resize_px
    if preprocessing.rule == "crop_then_resize":
        return preprocessing.crop_fraction
    return 1.0


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return number_text(value) if isinstance(value, float) else str(value)
