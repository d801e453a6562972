from __future__ import annotations

from pathlib import Path

import pytest

import zoo
from converters.artifact import Artifact
from converters.pool import Conversion
from converters.request import ConversionRequest, PrecisionOptions
from harness.artifacts.facts import facts_of_conversion, facts_of_file

PROVENANCE = {
    "resolution": 224,
    "classes": 1000,
    "parameters": 2684792,
    "macs": 199039872,
    "implementation": "package",
    "weights": {"kind": "probe", "sha256": "w"},
    "sha256": "a" * 64,
    "size_bytes": 2**21,
    "exporter": {"name": "dynamo", "torch": "2.14.1"},
    "opset": 18,
    "seconds": {"export_s": 2.0, "save_s": 0.5, "verify_s": 0.25},
    "verification": [{"relative_l2": 1e-7}, {"relative_l2": 3e-7}],
}


def test_a_converted_model_has_the_facts_of_card_and_artifact():
    request = ConversionRequest("regnet/RegNetX-200MF", opset=18)
    facts = facts_of_conversion(Conversion(request, "ok", artifact=Artifact(Path("m.onnx"), PROVENANCE)), "onnxruntime")
    card = zoo.card("regnet/RegNetX-200MF")
    assert facts.model == card.name
    assert facts.accuracy_published_top1_percent == card.published.top1_percent
    assert facts.exporter == "torch.onnx.export dynamo 2.14.1"
    assert facts.artifact_mib == 2
    assert facts.conversion_s == 2.75
    assert facts.verification_relative_l2 == 3e-7
    assert facts.status == "ok"


def test_a_model_has_the_latencies_and_the_search_that_its_release_states():
    gpunet = facts_of_conversion(Conversion(ConversionRequest("gpunet/GPUNet-0"), "failed"), "onnxruntime")
    assert gpunet.latencies_published == zoo.card("gpunet/GPUNet-0").latencies
    assert gpunet.searched_for == "GV100 GPU"
    alphanet = facts_of_conversion(Conversion(ConversionRequest("alphanet/a0"), "failed"), "onnxruntime")
    assert (alphanet.latencies_published, alphanet.searched_for) == ((), "")


def test_an_exporter_that_is_a_package_has_its_own_version():
    made = {**PROVENANCE, "opset": 17, "exporter": {"name": "tf2onnx", "tf2onnx": "1.17.0", "tensorflow": "2.21.0"}}
    request = ConversionRequest("efficientnet_x/efficientnet-x-b0", opset=18)
    facts = facts_of_conversion(Conversion(request, "ok", artifact=Artifact(Path("m.onnx"), made)), "onnxruntime")
    assert (facts.exporter, facts.opset) == ("tf2onnx 1.17.0", 17)


def test_a_failed_conversion_keeps_its_row_and_reason():
    request = ConversionRequest("regnet/RegNetX-200MF")
    facts = facts_of_conversion(Conversion(request, "out_of_memory", "why"), "onnxruntime")
    assert (facts.status, facts.reason, facts.artifact_sha256) == ("out_of_memory", "why", "")
    assert facts.parameters == 2684792


def test_a_network_of_a_library_has_the_facts_of_its_package():
    pytest.importorskip("torchvision")
    card = zoo.card("torchvision/mobilenet_v3_small")
    request = ConversionRequest(card.name, library_card=card)
    failed = facts_of_conversion(Conversion(request, "failed", "why"), "onnxruntime")
    assert (failed.model, failed.source, failed.variant) == (card.name, "torchvision", "mobilenet_v3_small")
    assert (failed.parameters, failed.macs, failed.classes) == (None, None, 1000)
    assert failed.accuracy_published_top1_percent == card.published.top1_percent
    made = facts_of_conversion(Conversion(request, "ok", artifact=Artifact(Path("m.onnx"), PROVENANCE)), "onnxruntime")
    assert (made.parameters, made.macs, made.weights) == (2684792, 199039872, "probe")


def test_features_are_no_classes():
    pytest.importorskip("timm")
    card = zoo.card("timm/vit_small_patch14_dinov2")
    request = ConversionRequest(card.name, library_card=card)
    made = {**PROVENANCE, "classes": card.classes}
    facts = facts_of_conversion(Conversion(request, "ok", artifact=Artifact(Path("m.onnx"), made)), "onnxruntime")
    assert (card.classes, facts.classes) == (0, None)


def test_an_own_model_that_failed_has_a_row_too():
    facts = facts_of_conversion(Conversion(ConversionRequest("mine:net"), "failed", "why"), "onnxruntime")
    assert (facts.model, facts.source, facts.accuracy_published_top1_percent) == ("own/mine:net", "own", None)


def test_an_own_model_has_the_classes_of_its_graph(tiny_onnx):
    made = {**PROVENANCE, "classes": 0, "implementation": "own", "weights": {"kind": "own", "sha256": "w"}}
    artifact = Artifact(tiny_onnx((1, 7)), made)
    facts = facts_of_conversion(Conversion(ConversionRequest("mine:net"), "ok", artifact=artifact), "onnxruntime")
    assert facts.classes == 7


def int8_facts(calibration, **options):
    made = {**PROVENANCE, "recipe": {"scheme": "tensorrt", "calibration": calibration}}
    request = ConversionRequest("regnet/RegNetX-200MF", precision="int8", options=PrecisionOptions(**options))
    return facts_of_conversion(Conversion(request, "ok", artifact=Artifact(Path("m.onnx"), made)), "tensorrt")


def test_int8_says_what_it_was_calibrated_on():
    generated = int8_facts({"kind": "generated", "count": 16})
    assert generated.calibration == "16 generated images"
    given = {"kind": "given", "count": 128, "sha256": "c"}
    assert int8_facts(given, calibration_images=Path("data/photographs")).calibration == "128 images of photographs/"
    request = ConversionRequest("regnet/RegNetX-200MF")
    plain = facts_of_conversion(Conversion(request, "ok", artifact=Artifact(Path("m.onnx"), PROVENANCE)), "tensorrt")
    assert plain.calibration == ""


def test_a_file_brings_its_own_classes_if_they_are_fixed(tiny_onnx):
    assert facts_of_file(tiny_onnx((1, 7)), "onnxruntime", "fp32", batch=1).classes == 7
    assert facts_of_file(tiny_onnx((1, "classes")), "onnxruntime", "fp32", batch=1).classes is None


def test_a_file_brings_its_own_batch_and_resolution(tiny_onnx):
    facts = facts_of_file(tiny_onnx((4, 3, 16, 16)), "onnxruntime", "fp32", batch=1)
    assert (facts.model, facts.batch, facts.resolution, facts.opset) == ("onnx/tiny", 4, 16, 17)


def test_an_unreadable_file_is_left_to_the_runtime_to_judge(tmp_path):
    path = tmp_path / "cut.onnx"
    path.write_bytes(b"\x08\x08\x12")
    facts = facts_of_file(path, "onnxruntime", "fp32", batch=2)
    assert (facts.status, facts.batch, facts.resolution) == ("ok", 2, None)
