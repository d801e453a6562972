"""What an artifact's file states of how images are prepared for it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from harness.artifacts.preprocessing import preprocessing_in
from zoo.own_preprocessing import assumed_preprocessing
from zoo.preprocessing import PreprocessingError


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
