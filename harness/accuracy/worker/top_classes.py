"""From logits to the top-5 predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

GUESSES = 5

NONE = -1
"""In place of a class: the image gives no input, or the network has fewer classes than there are guesses."""


def top_classes(logits: NDArray[np.floating]) -> NDArray[np.int32]:
    """The classes of the largest logits, largest first; of equal ones the lower index first, as in numpy's argmax.

    Args:
        logits: (N, classes), finite.

    Returns:
        int32 (N, 5), `NONE` beyond the last class.
    """
    left = np.array(logits)
    found = np.full((len(left), GUESSES), NONE, np.int32)
    rows = np.arange(len(left))
    for guess in range(min(GUESSES, left.shape[1])):
        best = left.argmax(axis=1)
        found[:, guess] = best
        left[rows, best] = -np.inf
    return found


def labels_of(top: NDArray[np.int32], output_labels: Sequence[int]) -> NDArray[np.int32]:
    """The labels that predicted outputs stand for, (N, 5); the outputs themselves if `output_labels` is empty."""
    if not output_labels:
        return top
    # Indexed by NONE, the last entry is NONE.
    return np.array([*output_labels, NONE], np.int32)[top]
