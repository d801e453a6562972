"""What a real TensorRT says of artifacts, with the real one where it is installed."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from foundation.digests import file_sha256
from harness.artifacts.parsing import JUDGED_FOLDER, ParserVerdict, judge, summary
from harness.backends.backend import BuildFacts, BuiltEngine
from harness.backends.tensorrt.rtx_backend import TensorRtRtxBackend
from harness.records.series import Series


def verdicts(series: list[Series], cache_dir: Path) -> dict[str, ParserVerdict]:
    pytest.importorskip("tensorrt_rtx", reason="tensorrt_rtx is not installed")
    return {one.model: one for one in judge(TensorRtRtxBackend(), series, 120.0, cache_dir, print, workers=2)}


def test_every_artifact_is_parsed_and_built_and_no_engine_stays(
    converted: Any, write_model: Any, tmp_path: Path
) -> None:
    """A good one, the same once more, one with an operator that the parser lacks, and a failed conversion."""
    good = converted()
    twin = dataclasses.replace(good, model="gpunet/twin")
    path = tmp_path / "lacking.onnx"
    shutil.copy(write_model(extra=("Softsign", "Det")), path)
    lacking = dataclasses.replace(
        good, model="onnx/lacking", artifact_path=str(path), artifact_sha256=file_sha256(path)
    )
    broken = dataclasses.replace(good, model="gpunet/broken", status="timeout", reason="900 s", artifact_sha256="")
    found = verdicts([good, twin, lacking, broken], tmp_path / "cache")
    assert next(iter(found)) == "gpunet/broken", "nothing has to be built"
    assert {name: one.status for name, one in found.items()} == {
        "gpunet/broken": "timeout",
        "gpunet/GPUNet-0": "ok",
        "onnx/lacking": "unsupported",
    }
    assert "cannot run these operators: Det (1 node, first 'extra_1')" in found["onnx/lacking"].line()
    engine = found["gpunet/GPUNet-0"].engine
    assert engine is not None
    assert (engine.facts.network_layers or 0) >= 2
    assert not engine.path.exists()
    logs = list((tmp_path / "cache" / JUDGED_FOLDER / "engines").glob("*.log"))
    assert len(logs) == 2, "the messages stay"
    told = summary(list(found.values()), TensorRtRtxBackend())
    assert told == "tensorrt-rtx 1.7.1.116 parsed and built 1 of 3 artifacts"


def test_the_line_of_a_verdict() -> None:
    facts = BuildFacts(parse_s=0.31, network_layers=249, warnings=("a weight is denormal",))
    engine = BuiltEngine(Path("engine"), "digest", 103.14, 1.25, False, "", facts)
    verdict = ParserVerdict("resnest/resnest50", "fp32", "ab", "ok", engine=engine)
    assert verdict.line() == (
        "resnest/resnest50 fp32: 249 layers, parsed in 0.3 s, built in 1.2 s, 103.1 MiB, warning: a weight is denormal"
    )


@pytest.mark.parametrize(
    ("status", "sha256", "parsed"),
    [("ok", "a", True), ("unsupported", "a", False), ("failed", "a", None), ("unsupported", "", None)],
)
def test_whether_the_parser_took_it(status: Any, sha256: str, parsed: bool | None) -> None:
    assert ParserVerdict("model", "fp32", sha256, status).parsed is parsed
