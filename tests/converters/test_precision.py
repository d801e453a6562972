from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

import converters
import zoo
from converters.artifact import ArtifactStore
from converters.errors import ConversionError, VerificationError
from converters.float16 import to_float16
from converters.graph_precision import graph_precision
from converters.precision import derive, derived_key, find, judge
from converters.request import ConversionRequest, PrecisionOptions
from converters.verify import Agreement, measure
from foundation.digests import file_sha256
from foundation.vocabulary import METADATA_PREFIX
from zoo import probe
from zoo.own_preprocessing import assumed_preprocessing

OPTIONS = PrecisionOptions()


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path)


@pytest.fixture
def folder(tmp_path):
    """Three images of noise."""
    rng = np.random.default_rng(0)
    made = tmp_path / "images"
    made.mkdir()
    for index in range(3):
        Image.fromarray(rng.integers(0, 255, (300, 260, 3), np.uint8)).save(made / f"{index}.png")
    return made


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_derived_artifact_is_verified_described_and_kept(small_artifact, store, precision):
    source = small_artifact()
    artifact = derive(source, precision, OPTIONS, store)
    made = artifact.provenance
    assert (made["precision"], made["computes_in"]) == (precision, precision)
    assert made["derived_from"] == {"sha256": source.sha256, "precision": "fp32"}
    for inherited in ("models", "macs", "parameters", "exporter", "resolution", "batch"):
        assert made[inherited] == source.provenance[inherited]
    checks = {check["images"]: check for check in made["verification"]}
    assert {"probe", "natural"} <= checks.keys()
    assert 0 < checks["natural"]["relative_l2"] < {"fp16": 2e-3, "int8": 0.1}[precision]
    assert graph_precision(onnx.load(artifact.path)) == precision
    written = artifact.path.stat().st_mtime_ns
    assert derive(source, precision, OPTIONS, store).path.stat().st_mtime_ns == written


def test_provenance_travels_in_the_file_too(small_artifact, store):
    artifact = derive(small_artifact(), "int8", OPTIONS, store)
    inside = {entry.key: json.loads(entry.value) for entry in onnx.load(artifact.path).metadata_props}
    provenance = inside[METADATA_PREFIX + "provenance"]
    assert provenance.items() <= artifact.provenance.items()
    assert provenance["precision"] == "int8"
    assert inside[METADATA_PREFIX + "preprocessing"]["rule"] == "resize_then_crop"


def test_fp16_is_compared_with_what_a_gpu_computes_and_what_the_cpu_does(small_artifact, store):
    checks = derive(small_artifact(), "fp16", OPTIONS, store).provenance["verification"]
    errors = {check["images"]: check["relative_l2"] for check in checks}
    assert errors.keys() == {"probe", "natural", "probe, unrounded"}
    assert errors["probe, unrounded"] != errors["probe"]


def test_values_beyond_float16_inside_the_network_are_found(small_artifact, store):
    """The weights fit and the logits are the same in float32; ONNX Runtime on the CPU would not notice."""
    source = small_artifact(gain=60_000.0)
    with pytest.raises(VerificationError):
        derive(source, "fp16", OPTIONS, store)
    assert not list(store.root.glob(".staging-*"))


def test_float16_io_is_another_artifact_and_runs(small_artifact, store):
    source = small_artifact()
    artifact = derive(source, "fp16", PrecisionOptions(float16_io=True), store)
    assert artifact.provenance["input"]["dtype"] == "float16"
    assert derive(source, "fp16", OPTIONS, store).provenance["input"]["dtype"] == "float32"
    session = onnxruntime.InferenceSession(artifact.path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"input": probe.images(16, 1).astype(np.float16)})
    assert logits.dtype == np.float16


def test_int8_without_images_warns_and_records_what_it_was_calibrated_on(small_artifact, store):
    made = derive(small_artifact(), "int8", OPTIONS, store).provenance
    assert made["recipe"]["calibration"]["kind"] == "generated"
    assert "16 generated images" in made["warnings"][0]
    assert "--calibration-images" in made["warnings"][0]


def test_int8_on_images_records_them_and_warns_of_nothing(small_artifact, store, folder):
    made = derive(small_artifact(), "int8", PrecisionOptions(calibration_images=folder), store).provenance
    assert made["recipe"]["calibration"]["count"] == 3
    assert "warnings" not in made
    (on_images,) = [check for check in made["verification"] if check["images"] == "calibration"]
    assert on_images["count"] == 3


def test_the_images_calibrated_on_are_recorded_beside_the_file(small_artifact, store, folder):
    artifact = derive(small_artifact(), "int8", PrecisionOptions(calibration_images=folder), store)
    assert artifact.provenance["calibration_sha256"] == [file_sha256(folder / f"{index}.png") for index in range(3)]
    assert artifact.provenance["preprocessing"]["stated_in"] == "a test"
    assert not {"calibration_sha256", "preprocessing"} & described(artifact).keys()


def described(artifact):
    """The provenance in the file."""
    inside = {entry.key: json.loads(entry.value) for entry in onnx.load(artifact.path).metadata_props}
    return inside[METADATA_PREFIX + "provenance"]


def test_no_more_images_are_used_than_asked_for(small_artifact, store, folder):
    options = PrecisionOptions(calibration_images=folder, calibration_count=2)
    made = derive(small_artifact(), "int8", options, store).provenance
    assert made["recipe"]["calibration"]["count"] == 2
    assert len(made["calibration_sha256"]) == 2
    (on_images,) = [check for check in made["verification"] if check["images"] == "calibration"]
    assert on_images["count"] == 2


def test_many_images_are_compared_unless_the_network_is_large(small_artifact, store, folder, monkeypatch):
    for index in range(3, 12):
        shutil.copy(folder / f"{index % 3}.png", folder / f"{index}.png")
    options, counts = PrecisionOptions(calibration_images=folder), []
    for macs in (1e12, 1e5 * 10):
        monkeypatch.setattr("converters.precision.COMPARED_MACS", macs)
        artifact = derive(small_artifact(), "int8", options, store)
        counts += [check["count"] for check in artifact.provenance["verification"] if check["images"] == "calibration"]
        shutil.rmtree(artifact.path.parent)
    assert counts == [12, 10]


def test_an_assumed_preprocessing_is_named_in_a_warning_of_int8_alone(small_artifact, store, folder):
    source = small_artifact({"stated_in": assumed_preprocessing(16).stated_in})
    made = derive(source, "int8", PrecisionOptions(calibration_images=folder), store)
    (told,) = made.provenance["warnings"]
    assert "prepared as assumed (shorter side to 18 px (Pillow bilinear), centre 16 px, RGB, mean 0.485" in told
    assert "--preprocessing" in told
    assert described(made)["warnings"] == [told]
    assert "warnings" not in derive(source, "fp16", OPTIONS, store).provenance


def test_the_ranges_are_those_of_the_stated_preprocessing(small_artifact, store, folder):
    """The first scale of a graph with 255 times larger inputs is 255 times larger."""
    scales = []
    for steps in ({"mean": (0.0,) * 3, "std": (1.0,) * 3}, {"mean": (0.0,) * 3, "std": (1 / 255,) * 3}):
        made = derive(small_artifact(steps), "int8", PrecisionOptions(calibration_images=folder), store)
        graph = onnx.load(made.path).graph
        name = next(node.input[1] for node in graph.node if node.input[0] == "input")
        scales.append(
            next(onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name == name).item()
        )
    assert scales[1] / scales[0] == pytest.approx(255, rel=1e-4)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_user_network_is_verified_on_noise_as_it_is_fed(small_artifact, store, folder, precision):
    """The probe's noise would be far outside the ranges: it is 255 times smaller than these pixels."""
    for path in folder.iterdir():
        rng = np.random.default_rng(int(path.stem))
        Image.fromarray(rng.integers(0, 256, (18, 18, 3), np.uint8)).save(path)
    steps = {"mean": (0.0,) * 3, "std": (1 / 255,) * 3}
    options = PrecisionOptions(calibration_images=folder)
    made = {source: derive(small_artifact(steps, source), precision, options, store) for source in ("own", "zoo")}
    checks = {
        source: {check["images"]: check["relative_l2"] for check in artifact.provenance["verification"]}
        for source, artifact in made.items()
    }
    assert {"noise", "natural"} <= checks["own"].keys()
    assert "probe" in checks["zoo"]
    assert checks["own"]["noise"] < {"fp16": 2e-3, "int8": 0.05}[precision]
    assert precision == "fp16" or checks["zoo"]["probe"] > 2 * checks["own"]["noise"]


def test_a_graph_that_predicts_other_classes_is_warned_of(small_artifact, store, folder, monkeypatch):
    """Its logits may be as close as those of a good one."""
    for index in range(3, 20):
        shutil.copy(folder / f"{index % 3}.png", folder / f"{index}.png")

    def ruined(images, expected, actual):
        return dataclasses.replace(measure(images, expected, actual), top1_agreement=0.3)

    monkeypatch.setattr("converters.inputs.measure", ruined)
    artifact = derive(small_artifact(), "int8", PrecisionOptions(calibration_images=folder), store)
    (told,) = artifact.provenance["warnings"]
    assert told.startswith("int8 often predicts another class than fp32: same top-1 as fp32 on 30 % of 20 calibration")
    assert "warnings" not in described(artifact)


def test_a_batch_of_several_is_calibrated_and_verified(small_artifact, store):
    made = derive(small_artifact(batch=3), "int8", OPTIONS, store).provenance
    assert [check["count"] for check in made["verification"]] == [2, 8]


def test_the_key_follows_everything_that_decides_the_graph(small_artifact, store, folder, monkeypatch):
    source = small_artifact()
    keys = [
        derived_key(source, "fp16", OPTIONS),
        derived_key(source, "fp16", PrecisionOptions(float16_io=True)),
        derived_key(source, "int8", OPTIONS),
        derived_key(source, "int8", PrecisionOptions(int8_scheme="onnxruntime")),
        derived_key(source, "int8", PrecisionOptions(calibration_images=folder)),
        derived_key(source, "int8", PrecisionOptions(calibration_images=folder, calibration_count=1)),
        derived_key(small_artifact(constant=2.0), "fp16", OPTIONS),
    ]
    (folder / "0.png").unlink()
    keys.append(derived_key(source, "int8", PrecisionOptions(calibration_images=folder)))
    monkeypatch.setattr("converters.precision.installed_versions", lambda packages: dict.fromkeys(packages, "9.9"))
    keys.append(derived_key(source, "fp16", OPTIONS))
    assert len(set(keys)) == len(keys)
    # An option of another precision changes nothing, nor does a limit that is not reached.
    assert derived_key(source, "int8", PrecisionOptions(calibration_images=folder)) == derived_key(
        source, "int8", PrecisionOptions(calibration_images=folder, calibration_count=2)
    )
    assert derived_key(source, "fp16", PrecisionOptions(int8_scheme="onnxruntime")) == keys[-1]


@pytest.mark.parametrize(("precision", "allowed"), [("fp16", 0.001), ("int8", 0.05)])
def test_rounding_passes_and_a_mistake_does_not(precision, allowed):
    judge(precision, Agreement("probe", 2, allowed, 0.1, 1.0))
    with pytest.raises(VerificationError, match="keep this network in fp32"):
        judge(precision, Agreement("probe", 2, 1.1, 0.1, 1.0))


def test_int8_that_is_as_far_off_as_zeros_fails_except_on_noise_of_a_users_network():
    with pytest.raises(VerificationError, match="keep this network in fp32"):
        judge("int8", Agreement("natural", 2, 1.0, 0.1, 1.0))
    judge("int8", Agreement("noise", 2, 1.2, 0.1, 1.0))
    with pytest.raises(VerificationError, match="keep this network in fp32"):
        judge("fp16", Agreement("noise", 2, 1.2, 0.1, 1.0))


def test_an_unknown_precision_is_refused(small_artifact, store):
    with pytest.raises(ConversionError, match="choose fp32, fp16 or int8"):
        derive(small_artifact(), "fp8", OPTIONS, store)


def test_a_graph_that_came_out_in_another_precision_is_refused(small_artifact, store, monkeypatch):
    monkeypatch.setattr("converters.precision.float16.to_float16", lambda model, keep_io: model)
    with pytest.raises(ConversionError, match="came out in fp32 instead of fp16"):
        derive(small_artifact(), "fp16", OPTIONS, store)


def test_a_graph_with_a_float32_island_is_refused(small_artifact, store, monkeypatch):
    def with_island(model, keep_io):
        half = to_float16(model, keep_io=keep_io)
        product = next(node for node in half.graph.node if node.op_type in ("Gemm", "MatMul"))
        before = [
            onnx.helper.make_node("Cast", [name], [f"{name}_wide"], to=onnx.TensorProto.FLOAT) for name in product.input
        ]
        after = onnx.helper.make_node("Cast", ["narrow"], [product.output[0]], to=onnx.TensorProto.FLOAT16)
        product.input[:] = [f"{name}_wide" for name in product.input]
        product.output[:] = ["narrow"]
        position = list(half.graph.node).index(product)
        nodes = [*half.graph.node[:position], *before, product, after, *half.graph.node[position + 1 :]]
        kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del half.graph.node[:]
        half.graph.node.extend(kept)
        return half

    monkeypatch.setattr("converters.precision.float16.to_float16", with_island)
    with pytest.raises(ConversionError, match=r"came out in fp16\+fp32 instead of fp16"):
        derive(small_artifact(), "fp16", OPTIONS, store)


def test_a_file_without_preprocessing_is_refused(small_artifact, store):
    source = small_artifact()
    model = onnx.load(source.path)
    del model.metadata_props[:]
    onnx.save(model, source.path)
    with pytest.raises(ConversionError, match="convert it again"):
        derive(source, "fp16", OPTIONS, store)


NO_FRAMEWORK = """
import sys
from pathlib import Path
from converters.artifact import ArtifactStore
from converters.precision import derive
from converters.request import PrecisionOptions
store = ArtifactStore(Path({cache!r}))
for precision in ("fp16", "int8"):
    derive(store.find({key!r}), precision, PrecisionOptions(), store)
print(sorted(sys.modules.keys() & {{"tensorflow", "torch"}}))
"""


def test_a_stored_fp32_artifact_is_enough(small_artifact, tmp_path):
    code = NO_FRAMEWORK.format(cache=str(tmp_path), key=small_artifact().provenance["key"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_a_model_is_converted_to_a_precision_by_name_and_found_again(tmp_path):
    name = "ofa/LG-G8_lat-8ms_top1-71.1_finetune-25"
    exporter = "torchscript"
    request = ConversionRequest(name, exporter=exporter, precision="int8")
    store = ArtifactStore(tmp_path)
    assert find(request, store) is None
    with pytest.warns(UserWarning, match="generated images"):
        artifact = converters.convert(name, exporter=exporter, precision="int8", cache_dir=tmp_path)
    found = find(request, store)
    assert found is not None
    assert found.path == artifact.path
    assert artifact.provenance["macs"] == zoo.card(name).macs
    plain = converters.convert(name, exporter=exporter, cache_dir=tmp_path)
    assert plain.sha256 == artifact.provenance["derived_from"]["sha256"]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("name", zoo.list_models("smoke"))
def test_the_zoo_agrees_with_itself_in_every_precision(name, precision, tmp_path_factory):
    """Independent of the derivation's own check: another session, other images."""
    cache_dir = tmp_path_factory.getbasetemp() / "smoke"
    plain = converters.convert(name, cache_dir=cache_dir)
    artifact = derive(plain, precision, OPTIONS, ArtifactStore(cache_dir))
    images = np.random.default_rng(7).standard_normal((2, 3, *[zoo.card(name).resolution] * 2)).astype(np.float32)
    sessions = [onnxruntime.InferenceSession(one.path, providers=["CPUExecutionProvider"]) for one in (plain, artifact)]
    expected, found = (
        np.concatenate([session.run(None, {"input": image[None]})[0] for image in images]) for session in sessions
    )
    assert probe.relative_l2(found, expected) < {"fp16": 0.02, "int8": 0.3}[precision]
