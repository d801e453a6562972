"""How a run on a bundle chooses what its engines are for."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from harness import backends
from harness.artifacts.bundle import Bundle, BundledEngine, BundledFile
from harness.artifacts.request import ArtifactRequest
from harness.machine.gpu.settings import GpuSettings
from harness.runs.prepare import with_bundled_capabilities
from harness.runs.request import RunRequest

REQUEST = RunRequest(ArtifactRequest(artifacts=Path("bundle"), backend="tensorrt-rtx"))


class Adopting:
    """A backend that takes the first offer."""

    def adopted(self, gpu: GpuSettings, offered: list[tuple[str, ...]]) -> GpuSettings:
        return dataclasses.replace(gpu, capabilities=offered[0])


@pytest.fixture(autouse=True)
def adopting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "get", lambda name: Adopting())


def bundle(*engines: tuple[str, tuple[str, ...]]) -> Bundle:
    file = BundledFile("reference.onnx", "0", 1)
    made = [BundledEngine("name", backend, "0", "fp32", capabilities, ()) for backend, capabilities in engines]
    return Bundle(Path("bundle"), file, engines=tuple(made))


def test_the_backend_chooses_among_the_engines_that_are_its_own() -> None:
    offered = bundle(("tensorrt", ()), ("tensorrt-rtx", ("sm86",)))
    assert with_bundled_capabilities(REQUEST, offered).gpu.capabilities == ("sm86",)


@pytest.mark.parametrize("offered", [None, bundle(), bundle(("tensorrt", ()))])
def test_without_engines_nothing_is_chosen(offered: Any) -> None:
    assert with_bundled_capabilities(REQUEST, offered) is REQUEST


def test_settings_without_capabilities_are_those_of_earlier_versions() -> None:
    assert "capabilities" not in REQUEST.settings()["gpu"]
    named = dataclasses.replace(REQUEST, gpu=GpuSettings(capabilities=("sm86",)))
    assert named.settings()["gpu"]["capabilities"] == ("sm86",)
    assert GpuSettings.from_json(named.gpu.to_json()) == named.gpu
    assert GpuSettings.from_json(REQUEST.gpu.to_json()) == GpuSettings()
