"""The shared libraries that a provider of ONNX Runtime needs, and which of them are missing.

ONNX Runtime reports a provider as available if the package contains the provider's own library, whether or not
that library loads. If CUDA's libraries are missing, 1.31 logs the name of the first, creates the session on the
processor and raises nothing; if TensorRT's are missing, it raises without naming one. The provider's library contains
the names, which are read from it here without loading it, because loading requires ONNX Runtime to be set up.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import io
import mmap
import re
import struct
from pathlib import Path

CUDNN = "libcudnn.so.9"
"""The CUDA provider of 1.31 opens this library itself; that of older versions lists it among its libraries."""

# 64-bit little-endian ELF files (elf.h): header, program header, entry of the dynamic section.
_MAGIC = b"\x7fELF\x02\x01"
_HEADER = struct.Struct("<32xQ14xHH")
_SEGMENT = struct.Struct("<I4xQQ8xQ")
_ENTRY = struct.Struct("<qQ")
_LOADED, _DYNAMIC = 1, 2
_NEEDED, _STRINGS = 1, 5

# The package that contains TensorRT's libraries, in NVIDIA's index.
_TENSORRT_PACKAGE = "tensorrt_libs"


def needed_libraries(library: Path) -> list[str]:
    """Names of the libraries that the system's loader loads with this one; none if it is not an ELF file."""
    if not library.is_file():
        return []
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _names(content) if content[: len(_MAGIC)] == _MAGIC else []


def _names(content: mmap.mmap) -> list[str]:
    first, size, count = _HEADER.unpack_from(content)
    segments = [_SEGMENT.unpack_from(content, first + size * index) for index in range(count)]
    loaded = [(address, offset, length) for kind, offset, address, length in segments if kind == _LOADED]
    entries = [
        entry
        for kind, offset, _, length in segments
        if kind == _DYNAMIC
        for entry in _ENTRY.iter_unpack(content[offset : offset + length])
    ]
    # The table of names is given by its address in memory; the segment that contains it gives its place in the file.
    (strings,) = (
        value - address + offset
        for tag, value in entries
        if tag == _STRINGS
        for address, offset, length in loaded
        if address <= value < address + length
    )
    starts = [strings + value for tag, value in entries if tag == _NEEDED]
    return [content[start : content.find(b"\0", start)].decode() for start in starts]


def provider_library(provider: str) -> Path:
    """The library of `cuda` or `tensorrt` in the installed package."""
    import onnxruntime

    return Path(onnxruntime.__file__).parent / "capi" / f"libonnxruntime_providers_{provider}.so"


def preload(names: list[str]) -> None:
    """Loads CUDA's, cuDNN's and TensorRT's libraries from Python packages, if they are installed as such.

    The system's loader does not search there, but uses a library that is already loaded.
    """
    import onnxruntime

    if hasattr(onnxruntime, "preload_dlls"):
        # It prints what it does not find; `missing` reports that.
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()
    package = importlib.util.find_spec(_TENSORRT_PACKAGE)
    for directory in package.submodule_search_locations or [] if package else []:
        for name in names:
            if Path(directory, name).is_file():
                with contextlib.suppress(OSError):
                    ctypes.CDLL(str(Path(directory, name)))


def missing(names: list[str]) -> list[str]:
    """Returns the libraries that do not load."""
    return [name for name in names if not _loads(name)]


def major_version(names: list[str], library: str) -> int | None:
    """Major version of a library among the names, as 13 for `libcudart` in `libcudart.so.13`; None if it is absent."""
    found = [match for name in names if (match := re.fullmatch(rf"{library}\.so\.(\d+)", name))]
    return int(found[0].group(1)) if found else None


def version_number(name: str, function: str) -> int | None:
    """Version that the library's function, which takes no arguments, returns; None if it does not load."""
    try:
        call = ctypes.CDLL(name)[function]
    except (OSError, AttributeError):
        return None
    call.restype = ctypes.c_size_t
    return int(call())


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
