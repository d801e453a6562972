"""Small data sets: a few images of ImageNet's validation set by name, batches of CIFAR-10."""

from __future__ import annotations

import io

from PIL import Image

Files = dict[str, bytes]
"""Contents by path."""

VALIDATION = {
    "ILSVRC2012_val_00000001.JPEG": "n01751748",
    "ILSVRC2012_val_00000002.JPEG": "n09193705",
    "ILSVRC2012_val_00000003.JPEG": "n02105855",
    "ILSVRC2012_val_00000004.JPEG": "n04263257",
    "ILSVRC2012_val_00000005.JPEG": "n01751748",
}
"""Names and classes as in the validation set, except the fifth."""
INDICES = [65, 970, 230, 809, 65]


def encoded(shade: int, kind: str = "JPEG") -> bytes:
    """A small image of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (shade, 255 - shade, 128)).save(file, kind)
    return file.getvalue()


def pickled_batch(pixels: bytes, labels: list[int], shape: tuple[int, int] = (10_000, 3072)) -> bytes:
    """A batch as Python 2's cPickle wrote it: protocol 2, strings of bytes, arrays by `_reconstruct`."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    def integer(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little", signed=True)

    dtype = b"cnumpy\ndtype\n" + text(b"u1") + integer(0) + integer(1) + b"\x87R"
    dtype += b"(" + integer(3) + text(b"|") + b"NNN" + integer(-1) + integer(-1) + integer(0) + b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + integer(0) + b"\x85" + text(b"b") + b"\x87R"
    array += b"(" + integer(1) + integer(shape[0]) + integer(shape[1]) + b"\x86" + dtype + b"\x89"
    array += b"T" + len(pixels).to_bytes(4, "little") + pixels + b"tb"
    entries = text(b"batch_label") + text(b"testing batch 1 of 1")
    entries += text(b"labels") + b"](" + b"".join(map(integer, labels)) + b"e"
    entries += text(b"data") + array
    return b"\x80\x02}(" + entries + b"u."
