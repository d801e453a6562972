from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.accuracy.worker.top_classes import NONE, top_classes


def test_equal_logits_go_by_the_lower_index():
    logits = np.array([[1, 3, 3, 0, 3, 1, 1]], np.float32)
    assert top_classes(logits).tolist() == [[1, 2, 4, 0, 5]]


@given(
    arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(5, 30)),
        elements=st.integers(-3, 3).map(float),
    )
)
def test_as_a_stable_sort_has_it(logits):
    expected = np.argsort(-logits, axis=1, kind="stable")[:, :5]
    before = logits.copy()
    assert (top_classes(logits) == expected).all()
    assert (logits == before).all()


def test_fewer_classes_than_guesses():
    assert top_classes(np.array([[0.5, 2.0, 1.0]])).tolist() == [[1, 2, 0, NONE, NONE]]


def test_half_precision():
    assert top_classes(np.array([[1, 65504, 3, -65504, 0, 2]], np.float16)).tolist() == [[1, 2, 5, 0, 4]]
