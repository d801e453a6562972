"""ONNX files as users have them, from the command line to the row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import helper, numpy_helper

from harness.__main__ import main

T = onnx.TensorProto
QUICK = ["--rounds", "1", "--block-ms", "1", "--block-groups", "1"]
Value = tuple[str, int, list[Any]]


def write(path: Path, nodes: list[onnx.NodeProto], inputs: list[Value], **weights: Any) -> Path:
    """A network whose last node's first output is the network's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [onnx.ValueInfoProto(name=nodes[-1].output[0])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def node(operator: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), [output], **attributes)


KERNEL = np.ones((4, 3, 3, 3), np.float32)


def convolution(path: Path, shape: list[Any], kernel: Any = KERNEL, dtype: int = T.FLOAT) -> Path:
    return write(path, [node("Conv", "x w", "y")], [("x", dtype, shape)], w=kernel)


def measured(tmp_path: Path, *words: str) -> list[dict[str, Any]]:
    output = tmp_path / "results"
    main(["run", *words, *QUICK, "--output", str(output), "--cache-dir", str(tmp_path / "cache")])
    return pd.read_csv(output / "results.csv", keep_default_na=False).to_dict("records")


def test_free_sizes_are_fixed_by_the_command_line(tmp_path: Path) -> None:
    path = convolution(tmp_path / "net.onnx", ["batch", 3, "height", "width"])
    (row,) = measured(tmp_path, "--onnx", str(path), "--batch", "2", "--resolution", "64")
    assert (row["status"], row["batch"], row["resolution"]) == ("ok", 2, 64)
    assert row["warnings"] == "Input 'x' [batch, 3, height, width] is fixed at 2x3x64x64."


def test_the_shape_of_each_input_may_be_stated(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "c"), node("Mul", "c scale", "y")]
    path = write(
        tmp_path / "net.onnx", nodes, [("scale", T.FLOAT, ["n", 1, 1, "s"]), ("x", T.FLOAT, ["n", 3, 8, "w"])], w=KERNEL
    )
    shapes = ["--shape", "x:2x3x8x12", "--shape", "scale:2x1x1x10"]
    (row,) = measured(tmp_path, "--onnx", str(path), *shapes)
    assert (row["status"], row["batch"], row["resolution"]) == ("ok", 2, "")


def test_two_files_of_one_name_are_two_models(tmp_path: Path) -> None:
    paths = [
        convolution(tmp_path / f"net{width}/1/model.onnx", [1, 3, 8, 8], np.ones((width, 3, 3, 3), np.float32))
        for width in (8, 64)
    ]
    words = [word for path in paths for word in ("--onnx", str(path))]
    rows = measured(tmp_path, *words)
    assert sorted(row["model"] for row in rows) == ["onnx/net64/1/model", "onnx/net8/1/model"]
    assert main(["compare", str(tmp_path / "results"), str(tmp_path / "results")]) != 2
    assert main(["history", "add", str(tmp_path / "results"), "--store", str(tmp_path / "history.sqlite")]) == 0
    (named,) = measured(tmp_path / "other", "--onnx", f"mine={paths[0]}")
    assert named["model"] == "onnx/mine"


def test_weights_among_the_inputs_are_no_images(tmp_path: Path) -> None:
    inputs: list[Value] = [("w", T.FLOAT, [4, 3, 3, 3]), ("x", T.FLOAT, [1, 3, 64, 64])]
    nodes = [node("Conv", "x w", "c"), node("GlobalAveragePool", "c", "y")]
    (row,) = measured(tmp_path, "--onnx", str(write(tmp_path / "net.onnx", nodes, inputs, w=KERNEL)))
    assert (row["status"], row["batch"], row["resolution"]) == ("ok", 1, 64)


NHWC = [
    node("Cast", "x", "f", to=T.FLOAT),
    node("Transpose", "f", "t", perm=[0, 3, 1, 2]),
    node("Conv", "t w", "y"),
]


@pytest.mark.parametrize(
    ("nodes", "inputs", "weights", "resolution"),
    [
        (NHWC, [("x", T.UINT8, [1, 16, 16, 3])], {"w": KERNEL}, 16),
        (NHWC, [("x", T.INT32, [1, 16, 12, 3])], {"w": KERNEL}, ""),
        (NHWC, [("x", T.FLOAT16, [1, 16, 16, 3])], {"w": KERNEL}, 16),
        (NHWC, [("x", T.DOUBLE, [1, 16, 16, 3])], {"w": KERNEL}, 16),
        ([node("Conv", "x w", "y")], [("x", T.FLOAT, [1, 1, 28, 28])], {"w": KERNEL[:, :1]}, 28),
        ([node("Gather", "table ids", "y")], [("ids", T.INT64, [1, 16])], {"table": np.ones((9, 4), np.float32)}, ""),
        (
            [node("Where", "mask x zero", "m"), node("MatMul", "m w", "y")],
            [("mask", T.BOOL, [1, 4]), ("x", T.FLOAT, [1, 4])],
            {"zero": np.float32(0), "w": np.ones((4, 2), np.float32)},
            "",
        ),
        (
            [node("Cast", "rate", "r", to=T.FLOAT), node("Mul", "x r", "y")],
            [("x", T.FLOAT, [1, 64]), ("rate", T.INT64, [])],
            {},
            "",
        ),
    ],
)  # fmt: skip
def test_inputs_are_filled_by_their_types(
    nodes: list[onnx.NodeProto], inputs: list[Value], weights: dict[str, Any], resolution: Any, tmp_path: Path
) -> None:
    (row,) = measured(tmp_path, "--onnx", str(write(tmp_path / "net.onnx", nodes, inputs, **weights)))
    assert (row["status"], row["reason"]) == ("ok", "")
    assert (row["batch"], row["resolution"]) == (1, resolution)


ROOT = [node("Sqrt", "x", "s"), node("Conv", "s w", "y")]


def test_noise_that_a_network_cannot_take_is_named_and_replaced(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", ROOT, [("x", T.FLOAT, [1, 3, 8, 8])], w=KERNEL)
    (row,) = measured(tmp_path / "noise", "--onnx", str(path))
    assert row["status"] == "failed"
    assert "NaN in" in row["reason"]
    assert "standard normal noise" in row["reason"]
    assert "--input-range 0:255" in row["reason"]
    (row,) = measured(tmp_path / "range", "--onnx", str(path), "--input-range", "0:255")
    assert (row["status"], row["inputs"]) == ("ok", "0:255")
    images = tmp_path / "images.npy"
    np.save(images, np.full((3, 8, 8), 9, np.uint8))
    (row,) = measured(tmp_path / "file", "--onnx", str(path), "--input", str(images))
    assert (row["status"], row["inputs"]) == ("ok", str(images))


def test_logarithms_of_zero_are_no_failure(tmp_path: Path) -> None:
    nodes = [node("Relu", "x", "r"), node("Log", "r", "y")]
    (row,) = measured(tmp_path, "--onnx", str(write(tmp_path / "net.onnx", nodes, [("x", T.FLOAT, [1, 1000])])))
    assert row["status"] == "ok"


def test_another_range_is_another_row_of_the_same_directory(tmp_path: Path) -> None:
    path = convolution(tmp_path / "net.onnx", [1, 3, 8, 8])
    measured(tmp_path, "--onnx", str(path), "--input-range", "0:1")
    rows = measured(tmp_path, "--onnx", str(path), "--input-range", "0:255")
    found = {row["inputs"]: row["input_digest"] for row in rows}
    assert set(found) == {"0:1", "0:255"}
    assert len(set(found.values())) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--models", "smoke", "--input-range", "0:255"], "add --model or --onnx"),
        (["--onnx", "{net}", "--shape", "images:1x3x8x8"], "no file has this input; their inputs: x"),
        (["--models", "smoke", "--shape", "x:1x3x8x8"], "it is for ONNX files; add --onnx"),
        (["--onnx", "{net}", "--custom-operators", "."], "is a folder; give the library in it"),
        (["--onnx", "{net}", "--weights", __file__], "user networks have their own weights"),
        (["--onnx", "{folder}"], "a folder; give a file in it: .*net.onnx"),
        (["--onnx", "{folder}/nett.onnx"], "no such file; nearest: .*net.onnx"),
        (["--onnx", "{net}", "--input", "gone.npy"], "no such file"),
        (["--onnx", "a={net}", "--onnx", "a=gone.onnx"], "gone.onnx: no such file"),
        (["--onnx", "{link}"], "a link to .*nowhere, which is not there"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = convolution(tmp_path / "net.onnx", [1, 3, 8, 8])
    link = tmp_path / "link.onnx"
    link.symlink_to(tmp_path / "nowhere")
    filled = [word.format(net=net, link=link, folder=tmp_path) for word in words]
    assert main(["run", *filled, "--output", str(tmp_path / "results")]) == 2
    error = capsys.readouterr().err
    assert pd.Series([error]).str.contains(message).all()
    assert not (tmp_path / "results").exists()


def quantised(path: Path) -> Path:
    """A convolution of integers between floats, as quantisers write it."""
    nodes = [
        node("QuantizeLinear", "x scale zero", "q"),
        node("QLinearConv", "q scale zero w scale signed scale zero", "c"),
        node("DequantizeLinear", "c scale zero", "y"),
    ]
    constants = {"scale": np.float32(0.05), "zero": np.uint8(128), "signed": np.int8(0)}
    return write(path, nodes, [("x", T.FLOAT, [1, 3, 8, 8])], w=np.ones((4, 3, 3, 3), np.int8), **constants)


def test_each_file_is_measured_in_its_own_precision(tmp_path: Path) -> None:
    fp32 = convolution(tmp_path / "fp32.onnx", [1, 3, 8, 8])
    fp16 = convolution(tmp_path / "fp16.onnx", [1, 3, 8, 8], KERNEL.astype(np.float16), T.FLOAT16)
    int8 = quantised(tmp_path / "int8.onnx")
    files = [word for path in (fp32, fp16, int8) for word in ("--onnx", str(path))]
    rows = {row["variant"]: row for row in measured(tmp_path, *files)}
    assert {name: (row["precision"], row["status"]) for name, row in rows.items()} == {
        "fp32": ("fp32", "ok"),
        "fp16": ("fp16", "failed"),
        "int8": ("int8", "ok"),
    }
    assert rows["int8"]["precision_effective"] == "int8"
    assert "fp16 was requested, but the runtime computed in fp32" in rows["fp16"]["reason"]


def test_a_stated_precision_is_required_of_the_file(tmp_path: Path) -> None:
    path = quantised(tmp_path / "int8.onnx")
    (row,) = measured(tmp_path / "fp32", "--onnx", str(path), "--precision", "fp32")
    assert (row["precision"], row["status"]) == ("fp32", "failed")
    assert "fp32 was requested, but the runtime computed in int8" in row["reason"]
    assert row["warnings"] == "The file's graph is in int8, but fp32 is stated with --precision."
    (row,) = measured(tmp_path / "fp16", "--onnx", str(path), "--precision", "fp16")
    assert (row["precision"], row["status"]) == ("fp16", "unsupported")
    assert "the file is int8 already" in row["reason"]
    assert "measure it without --precision, as int8" in row["reason"]


def test_quantised_files_are_gated(tmp_path: Path) -> None:
    files = [str(quantised(tmp_path / name / "net.onnx")) for name in ("old", "new")]
    data = tmp_path / "gate.json"
    quick = ["--block-ms", "1", "--block-groups", "1", "--pairs", "2", "--confirm-pairs", "7"]
    places = ["--json", str(data), "--output", str(tmp_path / "gate"), "--cache-dir", str(tmp_path / "cache")]
    assert main(["gate", *files, *quick, *places]) in (0, 1, 3)
    (series,) = json.loads(data.read_text())["series"]
    pairing = series["pairing"]
    assert (pairing["base"]["precision"], pairing["new"]["precision"]) == ("int8", "int8")
    assert len(series["screen_log_ratios"]) == 2
