"""The probe: seeded weights and input that need no checkpoint.

Every tensor's values follow from its name alone, so two implementations of one architecture that
name their parameters alike compute the same logits, up to rounding. The gains keep float32 rounding
near 1e-6 of the logits in networks hundreds of layers deep.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

_MEAN_SUFFIXES = ("running_mean", "moving_mean")
_VARIANCE_SUFFIXES = ("running_var", "moving_variance")
_BIAS_SUFFIXES = ("bias", "beta")

_PIECE = 1 << 16
"""Values that are drawn at a time."""

HEAD_LENGTH = 8
"""Number of logits per image that a reference keeps verbatim."""
FRAMEWORK_TOLERANCE = 2e-5
"""Relative error allowed between two implementations in one framework."""
RUNTIME_TOLERANCE = 1e-4
"""Relative error allowed between a network and its converted graph in another runtime."""


def _generator(name: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))


def _fan_in(name: str, shape: Sequence[int], framework: str) -> int:
    if framework == "pytorch":
        return math.prod(shape[1:])
    if "depthwise" in name:
        return shape[0] * shape[1]
    return math.prod(shape[:-1])


def tensor(
    name: str, shape: Sequence[int], *, framework: str = "pytorch", variance_scale: float = 1.0
) -> NDArray[np.float32]:
    """Probe values of one float tensor.

    Args:
        name: the release's full name of the tensor (TensorFlow: without the trailing `:0`).
        shape: its shape; kernels are (out, in, ...) in PyTorch and (..., in, out) in TensorFlow.
        framework: `pytorch` or `tensorflow`, which decides the fan-in of a kernel.
        variance_scale: factor on running variances (`ModelCard.probe_variance_scale`).

    Returns:
        float32 array of `shape`, drawn in float64.
    """
    scales = {"variance": np.float32(variance_scale)}
    return _drawn(name, tuple(shape), framework, bias_gain=0.5, largest_norm=1.25, kernel_gain=1.5, scales=scales)


def damped_tensor(
    name: str, shape: Sequence[int], gamma_factor: float, *, framework: str = "pytorch"
) -> NDArray[np.float32]:
    """Values of one float tensor of the damped probe, for networks that the plain one makes chaotic.

    Biases are smaller, and norm scales are multiplied by a factor chosen for the network: float32 rounding stays
    small at any depth, and a mistake in the first layers reaches the logits.

    Args:
        name: see `tensor`.
        shape: see `tensor`.
        gamma_factor: factor on the norm scales, below 1.
        framework: see `tensor`.

    Returns:
        float32 array of `shape`, drawn in float64.
    """
    scales = {"norm": np.float32(gamma_factor)}
    return _drawn(name, tuple(shape), framework, bias_gain=0.1, largest_norm=1.5, kernel_gain=2.0, scales=scales)


def _drawn(
    name: str,
    shape: tuple[int, ...],
    framework: str,
    *,
    bias_gain: float,
    largest_norm: float,
    kernel_gain: float,
    scales: Mapping[str, np.float32],
) -> NDArray[np.float32]:
    """Values for the kind of tensor that the name's ending denotes; `scales` are applied after rounding to float32."""
    rng = _generator(name)
    kind = ""
    if name.endswith(_MEAN_SUFFIXES):
        values = 0.1 * rng.standard_normal(shape)
    elif name.endswith(_VARIANCE_SUFFIXES):
        kind, values = "variance", rng.uniform(0.5, 1.5, shape)
    elif name.endswith(_BIAS_SUFFIXES):
        values = bias_gain * rng.standard_normal(shape)
    elif len(shape) == 1:
        kind, values = "norm", rng.uniform(0.5, largest_norm, shape)
    else:
        return _scaled_normal(rng, shape, math.sqrt(kernel_gain / _fan_in(name, shape, framework)))
    rounded = np.asarray(values, dtype=np.float32)
    return rounded * scales[kind] if kind in scales else rounded


def _scaled_normal(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> NDArray[np.float32]:
    """Normal values in float64 times `scale`, rounded; drawn in pieces that stay in the processor's cache."""
    rounded = np.empty(math.prod(shape), np.float32)
    for start in range(0, rounded.size, _PIECE):
        values = rng.standard_normal(min(_PIECE, rounded.size - start))
        rounded[start : start + _PIECE] = np.multiply(values, scale, out=values)
    return rounded.reshape(shape)


def images(resolution: int, count: int = 2) -> NDArray[np.float32]:
    """The probe's input: float32 (count, 3, resolution, resolution), standard normal, seed 0."""
    rng = np.random.Generator(np.random.PCG64(0))
    return rng.standard_normal((count, 3, resolution, resolution)).astype(np.float32)


def signature_sha256(tensors: Iterable[tuple[str, Sequence[int], str]]) -> str:
    """Digest of a state dict's names, shapes and types, in any order.

    Args:
        tensors: (name, shape, dtype) of each tensor, dtype as the framework spells it
            (`torch.float32`; `float32` in TensorFlow).
    """
    lines = sorted(f"{name} {list(shape)} {dtype}" for name, shape, dtype in tensors)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def weights_sha256(tensors: Mapping[str, NDArray[np.generic]]) -> str:
    """Digest of a model's weights: names, shapes, types and bytes, in any order."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name} {list(array.shape)} {array.dtype}\n".encode())
        digest.update(array.data if array.size else b"")
    return digest.hexdigest()


def relative_l2(values: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """L2 norm of the difference over the L2 norm of the reference; inf if any value is not finite."""
    actual = np.asarray(values, dtype=np.float64).ravel()
    expected = np.asarray(reference, dtype=np.float64).ravel()
    if not (np.isfinite(actual).all() and np.isfinite(expected).all()):
        return math.inf
    scale = float(np.linalg.norm(expected))
    error = float(np.linalg.norm(actual - expected))
    return error / scale if scale else math.inf if error else 0.0
