"""What a run on a bundle builds engines for, and which row an evaluation belongs to."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from harness import backends
from harness.artifacts.bundle import Bundle, BundledEngine, BundledFile
from harness.artifacts.request import ArtifactRequest
from harness.machine.gpu.settings import GpuSettings
from harness.records.series import Series
from harness.runs import prepare
from harness.runs.prepare import PreparedRun, prepared, with_bundled_capabilities, with_measured_inputs
from harness.runs.request import RunRequest

REQUEST = RunRequest(ArtifactRequest(artifacts=Path("bundle"), backend="tensorrt-rtx"))


class Adopting:
    """A backend that takes the first offer."""

    def adopted(self, gpu: GpuSettings, offered: list[tuple[str, ...]]) -> GpuSettings:
        return dataclasses.replace(gpu, capabilities=offered[0])


@pytest.fixture
def adopting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "get", lambda name: Adopting())


def bundle(*engines: tuple[str, tuple[str, ...]]) -> Bundle:
    file = BundledFile("reference.onnx", "0", 1)
    made = [BundledEngine("name", backend, "0", "fp32", capabilities, ()) for backend, capabilities in engines]
    return Bundle(Path("bundle"), file, engines=tuple(made))


@pytest.mark.usefixtures("adopting")
def test_the_backend_chooses_among_the_engines_that_are_its_own() -> None:
    offered = bundle(("tensorrt", ()), ("tensorrt-rtx", ("sm86",)))
    assert with_bundled_capabilities(REQUEST, offered).gpu.capabilities == ("sm86",)


@pytest.mark.parametrize("offered", [None, bundle(), bundle(("tensorrt", ()))])
@pytest.mark.usefixtures("adopting")
def test_without_engines_nothing_is_chosen(offered: Any) -> None:
    assert with_bundled_capabilities(REQUEST, offered) is REQUEST


@pytest.mark.usefixtures("adopting")
def test_settings_without_capabilities_are_those_of_earlier_versions() -> None:
    assert "capabilities" not in REQUEST.settings()["gpu"]
    named = dataclasses.replace(REQUEST, gpu=GpuSettings(capabilities=("sm86",)))
    assert named.settings()["gpu"]["capabilities"] == ("sm86",)
    assert GpuSettings.from_json(named.gpu.to_json()) == named.gpu
    assert GpuSettings.from_json(REQUEST.gpu.to_json()) == GpuSettings()


def test_a_run_builds_as_many_engines_at_a_time_as_it_converts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[int] = []

    def with_engines(ready: PreparedRun, timeout_s: float, say: Any, workers: int) -> PreparedRun:
        asked.append(workers)
        return ready

    monkeypatch.setattr(prepare, "with_engines", with_engines)
    monkeypatch.setattr(prepare, "convert_variants", lambda *words: [])
    request = RunRequest(ArtifactRequest(models=("smoke",), workers=3))
    with prepared(request, tmp_path / "results", tmp_path / "cache", False, print):
        assert asked == [3]


def test_an_evaluation_takes_the_inputs_that_were_measured() -> None:
    noise = Series("onnx/a", "onnx", "a", "onnxruntime", "fp32", 1, artifact_sha256="1" * 64)
    pixels = dataclasses.replace(noise, inputs="0:255")
    other = dataclasses.replace(noise, model="onnx/b", inputs="0:1")
    assert with_measured_inputs([pixels, other], [noise]) == [noise, other]
    assert with_measured_inputs([noise], [pixels]) == [pixels]
    assert with_measured_inputs([noise], [pixels, noise]) == [noise]
    assert with_measured_inputs([noise], [dataclasses.replace(pixels, artifact_sha256="2" * 64)]) == [noise]
