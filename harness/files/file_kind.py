"""What a file is that was given as ONNX and is something else, by its first bytes."""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import ArtifactError
from harness.files.onnx_graph import read_graph
from harness.files.zip_kind import zip_kind

_HEAD_BYTES = 512

_FETCH = "fetch the file itself, not the page about it"
_CONVERT = "convert the network with --model"
_ORIGINAL = "give the ONNX file that it was made from"
_TO_ONNX = "convert it to ONNX"
_GIVE = "give the ONNX file instead"

_POINTER = (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the file itself", "run: git lfs pull")
# The first bytes of a file, what it then is, and what to do.
_BEGINNINGS = (
    _POINTER,
    (b"\x1f\x8b", "compressed with gzip", "decompress it"),
    (b"\xfd7zXZ", "compressed with xz", "decompress it"),
    (b"BZh", "compressed with bzip2", "decompress it"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard", "decompress it"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it and give the ONNX file in it"),
    *(
        (b"\x80" + bytes([protocol]), "a Python pickle, such as a PyTorch checkpoint", _CONVERT)
        for protocol in range(2, 6)
    ),
    (b"\x89HDF", "an HDF5 file, such as a Keras model", _TO_ONNX),
    (b"ftrt", "a TensorRT engine", _ORIGINAL),
    (b"ptrt", "a TensorRT engine", _ORIGINAL),
    (b"RKNN", "an RKNN model", _ORIGINAL),
    (b"GGUF", "a GGUF model", "give an ONNX file: networks of this format are not measured here"),
    (b"\x93NUMPY", "an array of numpy", "it is what an input holds: --input FILE.npy"),
    (b"\x89PNG", "a picture", _GIVE),
    (b"\xff\xd8\xff", "a picture", _GIVE),
    (b"%PDF", "a PDF document", _GIVE),
    (b"\x7fELF", "a program or library", "one of custom operators is for --custom-operators"),
    (b"MZ", "a program or library", "one of custom operators is for --custom-operators"),
    # ONNX begins with a number in its first field, these with text or a message.
    (b"\x0a", "a protocol buffer of another format, such as a TensorFlow graph or a Caffe model", _TO_ONNX),
    (bytes(16), "of zero bytes, as after an interrupted copy", "copy the file again"),
)
# The same for later bytes, by their position.
_LATER = (
    (4, b"ORTM", "in ONNX Runtime's own format", _ORIGINAL),
    (4, b"TFL3", "a TensorFlow Lite model", _TO_ONNX),
    (8, b'{"', "weights in safetensors", _CONVERT),
    (257, b"ustar", "a tar archive", "unpack it and give the ONNX file in it"),
)
# Formats that begin like ONNX, by the endings of their files' names.
_ENDINGS = {
    ".mlmodel": ("a Core ML model", _ORIGINAL),
    ".pb": ("a TensorFlow model", f"{_TO_ONNX}, for example with tf2onnx"),
    ".caffemodel": ("a Caffe model", _TO_ONNX),
}


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
    if text and head.startswith(b"PK\x03\x04"):
        return zip_kind(path)
    for beginning, what, advice in _BEGINNINGS if text else (_POINTER,):
        if head.startswith(beginning):
            return f"{what}; {advice}"
    if not text:
        return ""
    for position, found, what, advice in _LATER:
        if head[position:].startswith(found):
            return f"{what}; {advice}"
    return _kind_of_text(head) or _kind_by_name(path)


def _kind_of_text(head: bytes) -> str:
    # The last character may be cut off.
    text = " ".join(head.decode("utf-8-sig", errors="ignore").split())
    if text[:1] == "<":
        if re.search(r"<net\b", text):
            return f"a network of OpenVINO; {_ORIGINAL}"
        return f"an HTML or XML page; {_FETCH}"
    if text.startswith("7767517"):
        return f"a network of ncnn; {_ORIGINAL}"
    # ONNX has bytes that are no characters among its first ones: the numbers of its fields.
    if len(text) > 1 and text.isprintable():
        what = "JSON" if text[0] in "{[" else "text"
        return f"{what} ({text[:60]!r}); {_FETCH}"
    return ""


def _kind_by_name(path: Path) -> str:
    """The kind that a file's ending says, if the file is not ONNX under that name."""
    if path.suffix not in _ENDINGS:
        return ""
    try:
        read_graph(path)
    except ArtifactError:
        return "; ".join(_ENDINGS[path.suffix])
    return ""
