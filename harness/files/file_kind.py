"""What a file is that was given as ONNX and is something else, by its first bytes."""

from __future__ import annotations

from pathlib import Path

_HEAD_BYTES = 512

_FETCH = "fetch the file itself, not the page about it"

# The first bytes of a file, what it then is, and what to do.
_BEGINNINGS = (
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the file itself", "run: git lfs pull"),
    (b"PK\x03\x04", "a zip archive, such as a PyTorch checkpoint", "unpack it, or convert the network with --model"),
    (b"\x1f\x8b", "compressed with gzip", "decompress it"),
    (b"\xfd7zXZ", "compressed with xz", "decompress it"),
    (b"BZh", "compressed with bzip2", "decompress it"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard", "decompress it"),
    (b"\x80\x02", "a Python pickle, such as a PyTorch checkpoint", "convert the network with --model"),
    (b"\x89HDF", "an HDF5 file, such as a Keras model", "convert it to ONNX"),
    (b"ftrt", "a TensorRT engine", "give the ONNX file that it was built from"),
    (b"ptrt", "a TensorRT engine", "give the ONNX file that it was built from"),
)
# The same for later bytes, by their position.
_LATER = (
    (4, b"ORTM", "in ONNX Runtime's own format", "give the ONNX file that it was made from"),
    (4, b"TFL3", "a TensorFlow Lite model", "convert it to ONNX"),
    (8, b'{"', "weights in safetensors", "convert the network with --model"),
)


def other_kind(path: Path, *, text: bool = True) -> str:
    """What a file is instead of ONNX, and what to do, as the end of a sentence; empty if it may be ONNX.

    Args:
        path: the file.
        text: whether text of any kind is something else, as for ONNX itself; bytes of weights may be anything.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return "empty; copy the file again"
    for beginning, what, advice in _BEGINNINGS if text else _BEGINNINGS[:1]:
        if head.startswith(beginning):
            return f"{what}; {advice}"
    if not text:
        return ""
    for position, found, what, advice in _LATER:
        if head[position:].startswith(found):
            return f"{what}; {advice}"
    return _kind_of_text(head)


def _kind_of_text(head: bytes) -> str:
    # The last character may be cut off.
    text = " ".join(head.decode("utf-8-sig", errors="ignore").split())
    if text[:1] == "<":
        return f"an HTML or XML page; {_FETCH}"
    # ONNX has bytes that are no characters among its first ones: the numbers of its fields.
    if len(text) > 1 and text.isprintable():
        return f"text ({text[:60]!r}); {_FETCH}"
    return ""
