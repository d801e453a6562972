"""Many series at once: how to control the error rate of all of them together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """P-values adjusted so that any false alarm among all is as rare as stated (family-wise error rate).

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.

    Args:
        p_values: shape (series,).

    Returns:
        Adjusted p-values in the same order, at most 1; reject those at or below the error rate.
    """
    p, order = _sorted(p_values)
    adjusted = np.maximum.accumulate(p * np.arange(len(p), 0, -1))
    return _restored(adjusted, order)


def benjamini_hochberg(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """P-values adjusted so that the share of false alarms among the alarms is as stated (false discovery rate).

    Benjamini and Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society B 57,
    1995. Arguments and result as for `holm`.
    """
    p, order = _sorted(p_values)
    raised = p * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.minimum.accumulate(raised[::-1])[::-1]
    return _restored(adjusted, order)


def _sorted(p_values: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p-values lie between 0 and 1; got {p!r}")
    order = np.argsort(p, kind="stable")
    return p[order], order


def _restored(adjusted: npt.NDArray[np.float64], order: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    result = np.empty_like(adjusted)
    result[order] = np.minimum(adjusted, 1.0)
    return result
