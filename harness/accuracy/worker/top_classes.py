"""From logits to the top-5 predictions."""

from __future__ import annotations

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
