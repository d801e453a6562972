"""The part of the wire format of protocol buffers that is needed to read and replace a few fields of a large file.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path

# Wire types: a variable-length integer, eight bytes, a counted run of bytes, four bytes.
_VARINT, _EIGHT_BYTES, _COUNTED, _FOUR_BYTES = 0, 1, 2, 5


def mapped(path: Path) -> memoryview:
    """The bytes of a file, read only where they are accessed.

    Raises:
        ValueError: the file is empty.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        # Not closed: an error may still hold parts of it, and closing would raise another. It is freed with them.
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def fields_of(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Numbers and values of the fields of one message.

    Raises:
        ValueError: the data is cut off, or is not a message.
        IndexError: the data is cut off within a number.
    """
    for number, value, _ in encoded_fields(data):
        yield number, value


def encoded_fields(data: memoryview) -> Iterator[tuple[int, int | memoryview, memoryview]]:
    """Numbers, values and whole encodings of the fields of one message; see `fields_of`."""
    position = 0
    while position < len(data):
        begin = position
        key, position = _varint(data, position)
        kind = key & 7
        if kind == _VARINT:
            value, position = _varint(data, position)
            yield key >> 3, value, data[begin:position]
            continue
        if kind == _COUNTED:
            size, position = _varint(data, position)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"wire type {kind}")
        if position + size > len(data):
            raise ValueError("cut off")
        yield key >> 3, data[position : position + size], data[begin : position + size]
        position += size


def integer_field(number: int, value: int) -> bytes:
    """The encoding of a field with an integer of 0 or more."""
    return _encoded(number << 3 | _VARINT) + _encoded(value)


def counted_field(number: int, parts: Sequence[bytes | memoryview]) -> list[bytes | memoryview]:
    """The encoding of a field with a text or message, in parts that belong one behind another."""
    return [_encoded(number << 3 | _COUNTED) + _encoded(sum(map(len, parts))), *parts]


def _encoded(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("an integer of more than 64 bits")
