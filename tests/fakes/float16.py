"""A float16 network that predicts something else where its results are rounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

RESOLUTION = 16
COLOURS = ((250, 20, 20), (20, 250, 20), (20, 20, 250))
"""Colours of the classes: the network finds the channel that is largest on average."""

LOST_PX = 1e4
"""Added and subtracted again: float16 keeps multiples of 8 there, and the channels differ by less."""
LARGE = 6e4
"""Multiplied by itself: beyond float16."""


def largest_channel(path: Path, *, io: int = TensorProto.FLOAT, overflows: bool = False) -> Path:
    """Writes a float16 network that is right if nothing is rounded; with rounding all of its logits are equal.

    Args:
        path: the file.
        io: element type of the input and the output.
        overflows: whether rounding makes infinity instead.
    """
    half = TensorProto.FLOAT16
    nodes = [
        helper.make_node("Cast", ["input"], ["images"], to=half),
        helper.make_node("Conv", ["images", "kernel"], ["same"]),
        helper.make_node("GlobalAveragePool", ["same"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Mul" if overflows else "Add", ["features", "constant"], ["far"]),
        helper.make_node("Mul" if overflows else "Add", ["far", "second"], ["farther"]),
        helper.make_node("Div" if overflows else "Sub", ["farther", "constant"], ["back"]),
        helper.make_node("Cast", ["back"], ["logits"], to=io),
    ]
    kernel = np.eye(3, dtype=np.float16).reshape(3, 3, 1, 1)
    constant, second = (LARGE, LARGE) if overflows else (LOST_PX, 0.0)
    graph = helper.make_graph(
        nodes,
        "largest_channel",
        [helper.make_tensor_value_info("input", io, [1, 3, RESOLUTION, RESOLUTION])],
        [helper.make_tensor_value_info("logits", io, [1, len(COLOURS)])],
        [
            numpy_helper.from_array(kernel, "kernel"),
            numpy_helper.from_array(np.float16(constant).reshape(1), "constant"),
            numpy_helper.from_array(np.float16(second).reshape(1), "second"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def coloured_images(folder: Path, per_class: int = 2) -> Path:
    """Writes class folders of one colour each."""
    for label, colour in enumerate(COLOURS):
        for number in range(per_class):
            path = folder / f"class{label}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            _picture(colour, 20 + number).save(path)
    return folder


def _picture(colour: tuple[int, ...], side_px: int) -> Image.Image:
    pixels: NDArray[np.uint8] = np.full((side_px, side_px, 3), colour, np.uint8)
    return Image.fromarray(pixels)
