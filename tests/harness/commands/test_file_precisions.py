"""A user's FP32 file in other precisions, from the command line to the row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from onnx import numpy_helper
from PIL import Image

from converters.images import dead_leaves
from foundation.digests import file_sha256
from harness.__main__ import main
from tests.fakes.networks import classifier_file, two_inputs_file
from tests.harness.commands.test_user_files import KERNEL, T, convolution, node, quantised, write

QUICK = ["--rounds", "1", "--block-ms", "1", "--block-groups", "1"]
Row = dict[str, Any]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of six images with edges and flat parts."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, image in enumerate(dead_leaves(40, 6, seed=3)):
        Image.fromarray((image.transpose(1, 2, 0) * 255).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def measured(tmp_path: Path, *words: object) -> dict[tuple[str, str], Row]:
    """The rows of the run directory by variant and precision."""
    output = tmp_path / "results"
    main(["run", *map(str, words), *QUICK, "--output", str(output), "--cache-dir", str(tmp_path / "cache")])
    rows = pd.read_csv(output / "results.csv", keep_default_na=False).to_dict("records")
    return {(row["variant"], row["precision"]): row for row in rows}


def test_a_file_is_quantised_and_its_fp32_row_stays(tmp_path: Path, pictures: Path) -> None:
    path = classifier_file(tmp_path / "net.onnx", ["n", 3, 32, 32])
    before = path.read_bytes()
    measured(tmp_path, "--onnx", path, "--batch", "2")
    rows = measured(tmp_path, "--onnx", path, "--batch", "2", "--precision", "int8", "--calibration-images", pictures)
    assert {key: (row["status"], row["precision_effective"], row["batch"]) for key, row in rows.items()} == {
        ("net", "fp32"): ("ok", "fp32", 2),
        ("net", "int8"): ("ok", "int8", 2),
    }
    int8 = rows["net", "int8"]
    assert int8["calibration"] == "6 images of pictures/"
    assert 0 < float(int8["verification_relative_l2"]) < 0.3
    assert "is fixed at 2x3x32x32" in int8["warnings"]
    assert "prepared as assumed" in int8["warnings"]
    assert rows["net", "fp32"]["calibration"] == ""
    assert path.read_bytes() == before


def test_what_is_made_once_is_kept_and_another_preprocessing_is_another_artifact(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = classifier_file(tmp_path / "net.onnx", [1, 3, 32, 32])
    words = ["convert", "--onnx", str(path), "--precision", "int8", "--calibration-images", str(pictures)]
    words += ["--int8-scheme", "onnxruntime", "--cache-dir", str(tmp_path / "cache")]
    toml = tmp_path / "mine.toml"
    toml.write_text(
        'rule = "resize_then_crop"\nresize_px = 32\ncrop_px = 32\nlibrary = "pil"\ninterpolation = "bilinear"\n'
        'channel_order = "RGB"\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n'
    )
    assert main(words) == 0
    assert main(words) == 0
    assert main([*words, "--preprocessing", str(toml)]) == 0
    printed = capsys.readouterr()
    first, second, other = [Path(line.split("\t")[1]) for line in printed.out.splitlines()]
    assert first == second != other
    assert printed.err.count("1 converted") == 2
    metadata = {entry.key: entry.value for entry in onnx.load(other).metadata_props}
    assert '"mean": [0, 0, 0]' in metadata["baseline_zoo.preprocessing"]


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ({"opset": 11}, [1, 3, 32, 32]),
        ({"channels_last": True}, [1, 32, 32, 3]),
        ({"weights_as_inputs": True}, [1, 3, 32, 32]),
        ({"external": True}, [1, 3, 32, 32]),
    ],
    ids=["operator set 11", "channels last", "weights among the inputs", "weights beside the file"],
)
def test_files_as_people_have_them_are_quantised(
    form: dict[str, Any], shape: list[int], tmp_path: Path, pictures: Path
) -> None:
    path = classifier_file(tmp_path / "net.onnx", shape, **form)
    rows = measured(tmp_path, "--onnx", path, "--precision", "int8", "--calibration-images", pictures)
    row = rows["net", "int8"]
    assert (row["status"], row["precision_effective"], row["reason"]) == ("ok", "int8", "")
    model = onnx.load(row["artifact_path"])
    assert "BatchNormalization" not in {one.op_type for one in model.graph.node}
    assert [value.name for value in model.graph.input] == ["image"]
    raised = "The file's operator set 11 is raised to 13" in row["warnings"]
    assert (raised, row["opset"]) == ((True, 13) if "opset" in form else (False, 17))
    image = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    expected, actual = (
        onnxruntime.InferenceSession(net, providers=["CPUExecutionProvider"]).run(None, {"image": image})[0]
        for net in (path, row["artifact_path"])
    )
    assert 0 < np.linalg.norm(actual - expected) < 0.1 * np.linalg.norm(expected)


def test_several_inputs_are_calibrated_on_what_they_are_given(tmp_path: Path, pictures: Path) -> None:
    path = two_inputs_file(tmp_path / "net.onnx")
    row = measured(tmp_path / "noise", "--onnx", path, "--precision", "int8")["net", "int8"]
    assert (row["status"], row["calibration"]) == ("ok", "16 inferences of standard normal noise")
    assert "give values that its inputs take (--input FILE)" in row["warnings"]
    values = tmp_path / "values.npz"
    np.savez(values, image=np.full((5, 1, 12, 16), 7, np.float32))
    words = ["--onnx", path, "--precision", "int8", "--input", values, "--shape", "image:2x1x12x16"]
    row = measured(tmp_path / "given", *words)["net", "int8"]
    assert (row["status"], row["batch"]) == ("ok", 2)
    assert row["calibration"] == f"3 inferences of the values of {values}"
    assert (row["inputs"], row["inputs_sha256"]) == (str(values), file_sha256(values))
    assert "int8 ranges" not in row["warnings"].lower()
    constants = {one.name: numpy_helper.to_array(one) for one in onnx.load(row["artifact_path"]).graph.initializer}
    assert constants["image_scale"] == pytest.approx(7 / 255, rel=0.01)
    row = measured(tmp_path / "images", *words[:4], "--calibration-images", pictures)["net", "int8"]
    assert row["status"] == "unsupported"
    assert "it has image float32 [1, 1, 12, 16], file float32 [1]: give values" in row["reason"]


@pytest.mark.parametrize(
    ("own", "asked"),
    [("fp16", "int8"), ("int8", "fp16")],
)
def test_a_file_of_another_precision_is_not_converted(own: str, asked: str, tmp_path: Path) -> None:
    if own == "int8":
        path = quantised(tmp_path / "net.onnx")
    else:
        path = convolution(tmp_path / "net.onnx", [1, 3, 8, 8], KERNEL.astype(np.float16), T.FLOAT16)
    row = measured(tmp_path, "--onnx", path, "--precision", asked)["net", asked]
    assert row["status"] == "unsupported"
    assert f"the file is {own} already" in row["reason"]
    assert f"without --precision, as {own}" in row["reason"]


def test_bfloat16_is_the_fp32_file_and_a_backend_that_lacks_it_says_so(tmp_path: Path) -> None:
    path = classifier_file(tmp_path / "net.onnx", [1, 3, 32, 32])
    row = measured(tmp_path, "--onnx", path, "--precision", "bf16")["net", "bf16"]
    assert (row["status"], row["artifact_sha256"]) == ("unsupported", file_sha256(path))
    assert "Backend onnxruntime does not support precision bf16" in row["reason"]
    int8 = quantised(tmp_path / "int8.onnx")
    row = measured(tmp_path / "int8", "--onnx", int8, "--precision", "bf16")["int8", "bf16"]
    assert "the file is int8 already" in row["reason"]


@pytest.mark.parametrize(
    ("nodes", "dtype", "message"),
    [
        ([node("Relu", "x", "y")], T.FLOAT, "no convolution or matrix product"),
        ([node("Conv", "x w", "y")], T.DOUBLE, "the file computes in fp64"),
        ([node("Sqrt", "x", "s"), node("Conv", "s w", "y")], T.FLOAT, "NaN or infinity"),
    ],
    ids=["nothing to quantise", "float64", "not a number"],
)
def test_a_file_that_cannot_be_converted_says_why(
    nodes: list[onnx.NodeProto], dtype: int, message: str, tmp_path: Path
) -> None:
    kernel = KERNEL.astype(np.float64 if dtype == T.DOUBLE else np.float32)
    path = write(tmp_path / "net.onnx", nodes, [("x", dtype, [1, 3, 8, 8])], w=kernel)
    row = measured(tmp_path, "--onnx", path, "--precision", "int8")["net", "int8"]
    assert row["status"] == "failed"
    assert message in row["reason"]


def test_pixels_are_stated_by_their_range(tmp_path: Path) -> None:
    nodes = [node("Sqrt", "x", "s"), node("Conv", "s w", "y")]
    path = write(tmp_path / "net.onnx", nodes, [("x", T.FLOAT, [1, 3, 8, 8])], w=KERNEL)
    rows = measured(tmp_path, "--onnx", path, "--precision", "int8", "--input-range", "0:255")
    row = rows["net", "int8"]
    assert (row["status"], row["calibration"]) == ("ok", "16 inferences of uniform noise from 0 to 255")


def test_networks_with_custom_operators_are_not_converted(tmp_path: Path) -> None:
    library = tmp_path / "operators.so"
    library.write_bytes(b"")
    path = convolution(tmp_path / "net.onnx", [1, 3, 8, 8])
    rows = measured(tmp_path, "--onnx", path, "--precision", "int8", "--custom-operators", library)
    assert rows["net", "int8"]["status"] == "unsupported"
    assert "custom operators are not converted" in rows["net", "int8"]["reason"]


def test_fp16_is_made_and_held_to_what_ran(tmp_path: Path) -> None:
    path = classifier_file(tmp_path / "net.onnx", [1, 3, 32, 32])
    row = measured(tmp_path, "--onnx", path, "--precision", "fp16")["net", "fp16"]
    assert 0 < float(row["verification_relative_l2"]) < 0.01
    assert row["status"] == "ok" or "the runtime computed in fp32" in row["reason"]


def test_the_accuracy_of_the_quantised_file_is_measured_beside_that_of_the_file(tmp_path: Path, pictures: Path) -> None:
    path = classifier_file(tmp_path / "net.onnx", [1, 3, 32, 32])
    labels = tmp_path / "labels.csv"
    labels.write_text("ImageId,Class\n" + "".join(f"{number}.png,{number}\n" for number in range(6)))
    places = ["--output", str(tmp_path / "results"), "--cache-dir", str(tmp_path / "cache")]
    words = ["accuracy", "--onnx", str(path), "--images", str(pictures), "--ground-truth", str(labels), *places]
    main(words)
    assert main([*words, "--precision", "int8", "--calibration-images", str(pictures)]) == 0
    rows = pd.read_csv(tmp_path / "results" / "results.csv", keep_default_na=False)
    assert dict(zip(rows["precision"], rows["accuracy_images_count"], strict=True)) == {"fp32": 6, "int8": 6}


def test_convert_keeps_a_file_of_another_precision_and_exports_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = classifier_file(tmp_path / "net.onnx", [1, 3, 32, 32])
    cache = ["--cache-dir", str(tmp_path / "cache")]
    assert main(["convert", "--onnx", str(path), *cache]) == 2
    assert "add --precision fp16, --precision int8 or --graph fused" in capsys.readouterr().err
    bundle = tmp_path / "bundle"
    words = ["--precision", "int8", "--int8-scheme", "onnxruntime", "--export", str(bundle)]
    assert main(["convert", "--onnx", str(path), *words, *cache]) == 0
    name, made = capsys.readouterr().out.split()
    assert (name, made) == ("onnx/net", str(bundle / "models" / "onnx-net-int8-b1.onnx"))
    row = measured(tmp_path, "--artifacts", bundle, "--precision", "int8")["net", "int8"]
    assert (row["status"], row["precision_effective"]) == ("ok", "int8")


def test_a_gate_compares_files_in_another_precision(tmp_path: Path) -> None:
    paths = [str(classifier_file(tmp_path / f"{name}.onnx", [1, 3, 32, 32])) for name in ("old", "new")]
    data = tmp_path / "gate.json"
    quick = ["--block-ms", "1", "--block-groups", "1", "--pairs", "2", "--confirm-pairs", "7", "--precision", "int8"]
    places = ["--json", str(data), "--output", str(tmp_path / "gate"), "--cache-dir", str(tmp_path / "cache")]
    assert main(["gate", *paths, *quick, *places]) in (0, 1, 3)
    assert '"precision": "int8"' in data.read_text()
    assert '"precision": "fp32"' not in data.read_text()
