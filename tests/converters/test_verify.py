from __future__ import annotations

import numpy as np
import pytest

from converters.errors import VerificationError
from converters.verify import compare

LOGITS = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], np.float32)


def test_equal_logits_agree():
    result = compare("probe", LOGITS, LOGITS.copy(), 1e-4)
    assert (result.relative_l2, result.max_abs, result.top1_agreement, result.count) == (0.0, 0.0, 1.0, 2)


@pytest.mark.parametrize(
    ("expected", "actual", "message"),
    [
        (LOGITS * np.nan, LOGITS, "the network itself yields NaN"),
        (LOGITS, LOGITS * np.nan, "the converted graph yields NaN"),
        (LOGITS, LOGITS[:1], "shape"),
        (LOGITS, LOGITS * 1.001, "relative L2 1.00e-03"),
        (LOGITS, LOGITS[:, ::-1], "top-1 agreement 0%"),
    ],
)
def test_what_disagrees_is_an_error(expected, actual, message):
    with pytest.raises(VerificationError, match=message):
        compare("probe", expected, actual, 1e-4)


def test_a_near_tie_may_fall_either_way():
    expected = np.array([[1.0 + 1e-6, -1.0, 1.0]], np.float32)
    result = compare("probe", expected, expected[:, ::-1].copy(), 1e-4)
    assert result.top1_agreement == 0.0


def test_a_small_error_that_changes_the_class_is_no_tie():
    """Many large logits hide an error between two that matter from the relative L2."""
    expected = np.full((1, 10_000), -1000.0, np.float32)
    expected[0, :2] = 0.0, 30.0
    actual = expected.copy()
    actual[0, 0] = 31.0
    with pytest.raises(VerificationError, match="top-1"):
        compare("probe", expected, actual, 1e-3)
