from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from harness.backends.backend import Availability, Backend
from harness.backends.session import Session, TensorSpec, check_input
from harness.errors import ArtifactError, FallbackError, UnsupportedError
from harness.machine.gpu.settings import GpuSettings

IMAGES = TensorSpec("input", (2, 3, 4, 4), "float32")
ARTIFACT = Path("model.onnx")


class FakeSession(Session):
    provider = "Fake"
    latency_kind = "host"

    def __init__(self, effective: str = "fp32", asked: str = "fp32") -> None:
        super().__init__(asked)
        self.input = IMAGES
        self.effective = effective
        self.bound: npt.NDArray[np.float32] | None = None
        self.runs = 0
        self.closed = False

    def bind_impl(self, images: npt.NDArray[np.float32]) -> None:
        self.bound = images

    def infer(self) -> None:
        self.runs += 1

    def outputs(self) -> dict[str, npt.NDArray[Any]]:
        return {}

    def check_placement_impl(self) -> None:
        assert self.runs == 1, "placement is only known after a run"

    def precision_effective(self) -> str:
        return self.effective

    def close(self) -> None:
        self.closed = True


class FakeBackend(Backend):
    name = "fake"
    precisions = ("fp32",)

    def __init__(self, inputs: list[TensorSpec], available: Availability | None = None) -> None:
        self.session = FakeSession()
        self.inputs = inputs
        self.available = available or Availability(True, "Fakes always run.")

    def availability(self) -> Availability:
        return self.available

    def runtime(self) -> str:
        return "fake 1.0"

    def prepare_impl(
        self, artifact: Path, *, precision: str, threads: int, gpu: GpuSettings, cache_dir: Path
    ) -> tuple[Session, list[TensorSpec]]:
        assert artifact.is_file()
        assert (precision, threads) == ("fp32", 1)
        return self.session, self.inputs


def test_the_one_float32_input_is_accepted() -> None:
    assert check_input([IMAGES], 2, ARTIFACT) is IMAGES


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], r"has 0 inputs \(none\)"),
        ([IMAGES, TensorSpec("mask", (1,), "bool")], r"has 2 inputs \(input, mask\)"),
        ([TensorSpec("input", ("N", 3, 4, 4), "float32")], r"dynamic shape \['N', 3, 4, 4\]"),
        ([TensorSpec("input", (None, 3, 4, 4), "float32")], "dynamic shape"),
        ([TensorSpec("input", (-1, 3, 4, 4), "float32")], "dynamic shape"),
        ([TensorSpec("input", (), "float32")], "dynamic shape"),
        ([TensorSpec("input", (2, 3, 4, 4), "float16")], "float16, not float32"),
        ([TensorSpec("input", (8, 3, 4, 4), "float32")], "batch 2 was requested"),
    ],
)
def test_each_unfit_input_has_its_own_message(inputs: list[TensorSpec], message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        check_input(inputs, 2, ARTIFACT)


def test_prepare_closes_the_session_of_an_unfit_artifact(tmp_path: Path) -> None:
    artifact = tmp_path / "model.onnx"
    artifact.touch()
    backend = FakeBackend([])
    with pytest.raises(ArtifactError):
        backend.prepare(artifact, precision="fp32", batch=2, threads=1)
    assert backend.session.closed


def test_prepare_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no file .*gone\.onnx"):
        FakeBackend([IMAGES]).prepare(tmp_path / "gone.onnx", precision="fp32", batch=2, threads=1)


def test_prepare_refuses_a_precision_the_backend_lacks() -> None:
    with pytest.raises(UnsupportedError, match="does not support precision fp8; it supports fp32"):
        FakeBackend([IMAGES]).prepare(ARTIFACT, precision="fp8", batch=2, threads=1)


def test_prepare_passes_on_why_a_backend_is_not_usable() -> None:
    backend = FakeBackend([IMAGES], Availability(False, "No driver.", "Install one."))
    with pytest.raises(UnsupportedError, match=r"fake: No driver\. Install one\."):
        backend.prepare(ARTIFACT, precision="fp32", batch=2, threads=1)


def test_start_binds_and_runs_once() -> None:
    session = FakeSession()
    images = np.ones((2, 3, 4, 4), dtype=np.float32)
    assert session.start(images) >= 0
    assert session.runs == 1
    assert session.bound is images


def test_run_takes_other_images() -> None:
    session = FakeSession()
    first, second = np.ones((2, 3, 4, 4), np.float32), np.zeros((2, 3, 4, 4), np.float32)
    session.start(first)
    assert session.run(second) == {}
    assert session.bound is second
    assert session.runs == 2
    with pytest.raises(ValueError, match="takes float32"):
        session.run(second[:1])


@pytest.mark.parametrize("images", [np.ones((1, 3, 4, 4), np.float32), np.ones((2, 3, 4, 4), np.float64)])
def test_start_refuses_images_that_do_not_fit(images: npt.NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="takes float32"):
        FakeSession().start(images)


def test_a_silent_change_of_precision_is_an_error() -> None:
    with pytest.raises(FallbackError, match="fp16 was requested, but the runtime computed in fp32"):
        FakeSession(effective="fp32", asked="fp16").start(np.ones((2, 3, 4, 4), np.float32))


def test_a_graph_partly_in_the_requested_precision_is_accepted() -> None:
    session = FakeSession(effective="fp32+int8", asked="int8")
    session.start(np.ones((2, 3, 4, 4), np.float32))
    assert session.precision_effective() == "fp32+int8"


def test_time_block_fills_the_array_by_the_clock() -> None:
    session = FakeSession()
    ticks = iter([0, 5, 10, 17])
    latencies_ns = np.zeros(2, dtype=np.int64)
    session.time_block(latencies_ns, lambda: next(ticks))
    assert latencies_ns.tolist() == [5, 7]
    assert session.runs == 2


def test_leaving_the_context_closes_the_session() -> None:
    with FakeSession() as session:
        assert not session.closed
    assert session.closed
