"""The digest of whatever a state dict holds: tensors of any type and layout, and a module's extra state.

For dense tensors of numpy's types it is that of `zoo.probe.weights_sha256`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
import torch

_DEEPEST = 20


def state_sha256(state: Mapping[str, Any]) -> str:
    """Digest of a state dict's names and values, in any order of names.

    Args:
        state: values by name. An object whose content is not known enters by its type alone.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        for piece in _pieces(name, state[name], 0):
            digest.update(piece)
    return digest.hexdigest()


def _pieces(name: str, value: Any, depth: int) -> Iterable[bytes]:
    """What enters the digest for one value; each part of a container has a name of its own."""
    if isinstance(value, torch.Tensor):
        yield from _tensor_pieces(name, value)
    elif isinstance(value, np.ndarray):
        yield f"{name} {list(value.shape)} {value.dtype}\n".encode()
        yield np.ascontiguousarray(value).tobytes() if value.dtype != object else repr(value.tolist()).encode()
    elif isinstance(value, bytes | bytearray):
        yield f"{name} bytes {len(value)}\n".encode() + bytes(value)
    elif value is None or isinstance(value, str | int | float | complex):
        yield f"{name} {type(value).__name__} {value!r}\n".encode()
    else:
        yield f"{name} {type(value).__qualname__}\n".encode()
        # A container may contain itself.
        for key, part in _parts(value) if depth < _DEEPEST else ():
            yield from _pieces(f"{name}[{key}]", part, depth + 1)


def _parts(value: Any) -> Iterable[tuple[str, Any]]:
    """The parts of a container or of a plain object, in an order that its content determines."""
    if isinstance(value, Mapping):
        return sorted(((repr(key), part) for key, part in value.items()), key=lambda item: item[0])
    if isinstance(value, Set):
        return [(text, None) for text in sorted(map(repr, value))]
    if isinstance(value, Sequence):
        return [(str(position), part) for position, part in enumerate(value)]
    if dataclasses.is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return sorted(vars(value).items()) if hasattr(value, "__dict__") else ()


def _tensor_pieces(name: str, tensor: torch.Tensor) -> Iterable[bytes]:
    kind = str(tensor.dtype)
    try:
        dense = _dense(tensor)
        # numpy has no type for bfloat16 and the 8-bit floats: their bytes are read as integers.
        numbers = dense.view(torch.uint8) if dense.dim() else dense.reshape(1).view(torch.uint8)
        content = numbers.numpy(force=True).tobytes()
    except (RuntimeError, TypeError, NotImplementedError):
        # A tensor without numbers in memory, or of a layout that has no dense form.
        content = b""
    # A number counts as a row of one, as in `zoo.probe`.
    yield f"{name} {list(tensor.shape) or [1]} {kind.removeprefix('torch.')}\n".encode()
    yield content


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor's numbers, dense and contiguous, on the processor."""
    values = tensor.detach()
    if values.is_quantized:
        values = values.dequantize()
    if values.layout is not torch.strided:
        values = values.to_dense()
    return values.cpu().resolve_conj().resolve_neg().contiguous()
