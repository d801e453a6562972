"""Inputs of a measured network, and checks of its outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.backends.session import Session
from harness.errors import ArtifactError

if TYPE_CHECKING:
    import numpy.typing as npt


def seeded_images(session: Session, seed: int) -> npt.NDArray[np.float32]:
    """Standard normal images in the shape of the session's input."""
    return np.random.default_rng(seed).standard_normal(session.input.fixed_shape, dtype=np.float32)


def check_finite(outputs: dict[str, npt.NDArray[Any]]) -> None:
    """Refuses outputs that are not finite numbers.

    Raises:
        ArtifactError: an output is not finite; the message names the first.
    """
    for name, values in outputs.items():
        if not np.issubdtype(values.dtype, np.floating):
            continue
        for word, bad in (("NaN", np.isnan(values)), ("infinite", np.isinf(values))):
            if bad.any():
                raise ArtifactError(
                    f"Output {name!r} is {word} in {int(bad.sum())} of {values.size} values. "
                    "What it computes means nothing: verify the conversion and the weights."
                )


def sha256_arrays(arrays: Iterable[npt.NDArray[Any]]) -> str:
    """Hexadecimal digest of the arrays' bytes, in order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
