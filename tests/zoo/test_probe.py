from __future__ import annotations

import hashlib
import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo import probe


def draw(name):
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))


@pytest.mark.parametrize(
    ("name", "shape", "framework", "expected"),
    [
        ("a.running_mean", (5,), "pytorch", lambda r: 0.1 * r.standard_normal(5)),
        ("a/moving_mean", (5,), "tensorflow", lambda r: 0.1 * r.standard_normal(5)),
        ("a.running_var", (5,), "pytorch", lambda r: r.uniform(0.5, 1.5, 5)),
        ("a.bias", (5,), "pytorch", lambda r: 0.5 * r.standard_normal(5)),
        ("a/beta", (5,), "tensorflow", lambda r: 0.5 * r.standard_normal(5)),
        ("bn.weight", (5,), "pytorch", lambda r: r.uniform(0.5, 1.25, 5)),
        ("c.weight", (4, 3, 2, 2), "pytorch", lambda r: r.standard_normal((4, 3, 2, 2)) * math.sqrt(1.5 / 12)),
        ("c/kernel", (2, 2, 3, 4), "tensorflow", lambda r: r.standard_normal((2, 2, 3, 4)) * math.sqrt(1.5 / 12)),
        (
            "c/depthwise_kernel",
            (3, 3, 8, 1),
            "tensorflow",
            lambda r: r.standard_normal((3, 3, 8, 1)) * math.sqrt(1.5 / 9),
        ),
    ],
)
def test_each_kind_of_tensor_follows_its_rule(name, shape, framework, expected):
    values = probe.tensor(name, shape, framework=framework)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, expected(draw(name)).astype(np.float32))


def test_a_tensor_that_is_drawn_in_pieces_is_as_if_drawn_at_once():
    shape = (700, 3, 10, 10)
    assert math.prod(shape) > 3 * probe._PIECE
    whole = np.random.Generator(np.random.PCG64(zlib.crc32(b"stem.weight"))).standard_normal(shape)
    expected = (whole * math.sqrt(1.5 / 300)).astype(np.float32)
    np.testing.assert_array_equal(probe.tensor("stem.weight", shape), expected)


def test_the_variance_scale_touches_running_variances_alone():
    np.testing.assert_array_equal(
        probe.tensor("a.running_var", (7,), variance_scale=2.0), 2 * probe.tensor("a.running_var", (7,))
    )
    np.testing.assert_array_equal(probe.tensor("a.weight", (7,), variance_scale=2.0), probe.tensor("a.weight", (7,)))


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("a/moving_mean", (5,), lambda r: 0.1 * r.standard_normal(5)),
        ("a/moving_variance", (5,), lambda r: r.uniform(0.5, 1.5, 5)),
        ("a/beta", (5,), lambda r: 0.1 * r.standard_normal(5)),
        ("a/gamma", (5,), lambda r: r.uniform(0.5, 1.5, 5).astype(np.float32) * np.float32(0.85)),
        ("c/kernel", (2, 2, 3, 4), lambda r: r.standard_normal((2, 2, 3, 4)) * math.sqrt(2 / 12)),
        ("c/depthwise_kernel", (3, 3, 8, 1), lambda r: r.standard_normal((3, 3, 8, 1)) * math.sqrt(2 / 9)),
    ],
)
def test_the_damped_probe_has_gains_of_its_own(name, shape, expected):
    values = probe.damped_tensor(name, shape, 0.85, framework="tensorflow")
    np.testing.assert_array_equal(values, expected(draw(name)).astype(np.float32))


def test_the_input_is_seeded_noise():
    images = probe.images(16)
    assert images.shape == (2, 3, 16, 16)
    assert images.dtype == np.float32
    expected = np.random.Generator(np.random.PCG64(0)).standard_normal((2, 3, 16, 16))
    np.testing.assert_array_equal(images, expected.astype(np.float32))


def test_the_signature_is_the_digest_of_the_sorted_lines():
    tensors = [("b", (2, 3), "torch.float32"), ("a", (), "torch.int64")]
    expected = hashlib.sha256(b"a [] torch.int64\nb [2, 3] torch.float32").hexdigest()
    assert probe.signature_sha256(tensors) == probe.signature_sha256(tensors[::-1]) == expected


def test_the_weights_digest_follows_names_shapes_and_values():
    base = {"a": np.ones((2, 3), np.float32), "b": np.zeros((), np.int64)}
    digests = {
        probe.weights_sha256(weights)
        for weights in (
            base,
            {**base, "a": np.ones((3, 2), np.float32)},
            {**base, "a": np.full((2, 3), 2, np.float32)},
            {"c": base["a"], "b": base["b"]},
        )
    }
    assert len(digests) == 4
    assert probe.weights_sha256(dict(reversed(base.items()))) in digests


@given(st.floats(0.1, 10), st.floats(-0.5, 0.5))
def test_relative_l2_of_a_scaled_vector_is_the_scale(size, error):
    reference = np.array([3.0, -4.0]) * size
    assert probe.relative_l2(reference * (1 + error), reference) == pytest.approx(abs(error), abs=1e-12)


def test_relative_l2_of_zeros_that_are_zeros_is_zero():
    """A classifier whose last layer starts at zero is computed exactly."""
    assert probe.relative_l2(np.zeros(2), np.zeros(2)) == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_relative_l2_of_what_is_not_finite_is_infinite(bad):
    assert probe.relative_l2(np.array([bad, 1.0]), np.ones(2)) == math.inf
    assert probe.relative_l2(np.ones(2), np.zeros(2)) == math.inf
