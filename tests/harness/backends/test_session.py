from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from harness.backends.backend import Availability, Backend
from harness.backends.session import Arrays, Session, TensorSpec, check_inputs
from harness.errors import ArtifactError, FallbackError, UnsupportedError
from harness.machine.gpu.settings import GpuSettings

IMAGES = TensorSpec("input", (2, 3, 4, 4), "float32")
ARTIFACT = Path("model.onnx")


class FakeSession(Session):
    provider = "Fake"
    latency_kind = "host"

    def __init__(self, effective: str = "fp32", asked: str = "fp32") -> None:
        super().__init__(asked)
        self.inputs = [IMAGES]
        self.effective = effective
        self.bound: npt.NDArray[np.float32] | None = None
        self.runs = 0
        self.closed = False

    def bind_impl(self, arrays: Arrays) -> None:
        self.bound = arrays["input"]

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


@pytest.mark.parametrize(
    "inputs",
    [
        [IMAGES],
        [TensorSpec("pixels", (2, 4, 4, 3), "uint8")],
        [TensorSpec("ids", (2, 7), "int64"), TensorSpec("mask", (2, 7), "bool")],
        # The images decide on the batch, wherever they are.
        [TensorSpec("state", (9, 2, 8), "float16"), IMAGES, TensorSpec("rate", (), "int32")],
    ],
)
def test_inputs_of_fixed_shapes_are_accepted(inputs: list[TensorSpec]) -> None:
    assert check_inputs(inputs, 2, ARTIFACT) == inputs


def test_a_lone_image_is_a_batch_of_one() -> None:
    image = [TensorSpec("image", (3, 8, 8), "float32")]
    assert check_inputs(image, 1, ARTIFACT) == image
    with pytest.raises(ArtifactError, match="batch 3 was requested"):
        check_inputs(image, 3, ARTIFACT)


@pytest.mark.parametrize("dtype", ["string", "bfloat16", "seq(tensor(float))", "complex64"])
def test_what_numpy_has_no_numbers_for_is_unsupported(dtype: str) -> None:
    with pytest.raises(UnsupportedError, match=f"input 'x' is {re.escape(dtype)}, for which there are no values"):
        check_inputs([TensorSpec("x", (2, 3), dtype)], 2, ARTIFACT)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "has no inputs"),
        ([IMAGES, TensorSpec("mask", ("n",), "bool")], r"input 'mask' has the dynamic shape \['n'\]"),
        ([TensorSpec("input", ("N", 3, 4, 4), "float32")], r"dynamic shape \['N', 3, 4, 4\]"),
        ([TensorSpec("input", (None, 3, 4, 4), "float32")], "dynamic shape"),
        ([TensorSpec("input", (-1, 3, 4, 4), "float32")], "dynamic shape"),
        ([TensorSpec("input", (8, 3, 4, 4), "float32")], "batch 2 was requested"),
    ],
)
def test_each_unfit_input_has_its_own_message(inputs: list[TensorSpec], message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        check_inputs(inputs, 2, ARTIFACT)


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


def test_every_input_is_bound_by_its_name() -> None:
    session = FakeSession()
    session.inputs = [TensorSpec("mask", (2,), "bool"), IMAGES]
    assert session.input is IMAGES
    images, mask = np.ones((2, 3, 4, 4), np.float32), np.ones(2, bool)
    session.start({"input": images, "mask": mask})
    assert session.bound is images
    with pytest.raises(ValueError, match="inputs mask, input, not input"):
        session.start({"input": images})


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
