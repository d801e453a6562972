"""Fused artifacts: derived from those of the exporter's graph, verified, described and kept."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from converters import fused
from converters.artifact import MODEL_FILE, ArtifactStore
from converters.errors import VerificationError
from converters.precision import derive_as_requested, find
from converters.request import ConversionRequest, PrecisionOptions
from foundation.vocabulary import FUSED, METADATA_PREFIX

OPTIONS = PrecisionOptions()
RULES = {"hard_swish": 1, "hard_sigmoid": 0, "two_means": 0}
RULES_OF = {"fp16": RULES, "int8": {"two_means": 0, "one_mean": 0, "reciprocal": 1}}


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path)


@pytest.fixture
def swish_artifact(small_artifact, store):
    """The small network with its rectifier as a hard swish that an exporter wrote out."""
    plain = small_artifact()
    model = onnx.load(plain.path)
    for name, value in {"three": 3.0, "low": 0.0, "high": 6.0, "six": 6.0}.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    position = next(index for index, node in enumerate(model.graph.node) if node.op_type == "Relu")
    del model.graph.node[position]
    written_out = [
        helper.make_node("Mul", ["stem", "gate6"], ["relu"]),
        helper.make_node("Div", ["clipped", "six"], ["gate6"]),
        helper.make_node("Clip", ["shifted", "low", "high"], ["clipped"]),
        helper.make_node("Add", ["stem", "three"], ["shifted"]),
    ]
    for node in written_out:
        model.graph.node.insert(position, node)
    staged = store.staging()
    onnx.save(model, staged / MODEL_FILE)
    return store.put("swish", staged, plain.provenance)


def test_a_fused_artifact_is_verified_described_and_kept(swish_artifact, store):
    artifact = fused.derive(swish_artifact, "onnxruntime", "fp32", OPTIONS, store)
    made = artifact.provenance
    assert (made["graph"], made["precision"]) == ("fused", "fp32")
    assert made["fusion"]["rules"] == RULES
    assert made["fusion"]["tools"].keys() == {"onnx", "onnx-ir", "onnxscript"}
    assert made["derived_from"] == {"sha256": swish_artifact.sha256, "graph": "native"}
    assert made["operators"]["HardSwish"] == 1
    for inherited in ("models", "macs", "parameters", "exporter", "resolution", "batch"):
        assert made[inherited] == swish_artifact.provenance[inherited]
    assert {check["images"] for check in made["verification"]} == {"probe", "natural"}
    assert all(check["relative_l2"] < 1e-6 for check in made["verification"])
    assert fused.find(swish_artifact, "onnxruntime", "fp32", store).path == artifact.path
    written = artifact.path.stat().st_mtime_ns
    assert fused.derive(swish_artifact, "onnxruntime", "fp32", OPTIONS, store).path.stat().st_mtime_ns == written


def test_provenance_travels_in_the_file_too(swish_artifact, store):
    artifact = fused.derive(swish_artifact, "onnxruntime", "fp32", OPTIONS, store)
    inside = {entry.key: json.loads(entry.value) for entry in onnx.load(artifact.path).metadata_props}
    assert inside[METADATA_PREFIX + "provenance"]["fusion"]["rules"] == RULES
    assert METADATA_PREFIX + "preprocessing" in inside


def test_where_no_rule_matches_the_artifact_is_the_same_file(swish_artifact, store):
    artifact = fused.derive(swish_artifact, "openvino", "fp32", OPTIONS, store)
    assert artifact.sha256 == swish_artifact.sha256
    assert artifact.path != swish_artifact.path
    assert artifact.provenance["fusion"]["rules"] == {}
    assert artifact.provenance["verification"] == swish_artifact.provenance["verification"]


def test_backends_with_the_same_rules_share_an_artifact(swish_artifact):
    assert fused.fused_key(swish_artifact, "tensorrt", "fp32") == fused.fused_key(swish_artifact, "openvino", "fp32")
    assert fused.fused_key(swish_artifact, "onnxruntime", "fp32") != fused.fused_key(swish_artifact, "openvino", "fp32")


def test_precisions_with_the_same_rules_share_an_artifact(swish_artifact):
    keys = {one: fused.fused_key(swish_artifact, "onnxruntime", one) for one in ("fp32", "fp16", "int8")}
    assert keys["fp32"] == keys["fp16"] != keys["int8"]


def test_the_key_depends_on_tools_and_rules(swish_artifact, monkeypatch):
    keys = {fused.fused_key(swish_artifact, "onnxruntime", "fp32")}
    with monkeypatch.context() as patched:
        patched.setattr(fused, "installed_versions", lambda packages: dict.fromkeys(packages, "9.9"))
        keys.add(fused.fused_key(swish_artifact, "onnxruntime", "fp32"))
    monkeypatch.setattr(fused, "source_digest", lambda: "another text")
    keys.add(fused.fused_key(swish_artifact, "onnxruntime", "fp32"))
    assert len(keys) == 3


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_other_precisions_are_derived_from_the_fused_artifact(swish_artifact, store, precision, monkeypatch):
    request = ConversionRequest("zoo/small", graph=FUSED, backend="onnxruntime", precision=precision)
    artifact = derive_as_requested(swish_artifact, request, store)
    source = fused.derive(swish_artifact, "onnxruntime", precision, OPTIONS, store)
    made = artifact.provenance
    assert (made["graph"], made["precision"]) == ("fused", precision)
    assert made["derived_from"] == {"sha256": source.sha256, "precision": "fp32"}
    assert made["fusion"]["rules"] == RULES_OF[precision]
    assert ("HardSwish" in made["operators"], "Div" in made["operators"]) == (precision == "fp16", False)
    monkeypatch.setattr("converters.precision.key_of", lambda request: "swish")
    assert find(request, store).path == artifact.path


def test_a_graph_without_a_match_is_the_exporters_in_every_precision(swish_artifact, store):
    native = derive_as_requested(swish_artifact, ConversionRequest("zoo/small", precision="fp16"), store)
    request = ConversionRequest("zoo/small", graph=FUSED, backend="openvino", precision="fp16")
    assert derive_as_requested(swish_artifact, request, store).path == native.path
    assert "graph" not in native.provenance


def test_a_graph_that_computes_something_else_is_refused(swish_artifact, store, monkeypatch):
    def wrong(model, backend, precision):
        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        (three,) = [tensor for tensor in changed.graph.initializer if tensor.name == "three"]
        three.CopyFrom(numpy_helper.from_array(np.array(2.99, np.float32), "three"))
        return changed, {"hard_swish": 1}

    monkeypatch.setattr(fused, "fuse", wrong)
    with pytest.raises(VerificationError, match="measure this network's native graph"):
        fused.derive(swish_artifact, "onnxruntime", "fp32", OPTIONS, store)
    assert not list(store.root.glob(".staging-*"))


def test_a_file_system_without_links_gets_a_copy(swish_artifact, store, monkeypatch):
    def refused(self, target):
        raise OSError("no links here")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refused)
    artifact = fused.derive(swish_artifact, "openvino", "fp32", OPTIONS, store)
    assert artifact.path.read_bytes() == swish_artifact.path.read_bytes()
