"""What every measuring process does the same way: inputs, checks and failures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from foundation.digests import file_sha256
from foundation.endings import says_out_of_memory
from foundation.vocabulary import Status
from harness.backends.session import Session
from harness.errors import ArtifactError, HarnessError, UnsupportedError
from harness.files.artifact_digest import artifact_sha256
from harness.processes.trial import TrialResult


def seeded_images(session: Session, seed: int) -> npt.NDArray[np.float32]:
    """Standard normal images in the shape of the session's input."""
    return np.random.default_rng(seed).standard_normal(session.input.fixed_shape, dtype=np.float32)


def check_finite(outputs: dict[str, npt.NDArray[Any]]) -> None:
    """Raise ArtifactError where an output is not a finite number."""
    for name, values in outputs.items():
        if not np.issubdtype(values.dtype, np.floating):
            continue
        for word, bad in (("NaN", np.isnan(values)), ("infinite", np.isinf(values))):
            if bad.any():
                raise ArtifactError(
                    f"Output {name!r} is {word} in {int(bad.sum())} of {values.size} values. "
                    "What it computes means nothing: verify the conversion and the weights."
                )


def check_artifact(path: Path, sha256: str) -> None:
    """Refuses an artifact that is not the planned one.

    Args:
        path: of the artifact.
        sha256: digest that it had when it was planned, of `artifact_sha256`.

    Raises:
        ArtifactError: it has another one, or cannot be read.
    """
    try:
        # A file whose own digest is the artifact's has its weights inside: no need to go through the graph for others.
        if file_sha256(path) == sha256:
            return
        found = artifact_sha256(path)
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}. Convert the model again.") from error
    if found != sha256:
        raise ArtifactError(
            f"{path} has SHA-256 {found[:16]}, not {sha256[:16]} as planned: it changed since, or is truncated. "
            "Convert the model again."
        )


def sha256_arrays(arrays: Iterable[npt.NDArray[Any]]) -> str:
    """Hexadecimal digest of the arrays' bytes in order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def failure(error: BaseException) -> TrialResult:
    """The result that an exception becomes."""
    text = str(error).strip() or type(error).__name__
    status: Status = "failed"
    if isinstance(error, UnsupportedError):
        status = "unsupported"
    elif isinstance(error, MemoryError) or says_out_of_memory(text):
        status = "out_of_memory"
        text = f"Not enough memory ({text}). Use a smaller batch, or free memory."
    elif not isinstance(error, HarnessError):
        text = f"{type(error).__name__}: {text}"
    return TrialResult(status=status, reason=text)
