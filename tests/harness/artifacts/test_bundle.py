from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from foundation.digests import file_sha256
from foundation.published_latency import PublishedLatency
from harness.artifacts.bundle import BUNDLE_NAME, check_fused_for, check_opsets, read_bundle
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.errors import BundleError


@pytest.fixture
def three(converted, write_bundle) -> Path:
    return write_bundle(
        converted("gpunet/GPUNet-0"),
        converted("gpunet/GPUNet-0", weight=2.0, precision="fp16", batch=8),
        converted("regnet/RegNetX-200MF", weight=3.0),
    )


def change_index(directory: Path, **facts: Any) -> None:
    path = directory / BUNDLE_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def selected(directory: Path, *patterns: str, precision: str = "fp32", batch: int = 1) -> list[str]:
    return [model.facts["model"] for model in read_bundle(directory).select(patterns, precision, batch)]


@pytest.mark.parametrize(
    "pattern", ["gpunet", "GPUNET/gpunet-0", "gpunet-0", "*net-0", "gpunet/*", "regnetx*,gpunet-0", "smoke", "all"]
)
def test_patterns_select_as_in_the_zoo(three: Path, pattern: str) -> None:
    assert "gpunet/GPUNet-0" in selected(three, pattern)
    assert ("regnet/RegNetX-200MF" in selected(three, pattern)) == (pattern in ("regnetx*,gpunet-0", "smoke", "all"))


def test_no_pattern_means_all_of_one_precision_and_batch(three: Path) -> None:
    assert selected(three) == ["gpunet/GPUNet-0", "regnet/RegNetX-200MF"]
    assert selected(three, precision="fp16", batch=8) == ["gpunet/GPUNet-0"]


def test_the_series_are_those_of_the_conversion_with_paths_of_this_machine(three: Path, converted) -> None:
    (model,) = read_bundle(three).select(["gpunet"], "fp32", 1)
    series = model.series("tensorrt", three)
    made = converted("gpunet/GPUNet-0")
    assert series.artifact_path == str(three / "models" / "gpunet-GPUNet-0-fp32-b1.onnx")
    changed = {"backend", "artifact_path"}
    assert {k: v for k, v in series.to_json().items() if k not in changed} == {
        k: v for k, v in made.to_json().items() if k not in changed
    }
    assert file_sha256(Path(series.artifact_path)) == made.artifact_sha256


def test_published_latencies_travel_with_the_bundle(converted, write_bundle) -> None:
    figures = (PublishedLatency("a phone", 22.0, "README"),)
    made = converted("gpunet/GPUNet-0", latencies_published=figures, searched_for="a phone")
    (model,) = read_bundle(write_bundle(made)).models
    series = model.series("onnxruntime", Path())
    assert (series.latencies_published, series.searched_for) == (figures, "a phone")


@pytest.mark.parametrize(
    ("patterns", "precision", "batch", "message"),
    [
        (
            ["mobile"],
            "fp32",
            1,
            "no model of the suite 'mobile' in .*bundle; it has: gpunet/GPUNet-0, regnet/RegNetX-200MF; bundle.json",
        ),
        (["gpunet-1"], "fp32", 1, "unknown model 'gpunet-1' in .*bundle; nearest: gpunet/GPUNet-0"),
        (["gpunet,vgg*"], "fp32", 1, r"no model matches 'vgg\*' in .*; it has: gpunet/GPUNet-0, regnet/RegNetX-200MF"),
        (
            ["gpunet"],
            "int8",
            1,
            r"int8 at batch 1. It has --precision fp32 --batch 1, --precision fp16 --batch 8: give",
        ),
        ([], "fp32", 4, "--precision fp32 --batch 4 --export on the machine that converts"),
    ],
)
def test_a_missing_selection_is_reported_with_what_is_available(
    three: Path, patterns: list[str], precision: str, batch: int, message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        read_bundle(three).select(patterns, precision, batch)


def test_a_bundle_without_models_is_refused(write_bundle) -> None:
    with pytest.raises(BundleError, match="holds no models yet"):
        read_bundle(write_bundle()).select([], "fp32", 1)


def test_intact_files_pass(three: Path) -> None:
    bundle = read_bundle(three)
    bundle.check_files(bundle.models)


def test_every_damaged_file_is_named(three: Path) -> None:
    bundle = read_bundle(three)
    first, second, third = (three / model.artifact.path for model in bundle.models if model.artifact)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    third.write_bytes(third.read_bytes()[:-1] + b"?")
    with pytest.raises(BundleError, match="Copy the folder again") as raised:
        bundle.check_files(bundle.models)
    assert f"models/{first.name} is missing" in str(raised.value)
    assert f"models/{second.name} has {second.stat().st_size} bytes, not" in str(raised.value)
    assert f"models/{third.name} has other content" in str(raised.value)


def test_a_damaged_file_that_is_not_requested_is_ignored(three: Path) -> None:
    bundle = read_bundle(three)
    (three / "models" / "gpunet-GPUNet-0-fp32-b1.onnx").unlink()
    bundle.check_files(bundle.select(["regnet"], "fp32", 1))


def test_a_damaged_reference_network_is_refused_whatever_is_requested(three: Path) -> None:
    (three / "reference.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match=r"reference.onnx has 0 bytes"):
        read_bundle(three).check_files([])


def test_a_file_that_may_not_be_read_is_named(three: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("harness.artifacts.bundle.file_sha256", refuse)
    with pytest.raises(BundleError, match=r"reference.onnx cannot be read \(Permission denied\)"):
        read_bundle(three).check_files([])


@pytest.mark.parametrize("place", ["nowhere", "file", "empty"])
def test_a_folder_that_is_not_a_bundle_is_refused_with_the_way_to_make_one(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match=r"no bundle.json. Make one .* convert --models MODELS --export DIR"):
        read_bundle(tmp_path / place)


@pytest.mark.parametrize("text", ["", "[]", '{"schema_version": 1', '{"schema_version": 1}', "\xff", "[" * 100_000])
def test_a_damaged_index_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / BUNDLE_NAME).write_text(text, encoding="latin-1")
    with pytest.raises(BundleError, match="Copy the folder again"):
        read_bundle(tmp_path)


def test_another_schema_is_refused_with_both_versions(three: Path) -> None:
    change_index(three, schema_version=2, harness_version="9.9.9")
    with pytest.raises(BundleError, match=r"schema version 2: baseline-zoo 9.9.9 wrote it, but this is \d.* Install"):
        read_bundle(three)


def test_another_reference_network_is_refused(three: Path) -> None:
    change_index(three, reference={"path": "reference.onnx", "sha256": "0" * 64, "size_bytes": 1})
    with pytest.raises(BundleError, match="another reference network"):
        read_bundle(three)


def changed_model(directory: Path, **changes: Any) -> None:
    (model, *others) = json.loads((directory / BUNDLE_NAME).read_text())["models"]
    change_index(directory, models=[{**model, **changes}, *others])


def test_facts_of_a_later_version_are_refused(three: Path) -> None:
    facts = json.loads((three / BUNDLE_NAME).read_text())["models"][0]["facts"]
    changed_model(three, facts={**facts, "colour": "blue"})
    with pytest.raises(BundleError, match=r"is damaged \(.*colour"):
        read_bundle(three)
    change_index(three, harness_version="9.9.9")
    with pytest.raises(BundleError, match=r"facts that are not known here \(.*colour.*Install the same version"):
        read_bundle(three)


@pytest.mark.parametrize("path", ["../outside.onnx", "/outside.onnx"])
def test_a_file_outside_the_folder_is_refused(three: Path, path: str) -> None:
    changed_model(three, artifact={"path": path, "sha256": "0" * 64, "size_bytes": 1})
    with pytest.raises(BundleError, match="is not below the folder"):
        read_bundle(three)


def test_a_model_that_is_ok_without_a_file_is_refused(three: Path) -> None:
    changed_model(three, artifact=None)
    with pytest.raises(BundleError, match="its files disagree"):
        read_bundle(three)


class OlderRuntime(OnnxRuntimeBackend):
    def runtime(self) -> str:
        return "TensorRT 8.5.3.1"

    def opset_limit(self) -> int | None:
        return 17


def test_a_runtime_that_is_too_old_for_the_opset_names_the_models_and_the_option(converted) -> None:
    series = [converted("gpunet/GPUNet-0", opset=18), converted("regnet/RegNetX-200MF", opset=17)]
    with pytest.raises(BundleError) as raised:
        check_opsets(series, OlderRuntime())
    message = str(raised.value)
    assert "TensorRT 8.5.3.1 reads ONNX opsets up to 17" in message
    assert "gpunet/GPUNet-0 (18)" in message
    assert "RegNetX" not in message
    assert "--opset 17 and another --export DIR" in message


def test_an_opset_that_is_read_or_not_known_passes(converted) -> None:
    check_opsets([converted(opset=17), converted(opset=None)], OlderRuntime())
    check_opsets([converted(opset=99)], OnnxRuntimeBackend())


def test_an_index_of_an_earlier_version_has_no_engines(three: Path) -> None:
    path = three / BUNDLE_NAME
    index = json.loads(path.read_text())
    del index["engines"]
    path.write_text(json.dumps(index))
    assert read_bundle(three).engines == ()


ENGINE = {
    "name": "a",
    "backend": "tensorrt-rtx",
    "artifact_sha256": "0",
    "precision": "fp32",
    "capabilities": ["sm86"],
    "files": [{"path": "engines/a/engine.plan", "sha256": "0", "size_bytes": 1}],
}


def test_an_engine_of_the_index_is_read(three: Path) -> None:
    change_index(three, engines=[ENGINE])
    assert read_bundle(three).engine_capabilities("tensorrt-rtx") == [("sm86",)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": [{**ENGINE["files"][0], "path": "engines/../../elsewhere"}]}, "is not below the folder"),
        ({"files": [{**ENGINE["files"][0], "path": "/elsewhere"}]}, "is not below the folder"),
        ({"files": [{**ENGINE["files"][0], "path": "models/b.onnx"}]}, "engine 'a' is not a folder below engines/"),
        ({"files": [{**ENGINE["files"][0], "size_bytes": "1"}]}, "size_bytes is '1'"),
        ({"files": {}}, "{} is not an array"),
        ({"name": "../a"}, "engine '../a' is not a folder below engines/"),
        ({"name": "/a", "files": []}, "engine '/a' is not a folder below engines/"),
        ({"name": "", "files": []}, "engine '' is not a folder below engines/"),
        ({"name": "a\\b", "files": []}, "is not a folder below engines/"),
        ({"name": "..", "files": []}, "engine '..' is not a folder below engines/"),
        ({"name": ["a"]}, r"name is \['a'\]"),
        ({"backend": 1}, "backend is 1"),
        ({"capabilities": "sm86"}, "'sm86' is not an array"),
        ({"capabilities": [86]}, r"capabilities is \(86,\)"),
    ],
)
def test_a_damaged_engine_of_the_index_is_refused(three: Path, changes: dict[str, Any], message: str) -> None:
    change_index(three, engines=[{**ENGINE, **changes}])
    with pytest.raises(BundleError, match=f"is damaged \\(.*{message}.*Copy the folder again"):
        read_bundle(three)


@pytest.mark.parametrize("engines", [None, {}, "abc", 3])
def test_engines_that_are_no_array_are_refused(three: Path, engines: Any) -> None:
    change_index(three, engines=engines)
    with pytest.raises(BundleError, match=r"is damaged .*is not an array"):
        read_bundle(three)


@pytest.mark.parametrize(("name", "value"), [("model", 3), ("batch", "1"), ("precision", None), ("macs", "many")])
def test_a_fact_of_another_type_is_refused(three: Path, name: str, value: Any) -> None:
    facts = json.loads((three / BUNDLE_NAME).read_text())["models"][0]["facts"]
    changed_model(three, facts={**facts, name: value})
    with pytest.raises(BundleError, match=f"is damaged .*{name} is {value!r}"):
        read_bundle(three)


def test_a_graph_that_is_fused_for_another_runtime_is_refused(converted, write_bundle) -> None:
    bundle = read_bundle(write_bundle(converted(graph="fused"), converted("regnet/RegNetX-200MF")))
    check_fused_for(bundle.models, "onnxruntime")
    with pytest.raises(BundleError) as raised:
        check_fused_for(bundle.models, "openvino")
    message = str(raised.value)
    assert "gpunet/GPUNet-0 is fused for onnxruntime, not for openvino" in message
    assert "--graph fused --fused-for openvino and another --export DIR" in message


def test_a_graph_that_is_the_same_for_two_runtimes_is_for_both(converted, write_bundle) -> None:
    one = converted(graph="fused")
    bundle = read_bundle(write_bundle(one, dataclasses.replace(one, backend="openvino")))
    assert bundle.models[0].fused_for == ("onnxruntime", "openvino")
    check_fused_for(bundle.models, "openvino")


def test_an_index_of_an_earlier_version_does_not_say_what_graphs_are_fused_for(converted, write_bundle) -> None:
    path = write_bundle(converted(graph="fused")) / BUNDLE_NAME
    index = json.loads(path.read_text())
    assert index["models"][0].pop("fused_for") == ["onnxruntime"]
    path.write_text(json.dumps(index))
    check_fused_for(read_bundle(path.parent).models, "openvino")


def test_what_graphs_are_fused_for_is_an_array(converted, write_bundle) -> None:
    path = write_bundle(converted(graph="fused")) / BUNDLE_NAME
    index = json.loads(path.read_text())
    index["models"][0]["fused_for"] = "onnxruntime"
    path.write_text(json.dumps(index))
    with pytest.raises(BundleError, match="is damaged"):
        read_bundle(path.parent)
