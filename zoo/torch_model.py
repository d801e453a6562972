"""A native model in PyTorch: the same code for every source that is a `torch.nn.Module`."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoo import probe
from zoo.card import ModelCard
from zoo.errors import WeightsError, first_line

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
        self.implementation = card.implementation
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
        self.load_state(read_state_dict(path, self.card), path)

    def load_state(self, state: Mapping[str, torch.Tensor], path: Path) -> None:
        """Loads a state of this network, strictly; counters of batches may be left out.

        Args:
            state: tensors by name.
            path: the file that they come from, for messages.

        Raises:
            WeightsError: not a state of this network; the tensors are listed.
        """
        own = {name: tuple(tensor.shape) for name, tensor in self.module.state_dict().items()}
        given = {name: tuple(tensor.shape) for name, tensor in state.items()}
        counters = {name for name in own if "num_batches" in name}
        if problems := misfits(own, given, may_lack=counters):
            raise WeightsError(f"{path} does not fit {self.card.name}: {problems}")
        self.module.load_state_dict(state, strict=False)
        self.weights = "file"


def misfits(
    own: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]], *, may_lack: Collection[str] = ()
) -> str:
    """What of a given state does not fit a network, in words; empty where all of it fits.

    Args:
        own: shapes of the network's tensors by name.
        given: shapes of the given tensors.
        may_lack: the network's tensors that need not be given.
    """
    problems = [f"missing {name}" for name in own if name not in given and name not in may_lack]
    problems += [f"unexpected {name}" for name in given if name not in own]
    problems += [
        f"{name} has shape {given[name]}, the network {own[name]}"
        for name in own
        if name in given and given[name] != own[name]
    ]
    return _shortened(problems)


def _shortened(items: list[str]) -> str:
    return "; ".join(items[:6]) + (f"; and {len(items) - 6} more" if len(items) > 6 else "")


def read_state_dict(path: Path, card: ModelCard) -> dict[str, torch.Tensor]:
    """The state dict of a checkpoint file; nothing in the file is executed.

    Args:
        path: a file written by `torch.save`, or a `.safetensors` file.
        card: of the model that it is for. Its `checkpoint.container` is `plain`, or the key of the outer dict
            that holds the state dict; several keys, best first, are separated by `|`, and the first that
            holds something counts.

    Raises:
        WeightsError: the file is missing, is no checkpoint, or lacks the container's key.
    """
    import torch

    if not path.is_file():
        raise WeightsError(f"no checkpoint file of {card.name} at {path}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            loaded: Any = load_file(path)
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(
            f"{path} cannot be opened as a checkpoint of {card.name}: {_unreadable(error)}; "
            "fetch it anew, or save its tensors alone with torch.save or as .safetensors"
        ) from error
    container = card.checkpoint.container
    if isinstance(loaded, dict) and container != "plain":
        held = (loaded[key] for key in container.split("|") if loaded.get(key) is not None)
        loaded = next(held, loaded)
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        is_dict = isinstance(loaded, dict)
        found = f"entries {_shortened([str(key) for key in loaded])}" if is_dict else f"a {type(loaded).__name__}"
        raise WeightsError(
            f"{path} does not fit {card.name}: no state dict of tensors (looked for {container!r}), but {found}"
        )
    return {str(name).removeprefix("module."): tensor for name, tensor in loaded.items()}


def _unreadable(error: Exception) -> str:
    """PyTorch's reason, without the advice that follows it: to execute what the file holds."""
    reason = re.search(r"WeightsUnpickler error:\s*(.+)", str(error))
    return (reason[1] if reason else first_line(error)).split(". ")[0]
