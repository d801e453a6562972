"""The protocol of a runtime that executes artifacts.

A runtime is one module with a `Backend` and a `Session` whose `*_impl` methods do the work; the public
methods here check what holds for every runtime, so that each mistake has one message.
"""

from __future__ import annotations

import abc
import dataclasses
import time
from pathlib import Path

from harness.backends.session import Session, TensorSpec, check_input
from harness.errors import ArtifactError, UnsupportedError
from harness.machine.gpu.settings import GpuSettings

DEFAULT_GPU = GpuSettings()


@dataclasses.dataclass(frozen=True)
class Availability:
    """Whether a backend can run on this machine."""

    usable: bool
    why: str
    """What was found, or what is missing."""
    what_to_do: str = ""
    """How to make the backend usable; empty where it is."""


@dataclasses.dataclass(frozen=True)
class BuiltEngine:
    """What a runtime compiled for this device from an artifact."""

    path: Path
    sha256: str
    size_mib: float
    build_s: float
    """Seconds it took when it was built; a cached engine keeps its figure."""
    cached: bool
    precision_effective: str
    """As `Session.precision_effective`, read back from the engine."""


class Backend(abc.ABC):
    """A runtime; importing its module must not import the runtime itself."""

    name: str
    precisions: tuple[str, ...]
    on_gpu: bool = False
    """Whether it runs on a GPU, whose facts then belong to the environment."""
    builds_engines: bool = False
    """Whether artifacts have to be built for the device (`build`) before they can be prepared."""

    @abc.abstractmethod
    def availability(self) -> Availability:
        """Whether this backend can run here, why not, and what to do about it."""

    @abc.abstractmethod
    def runtime(self) -> str:
        """Name and version of the runtime, as in `onnxruntime 1.30.0`."""

    def opset_limit(self) -> int | None:
        """Newest ONNX operator set that this version of the runtime reads; None where only trying tells."""
        return None

    def build(self, artifact: Path, *, precision: str, gpu: GpuSettings, cache_dir: Path) -> BuiltEngine:
        """Compile the artifact for this device, or find in the cache what was compiled.

        Runs in a process of its own, which may die of it. Raises UnsupportedError where the runtime lacks
        an operator, FallbackError where the engine is not of the precision, and HarnessError otherwise.
        """
        del artifact, precision, gpu, cache_dir
        raise UnsupportedError(f"Backend {self.name} builds no engines.")

    def check(self, artifact: Path, precision: str) -> None:
        """Raise UnsupportedError where the backend cannot run it here, ArtifactError where there is no file."""
        availability = self.availability()
        if not availability.usable:
            raise UnsupportedError(f"Backend {self.name}: {availability.why} {availability.what_to_do}")
        if precision not in self.precisions:
            raise UnsupportedError(
                f"Backend {self.name} has no precision {precision}; it has {', '.join(self.precisions)}."
            )
        if not artifact.is_file():
            raise ArtifactError(f"There is no file {artifact}. Convert the model again.")

    @abc.abstractmethod
    def prepare_impl(
        self, artifact: Path, *, precision: str, threads: int, gpu: GpuSettings, cache_dir: Path
    ) -> tuple[Session, list[TensorSpec]]:
        """Load the artifact; return the session and all inputs of the network."""

    def prepare(
        self,
        artifact: str | Path,
        *,
        precision: str,
        batch: int,
        threads: int,
        gpu: GpuSettings = DEFAULT_GPU,
        cache_dir: str | Path = "",
    ) -> Session:
        """Load the artifact and check that it can be measured.

        `gpu` and `cache_dir`, where built engines lie, mean nothing to a runtime on the processor.

        Raises UnsupportedError where the backend cannot run it here, and ArtifactError where the file
        is at fault.
        """
        begin_s = time.perf_counter()
        path = Path(artifact)
        self.check(path, precision)
        session, inputs = self.prepare_impl(
            path, precision=precision, threads=threads, gpu=gpu, cache_dir=Path(cache_dir)
        )
        try:
            session.input = check_input(inputs, batch, path)
        except ArtifactError:
            session.close()
            raise
        session.load_s = time.perf_counter() - begin_s
        return session
