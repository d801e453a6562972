"""The interface of a runtime that executes artifacts.

A runtime is one module with a `Backend` and a `Session` whose `*_impl` methods do the work; the public
methods here check what applies to every runtime, so that each mistake has one message.
"""

from __future__ import annotations

import abc
import dataclasses
import time
from pathlib import Path
from typing import Any

from harness.backends.session import Session, TensorSpec, check_input
from harness.errors import ArtifactError, UnsupportedError
from harness.machine.gpu.settings import GpuSettings

DEFAULT_GPU = GpuSettings()


@dataclasses.dataclass(frozen=True)
class Availability:
    """Whether a backend can run on this machine."""

    usable: bool
    why: str
    """What is installed, or what is missing."""
    what_to_do: str = ""
    """How to make the backend usable; empty if it is."""


@dataclasses.dataclass(frozen=True)
class BuildFacts:
    """What a build reported besides the engine; None and empty for a runtime that reports nothing."""

    parse_s: float | None = None
    """Seconds that reading the artifact took."""
    network_layers: int | None = None
    """Layers of the network as the runtime read it, before it fused any."""
    warnings: tuple[str, ...] = ()
    """The runtime's own warnings."""
    memory_peak_mib: float | None = None
    """Largest resident set of the building process; None if the system does not report it."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> BuildFacts:
        """The facts read back."""
        return cls(**{**data, "warnings": tuple(data["warnings"])})


@dataclasses.dataclass(frozen=True)
class BuiltEngine:
    """An engine that a runtime compiled from an artifact."""

    path: Path
    sha256: str
    size_mib: float
    build_s: float
    """Seconds that the build took; a cached engine keeps the figure of its build."""
    cached: bool
    precision_effective: str
    """See `Session.precision_effective`; read back from the engine, empty if that needs a GPU that is not there."""
    facts: BuildFacts = dataclasses.field(default_factory=BuildFacts)


class Backend(abc.ABC):
    """A runtime; importing its module must not import the runtime itself."""

    name: str
    precisions: tuple[str, ...]
    on_gpu: bool = False
    """Whether it runs on a GPU, whose facts then belong to the environment."""
    builds_engines: bool = False
    """Whether artifacts must be built for the device (`build`) before they can be prepared."""
    builds_side_by_side: bool = False
    """Whether builds time nothing, so that several at a time disturb no figure."""

    @abc.abstractmethod
    def availability(self) -> Availability:
        """Returns whether this backend can run here, and if not, why and what to do."""

    @abc.abstractmethod
    def runtime(self) -> str:
        """Returns name and version of the runtime, as in `onnxruntime 1.30.0`."""

    def opset_limit(self) -> int | None:
        """Returns the newest ONNX opset that this version of the runtime reads; None if it is unknown."""
        return None

    def build_availability(self) -> Availability:
        """Returns whether `build` works here; a runtime that builds without a device overrides it."""
        return self.availability()

    def build(self, artifact: Path, *, precision: str, gpu: GpuSettings, cache_dir: Path) -> BuiltEngine:
        """Compiles the artifact for this device, or finds the compiled engine in the cache.

        Runs in its own process, which may crash.

        Raises:
            UnsupportedError: the runtime lacks an operator.
            FallbackError: the engine does not have the requested precision.
            HarnessError: the build failed for another reason.
        """
        del artifact, precision, gpu, cache_dir
        raise UnsupportedError(f"Backend {self.name} builds no engines.")

    def check(self, artifact: Path, precision: str) -> None:
        """Checks that the backend can run the artifact here.

        Raises:
            UnsupportedError: the backend cannot run here, or not in this precision.
            ArtifactError: there is no such file.
        """
        availability = self.availability()
        if not availability.usable:
            raise UnsupportedError(f"Backend {self.name}: {availability.why} {availability.what_to_do}")
        if precision not in self.precisions:
            raise UnsupportedError(
                f"Backend {self.name} does not support precision {precision}; it supports {', '.join(self.precisions)}."
            )
        if not artifact.is_file():
            raise ArtifactError(f"There is no file {artifact}. Convert the model again.")

    @abc.abstractmethod
    def prepare_impl(
        self, artifact: Path, *, precision: str, threads: int, gpu: GpuSettings, cache_dir: Path
    ) -> tuple[Session, list[TensorSpec]]:
        """Loads the artifact; returns the session and all inputs of the network."""

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
        """Loads the artifact and checks that it can be measured.

        A runtime on the processor ignores `gpu` and `cache_dir`, the folder of built engines.

        Raises:
            UnsupportedError: the backend cannot run the artifact here.
            ArtifactError: the file is at fault.
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
