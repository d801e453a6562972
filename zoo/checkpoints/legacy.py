"""How long a checkpoint of PyTorch's format before 1.6 must be, told from its pickles without unpickling them.

Such a file is five pickles (a magic number, the version, the system, the object, the keys of the storages), and
then each storage: the number of its elements as 8 bytes, and the elements. Nothing marks its end, so a file that
was cut within the tensors looks whole until it is loaded.
Source: `_legacy_save` in torch/serialization.py; the opcodes are those of the standard library's pickletools.
"""

from __future__ import annotations

import os
import pickletools
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""The first pickle: the number 0x1950a86a20f9469cfc6c."""

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


def is_cut(path: Path) -> bool:
    """Whether the file ends before its last storage does; False too where its pickles are not understood.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            for _ in range(3):
                _skip(file)
            kinds = _storage_kinds(file)
            keys = _strings(file)
        except ValueError:
            # pickletools: a pickle ends before its STOP, or is none.
            return True
        return _end_of_storages(file, [kinds.get(key, "") for key in keys]) > size


def _skip(file: BinaryIO) -> None:
    for _ in pickletools.genops(file):
        pass


def _storage_kinds(file: BinaryIO) -> dict[str, str]:
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


def _strings(file: BinaryIO) -> list[str]:
    return [str(argument) for opcode, argument, _ in pickletools.genops(file) if opcode.name in _STRINGS]


def _end_of_storages(file: BinaryIO, kinds: list[str]) -> int:
    """Where the last storage ends; 0 where the size of one is not known."""
    for kind in kinds:
        if kind not in _ELEMENT_BYTES:
            return 0
        count = file.read(_COUNT_BYTES)
        if len(count) < _COUNT_BYTES:
            return file.seek(0, os.SEEK_END) + 1
        file.seek(int.from_bytes(count, "little") * _ELEMENT_BYTES[kind], os.SEEK_CUR)
    return file.tell()
