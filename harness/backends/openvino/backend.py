"""OpenVINO as a runtime: what is installed, and how it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundation.vocabulary import MEASURED_PRECISIONS
from harness.backends.backend import Availability, Backend
from harness.backends.openvino import settings
from harness.backends.openvino.library import load
from harness.backends.openvino.session import OpenVinoSession
from harness.backends.session import Session, TensorSpec
from harness.errors import UnsupportedError
from harness.files.onnx_graph import read_graph
from harness.machine.gpu.settings import GpuSettings

OLDEST = (2024, 3)
"""The first version that reads the artifacts: earlier ones miss the axes of a ReduceMean of opset 18."""

_INSTALL = "Run: pip install 'baseline-zoo[openvino]'"


class OpenVinoBackend(Backend):
    """OpenVINO's plugin for processors."""

    name = "openvino"
    precisions = MEASURED_PRECISIONS

    def availability(self) -> Availability:
        """Returns whether openvino is installed, loads, is new enough and has its plugin for processors."""
        try:
            openvino = load()
        except ImportError as error:
            return Availability(False, f"openvino does not load: {error}.", _INSTALL)
        # Those of 2023 do not say their version here.
        is_told = hasattr(openvino, "get_version")
        if not is_told or _version(openvino) < OLDEST:
            which, oldest = self.runtime() if is_told else "The installed openvino", ".".join(map(str, OLDEST))
            return Availability(
                False, f"{which} is too old; {oldest} is the first that reads ONNX of opset 18.", _INSTALL
            )
        devices = openvino.Core().available_devices
        if settings.DEVICE not in devices:
            why = (
                f"{self.runtime()} has no plugin for the {settings.DEVICE}, only {', '.join(devices) or 'none at all'}."
            )
            return Availability(False, why, "Install the whole package: pip install --force-reinstall openvino")
        return Availability(True, f"{self.runtime()} is installed.")

    def runtime(self) -> str:
        """Returns name and version, as in `openvino 2026.4.1`."""
        return f"openvino {load().get_version().partition('-')[0]}"

    def environment_facts(self) -> Mapping[str, str]:
        """Returns what a latency depends on: build, instruction set, and the properties that are set."""
        return {
            "openvino_version": load().get_version(),
            "capabilities": " ".join(self._capabilities()),
            **settings.facts(),
        }

    def saturates_int8(self) -> bool:
        """See `Backend.saturates_int8`; the processor's kernels are tried."""
        from harness.backends.openvino.integers import saturates_int8

        return saturates_int8()

    def check(self, artifact: Path, precision: str) -> None:
        """See `Backend.check`; a precision that the processor lacks is refused, before it is emulated."""
        super().check(artifact, precision)
        needed, capabilities = settings.CAPABILITIES.get(precision), self._capabilities()
        if needed and needed not in capabilities:
            has = ", ".join(one for one in capabilities if one in settings.ARITHMETIC)
            raise UnsupportedError(
                f"This processor has no {needed}, which OpenVINO would emulate, or compute in float32 instead, with a "
                f"latency that says nothing of {precision}; it has {has}. Measure in fp32 here, or "
                f"{precision} on another processor."
            )

    def _capabilities(self) -> list[str]:
        """OpenVINO's words for what the processor computes in, sorted."""
        return sorted(load().Core().get_property(settings.DEVICE, "OPTIMIZATION_CAPABILITIES"))

    def prepare_impl(
        self, artifact: Path, *, precision: str, threads: int, gpu: GpuSettings, cache_dir: Path
    ) -> tuple[Session, list[TensorSpec]]:
        """Compiles the artifact, which takes seconds and is not kept."""
        del gpu, cache_dir  # The processor needs neither.
        session = OpenVinoSession(artifact, graph=read_graph(artifact), precision=precision, threads=threads)
        return session, session.input_specs()


def _version(openvino: Any) -> tuple[int, int]:
    year, release = openvino.get_version().split(".")[:2]
    return int(year), int(release)
