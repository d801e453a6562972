"""Every condition of a figure is with the figure: in results.csv, in results.md and on the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import helper, numpy_helper
from PIL import Image

from harness.__main__ import main
from harness.machine.denormal_flag import DenormalFlag
from harness.records.directory import TRIALS_NAME

T = onnx.TensorProto
QUICK = ["--rounds", "1", "--block-ms", "1", "--block-groups", "1"]
KERNEL = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
CLASSES = 12
TOML = """
rule = "squash"
crop_px = 8
interpolation = "bilinear"
library = "pil"
channel_order = "RGB"
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.25, 0.1]
"""
RANGES = "-1:1,-2:2,-5:5"


def node(operator: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs.split(), [output], name=f"{operator}_{output}", **attributes)


def write(path: Path, nodes: list[onnx.NodeProto], shape: list[Any], dtype: int = T.FLOAT, **weights: Any) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", dtype, shape)],
        [onnx.ValueInfoProto(name=nodes[-1].output[0])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def classifier(path: Path, shape: list[Any]) -> Path:
    """A network of twelve classes."""
    nodes = [node("Conv", "x w", "c"), node("GlobalAveragePool", "c", "p"), node("Flatten", "p", "f")]
    weights = np.random.default_rng(1).standard_normal((CLASSES, 3, 3, 3)).astype(np.float32)
    path = write(path, nodes, shape, w=weights)
    model = onnx.load(path)
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("f", T.FLOAT, [1, CLASSES]))
    onnx.save(model, path)
    return path


def pictures(folder: Path, readable: int) -> Path:
    """An image of each class, of which only the first ones can be read."""
    for label in range(CLASSES):
        (folder / str(label)).mkdir(parents=True)
        path = folder / str(label) / "a.png"
        pixels = np.random.default_rng(label).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(pixels).save(path)
        if label >= readable:
            path.write_bytes(b"damaged")
    return folder


def run(tmp_path: Path, *words: str) -> dict[str, str]:
    """What each of the three files of a run says, as text; the page's is that of its data."""
    output = tmp_path / "results"
    main(["run", *words, *QUICK, "--output", str(output), "--cache-dir", str(tmp_path / "cache")])
    (data,) = re.findall(
        r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', (output / "report.html").read_text(), re.DOTALL
    )
    return {
        "csv": "\n".join(" ".join(map(str, row)) for row in rows(tmp_path).itertuples()),
        "markdown": (output / "results.md").read_text(),
        "page": json.dumps(json.loads(data)["rows"], ensure_ascii=False),
    }


def rows(tmp_path: Path) -> pd.DataFrame:
    return pd.read_csv(tmp_path / "results" / "results.csv", keep_default_na=False)


def in_all(told: dict[str, str], text: str) -> None:
    assert {name for name, content in told.items() if text in content} == {"csv", "markdown", "page"}, text


def test_an_evaluation_belongs_to_the_row_that_was_measured(tmp_path: Path) -> None:
    """Whether the preprocessing, and with it the range of the noise, is stated in both commands or in one."""
    (tmp_path / "mine.toml").write_text(TOML)
    path, stated = classifier(tmp_path / "net.onnx", [1, 3, 8, 8]), ["--preprocessing", str(tmp_path / "mine.toml")]
    images = pictures(tmp_path / "images", CLASSES)
    for first, then, inputs in (([], stated, ""), (stated, stated, RANGES), (stated, [], RANGES)):
        folder = tmp_path / f"{len(first)}-{len(then)}"
        folder.mkdir()
        run(folder, "--onnx", str(path), *first)
        asked = ["--onnx", str(path), *then, "--images", str(images), "--output", str(folder / "results")]
        assert main(["accuracy", *asked, "--cache-dir", str(tmp_path / "cache")]) == 0
        (row,) = rows(folder).to_dict("records")
        assert (row["status"], row["inputs"], row["accuracy_images_count"]) == ("ok", inputs, CLASSES)


def test_free_dimensions_and_an_input_range(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", [node("Conv", "x w", "y")], ["n", 3, "h", "w"], w=KERNEL)
    told = run(tmp_path, "--onnx", str(path), "--input-range", "0:255")
    in_all(told, "Input 'x' [n, 3, h, w] is fixed at 1x3x224x224 (224 pixels assumed")
    in_all(told, "0:255")


def test_the_range_of_a_stated_preprocessing(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOML)
    images = write(tmp_path / "images.onnx", [node("Conv", "x w", "y")], [1, 3, 8, 8], w=KERNEL)
    pixels = [node("Cast", "x", "f", to=T.FLOAT), node("Conv", "f w", "y")]
    takes_bytes = write(tmp_path / "bytes.onnx", pixels, [1, 3, 8, 8], T.UINT8, w=KERNEL)
    files = ["--onnx", str(images), "--onnx", str(takes_bytes)]
    told = run(tmp_path, *files, "--preprocessing", str(tmp_path / "mine.toml"))
    found = dict(zip(rows(tmp_path)["model"], rows(tmp_path)["inputs"], strict=True))
    assert found == {"onnx/images": RANGES, "onnx/bytes": ""}
    assert set(rows(tmp_path)["status"]) == {"ok"}
    in_all(told, RANGES)


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ([node("Dropout", "x ratio on", "y")], "draws random numbers (1 node: Dropout 'Dropout_y')"),
        ([node("RandomUniformLike", "x", "y")], "draws random numbers (1 node: RandomUniformLike"),
        (
            [helper.make_node("BatchNormalization", ["x", *["one"] * 4], ["y", "m", "v"], training_mode=1)],
            "normalises by the statistics of each batch (1 node: BatchNormalization 'y')",
        ),
    ],
    ids=["dropout", "noise", "batch-norm"],
)
def test_a_graph_in_training_mode(tmp_path: Path, nodes: list[onnx.NodeProto], text: str) -> None:
    weights = {"ratio": np.float32(0.5), "on": np.array(True), "one": np.ones(3, np.float32)}
    used = {name: value for name, value in weights.items() if any(name in one.input for one in nodes)}
    told = run(tmp_path, "--onnx", str(write(tmp_path / "net.onnx", nodes, [1, 3, 8, 8], **used)))
    in_all(told, text)
    assert list(rows(tmp_path)["status"]) == ["ok"]


def test_subnormal_numbers_are_counted_once(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "y")]
    path = write(tmp_path / "net.onnx", nodes, [1, 3, 8, 8], w=KERNEL * np.float32(1e-39))
    told = run(tmp_path, "--onnx", str(path), "--rounds", "2", "--half-width", "0")
    trials = [json.loads(line)["result"] for line in (tmp_path / "results" / TRIALS_NAME).read_text().splitlines()]
    in_all(told, "% of the weights and ")
    in_all(told, "are subnormal float32 numbers")
    in_all(told, "torch.set_flush_denormal in PyTorch).")
    assert [trial["subnormal_weights_percent"] is not None for trial in trials] == [True, *[False] * (len(trials) - 1)]


@pytest.mark.skipif(DenormalFlag().raised() is None, reason="activations are looked at where the processor says so")
def test_subnormal_activations_alone(tmp_path: Path) -> None:
    nodes = [node("Mul", "x s", "a"), node("Mul", "a s", "b"), node("Conv", "b w", "y")]
    path = write(tmp_path / "net.onnx", nodes, [1, 3, 8, 8], w=KERNEL, s=np.float32(1e-20))
    # With one thread, every operation is of the thread whose flag is read.
    told = run(tmp_path, "--onnx", str(path), "--threads", "1")
    in_all(told, "% of the activations are subnormal float32 numbers")


def test_a_quota_that_pauses_the_process(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", [node("Conv", "x w", "y")], [1, 3, 8, 8], w=KERNEL)
    run(tmp_path, "--onnx", str(path))
    journal = tmp_path / "results" / TRIALS_NAME
    entry = json.loads(journal.read_text())
    entry["result"].update(quota_periods_count=40, quota_throttled_periods_count=9)
    journal.write_text(json.dumps(entry) + "\n")
    # The same command continues the run, and has nothing left to measure.
    in_all(run(tmp_path, "--onnx", str(path)), "was spent in 9 of the 40 periods")


HALF = KERNEL.astype(np.float16)
CAST = node("Cast", "x", "h", to=T.FLOAT16)


@pytest.mark.parametrize(
    ("nodes", "dtype", "weights"),
    [
        ([node("Conv", "x w", "y")], T.FLOAT16, {"w": HALF}),
        ([CAST, node("Conv", "h w", "c"), node("Cast", "c", "y", to=T.FLOAT)], T.FLOAT, {"w": HALF}),
        (
            [
                CAST,
                helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(HALF)),
                node("Conv", "h k", "y"),
            ],
            T.FLOAT,
            {},
        ),
        ([CAST, node("Reshape", "w size", "k"), node("Conv", "h k", "y")], T.FLOAT, {"w": HALF, "size": HALF.shape}),
    ],
    ids=["whole", "float32-io", "constant", "rearranged"],
)
def test_float16_on_a_processor_is_never_taken_for_float32(
    tmp_path: Path, nodes: list[onnx.NodeProto], dtype: int, weights: dict[str, Any]
) -> None:
    half = write(tmp_path / "half.onnx", nodes, [1, 3, 8, 8], dtype, **weights)
    told = run(tmp_path, "--onnx", str(half))
    (row,) = rows(tmp_path).to_dict("records")
    assert row["precision"] == "fp16"
    if row["status"] == "ok":
        # A processor with float16 kernels.
        assert row["precision_effective"] == "fp16"
        return
    in_all(told, "fp16 was requested, but the runtime computed in fp32")
    (tmp_path / "stated").mkdir()
    told = run(tmp_path / "stated", "--onnx", str(half), "--precision", "fp32")
    (row,) = rows(tmp_path / "stated").to_dict("records")
    assert (row["status"], row["precision"], row["precision_effective"]) == ("ok", "fp32", "fp32")
    in_all(told, "The file's graph is in fp16, but fp32 is stated with --precision.")


def test_what_was_assumed_and_covered_by_an_evaluation(tmp_path: Path) -> None:
    images = pictures(tmp_path / "images", 5)
    path = classifier(tmp_path / "net.onnx", [1, 3, 8, 8])
    told = run(tmp_path, "--onnx", str(path), "--images", str(images))
    (row,) = rows(tmp_path).to_dict("records")
    assert row["accuracy_measured_reason"] == ""
    in_all(told, "Images were prepared as assumed (")
    in_all(told, row["accuracy_preprocessing"])
    in_all(told, "The images cover 5 of its 12 classes")
