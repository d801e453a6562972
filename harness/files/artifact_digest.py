"""What identifies an artifact: its file, and the files beside it that hold weights ("external data").

PyTorch's exporter writes the weights of a user network beside the graph, whose file is then the same before and after
training.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from foundation.digests import file_sha256
from harness.files.onnx_tensors import file_at, tensors_in
from harness.files.protobuf import mapped


def artifact_sha256(path: Path) -> str:
    """SHA-256 of the file or, if it has weights in other files, of the list of the digests of all.

    A file that is missing or named outside the artifact's folder counts by its name: no runtime loads it.

    Raises:
        OSError: the file or one beside it cannot be read.
    """
    own = file_sha256(path)
    locations = external_locations(path)
    if not locations:
        return own
    lines = [own, *(f"{location} {file_sha256(file) if file else 'missing'}" for location, file in locations.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def artifact_size_bytes(path: Path) -> int:
    """Size of the file and of those beside it that hold its weights."""
    others = (file for file in external_locations(path).values() if file)
    return path.stat().st_size + sum(file.stat().st_size for file in others)


def external_locations(path: Path) -> dict[str, Path | None]:
    """The locations of external data that the file names, sorted, each with the file there.

    They are looked for beside the path as it is given, as runtimes do: in the cache of the Hugging Face Hub that is a
    link, and the weights are a link beside it, to files elsewhere. None stands for a file that is missing or named
    outside the artifact's folder. Empty if the file cannot be read as ONNX, which the runtime reports better.
    """
    try:
        found = {tensor.location for tensor in tensors_in(mapped(path)) if tensor.location}
    except (ValueError, IndexError):
        return {}
    return {location: file_at(path, location) for location in sorted(found)}
