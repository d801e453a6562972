from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from harness.files.subnormals import subnormal_percent, subnormal_weights_percent

T = onnx.TensorProto
TINY = np.float32(1e-40)


def weights(count: int = 1000, tiny: int = 0, dtype: Any = np.float32) -> np.ndarray[Any, Any]:
    """Numbers of which the first few are subnormal, and the last one is 0."""
    numbers = np.linspace(-1, 1, count, dtype=np.float32)
    numbers[:tiny] = TINY
    numbers[-1] = 0
    return numbers.reshape(10, -1).astype(dtype)


def write(path: Path, *tensors: onnx.TensorProto, nodes: list[onnx.NodeProto] | None = None, **how: Any) -> Path:
    graph = helper.make_graph(
        [*(nodes or []), helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", T.FLOAT, [1])],
        [helper.make_tensor_value_info("y", T.FLOAT, [1])],
        list(tensors),
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path, **how)
    return path


def test_only_subnormal_numbers_count() -> None:
    smallest = np.finfo(np.float32)
    subnormal = [1e-40, -1e-40, smallest.smallest_subnormal, np.nextafter(smallest.tiny, np.float32(0))]
    others = [0, -0.0, smallest.tiny, -smallest.tiny, 1, -1, np.inf, -np.inf, np.nan, smallest.max]
    assert subnormal_percent([np.array(subnormal, np.float32)]) == 100
    assert subnormal_percent([np.array(others, np.float32)]) == 0
    assert subnormal_percent([np.array(subnormal, np.float32), np.array(others[:4], np.float32)]) == 50
    assert subnormal_percent([]) == 0
    assert subnormal_percent([np.array(TINY)]) == 100


def test_arrays_larger_than_what_is_looked_at_in_one_go() -> None:
    numbers = np.ones((3, 70_000), np.float32)
    numbers[:, -1] = TINY
    assert subnormal_percent([numbers]) == pytest.approx(100 / 70_000)


@pytest.mark.parametrize("tiny", [0, 1, 250, 1000])
def test_weights_as_bytes(tmp_path: Path, tiny: int) -> None:
    path = write(tmp_path / "n.onnx", numpy_helper.from_array(weights(tiny=tiny), "w"))
    assert subnormal_weights_percent(path) == pytest.approx((tiny if tiny < 1000 else 999) / 10)


def test_weights_as_numbers(tmp_path: Path) -> None:
    tensor = helper.make_tensor("w", T.FLOAT, [1000], weights(tiny=20).ravel())
    assert tensor.float_data
    assert subnormal_weights_percent(write(tmp_path / "n.onnx", tensor)) == pytest.approx(2)


def test_weights_in_constants_and_branches(tmp_path: Path) -> None:
    constant = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(weights(tiny=100)))
    branch = helper.make_graph([constant], "b", [], [helper.make_tensor_value_info("c", T.FLOAT, [10, 100])])
    either = helper.make_node("If", ["yes"], ["z"], then_branch=branch, else_branch=branch)
    yes = numpy_helper.from_array(np.array(True), "yes")
    assert subnormal_weights_percent(write(tmp_path / "n.onnx", yes, nodes=[either])) == pytest.approx(10)


@pytest.mark.parametrize("threshold", [0, 1024])
def test_weights_beside_the_file(tmp_path: Path, threshold: int) -> None:
    tensors = [numpy_helper.from_array(weights(count, tiny), f"w{count}") for count, tiny in ((100, 0), (900, 90))]
    path = write(tmp_path / "n.onnx", *tensors, save_as_external_data=True, location="n.data", size_threshold=threshold)
    assert subnormal_weights_percent(path) == pytest.approx(9)
    (tmp_path / "n.data").unlink()
    assert subnormal_weights_percent(path) == 0


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, np.int64])
def test_other_types_do_not_count(tmp_path: Path, dtype: Any) -> None:
    assert (
        subnormal_weights_percent(write(tmp_path / "n.onnx", numpy_helper.from_array(weights(dtype=dtype), "w"))) == 0
    )


def test_a_file_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    (tmp_path / "n.onnx").write_bytes(b"\x08\x08\x3a\xff\x01\x00")
    assert subnormal_weights_percent(tmp_path / "n.onnx") == 0
