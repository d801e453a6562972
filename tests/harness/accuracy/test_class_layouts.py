"""Networks that are right by construction, on data sets in the layouts in which they are published."""

from __future__ import annotations

import io
import itertools
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pyarrow
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from pyarrow import parquet

from harness.__main__ import main
from harness.datasets.imagenet import index_of_wnid

SIDE_PX = 8
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
LEVELS = range(5, 255, 25)
COLOURS = np.array(list(itertools.product(LEVELS, repeat=3)))
"""A colour for each of 1,000 classes."""


def nearest_colour(colours: NDArray[Any]) -> onnx.ModelProto:
    """A network whose output k is largest for the colour k."""
    inputs = (colours / 255 - MEAN) / STD
    constants = {"weight": 2 * inputs.T, "bias": -(inputs**2).sum(1)}
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["colour"]),
        helper.make_node("Gemm", ["colour", "weight", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "nearest_colour",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE_PX, SIDE_PX])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(colours)])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


Evaluate = Callable[..., "pd.Series[Any]"]


@pytest.fixture
def evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evaluate:
    """The row of a network that finds the nearest of the colours."""
    monkeypatch.chdir(tmp_path)

    def row(colours: NDArray[Any], *options: str, images: str = "val", exit_code: int = 0) -> pd.Series[Any]:
        onnx.save(nearest_colour(colours), "net.onnx")
        fixed = ["--images", images, "--onnx", "net.onnx", "--memory", "64", "--threads", "1", "--cache-dir", "cache"]
        assert main(["accuracy", *fixed, *options]) == exit_code
        return pd.read_csv("results/results.csv", keep_default_na=False).iloc[0]

    return row


def write(classes: dict[str, int], root: Path = Path("val"), per_class: int = 1) -> None:
    """Class folders of images of the colours of their classes."""
    for name, index in classes.items():
        (root / name).mkdir(parents=True)
        for number in range(per_class):
            image = Image.new("RGB", (SIDE_PX, SIDE_PX), tuple(map(int, COLOURS[index])))
            image.save(root / name / f"{number}.png")


def test_imagenetv2_has_its_class_indices_as_folders(evaluate: Evaluate, capsys: pytest.CaptureFixture[str]) -> None:
    write({str(index): index for index in range(1000)})
    row = evaluate(COLOURS)
    assert (row.accuracy_measured_top1_percent, row.accuracy_classes_covered_count) == (100, 1000)
    assert "cover" not in row.warnings
    told = "accuracy: val, classes, names are the class indices: 0 is 0, 1 is 1, 2 is 2, ..., 999 is 999\n"
    assert told in capsys.readouterr().err


def test_numbered_names_are_counted_and_the_row_says_so(evaluate: Evaluate) -> None:
    write({f"class_{index + 1}": index for index in range(12)})
    row = evaluate(COLOURS[:12])
    assert row.accuracy_measured_top1_percent == 100
    assert "Classes are in the order of their numbers (class_1, class_2, class_3, ...)" in row.warnings
    as_text = evaluate(COLOURS[:12], "--class-order", "name", "--output", "results")
    assert as_text.accuracy_measured_top1_percent < 20
    assert "order" not in as_text.warnings


@pytest.mark.parametrize("wnids", [["n01440764", "n02102040", "n03888257"], ["n01443537", "n15075141"]])
def test_a_part_of_imagenet_says_how_many_classes_it_covers(evaluate: Evaluate, wnids: Sequence[str]) -> None:
    write({wnid: index_of_wnid()[wnid] for wnid in wnids}, per_class=2)
    row = evaluate(COLOURS)
    assert (row.accuracy_measured_top1_percent, row.accuracy_classes_covered_count) == (100, len(wnids))
    assert f"The images cover {len(wnids)} of its 1,000 classes, so that the accuracy is not comparable" in row.warnings


def test_a_network_of_imagenettes_own_classes(evaluate: Evaluate) -> None:
    indices = [index_of_wnid()[wnid] for wnid in ("n01440764", "n02102040", "n03888257")]
    write(dict(zip(("n01440764", "n02102040", "n03888257"), indices, strict=True)))
    row = evaluate(COLOURS[indices])
    assert (row.accuracy_measured_top1_percent, row.accuracy_classes_covered_count) == (100, 3)
    assert "Its 3 outputs are taken for the 3 classes of the images" in row.warnings
    assert "cover" not in row.warnings


def picture(index: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (SIDE_PX, SIDE_PX), tuple(map(int, COLOURS[index]))).save(file, "PNG")
    return file.getvalue()


def write_parquet() -> str:
    """A split of the Hub in two shards, some of whose labels are out of order."""
    for shard, indices in enumerate(([11, 0, 10], [1, 2, 9])):
        images = [{"bytes": picture(index), "path": f"{index}.png"} for index in indices]
        table = pyarrow.table({"image": images, "label": indices})
        Path("data").mkdir(exist_ok=True)
        parquet.write_table(table, f"data/validation-{shard:05d}-of-00002.parquet", row_group_size=2)
    return "data/validation"


def write_webdataset() -> str:
    with tarfile.open("val-000.tar", "w:") as archive:
        for index in (11, 0, 10, 1, 2, 9):
            for kind, data in (("png", picture(index)), ("cls", str(index).encode())):
                member = tarfile.TarInfo(f"{index}.{kind}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return "val-000.tar"


@pytest.mark.parametrize("write_shards", [write_parquet, write_webdataset])
@pytest.mark.parametrize("classes", [12, 1000])
def test_shards(evaluate: Evaluate, write_shards: Callable[[], str], classes: int) -> None:
    row = evaluate(COLOURS[:classes], images=write_shards())
    assert (row.accuracy_measured_top1_percent, row.accuracy_images_count) == (100, 6)
    assert f"The images cover 6 of its {classes:,} classes" in row.warnings


@pytest.mark.parametrize("own", [False, True])
def test_tiny_imagenet(evaluate: Evaluate, own: bool) -> None:
    indices = [573, 758, 1]
    wnid_of = {index: wnid for wnid, index in index_of_wnid().items()}
    (Path("val") / "images").mkdir(parents=True)
    for number, index in enumerate(indices):
        (Path("val") / "images" / f"val_{number}.JPEG").write_bytes(picture(index))
    lines = [f"val_{number}.JPEG\t{wnid_of[index]}\t0\t32\t44\t62\n" for number, index in enumerate(indices)]
    (Path("val") / "val_annotations.txt").write_text("".join(lines))
    row = evaluate(COLOURS[sorted(indices)] if own else COLOURS)
    assert (row.accuracy_measured_top1_percent, row.accuracy_classes_covered_count) == (100, 3)


@pytest.mark.parametrize("classes", [12, 1000])
def test_a_table_of_indices(evaluate: Evaluate, classes: int) -> None:
    Path("val").mkdir()
    for index in range(12):
        (Path("val") / f"{'lkjihgfedcba'[index]}.png").write_bytes(picture(index))
    rows = [f'"{"lkjihgfedcba"[index]}.png","{index}"\n' for index in range(12)]
    Path("labels.csv").write_text('"ImageId","Class"\n' + "".join(rows))
    row = evaluate(COLOURS[:classes], "--ground-truth", "labels.csv")
    assert (row.accuracy_measured_top1_percent, row.accuracy_classes_covered_count) == (100, 12)
    assert ("cover 12 of its 1,000 classes" in row.warnings) is (classes == 1000)


@pytest.mark.parametrize("background", [0, 12])
def test_a_background_class_is_stated(evaluate: Evaluate, background: int) -> None:
    write({f"{index:02d}": index for index in range(12)})
    colours = np.insert(COLOURS[:12], background, [255, 255, 255], axis=0)
    asked = evaluate(colours, exit_code=1)
    assert "state which one it is (--background-class 0, or 12)" in asked.accuracy_measured_reason
    row = evaluate(colours, "--background-class", str(background))
    assert (row.accuracy_measured_top1_percent, row.accuracy_classes_covered_count) == (100, 12)
