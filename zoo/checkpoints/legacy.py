"""The length that a checkpoint of PyTorch's format before 1.6 must have, by its pickles and without unpickling them.

Such a file consists of five pickles (a magic number, the version, the system, the object, the keys of the storages),
and then each storage: the number of its elements as 8 bytes, and the elements. Nothing marks its end, so a file that
was truncated within the tensors looks whole until it is loaded.
Source: `_legacy_save` in torch/serialization.py; the opcodes are those of the standard library's pickletools.
"""

from __future__ import annotations

import io
import pickletools
from pathlib import Path
from typing import Any

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The first pickle: the number 0x1950a86a20f9469cfc6c."""

LARGEST_PICKLES_BYTES = 16 << 20
"""Size of all pickles of a file together, which contain names and shapes: those of a training have some hundred KB."""

_COUNT_BYTES = 8
_ELEMENT_BYTES = {
    "BoolStorage": 1,
    "ByteStorage": 1,
    "CharStorage": 1,
    "BFloat16Storage": 2,
    "HalfStorage": 2,
    "ShortStorage": 2,
    "FloatStorage": 4,
    "IntStorage": 4,
    "ComplexFloatStorage": 8,
    "DoubleStorage": 8,
    "LongStorage": 8,
    "ComplexDoubleStorage": 16,
}
_STRINGS = ("BINUNICODE", "SHORT_BINUNICODE", "UNICODE", "BINSTRING", "SHORT_BINSTRING", "GLOBAL")
_MEMORISE = ("BINPUT", "LONG_BINPUT")
_RECALL = ("BINGET", "LONG_BINGET")


class LargePicklesError(Exception):
    """A file whose pickles are larger than any release's: reading on would take hours and all memory."""


def is_cut(path: Path) -> bool:
    """Whether the file ends before its last storage does; also False if its pickles are not understood.

    Raises:
        LargePicklesError: the pickles have more than `LARGEST_PICKLES_BYTES`.
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb", buffering=0) as file:
        pickles = _Pickles(file)
        try:
            for _ in range(3):
                _skip(pickles)
            kinds = _storage_kinds(pickles)
            keys = _strings(pickles)
        except ValueError:
            # From pickletools: a pickle ends before its STOP, or is not a pickle.
            return True
        return _end_of_storages(pickles, [kinds.get(key, "") for key in keys], size) > size


class _Pickles(io.BufferedReader):
    """A file that limits how much pickletools reads."""

    def __init__(self, file: io.FileIO) -> None:
        super().__init__(file)
        self._left_bytes = LARGEST_PICKLES_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes."""
        return self._counted(super().read(self._allowed(size)))

    def readline(self, size: int | None = -1, /) -> bytes:
        """The bytes up to the next line end."""
        return self._counted(super().readline(self._allowed(size)))

    def _allowed(self, size: int | None) -> int:
        # One byte more than is left, to distinguish the end of the file from the limit.
        most_bytes = self._left_bytes + 1
        return most_bytes if size is None or size < 0 else min(size, most_bytes)

    def _counted(self, data: bytes) -> bytes:
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            raise LargePicklesError
        return data


def _skip(file: _Pickles) -> None:
    for _ in pickletools.genops(file):
        pass


def _storage_kinds(file: _Pickles) -> dict[str, str]:
    """The class of each storage by its key, from the persistent ids of the next pickle.

    A persistent id is the tuple ('storage', class, key, device, elements, view).
    """
    kinds: dict[str, str] = {}
    memory: dict[Any, str] = {}
    latest, since_mark = "", list[str]()
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in _MEMORISE:
            memory[argument] = latest
            continue
        latest = ""
        if opcode.name in _STRINGS:
            latest = str(argument)
        elif opcode.name in _RECALL:
            latest = memory.get(argument, "")
        elif opcode.name == "MARK":
            since_mark = []
        elif opcode.name == "BINPERSID" and since_mark[:1] == ["storage"] and len(since_mark) > 2:
            kinds[since_mark[2]] = since_mark[1].rpartition(" ")[2]
        if latest:
            since_mark.append(latest)
    return kinds


def _strings(file: _Pickles) -> list[str]:
    return [str(argument) for opcode, argument, _ in pickletools.genops(file) if opcode.name in _STRINGS]


def _end_of_storages(file: _Pickles, kinds: list[str], size: int) -> int:
    """Where the last storage ends, or the first beyond the file's size; 0 if the size of one is not known."""
    end = file.tell()
    for kind in kinds:
        if kind not in _ELEMENT_BYTES:
            return 0
        file.seek(end)
        count = file.read(_COUNT_BYTES)
        end += _COUNT_BYTES + int.from_bytes(count, "little") * _ELEMENT_BYTES[kind]
        if len(count) < _COUNT_BYTES or end > size:
            return max(end, size + 1)
    return end
