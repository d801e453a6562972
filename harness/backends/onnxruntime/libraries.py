"""The shared libraries that a provider of ONNX Runtime needs, and which of them are missing.

ONNX Runtime calls a provider available when the provider's own library is part of the package, whether or not
that library loads. Where CUDA's libraries are missing, 1.31 logs the first one's name, makes the session on the
processor and raises nothing; where TensorRT's are missing, it raises without naming one. The names stand in the
provider's library and are read from there. That library itself is not loaded here: it must find ONNX Runtime
set up.
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
"""What the CUDA provider of 1.31 opens by itself; that of older versions names it among its libraries."""

# ELF files of 64 bits, little-endian (elf.h): header, program header, entry of the dynamic section.
_MAGIC = b"\x7fELF\x02\x01"
_HEADER = struct.Struct("<32xQ14xHH")
_SEGMENT = struct.Struct("<I4xQQ8xQ")
_ENTRY = struct.Struct("<qQ")
_LOADED, _DYNAMIC = 1, 2
_NEEDED, _STRINGS = 1, 5

# Where the packages of NVIDIA's index put TensorRT's libraries.
_TENSORRT_PACKAGE = "tensorrt_libs"


def needed_libraries(library: Path) -> list[str]:
    """Names of the libraries that the loader of the system loads with this one; none if it is no ELF file."""
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
    # The names' table is given by its address in memory; the segment that holds it tells its place in the file.
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
    """Load CUDA's, cuDNN's and TensorRT's libraries from Python packages, where they are installed as such.

    The system's loader does not look there, but takes a library that is loaded already.
    """
    import onnxruntime

    if hasattr(onnxruntime, "preload_dlls"):
        # It prints what it does not find; `missing` says it.
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()
    package = importlib.util.find_spec(_TENSORRT_PACKAGE)
    for directory in package.submodule_search_locations or [] if package else []:
        for name in names:
            if Path(directory, name).is_file():
                with contextlib.suppress(OSError):
                    ctypes.CDLL(str(Path(directory, name)))


def missing(names: list[str]) -> list[str]:
    """Those of the libraries that do not load."""
    return [name for name in names if not _loads(name)]


def major_version(names: list[str], library: str) -> int | None:
    """Of one of the names, as 13 in `libcudart.so.13` for `libcudart`; None where it is not among them."""
    found = [match for name in names if (match := re.fullmatch(rf"{library}\.so\.(\d+)", name))]
    return int(found[0].group(1)) if found else None


def version_number(name: str, function: str) -> int | None:
    """What the library's function, which takes nothing, says of its version; None where it does not load."""
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
