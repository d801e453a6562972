from __future__ import annotations

import numpy as np
import pytest

from harness.errors import ArtifactError
from harness.processes.tensors import check_finite

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize("values", [[0.0, 1.0], [-INFINITE, -0.1], [-INFINITE, 3.0, -INFINITE]])
def test_numbers_and_logarithms_of_zero_are_accepted(values: list[float]) -> None:
    check_finite({"y": np.array(values, np.float32), "boxes": np.array([1])})


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ([NAN, 1.0], "NaN in 1 of 2"),
        ([INFINITE, 1.0], "infinite in 1 of 2"),
        ([-INFINITE, INFINITE, 1.0], "infinite in 1 of 3"),
        ([-INFINITE, -INFINITE], "infinite in 2 of 2"),
        ([-INFINITE, NAN], "NaN in 1 of 2"),
    ],
)
def test_other_outputs_are_refused(values: list[float], word: str) -> None:
    with pytest.raises(ArtifactError, match=f"Output 'y' is {word} values. What it computes means nothing"):
        check_finite({"y": np.array(values, np.float16)})


def test_the_noise_is_named_and_how_to_change_it() -> None:
    with pytest.raises(ArtifactError) as raised:
        check_finite({"y": np.array([NAN])}, "standard normal noise")
    assert "NaN in 1 of 1 values for inputs of standard normal noise." in str(raised.value)
    assert "--input-range 0:255, --input FILE.npy or --preprocessing" in str(raised.value)
