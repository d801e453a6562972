"""Counts subnormal float32 numbers: those below 1.2e-38, with which many processors compute many times slower."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.files.onnx_tensors import float32_bytes

if TYPE_CHECKING:
    import numpy.typing as npt

_CHUNK_NUMBERS = 1 << 16
"""Numbers that are looked at in one go, so that what is computed of them stays in the cache."""

_SMALLEST_NORMAL = np.uint32(0x01000000)
"""Bits of the smallest normal number, shifted by one so that the sign is lost."""


def subnormal_weights_percent(path: Path) -> float:
    """The share of subnormal numbers among the float32 weights of an ONNX file.

    Raises:
        OSError: the file, or one beside it, cannot be read.
    """
    try:
        return subnormal_percent(np.frombuffer(part[: len(part) // 4 * 4], "<f4") for part in float32_bytes(path))
    except (ValueError, IndexError):
        # The runtime reads more forms of a file than this.
        return 0.0


def subnormal_percent(arrays: Iterable[npt.NDArray[np.float32]]) -> float:
    """The share of subnormal numbers in all arrays together; 0 if they are empty."""
    found = total = 0
    for array in arrays:
        found += _count(array)
        total += array.size
    return 100.0 * found / total if total else 0.0


def _count(array: npt.NDArray[np.float32]) -> int:
    bits = array.reshape(-1).view(np.uint32)
    found = 0
    for begin in range(0, len(bits), _CHUNK_NUMBERS):
        shifted = bits[begin : begin + _CHUNK_NUMBERS] << 1
        # Zero becomes the largest number of all, so that one comparison tells subnormal numbers from zeros too.
        shifted -= 1
        found += int(np.count_nonzero(shifted < _SMALLEST_NORMAL - 1))
    return found
