"""Which rows become a folder, and what it says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest

from harness.errors import HarnessError
from harness.files.artifact_digest import artifact_sha256
from harness.reproduction.folder import Reproduction, check_reproducible, expected, timing_of, write
from harness.timing.settings import TimingSettings
from tests.harness.conftest import small_model

ROW: dict[str, Any] = {
    **dict.fromkeys(("graph", "runtime", "device", "environment_id", "reason", "custom_operators", "inputs"), ""),
    **dict.fromkeys(("latency_median_ms", "latency_low_ms", "latency_high_ms"), 2.0),
    **{"model": "a/x", "status": "ok", "backend": "onnxruntime", "precision": "fp32", "batch": 1, "threads": 1},
    **{"artifact_sha256": "0" * 64, "trials_count": 4, "run_seed": 1},
}


def test_the_script_times_as_long_as_the_blocks_of_a_trial() -> None:
    found = expected(Reproduction(ROW, TimingSettings(block_ms=50.0, groups=4), Path("model.onnx")))
    assert (found["timed_ms"], found["inferences_at_least"], found["trials"]) == (400.0, 8, 4)


@pytest.mark.parametrize(("backend", "warmup_s"), [("onnxruntime", 0.1), ("openvino", 0.2)])
def test_the_script_warms_up_as_long_as_a_trial(backend: str, warmup_s: float) -> None:
    found = expected(Reproduction({**ROW, "backend": backend}, TimingSettings(warmup_s=0.2), Path("model.onnx")))
    assert found["warmup_s"] == warmup_s


@pytest.mark.parametrize("location", ["inputs.npz", "./inputs.npz"])
def test_weights_under_a_name_that_the_folder_needs_are_refused(location: str, tmp_path: Path) -> None:
    artifact, output = tmp_path / "model.onnx", tmp_path / "output"
    onnx.save(small_model(), artifact, save_as_external_data=True, location="inputs.npz", size_threshold=0)
    model = onnx.load(artifact, load_external_data=False)
    for entry in (entry for tensor in model.graph.initializer for entry in tensor.external_data):
        if entry.key == "location":
            entry.value = location
    artifact.write_bytes(model.SerializeToString())
    with pytest.raises(HarnessError, match=r"has weights in a file called inputs\.npz"):
        write(Reproduction({**ROW, "artifact_sha256": artifact_sha256(artifact)}, TimingSettings(), artifact), output)
    assert not output.exists()


def test_openvino_gets_the_properties_of_a_trial() -> None:
    row = {**ROW, "backend": "openvino", "precision": "bf16", "threads": 1}
    properties = expected(Reproduction(row, TimingSettings(), Path("model.onnx")))["properties"]
    assert (properties["INFERENCE_NUM_THREADS"], properties["INFERENCE_PRECISION_HINT"]) == (1, "bf16")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"status": "failed", "reason": "no memory"}, r"a/x was not measured \(failed: no memory\)"),
        ({"backend": "tensorrt"}, "trtexec --onnx=model.onnx"),
        ({"backend": "pytorch"}, "the script is for onnxruntime and openvino: measure it by harness run"),
        ({"custom_operators": "ops.so"}, "needs the operators of ops.so"),
    ],
)
def test_a_row_that_the_script_cannot_measure_is_refused(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(HarnessError, match=told):
        check_reproducible({**ROW, **changed})


def test_an_artifact_that_is_gone_or_another_is_refused(tmp_path: Path) -> None:
    artifact, output = tmp_path / "model.onnx", tmp_path / "output"
    with pytest.raises(HarnessError, match=r"cannot be read .*; convert a/x again, or give the row's artifact with"):
        write(Reproduction(ROW, TimingSettings(), artifact), output)
    artifact.write_bytes(b"another")
    with pytest.raises(HarnessError, match="is not the row's artifact"):
        write(Reproduction(ROW, TimingSettings(), artifact), output)
    assert not output.exists()


def test_a_table_without_its_run_has_the_usual_timing(tmp_path: Path) -> None:
    assert timing_of(tmp_path) == TimingSettings()
