"""Which engines a build makes, and what it says of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.artifacts import engines
from harness.artifacts.engines import build_engines, engine_targets
from harness.artifacts.reference import REFERENCE_SHA256
from harness.backends.tensorrt.rtx_backend import TensorRtRtxBackend
from harness.machine.gpu.settings import GpuSettings
from harness.processes.build import BuildResult
from harness.processes.target import Target
from harness.records.series import Series
from tests.fakes.engines import build_result

GPU = GpuSettings(capabilities=("sm86",))


def targets_of(*series: Series) -> dict[Target, str]:
    return engine_targets(series, Path("reference.onnx"), "tensorrt-rtx", GPU, Path("cache"), bundle_dir=Path("bundle"))


def test_the_reference_network_comes_first_and_every_artifact_once(converted: Any) -> None:
    fp16 = converted(precision="fp16", weight=2.0)
    twin, broken = dataclasses.replace(fp16, model="gpunet/twin"), dataclasses.replace(fp16, status="timeout")
    reference, own = targets_of(fp16, twin, broken)
    assert (reference.artifact, reference.sha256, reference.precision) == ("reference.onnx", REFERENCE_SHA256, "fp32")
    assert (own.artifact, own.sha256, own.precision) == (fp16.artifact_path, fp16.artifact_sha256, "fp16")
    assert {(one.backend, one.gpu, one.cache_dir, one.bundle_dir) for one in (reference, own)} == {
        ("tensorrt-rtx", GPU, "cache", "bundle")
    }


def test_each_end_has_its_line_and_the_summary_its_count(
    converted: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = dict(zip(_five(converted), "abcde", strict=True))
    ends = [
        build_result(2.0),
        build_result(cached=True),
        _changed(build_result(cached=True), bundled=True),
        _changed(build_result(3.0), unfit="built for version 1, here 2"),
        BuildResult("unsupported", "no Foo"),
    ]
    asked: list[Any] = []

    def built(targets: list[Target], timeout_s: float, workers: int) -> Iterator[tuple[Target, BuildResult]]:
        asked.append((timeout_s, workers))
        yield from zip(targets, ends, strict=True)

    monkeypatch.setattr(engines, "built", built)
    told: list[str] = []
    found = list(build_engines(TensorRtRtxBackend(), names, 60.0, told.append, workers=3))
    assert [result for _, result in found] == ends
    assert asked == [(60.0, 3)]
    assert told[0].startswith("engines: 2 built, 1 from the cache, 1 from the bundle, 1 failed, in ")
    progress = capsys.readouterr().err
    for line in (
        "a: 2.0 s",
        "b: in the cache",
        "c: from the bundle",
        "d: 3.0 s, not taken from the bundle: built for version 1, here 2",
        "e: unsupported: no Foo",
    ):
        assert line in progress


def test_a_backend_whose_builds_take_times_builds_one_after_another(
    converted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def built(targets: list[Target], timeout_s: float, workers: int) -> Iterator[tuple[Target, BuildResult]]:
        asked.append(workers)
        yield from ()

    monkeypatch.setattr(engines, "built", built)
    backend = TensorRtRtxBackend()
    monkeypatch.setattr(backend, "builds_side_by_side", False)
    list(build_engines(backend, dict.fromkeys(_five(converted), "a"), 60.0, print, workers=4))
    assert asked == [1]


def _five(converted: Any) -> list[Target]:
    target = next(iter(targets_of(converted())))
    return [dataclasses.replace(target, batch=number) for number in range(1, 6)]


def _changed(result: BuildResult, **values: Any) -> BuildResult:
    assert result.engine is not None
    return dataclasses.replace(result, engine=dataclasses.replace(result.engine, **values))
