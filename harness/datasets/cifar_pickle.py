"""Reads a batch of CIFAR-10's Python version without unpickling anything.

The batches are pickles of Python 2 (protocol 2): a dictionary with a list of labels and one numpy array. A pickle can
name any function to be called; this reader knows only the three names that a batch has, and substitutes plain records
for numpy's objects. Any other name is refused before it is looked up.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _DtypeRecord:
    """Stands for `numpy.dtype`."""

    def __init__(self, code: object, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        """Ignores byte order and alignment, which bytes do not have."""


class _ArrayRecord:
    """Stands for an array: `numpy.core.multiarray._reconstruct` makes one, and its state follows."""

    shape: object = None
    dtype: object = None
    fortran: object = None
    data: object = None

    def __init__(self, *_: object) -> None:
        """Creates a record without content."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, self.dtype, self.fortran, self.data = state

    def rows(self) -> NDArray[np.uint8]:
        """Returns the array, (images, bytes per image), read-only.

        Raises:
            ValueError: it is not a two-dimensional array of bytes.
        """
        if not isinstance(self.dtype, _DtypeRecord) or self.dtype.code not in (b"u1", "u1") or self.fortran:
            raise ValueError("its pixels are not an array of bytes")
        shape = self.shape
        if not isinstance(shape, tuple) or len(shape) != 2 or not all(type(length) is int for length in shape):
            raise ValueError("its pixels are not rows")
        if not isinstance(self.data, bytes):
            raise ValueError("its pixels are not stored as bytes")
        return np.frombuffer(self.data, np.uint8).reshape(shape)


_STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): _ArrayRecord,
    ("numpy", "ndarray"): _ArrayRecord,
    ("numpy", "dtype"): _DtypeRecord,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        """Returns the stand-in for a name.

        Raises:
            UnpicklingError: no batch contains that name.
        """
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it is a pickle that names {module}.{name}, which no batch of CIFAR-10 does")
        return _STAND_INS[module, name]


def read_batch(data: bytes) -> tuple[NDArray[np.uint8], list[int]]:
    """Reads the pixels (images, bytes per image) and labels of a batch.

    Raises:
        ValueError: the data is not such a batch, or names something that a batch does not.
    """
    try:
        # Python 2's strings are bytes.
        batch = _Reader(io.BytesIO(data), encoding="bytes").load()
    # By its documentation, pickle may raise anything on a damaged file.
    except Exception as error:
        raise ValueError(str(error) or repr(error)) from error
    if not isinstance(batch, dict):
        raise ValueError("it is not a dictionary")
    pixels, labels = batch.get(b"data"), batch.get(b"labels")
    if not isinstance(pixels, _ArrayRecord):
        raise ValueError("it has no pixels")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise ValueError("it has no list of labels")
    return pixels.rows(), labels
