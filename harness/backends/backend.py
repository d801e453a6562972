"""The interface of a runtime that executes artifacts.

A runtime is one module with a `Backend` and a `Session` whose `*_impl` methods do the work; the public
methods here check what applies to every runtime, so that each mistake has one message.
"""

from __future__ import annotations

import abc
import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foundation.record_types import array
from harness.backends.session import Session, TensorSpec, check_inputs
from harness.errors import ArtifactError, HarnessError, UnsupportedError
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
        return cls(**{**data, "warnings": array(data["warnings"])})


@dataclasses.dataclass(frozen=True)
class BuiltEngine:
    """An engine that a runtime compiled from an artifact."""

    path: Path
    sha256: str
    size_mib: float
    build_s: float
    """Seconds that the build took; a cached engine keeps the figure of its build."""
    cached: bool
    """Whether nothing was built, because there was an engine already."""
    precision_effective: str
    """See `Session.precision_effective`; read back from the engine, empty if that needs a GPU that is not there."""
    facts: BuildFacts = dataclasses.field(default_factory=BuildFacts)
    bundled: bool = False
    """Whether another machine built it."""
    unfit: str = ""
    """Why the engine that another machine built of this artifact could not be used; empty if there was none."""

    def to_json(self) -> dict[str, Any]:
        """The engine as a JSON object."""
        return {**dataclasses.asdict(self), "path": str(self.path)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> BuiltEngine:
        """The engine read back; one that an earlier version wrote has no facts."""
        facts = BuildFacts.from_json(data["facts"]) if "facts" in data else BuildFacts()
        return cls(**{**data, "path": Path(data["path"]), "facts": facts})


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

    reference_backend: str = ""
    """Runtime of the reference network beside it, if it cannot run that itself; empty if it can."""

    warmup_s: float = float("inf")
    """Seconds of warm-up that are enough, where that is known to be less than a trial's settings say."""

    feeds_free_sizes: bool = False
    """Whether it takes inputs whose sizes the graph leaves free, if the file states them (`files.onnx_graph`)."""

    @abc.abstractmethod
    def availability(self) -> Availability:
        """Returns whether this backend can run here, and if not, why and what to do."""

    @abc.abstractmethod
    def runtime(self) -> str:
        """Returns name and version of the runtime, as in `onnxruntime 1.30.0`."""

    def environment_facts(self) -> Mapping[str, str]:
        """Returns facts of the runtime and the settings that a latency on the processor depends on.

        ONNX Runtime's version has a field of its own; a runtime on a GPU is part of its `Accelerator`.
        """
        return {}

    def opset_limit(self) -> int | None:
        """Returns the newest ONNX opset that this version of the runtime reads; None if it is unknown."""
        return None

    def readable_ir_version(self, version: int) -> int:
        """Returns the newest version of ONNX's file format up to the given one that the runtime reads."""
        return version

    def rounds_float16(self) -> bool:
        """Returns whether kernels here round each result of a float16 graph to float16, as every GPU's do."""
        return True

    def saturates_int8(self) -> bool:
        """Returns whether integer kernels here cut sums of int8 products off at 16 bits."""
        return False

    def use_custom_operators(self, library: Path) -> None:
        """Lets the sessions that follow use the operators of a library.

        Raises:
            UnsupportedError: the runtime takes no such library.
        """
        raise UnsupportedError(
            f"Backend {self.name} takes no library of custom operators ({library}); use --backend onnxruntime."
        )

    def build_availability(self) -> Availability:
        """Returns whether `build` works here; a runtime that builds without a device overrides it."""
        return self.availability()

    def check_capabilities(self, capabilities: tuple[str, ...]) -> None:
        """Refuses GPUs, as in `sm86`, for which the runtime cannot build engines here.

        Raises:
            HarnessError: it cannot build for one of them.
        """
        if capabilities:
            raise HarnessError(
                f"--for {','.join(capabilities)}: backend {self.name} builds no engines for named GPUs; "
                "tensorrt-rtx does"
            )

    def adopted(self, gpu: GpuSettings, offered: Sequence[tuple[str, ...]]) -> GpuSettings:
        """Returns the settings with which engines from another machine can be used.

        Args:
            gpu: the settings as requested.
            offered: the capabilities that each of those engines is for; empty for the runtime's default.
        """
        del offered
        return gpu

    def build(
        self, artifact: Path, *, precision: str, gpu: GpuSettings, cache_dir: Path, bundle_dir: Path | None = None
    ) -> BuiltEngine:
        """Compiles the artifact, or finds the engine in the cache or among those that another machine built.

        Runs in its own process, which may crash.

        Args:
            artifact: the ONNX file.
            precision: its precision.
            gpu: how engines are built.
            cache_dir: where they are kept.
            bundle_dir: bundle with engines that another machine built.

        Raises:
            UnsupportedError: the runtime lacks an operator.
            FallbackError: the engine does not have the requested precision.
            HarnessError: the build failed for another reason.
        """
        del artifact, precision, gpu, cache_dir, bundle_dir
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
            session.inputs = check_inputs(inputs, batch, path)
        except (ArtifactError, UnsupportedError):
            session.close()
            raise
        session.load_s = time.perf_counter() - begin_s
        return session
