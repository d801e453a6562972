"""A native model in PyTorch: the same code for every source that is a `torch.nn.Module`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoo import probe
from zoo.card import ModelCard
from zoo.errors import WeightsError

if TYPE_CHECKING:
    import torch


class TorchModel:
    """A `torch.nn.Module` in evaluation mode behind the interface of `zoo.native.NativeModel`."""

    def __init__(
        self,
        card: ModelCard,
        module: torch.nn.Module,
        deploy: Callable[[torch.nn.Module], torch.nn.Module] | None = None,
    ) -> None:
        """Wraps a module.

        Args:
            card: the model's facts.
            module: its state dict has the release's names.
            deploy: makes the copy to convert, where that is not the module itself (`deployable`).
        """
        self.card = card
        self.module = module.eval().requires_grad_(False)
        self.weights = ""
        self._deploy = deploy

    def deployable(self) -> torch.nn.Module:
        """See `NativeModel.deployable`."""
        return self._deploy(self.module) if self._deploy else self.module

    def parameters(self) -> dict[str, NDArray[Any]]:
        """See `NativeModel.parameters`."""
        return {name: tensor.numpy(force=True) for name, tensor in self.module.state_dict().items()}

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `NativeModel.logits`."""
        import torch

        with torch.inference_mode():
            result: NDArray[np.float32] = self.module(torch.from_numpy(images)).numpy()
        return result

    def signature_sha256(self) -> str:
        """See `NativeModel.signature_sha256`."""
        state = self.module.state_dict()
        return probe.signature_sha256((name, tuple(t.shape), str(t.dtype)) for name, t in state.items())

    def weights_sha256(self) -> str:
        """See `NativeModel.weights_sha256`."""
        return probe.weights_sha256(self.parameters())

    def count_parameters(self) -> int:
        """See `NativeModel.count_parameters`."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    def count_macs(self) -> int:
        """See `NativeModel.count_macs`; runs on shapes alone, so it costs milliseconds."""
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        shapes = copy.deepcopy(self.module).to("meta")
        image = torch.empty(1, 3, self.card.resolution, self.card.resolution, device="meta")
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            shapes(image)
        return int(counter.get_total_flops()) // 2

    def apply_probe(self) -> None:
        """Sets the probe's weights, in place."""
        import torch

        with torch.no_grad():
            for name, tensor in self.module.state_dict().items():
                if tensor.is_floating_point() and tensor.dim():
                    values = probe.tensor(name, tuple(tensor.shape), variance_scale=self.card.probe_variance_scale)
                    tensor.copy_(torch.from_numpy(values))
        self.weights = "probe"

    def load_file(self, path: Path) -> None:
        """Loads a released checkpoint file, strictly.

        Raises:
            WeightsError: not a checkpoint, or not one of this network; the tensors are listed.
        """
        state = read_state_dict(path, self.card.checkpoint.container)
        own = {name: tuple(tensor.shape) for name, tensor in self.module.state_dict().items()}
        given = {name: tuple(tensor.shape) for name, tensor in state.items()}
        problems = [f"missing {name}" for name in own if name not in given and "num_batches" not in name]
        problems += [f"unexpected {name}" for name in given if name not in own]
        problems += [
            f"{name} has shape {given[name]}, the network {own[name]}"
            for name in own
            if name in given and given[name] != own[name]
        ]
        if problems:
            shown = "; ".join(problems[:6]) + (f"; and {len(problems) - 6} more" if len(problems) > 6 else "")
            raise WeightsError(f"{path} does not fit {self.card.name}: {shown}")
        self.module.load_state_dict(state, strict=False)
        self.weights = "file"


def read_state_dict(path: Path, container: str) -> dict[str, torch.Tensor]:
    """The state dict of a checkpoint file; nothing in the file is executed.

    Args:
        path: a file written by `torch.save`, or a `.safetensors` file.
        container: `plain`, or the key of the outer dict that holds the state dict; several keys, best first,
            are separated by `|`, and the first that holds something counts.

    Raises:
        WeightsError: the file is missing, is no checkpoint, or lacks the container's key.
    """
    import torch

    if not path.is_file():
        raise WeightsError(f"no checkpoint file at {path}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            loaded: Any = load_file(path)
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(f"{path} cannot be opened as a checkpoint: {error}".splitlines()[0]) from error
    if isinstance(loaded, dict) and container != "plain":
        held = (loaded[key] for key in container.split("|") if loaded.get(key) is not None)
        loaded = next(held, loaded)
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise WeightsError(f"{path} holds no state dict (looked for {container!r})")
    return {str(name).removeprefix("module."): tensor for name, tensor in loaded.items()}
