"""What a zip archive holds that was given as ONNX, by the names in it; nothing is unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from foundation.wording import listed

_CONVERT = "convert the network with --model"


def zip_kind(path: Path) -> str:
    """What the archive is, and what to do, as the end of a sentence.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return "a zip archive that is cut off or damaged; copy it again"
    return _kind(names)


def _kind(names: Sequence[str]) -> str:
    last = {name.rpartition("/")[2] for name in names}
    networks = [name for name in names if name.endswith(".onnx")]
    if networks:
        return f"a zip archive of {listed(networks)}; unpack it and give that file"
    if "constants.pkl" in last:
        return f"a TorchScript archive; {_CONVERT}: a function that returns torch.jit.load(FILE)"
    if "data.pkl" in last:
        return f"a PyTorch checkpoint; {_CONVERT}: a function that builds it and loads this file"
    if "archive_format" in last:
        return f"a program of torch.export; {_CONVERT}: a function that returns torch.export.load(FILE).module()"
    if "model.weights.h5" in last:
        return "a Keras model; convert it to ONNX"
    if any(name.endswith(".mlmodel") for name in last):
        return "a Core ML package; give the ONNX file that it was made from, or convert the original network"
    if last and all(name.endswith(".npy") for name in last):
        return "arrays of numpy; they are what an input holds: --input FILE.npz"
    return f"a zip archive of {listed(names, 3) or 'nothing'}; unpack it and give the ONNX file in it"
