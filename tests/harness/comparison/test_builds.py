from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.comparison.builds import build_folders, build_sides
from harness.comparison.duet import Interpreters
from harness.comparison.pair import Conditions, Pairing, Side
from harness.errors import ComparisonError
from harness.machine.gpu.settings import GpuSettings
from harness.processes.build import Builder, BuildResult
from harness.processes.target import Target
from harness.timing.settings import TimingSettings
from tests.fakes.engines import build_result

CONDITIONS = Conditions("tensorrt", 1, TimingSettings(), GpuSettings(), 60.0, "")
ONE = Pairing("m", 1, Side("old.onnx", "d", "fp16"), Side("new.onnx", "e", "fp16"))
ITSELF = Pairing("n", 1, Side("same.onnx", "d", "fp32"), Side("same.onnx", "d", "fp32"))


def test_one_build_shares_the_cache_and_several_do_not(tmp_path: Path) -> None:
    assert build_folders(tmp_path, 1) == [str(tmp_path)]
    assert len(set(build_folders(tmp_path, 3))) == 3


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Target, Path]]:
    made: list[tuple[Target, Path]] = []

    def fake(self: Builder, target: Target, timeout_s: float) -> BuildResult:
        made.append((target, Path(self.python)))
        if "broken" in target.artifact:
            return BuildResult("unsupported", "no Foo")
        return build_result(1.0)

    monkeypatch.setattr(Builder, "build", fake)
    return made


def build(pairings: list[Pairing], folders: list[str], base: Path = Path(sys.executable)) -> None:
    build_sides(pairings, CONDITIONS, folders, interpreters=Interpreters(base), timeout_s=1.0)


def test_each_engine_is_built_once_a_folder(targets: list[tuple[Target, Path]], tmp_path: Path) -> None:
    folders = build_folders(tmp_path, 2)
    build([ONE, ITSELF], folders)
    assert sorted((target.artifact, target.cache_dir) for target, _ in targets) == sorted(
        (artifact, folder) for artifact in ("new.onnx", "old.onnx", "same.onnx") for folder in folders
    )


def test_each_side_is_built_in_its_own_environment(targets: list[tuple[Target, Path]], tmp_path: Path) -> None:
    other = tmp_path / "python"
    build([ITSELF], [str(tmp_path)], other)
    assert [python for _, python in targets] == [other, Path(sys.executable)]


def test_a_side_that_cannot_be_built_ends_the_gate(targets: list[tuple[Target, Path]], tmp_path: Path) -> None:
    broken = Pairing("m", 1, Side("broken.onnx", "d", "fp16"), Side("new.onnx", "e", "fp16"))
    with pytest.raises(ComparisonError, match=r"m \(broken\.onnx\) cannot be built: unsupported: no Foo"):
        build([broken], [str(tmp_path)])
