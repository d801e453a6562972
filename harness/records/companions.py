"""The files that a series is measured with besides its artifact, known by their content."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from foundation.digests import file_sha256
from foundation.wording import cause
from harness.errors import ArtifactError
from harness.processes.inputs import Feed
from harness.records.series import Series


def with_companions(series: Series, inputs: str, custom_operators: str) -> Series:
    """The series with what its inputs hold and the library that it uses, and the digests of both files.

    Args:
        series: the series.
        inputs: see `Series.inputs`.
        custom_operators: see `Series.custom_operators`.

    Raises:
        ArtifactError: a file cannot be read.
    """
    file = Feed.of(inputs).file
    library = Path(custom_operators) if custom_operators else None
    return dataclasses.replace(
        series,
        inputs=inputs,
        inputs_sha256=_digest("--input", file),
        custom_operators=custom_operators,
        custom_operators_sha256=_digest("--custom-operators", library),
    )


def _digest(option: str, file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file_sha256(file)
    except OSError as error:
        raise ArtifactError(f"{option} {file}: {cause(error)}") from error
