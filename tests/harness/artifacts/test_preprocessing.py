"""What an artifact's file states of how images are prepared for it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from harness.artifacts.preprocessing import preprocessing_in, range_of_pixels, takes_prepared_images
from harness.files.onnx_graph import read_graph
from harness.processes.inputs import Feed
from zoo.own_preprocessing import assumed_preprocessing
from zoo.preprocessing import PreprocessingError
from zoo.preprocessing.normalisation import Normalisation


def state(path: Path, text: str) -> Path:
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"baseline_zoo.preprocessing": text})
    onnx.save(model, path)
    return path


def test_the_file_states_it(tiny_onnx: Callable[..., Path]) -> None:
    stated = dataclasses.replace(assumed_preprocessing(8), channel_order="BGR", stated_in="stated by the user")
    assert preprocessing_in(state(tiny_onnx(), json.dumps(dataclasses.asdict(stated)))) == stated


def test_or_states_none(tiny_onnx: Callable[..., Path], tmp_path: Path) -> None:
    assert preprocessing_in(tiny_onnx()) is None
    (tmp_path / "cut.onnx").write_bytes(b"\x08\x08\x12")
    assert preprocessing_in(tmp_path / "cut.onnx") is None


def test_something_else_is_an_error(tiny_onnx: Callable[..., Path]) -> None:
    with pytest.raises(PreprocessingError, match="does not contain a preprocessing"):
        preprocessing_in(state(tiny_onnx(), "{}"))


def test_pixels_become_what_the_preprocessing_makes_of_them() -> None:
    preprocessing = assumed_preprocessing(8)
    ranges = Feed.of(range_of_pixels(preprocessing)).ranges
    pixels = np.zeros((1, 2, 3), np.uint8)
    pixels[0, 1] = 255
    made = Normalisation.of(preprocessing).pixels(pixels)
    for channel, limits in zip(made, ranges, strict=True):
        assert tuple(channel[0]) == pytest.approx(limits, rel=1e-4)
    same = dataclasses.replace(preprocessing, mean=(0.5,) * 3, std=(0.5,) * 3)
    assert range_of_pixels(same) == "-1:1,-1:1,-1:1"
    assert range_of_pixels(None) == ""


@pytest.mark.parametrize(
    ("shape", "dtype", "takes"),
    [
        (["n", 3, 8, 8], onnx.TensorProto.FLOAT, True),
        ([1, 3, 8, 8], onnx.TensorProto.FLOAT16, True),
        ([1, 3, 8, 8], onnx.TensorProto.UINT8, False),
        ([1, 1, 8, 8], onnx.TensorProto.FLOAT, False),
    ],
)
def test_graphs_that_take_prepared_images(
    write_network: Callable[..., Path], shape: list[int | str], dtype: int, takes: bool
) -> None:
    assert takes_prepared_images(read_graph(write_network(shape=shape, input_type=dtype))) == takes
