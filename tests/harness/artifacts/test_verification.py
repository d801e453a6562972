from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from converters.artifact import Artifact
from converters.pool import Conversion, convert_many
from converters.request import ConversionRequest
from harness.__main__ import main
from harness.artifacts.verification import Verification, largest_errors, line, verify_model
from zoo.recorded import Comparison

NAME = "ofa/LG-G8_lat-8ms_top1-71.1_finetune-25"


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def conversion(cache_dir):
    (found,) = convert_many([ConversionRequest(NAME)], cache_dir)
    return found


def test_a_model_that_holds_is_ok(conversion):
    found = verify_model(conversion)
    assert found.status == "ok"
    assert found.network.logits_error < 2e-5
    assert 0 < found.artifact_error < 1e-4
    assert "counts equal" in line(found)


def test_an_artifact_that_computes_something_else_differs(conversion, tmp_path):
    model = onnx.load(conversion.artifact.path)
    bias = next(tensor for tensor in model.graph.initializer if "classifier" in tensor.name and len(tensor.dims) == 1)
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) * 1.01, bias.name))
    path = tmp_path / "other.onnx"
    onnx.save(model, path)
    changed = Conversion(conversion.request, "ok", artifact=Artifact(path, conversion.artifact.provenance))
    assert verify_model(changed).status == "differs"


def test_a_conversion_that_failed_is_reported():
    found = verify_model(Conversion(ConversionRequest(NAME), "timeout", "too slow"))
    assert line(found) == f"{NAME}  timeout: too slow"


def test_the_summary_names_the_largest_errors():
    good = Comparison(True, True, True, 1e-6)
    unknown = Comparison(True, True, True, None)
    wrong = Comparison(True, False, True, 3e-6)
    found = [
        Verification("a/1", "a", "ok", network=good, artifact_error=2e-6),
        Verification("a/2", "a", "ok", network=unknown, artifact_error=4e-6),
        Verification("b/1", "b", "differs", network=wrong, artifact_error=1e-6),
        Verification("b/2", "b", "timeout", "slow"),
    ]
    assert list(largest_errors(found)) == [
        "a: 2 of 2 ok; largest error of logits 1.0e-06 (1 recorded), of artifacts 4.0e-06",
        "b: 0 of 2 ok; largest error of logits 3.0e-06 (1 recorded), of artifacts 1.0e-06",
    ]
    assert "MACs differ" in line(found[2])


def test_the_command_prints_a_line_a_model_and_the_summary(cache_dir: Path, capsys):
    assert main(["verify", "--models", NAME, "--cache-dir", str(cache_dir)]) == 0
    out = capsys.readouterr().out
    assert f"{NAME}  ok  counts equal" in out
    assert "ofa: 1 of 1 ok" in out
