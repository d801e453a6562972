"""A session of TensorRT-RTX: what differs from TensorRT's, on a scripted library and GPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.backends.tensorrt.rtx_backend import TensorRtRtxBackend
from harness.backends.tensorrt.session import EngineLoadError, TensorRtSession
from harness.errors import ArtifactError, FallbackError
from harness.machine.gpu.figures import GpuFigures
from harness.machine.gpu.settings import GpuSettings
from harness.machine.meter import CpuMeter
from harness.processes import trial_worker
from harness.processes.target import Target
from harness.processes.trial import TrialJob
from harness.timing.settings import TimingSettings
from tests.fakes.cuda import FakeCudaDriver
from tests.fakes.tensorrt import RTX, TensorRtScript

IMAGES = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(np.float32)
WriteModel = Callable[..., Path]


class RtxDriver(FakeCudaDriver):
    """A card; what a session holds remains when another closes."""

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def card(install: Any) -> TensorRtScript:
    """A machine with TensorRT-RTX and a card of compute capability 8.6."""
    return machine(install)


def machine(install: Any, capability: tuple[int, int] = (8, 6), **scripted: Any) -> TensorRtScript:
    driver = RtxDriver(compute_capability=capability, name="NVIDIA Fake RTX")
    found: TensorRtScript = install(RTX, driver=driver, **scripted)
    return found


def build(path: Path, cache_dir: Path, precision: str = "fp32", **settings: Any) -> None:
    gpu = GpuSettings(**settings)
    TensorRtRtxBackend().build(path, precision=precision, gpu=gpu, cache_dir=cache_dir)


def prepare(path: Path, cache_dir: Path, precision: str = "fp32", **settings: Any) -> TensorRtSession:
    gpu = GpuSettings(**settings)
    session = TensorRtRtxBackend().prepare(path, precision=precision, batch=1, threads=1, gpu=gpu, cache_dir=cache_dir)
    assert isinstance(session, TensorRtSession)
    return session


def figures_of(session: TensorRtSession) -> GpuFigures:
    """The figures after a block."""
    session.time_block(np.empty(4, dtype=np.int64))
    return session.gpu_figures()


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_an_engine_that_was_built_elsewhere_runs(
    install: Any, write_model: WriteModel, tmp_path: Path, precision: str
) -> None:
    install(RTX, has_driver=False)
    path = write_model(precision=precision)
    build(path, tmp_path, precision)
    machine(install, (8, 9))
    with prepare(path, tmp_path, precision) as session:
        session.start(IMAGES)
        assert precision in session.precision_effective().split("+")
        assert session.provider == "TensorRT-RTX"
        figures = figures_of(session)
    assert figures.engine_capabilities == "8.0 and later"
    assert figures.warnings == ()


@pytest.mark.parametrize("compiles_at", ["context", "first_inference"])
def test_kernels_are_compiled_once_and_kept_for_the_next_process(
    install: Any, write_model: WriteModel, tmp_path: Path, compiles_at: str
) -> None:
    path, script = write_model(), machine(install, compiles_at=compiles_at)
    build(path, tmp_path)
    uses = []
    for _ in range(2):
        with prepare(path, tmp_path) as session:
            first_ms = session.start(IMAGES)
            figures = figures_of(session)
        assert figures.jit_s is not None
        assert figures.jit_s >= first_ms / 1000
        uses.append(figures.jit_cache)
    assert uses == ["miss", "hit"]
    assert script.compilations == 1


def test_another_gpu_compiles_its_own_kernels(install: Any, write_model: WriteModel, tmp_path: Path) -> None:
    path = write_model()
    for capability in ((8, 6), (8, 9), (8, 6)):
        script = machine(install, capability)
        build(path, tmp_path)
        with prepare(path, tmp_path) as session:
            session.start(IMAGES)
        expected = 0 if len(list((tmp_path / "engines").glob("jit-*.cache"))) == 2 and capability == (8, 6) else 1
        assert script.compilations == expected


def test_a_damaged_cache_of_kernels_is_replaced(card: TensorRtScript, write_model: WriteModel, tmp_path: Path) -> None:
    path = write_model()
    build(path, tmp_path)
    with prepare(path, tmp_path) as session:
        session.start(IMAGES)
    (cache,) = (tmp_path / "engines").glob("jit-*.cache")
    good = cache.read_bytes()
    cache.write_bytes(b"rubbish")
    with prepare(path, tmp_path) as session:
        session.start(IMAGES)
        assert figures_of(session).jit_cache == "miss"
    assert cache.read_bytes() == good
    assert card.compilations == 2


def test_the_library_captures_no_graphs_itself(card: TensorRtScript, write_model: WriteModel, tmp_path: Path) -> None:
    path = write_model()
    build(path, tmp_path)
    with prepare(path, tmp_path) as session:
        session.start(IMAGES)
        assert session._jit is not None
        assert session._jit._config.cuda_graph_strategy.name == "DISABLED"


@pytest.mark.parametrize(
    ("here", "capabilities", "why"),
    [
        ({"capability": (12, 0)}, ("sm86",), "it was not built for this GPU's compute capability"),
        ({"diagnostics": frozenset({"OLD_CUDA_DRIVER"})}, (), "the driver is older than the engine requires"),
        (
            {"diagnostics": frozenset({"INSUFFICIENT_GPU_MEMORY", "OLD_CUDA_RUNTIME"})},
            (),
            "the CUDA runtime is older than the engine requires and the GPU has too little memory",
        ),
    ],
)
def test_an_engine_that_the_library_calls_invalid_is_not_loaded(
    install: Any,
    write_model: WriteModel,
    tmp_path: Path,
    here: dict[str, Any],
    capabilities: tuple[str, ...],
    why: str,
) -> None:
    path = write_model()
    machine(install)
    build(path, tmp_path, capabilities=capabilities)
    script = machine(install, **here)
    with pytest.raises(EngineLoadError, match=f"TensorRT-RTX {RTX} refuses the engine .*: {why}\\. Run again"):
        prepare(path, tmp_path, capabilities=capabilities)
    assert "Runtime.deserialize_cuda_engine" not in script.calls
    with pytest.raises(ArtifactError, match="There is no fp32 engine"):
        prepare(path, tmp_path, capabilities=capabilities)


def test_an_fp16_request_that_runs_in_fp32_is_detected_when_it_is_loaded(
    card: TensorRtScript, write_model: WriteModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_model(precision="int8")
    build(path, tmp_path, "int8")
    with prepare(path, tmp_path, "int8") as session:
        monkeypatch.setattr(session, "precision_effective", lambda: "fp16+fp32")
        with pytest.raises(FallbackError, match=r"int8 was requested, but the engine .* computes in fp16\+fp32"):
            session.start(IMAGES)


def test_a_profile_uses_the_compiled_kernels(card: TensorRtScript, write_model: WriteModel, tmp_path: Path) -> None:
    path = write_model()
    build(path, tmp_path)
    with prepare(path, tmp_path) as session:
        session.start(IMAGES)
        assert len(session.layer_times(3)) > 3
    assert card.compilations == 1


def test_a_whole_trial(
    card: TensorRtScript, write_model: WriteModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sessions on one device; only the meter, which needs NVML, is the processor's."""
    monkeypatch.setattr(trial_worker, "open_meter", lambda _gpu: CpuMeter())
    paths = {"fp16": write_model(precision="fp16"), "fp32": write_model("reference.onnx")}
    gpu = GpuSettings(capabilities=("sm86", "sm89"))
    for precision, path in paths.items():
        build(path, tmp_path, precision, capabilities=gpu.capabilities)
    timing = TimingSettings(warmup_s=0.0, block_ms=1.0, settle_ms=0.0, foreign_cpu_limit=1000.0)
    first, second = (
        Target(str(path), "", "tensorrt-rtx", precision, batch=1, threads=1, gpu=gpu, cache_dir=str(tmp_path))
        for precision, path in paths.items()
    )
    result = trial_worker.measure_job(TrialJob(first, second, timing, seed=1))
    assert (result.status, result.latency_kind, result.provider) == ("ok", "gpu_compute", "TensorRT-RTX")
    assert result.runtime == f"tensorrt-rtx {RTX}"
    assert result.precision_effective == "fp16+fp32"
    assert result.gpu is not None
    assert (result.gpu.engine_capabilities, result.gpu.jit_cache) == ("sm86+sm89", "miss")
