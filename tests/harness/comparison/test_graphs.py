"""Native and fused graphs of one model, side by side."""

from __future__ import annotations

import dataclasses
import json

import pytest

from harness.artifacts.file_series import FileSettings
from harness.artifacts.input_shapes import AskedShapes
from harness.backends.onnxruntime.cpu import OnnxRuntimeBackend
from harness.comparison.base import base_order
from harness.comparison.pair_progress import series_name
from harness.comparison.sides import SideSeries, pairings, read_side, unpaired
from harness.records.series import Series

NATIVE = Series("ofa/a", "ofa", "a", "onnxruntime", "fp32", 1, artifact_path="a.onnx", artifact_sha256="d" * 64)
FUSED = dataclasses.replace(NATIVE, graph="fused", artifact_path="f.onnx")


def side(graph, precision="fp32"):
    return SideSeries("ofa/a", precision, 1, f"{graph}-{precision}.onnx", "digest", graph=graph)


def paired(base, new):
    return [(one.base.artifact, one.new.artifact) for one in pairings(base, new, [])]


def test_two_graphs_with_one_artifact_are_two_series_that_share_their_trials():
    assert NATIVE.key != FUSED.key
    assert NATIVE.measurement == FUSED.measurement


def test_the_key_of_a_native_series_is_as_it_was():
    assert NATIVE.key == f"ofa/a|{'d' * 16}|onnxruntime|fp32|b1"


def test_a_series_that_was_written_without_a_graph_is_native():
    written = NATIVE.to_json()
    del written["graph"]
    assert Series.from_json(written) == NATIVE


def test_the_native_graph_is_the_base_of_the_fused_one():
    int8 = dataclasses.replace(NATIVE, precision="int8")
    assert sorted([FUSED, int8, NATIVE], key=base_order) == [NATIVE, FUSED, int8]


def test_series_pair_with_the_same_graph():
    both = [side("native"), side("fused")]
    assert paired(both, both) == [("native-fp32.onnx",) * 2, ("fused-fp32.onnx",) * 2]
    assert paired(both, [side("fused")]) == [("fused-fp32.onnx",) * 2]


def test_two_graphs_pair_where_each_side_has_one():
    (found,) = pairings([side("native")], [side("fused")], [])
    assert (found.base.graph, found.new.graph) == ("native", "fused")
    assert series_name(found) == "ofa/a (fp32 to fp32 fused)"
    assert unpaired([side("native")], [side("fused")], [], [found]) == []


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_precision_decides_before_the_graph(precision):
    base = [side("native", "fp32"), side("native", "int8")]
    assert paired(base, [side("fused", precision)]) == [(f"native-{precision}.onnx", f"fused-{precision}.onnx")]


def test_a_folder_with_both_graphs_is_a_side(tmp_path):
    (tmp_path / "series.json").write_text(json.dumps([NATIVE.to_json(), FUSED.to_json()]))
    files = FileSettings(OnnxRuntimeBackend(), "", AskedShapes(), "", tmp_path)
    assert [str(one) for one in read_side(tmp_path, files)] == ["ofa/a (fp32, batch 1)", "ofa/a (fp32 fused, batch 1)"]
