from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.artifacts.file_series import FileSettings
from harness.artifacts.input_shapes import AskedShapes
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.comparison.sides import SideSeries, check_file_settings, pairings, read_side, unpaired
from harness.errors import ComparisonError, HarnessError
from harness.files.onnx_graph import read_graph
from harness.records.companions import with_companions
from harness.records.series import Series


def one(model: str, precision: str = "fp32", path: str = "a.onnx") -> SideSeries:
    return SideSeries(model, precision, 1, path, "digest")


def files(folder: Path, inputs: str = "") -> FileSettings:
    return FileSettings(OnnxRuntimeBackend(), "fp32", AskedShapes(), inputs, folder / "cache")


def test_the_artifacts_of_a_run_directory_are_read(tmp_path: Path) -> None:
    facts = [
        Series("ofa/a", "ofa", "a", "onnxruntime", "fp32", 1, artifact_path="a.onnx", artifact_sha256="d"),
        Series("ofa/b", "ofa", "b", "onnxruntime", "fp32", 1, status="failed", reason="why"),
    ]
    (tmp_path / "series.json").write_text(json.dumps([fact.to_json() for fact in facts]))
    assert read_side(tmp_path, files(tmp_path)) == [
        SideSeries("ofa/a", "fp32", 1, "a.onnx", "d"),
        SideSeries("ofa/b", "fp32", 1, failure="failed: why"),
    ]


def test_two_artifacts_of_one_series_are_refused(tmp_path: Path) -> None:
    facts = [
        Series("ofa/a", "ofa", "a", "onnxruntime", "fp32", 1, artifact_path=path, artifact_sha256=path)
        for path in ("newer.onnx", "older.onnx")
    ]
    (tmp_path / "series.json").write_text(json.dumps([fact.to_json() for fact in facts]))
    with pytest.raises(ComparisonError, match=r"two artifacts of ofa/a \(fp32, batch 1\)"):
        read_side(tmp_path, files(tmp_path))


def test_two_files_are_one_series(write_network: Callable[..., Path], tmp_path: Path) -> None:
    sides = []
    for name in ("old", "new"):
        path = write_network(f"{name}.onnx")
        sides.append(read_side(path, files(tmp_path)))
    (found,) = pairings(*sides, [])
    assert found.base.artifact.endswith("old.onnx")
    assert found.new.artifact.endswith("new.onnx")


def test_a_file_with_free_sizes_is_compared_as_it_is_measured(
    write_network: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_network(shape=["batch", 3, "height", "width"])
    (found,) = read_side(path, files(tmp_path, inputs="0:255"))
    assert (found.batch, found.inputs) == (1, "0:255")
    (value,) = read_graph(Path(found.path)).inputs
    assert value.shape == (1, 3, 224, 224)
    (pairing,) = pairings([found], [found], [])
    assert pairing.base.inputs == "0:255"


def test_a_file_that_is_not_onnx_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.onnx"
    path.write_text("<!DOCTYPE html>")
    with pytest.raises(ComparisonError, match="an HTML or XML page"):
        read_side(path, files(tmp_path))


def test_a_file_has_its_own_batch(write_network: Callable[..., Path], tmp_path: Path) -> None:
    (found,) = read_side(write_network(shape=[8, 3, 32, 32]), files(tmp_path))
    assert str(found) == "onnx (fp32, batch 8)"
    with pytest.raises(ComparisonError, match=r"gone\.onnx: no such file"):
        read_side(tmp_path / "gone.onnx", files(tmp_path))


@pytest.mark.parametrize("content", [None, "[", '[{"model": "a"}]', "[]"])
def test_what_holds_no_artifact_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "series.json").write_text(content)
    with pytest.raises(ComparisonError, match=r"not a run directory|damaged|holds no artifact"):
        read_side(tmp_path, files(tmp_path))


def test_the_same_precision_is_compared_where_both_have_it() -> None:
    base = [one("a", "fp32", "base32"), one("a", "int8", "base8")]
    (found,) = pairings(base, [one("a", "int8", "new8")], [])
    assert (found.base.artifact, found.new.artifact) == ("base8", "new8")


def test_two_precisions_are_compared_where_each_side_has_one() -> None:
    (found,) = pairings([one("a", "fp32")], [one("a", "int8")], [])
    assert (found.base.precision, found.new.precision) == ("fp32", "int8")
    with pytest.raises(ComparisonError, match="no series in common"):
        pairings([one("a", "fp32"), one("a", "fp16")], [one("a", "int8")], [])


def test_models_are_selected_as_everywhere() -> None:
    base = [one("gpunet/GPUNet-0"), one("ofa/b")]
    assert [found.model for found in pairings(base, base, ["gpunet-0"])] == ["gpunet/GPUNet-0"]
    with pytest.raises(ComparisonError, match=r"the candidate gpunet/GPUNet-0 \(fp32, batch 1\), ofa/b"):
        pairings([one("gpunet/GPUNet-1")], base, [])
    with pytest.raises(
        ComparisonError, match="unknown model 'resnet' in these artifacts; none is near it; it has: gpu"
    ):
        pairings(base, base, ["resnet"])


def test_for_a_part_of_a_name_a_glob_is_suggested() -> None:
    base = [one("efficientnet/efficientnet_b0"), one("efficientnet/tf_efficientnet_b0"), one("ofa/b")]
    with pytest.raises(ComparisonError, match=r"'b0'.*nearest: .*efficientnet_b0.*; '\*b0\*' means every name with it"):
        pairings(base, base, ["b0"])
    assert [found.model for found in pairings(base, base, ["*b0*"])] == [side.model for side in base[:2]]


def lost(base: list[SideSeries], new: list[SideSeries], patterns: Sequence[str] = ()) -> dict[str, str]:
    found = unpaired(base, new, list(patterns), pairings(base, new, list(patterns)))
    return {f"{one.pairing.model} {one.pairing.new.precision}": one.reason for one in found}


def test_a_series_that_a_side_lacks_does_not_vanish() -> None:
    failed = SideSeries("broken", "fp32", 1, failure="failed: why")
    base = [one("a"), one("gone"), one("broken")]
    new = [one("a"), failed, one("added")]
    assert lost(base, new) == {
        "broken fp32": "candidate: failed: why",
        "added fp32": "the baseline does not have it",
        "gone fp32": "the candidate does not have it",
    }
    assert lost([one("a")], [one("a"), failed]) == {
        "broken fp32": "candidate: failed: why; the baseline does not have it"
    }
    assert lost([one("a"), failed], [one("a"), failed]) == {
        "broken fp32": "baseline: failed: why; candidate: failed: why"
    }
    with pytest.raises(ComparisonError, match=r"the candidate broken \(fp32, batch 1\) \(failed: why\)"):
        pairings([one("broken")], [failed], [])
    assert lost(base, new, ["*ad*", "A"]) == {"added fp32": "the baseline does not have it"}


def test_a_precision_that_a_side_lacks_does_not_vanish() -> None:
    both = [one("a"), one("a", "fp16")]
    assert lost(both, both) == {}
    assert lost(both, [one("a", "fp16")]) == {"a fp32": "the candidate does not have it"}
    assert lost([one("a", "int8")], [one("a", "fp32")]) == {}


def test_the_suites_of_a_bundle_are_recorded(
    converted: Callable[..., Series], write_bundle: Callable[..., Path], tmp_path: Path
) -> None:
    side = read_side(write_bundle(converted("gpunet/GPUNet-0"), suites=["all", "smoke"]), files(tmp_path))
    assert [found.model for found in pairings(side, side, ["smoke"])] == ["gpunet/GPUNet-0"]


def run_of(folder: Path, *members: Series) -> Path:
    folder.mkdir()
    (folder / "series.json").write_text(json.dumps([one.to_json() for one in members]))
    return folder


def series(inputs: str = "", custom_operators: str = "") -> Series:
    facts = Series("own/a", "own", "a", "onnxruntime", "fp32", 1, artifact_path="a.onnx", artifact_sha256="d")
    return with_companions(facts, inputs, custom_operators)


def test_series_whose_inputs_hold_something_else_are_not_paired(tmp_path: Path) -> None:
    base = read_side(run_of(tmp_path / "base", series("0:1"), series("0:255")), files(tmp_path))
    new = read_side(run_of(tmp_path / "new", series("0:255"), series("0:10")), files(tmp_path))
    paired = pairings(base, new, [])
    assert [(one.base.inputs, one.new.inputs) for one in paired] == [("0:255", "0:255")]
    assert [one.reason for one in unpaired(base, new, [], paired)] == [
        "the baseline does not have it with inputs of 0:10",
        "the candidate does not have it with inputs of 0:1",
    ]


def test_the_companions_of_a_run_count_as_they_are_now(tmp_path: Path) -> None:
    library = tmp_path / "ops.so"
    library.write_bytes(b"one")
    base = run_of(tmp_path / "base", series("", str(library)))
    (before,) = read_side(base, files(tmp_path))
    library.write_bytes(b"another")
    (after,) = read_side(base, files(tmp_path))
    assert before.companions != after.companions
    library.unlink()
    with pytest.raises(ComparisonError, match=r"holds no artifact.*--custom-operators .*ops\.so: No such file"):
        read_side(base, files(tmp_path))


def test_the_series_of_a_run_of_several_backends_are_those_of_the_gates_own(tmp_path: Path) -> None:
    own = dataclasses.replace(series(), precision="int8", artifact_sha256="own")
    other = dataclasses.replace(own, backend="openvino", artifact_sha256="other")
    (found,) = read_side(run_of(tmp_path / "both", other, own), dataclasses.replace(files(tmp_path), precision="int8"))
    assert found.sha256 == "own"


def test_an_artifact_that_other_backends_measured_is_read_once(tmp_path: Path) -> None:
    both = [dataclasses.replace(series(), backend=name) for name in ("openvino", "tensorrt")]
    assert len(read_side(run_of(tmp_path / "both", *both), files(tmp_path))) == 1


NOTHING = AskedShapes()


def asking(folder: Path, shapes: AskedShapes = NOTHING, inputs: str = "", operators: str = "") -> FileSettings:
    return FileSettings(OnnxRuntimeBackend(), "", shapes, inputs, folder / "cache", operators)


@pytest.mark.parametrize(
    ("asked", "option"),
    [
        ({"shapes": AskedShapes(batch=2)}, "--batch"),
        ({"shapes": AskedShapes(resolution=64)}, "--resolution"),
        ({"shapes": AskedShapes(shapes={"input": (1, 3, 8, 8)})}, "--shape"),
        ({"inputs": "0:255"}, "--input-range, --input"),
        ({"operators": "ops.so"}, "--custom-operators"),
    ],
)
def test_what_concerns_no_file_is_refused(tmp_path: Path, asked: dict[str, Any], option: str) -> None:
    with pytest.raises(ComparisonError, match=f"^{option}: for .onnx files alone"):
        check_file_settings([tmp_path, tmp_path], asking(tmp_path, **asked))


def test_what_is_not_there_is_refused(write_network: Callable[..., Path], tmp_path: Path) -> None:
    path = write_network(shape=["batch", 3, "height", "width"])
    for asked, message in (
        ({"inputs": str(tmp_path / "gone.npy")}, "no such file"),
        ({"operators": str(tmp_path / "gone.so")}, "no such file"),
        ({"shapes": AskedShapes(shapes={"x": (1, 3, 8, 8)})}, "--shape x: no file has this input; their inputs: input"),
    ):
        with pytest.raises(HarnessError, match=message):
            check_file_settings([tmp_path, path], asking(tmp_path, **asked))
