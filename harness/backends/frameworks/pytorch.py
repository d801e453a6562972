"""PyTorch in eager mode: the network as its release runs it, operator after operator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.packages import package_version
from harness.backends.backend import Availability, Backend
from harness.backends.frameworks.origin import rebuilt, stated_origin
from harness.backends.frameworks.specs import PRECISIONS, REFERENCE_BACKEND, input_specs, output_name, reference_runtime
from harness.backends.session import Arrays, Session, TensorSpec
from harness.files.onnx_graph import read_graph
from harness.machine.gpu.settings import GpuSettings

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch

    from harness.vocabulary import LatencyKind


class PyTorchSession(Session):
    """A `torch.nn.Module` on the processor, in evaluation mode."""

    latency_kind: LatencyKind = "host"
    provider = "PyTorch CPU"

    def __init__(self, module: torch.nn.Module, output: str, precision: str) -> None:
        """Wraps a module.

        Args:
            module: the network, with its weights.
            output: name of its output.
            precision: what it must compute in.
        """
        super().__init__(precision)
        self._module = module
        self._output = output

    def bind_impl(self, arrays: Arrays) -> None:
        """Wraps the images as a tensor, which copies nothing."""
        import torch

        (self._images,) = (torch.from_numpy(array) for array in arrays.values())

    def infer(self) -> None:
        """Runs the module once, without recording anything for gradients."""
        import torch

        with torch.inference_mode():
            self._logits = self._module(self._images)

    def outputs(self) -> dict[str, npt.NDArray[Any]]:
        """Returns a copy of the logits of the last inference."""
        return {self._output: self._logits.numpy().copy()}

    def check_placement_impl(self) -> None:
        """There is nowhere else to run: every tensor of the module is on the processor."""

    def precision_effective(self) -> str:
        """Returns the types of the weights of convolutions and matrix products; nothing here casts them."""
        import torch

        kinds = (torch.nn.modules.conv._ConvNd, torch.nn.Linear)
        products = [module.weight for module in self._module.modules() if isinstance(module, kinds)]
        names = {str(tensor.dtype).removeprefix("torch.") for tensor in products or self._module.parameters()}
        return "+".join(sorted(PRECISIONS.get(name, name) for name in names))

    def close(self) -> None:
        """Forgets the module."""
        del self._module


class PyTorchBackend(Backend):
    """PyTorch on the processor."""

    name = "pytorch"
    precisions = ("fp32",)
    reference_backend = REFERENCE_BACKEND

    def availability(self) -> Availability:
        """Returns whether torch is installed; it is not imported, which takes seconds."""
        if package_version("torch") is None:
            return Availability(False, "torch is not installed.", "Run: pip install 'baseline-zoo[all]'")
        return Availability(True, f"{self.runtime()} is installed.")

    def runtime(self) -> str:
        """Returns name and version, as in `torch 2.14.1`."""
        return f"torch {package_version('torch')}"

    def environment_facts(self) -> Mapping[str, str]:
        """Returns the version, how the network runs, and what the reference network runs on."""
        return {"torch": package_version("torch") or "", "mode": "eager", "reference": reference_runtime()}

    def prepare_impl(
        self, artifact: Path, *, precision: str, threads: int, gpu: GpuSettings, cache_dir: Path
    ) -> tuple[Session, list[TensorSpec]]:
        """Builds the network that the artifact was exported from."""
        del gpu
        import torch

        graph = read_graph(artifact)
        made = stated_origin(graph, artifact, "pytorch")
        torch.set_num_threads(threads)
        # Some processors would multiply float32 matrices in bfloat16 if less than this were asked for.
        torch.set_float32_matmul_precision("highest")
        native = rebuilt(made, cache_dir)
        return PyTorchSession(native.deployable(), output_name(graph), precision), input_specs(graph)
