"""Checks and digests of a measured network's outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import ArtifactError

if TYPE_CHECKING:
    import numpy.typing as npt


def check_finite(outputs: dict[str, npt.NDArray[Any]], inputs: str = "") -> None:
    """Refuses outputs that are not finite numbers; negative infinity beside finite ones is a logarithm of 0.

    Args:
        outputs: the arrays by name.
        inputs: what the inputs held, if they were not images of a data set.

    Raises:
        ArtifactError: an output is not finite; the message names the first.
    """
    for name, values in outputs.items():
        if not np.issubdtype(values.dtype, np.floating):
            continue
        infinite = np.isposinf(values) if np.isfinite(values).any() else np.isinf(values)
        for word, bad in (("NaN", np.isnan(values)), ("infinite", infinite)):
            if bad.any():
                raise ArtifactError(
                    f"Output {name!r} is {word} in {int(bad.sum())} of {values.size} values"
                    + (f" for inputs of {inputs}. {_OF_INPUTS}" if inputs else f". {_OF_NETWORKS}")
                )


_OF_NETWORKS = "What it computes means nothing: verify the conversion and the weights."
_OF_INPUTS = (
    "If the network takes other values, such as pixels, state them with --input-range 0:255, --input FILE.npy or "
    "--preprocessing; otherwise what it computes means nothing: verify the conversion and the weights."
)


def sha256_arrays(arrays: Iterable[npt.NDArray[Any]]) -> str:
    """Hexadecimal digest of the arrays' bytes, in order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
