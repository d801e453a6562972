"""Every image's top-5 as a Parquet file: `image`, `label`, `readable`, `top1` to `top5`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation.replacing import replacing
from harness.accuracy.worker.top_classes import GUESSES, NONE
from harness.errors import AccuracyError
from harness.files.storage import explained

_IDENTITY_KEY = b"baseline_zoo"
_TOP_NAMES = tuple(f"top{rank}" for rank in range(1, GUESSES + 1))


@dataclasses.dataclass(frozen=True)
class PredictionTable:
    """The predictions of one network for every image of a set."""

    names: Sequence[str]
    labels: NDArray[np.int32]
    """(N,)"""
    top: NDArray[np.int32]
    """(N, 5), best first; `top_classes.NONE` where there is no prediction."""
    readable: NDArray[np.bool_]
    """(N,): whether the image gave the network an input."""
    identity: Mapping[str, Any]
    """What the predictions belong to: series, artifact, preprocessing, images and their content."""

    def right(self, guesses: int) -> NDArray[np.bool_]:
        """Whether the label is among the first `guesses` predictions, (N,); never for an unreadable image."""
        found: NDArray[np.bool_] = (self.top[:, :guesses] == self.labels[:, None]).any(axis=1)
        return found & self.readable

    @property
    def guesses_all_classes(self) -> bool:
        """Whether the network has at most five classes, so that a top-5 hit says nothing."""
        return int(self.identity["classes"]) <= GUESSES


def write_predictions(path: Path, table: PredictionTable) -> None:
    """Writes the table so that a reader finds all of it or nothing.

    Raises:
        StorageError: the file cannot be written.
    """
    pyarrow, parquet = _pyarrow()
    columns = {
        "image": pyarrow.array(table.names, pyarrow.string()),
        "label": pyarrow.array(table.labels),
        "readable": pyarrow.array(table.readable),
        **{
            name: pyarrow.array(table.top[:, rank], mask=table.top[:, rank] == NONE)
            for rank, name in enumerate(_TOP_NAMES)
        },
    }
    metadata = {_IDENTITY_KEY: json.dumps(dict(table.identity)).encode()}
    with explained(path), replacing(path) as temporary, temporary.open("wb") as file:
        parquet.write_table(pyarrow.table(columns).replace_schema_metadata(metadata), file)


def read_identity(path: Path) -> dict[str, Any] | None:
    """Reads what the predictions in a file belong to; None if the file holds no readable predictions."""
    pyarrow, parquet = _pyarrow()
    try:
        metadata = parquet.read_schema(path).metadata or {}
        identity: dict[str, Any] = json.loads(metadata[_IDENTITY_KEY])
    except (OSError, pyarrow.ArrowException, KeyError, ValueError):
        return None
    return identity


def read_predictions(path: Path) -> PredictionTable:
    """Reads the table of a file.

    Raises:
        AccuracyError: the file does not exist, or does not hold readable predictions.
    """
    pyarrow, parquet = _pyarrow()
    identity = read_identity(path)
    if identity is None:
        raise AccuracyError(f"{path} holds no predictions, or is damaged; repeat the evaluation that wrote it")
    try:
        table = parquet.read_table(path)
        top = [table[name].fill_null(NONE).to_numpy() for name in _TOP_NAMES]
        return PredictionTable(
            names=table["image"].to_pylist(),
            labels=table["label"].to_numpy(),
            top=np.stack(top, axis=1).astype(np.int32),
            readable=table["readable"].to_numpy(),
            identity=identity,
        )
    except (OSError, pyarrow.ArrowException, KeyError) as error:
        raise AccuracyError(f"{path} is damaged ({error}); repeat the evaluation that wrote it") from error


def _pyarrow() -> tuple[Any, Any]:
    """Imports pyarrow and its module for Parquet.

    Raises:
        AccuracyError: pyarrow cannot be imported.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise AccuracyError(
            f"predictions are Parquet files, and pyarrow does not import here ({error}): pip install pyarrow"
        ) from error
    return pyarrow, parquet
