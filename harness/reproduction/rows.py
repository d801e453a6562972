"""Finding the one row that is to be measured again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.wording import counted, listed
from harness.errors import HarnessError
from harness.files.artifact_digest import artifact_sha256
from harness.records.table import load_rows

if TYPE_CHECKING:
    import pandas

TOLD_APART_BY = ("backend", "precision", "graph", "batch")
"""Columns in which the rows of one model differ."""


def find_row(results: Path, model: str, wanted: Mapping[str, str], artifact: Path | None = None) -> dict[str, Any]:
    """The one row of a model in a results.csv, by column, None where a cell is empty.

    Args:
        results: the file.
        model: full name of the model.
        wanted: values of columns of `TOLD_APART_BY`.
        artifact: the file of the row, if it is given; it decides among rows that nothing else tells apart.

    Raises:
        HarnessError: there is no such row, or there are several; the message says how they differ.
        StorageError: the file cannot be read.
    """
    table = load_rows(results)
    of_model = table[table["model"] == model]
    if of_model.empty:
        raise HarnessError(f"the run has no row of {model}; it has {listed(sorted(set(table['model'])))}")
    found = of_model
    for name, value in wanted.items():
        found = found[found[name].astype(str) == value]
    if len(found) > 1 and artifact and artifact.is_file():
        same = found[found["artifact_sha256"] == artifact_sha256(artifact)]
        found = found if same.empty else same
    if len(found) == 1:
        return {str(name): _plain(value) for name, value in found.iloc[0].items()}
    told = _choices(found if len(found) else of_model, wanted)
    raise HarnessError(f"{model} has {counted(len(found), 'such row') if len(found) else 'no such row'}: give {told}")


def _choices(rows: pandas.DataFrame, wanted: Mapping[str, str]) -> str:
    """The options that tell the rows apart."""
    differing = [name for name in TOLD_APART_BY if len(rows[name].unique()) > 1 or name in wanted]
    if rows.duplicated(differing or ["model"]).any():
        return "; ".join(
            " ".join([*(f"--{name} {row[name]}" for name in differing), f"--artifact {row['artifact_path']}"])
            for _, row in rows.iterrows()
        )
    return "; ".join(" ".join(f"--{name} {row[name]}" for name in differing) for _, row in rows.iterrows())


def _plain(value: Any) -> Any:
    """A cell as JSON has it."""
    import numpy
    import pandas

    if value is pandas.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.item() if isinstance(value, numpy.generic) else value
