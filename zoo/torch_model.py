"""A native model in PyTorch: the same code for every source that is a `torch.nn.Module`."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foundation.vocabulary import PROBE
from foundation.wording import shortened
from zoo import probe
from zoo.card import ModelCard
from zoo.errors import WeightsError
from zoo.torch_checkpoint import next_step, read_state_dict

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
            deploy: makes the copy to convert, if that is not the module itself (`deployable`).
        """
        self.card = card
        self.module = frozen(module)
        self.implementation = card.implementation
        self.weights = ""
        self.checkpoint: Mapping[str, str] = {}
        self.needs_recalibration = False
        self.recalibrated: Mapping[str, Any] | None = None
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
        self.weights = PROBE

    def load_file(self, path: Path) -> None:
        """Loads a released checkpoint file, strictly.

        Raises:
            WeightsError: the file is not a checkpoint, or not one of this network; the message lists the tensors.
        """
        self.load_state(read_state_dict(path, self.card), path)

    def load_state(self, state: Mapping[str, torch.Tensor], path: Path) -> None:
        """Loads a state of this network, strictly; batch counters may be left out.

        Nothing is changed unless all of it fits.

        Args:
            state: tensors by name; the release's older names (`Checkpoint.renames`) are accepted.
            path: the file that they come from, for messages.

        Raises:
            WeightsError: it is not a state of this network; the message lists the tensors, and says whose state it is
                    if a card matches.
        """
        own = self.module.state_dict()
        given = _renamed(state, own, self.card.checkpoint.renames)
        problems = misfits(
            {name: tuple(tensor.shape) for name, tensor in own.items()},
            {name: tuple(tensor.shape) for name, tensor in given.items()},
            may_lack={name for name in own if "num_batches" in name},
        )
        integers = [
            n for n, t in own.items() if t.is_floating_point() and n in given and not given[n].is_floating_point()
        ]
        if integers and not problems:
            problems = f"wrong data types in {shortened(integers)}"
        if problems:
            raise WeightsError(f"{path} does not fit {self.card.name}: {problems}; {_mend(state, self.card)}")
        self.module.load_state_dict(given, strict=False)
        self.weights = "file"

    def recalibrate(self, batches: Iterable[NDArray[np.float32]]) -> int:
        """Measures the running statistics on images, in place, as a release does before it evaluates a subnet.

        Deterministic: the same batches in the same order give the same statistics.

        Args:
            batches: normalised images, float32 (N, 3, H, W) each.

        Returns:
            Number of batches.

        Raises:
            WeightsError: there is no batch, or the statistics are not finite; the old ones are then kept.
        """
        import torch

        from zoo.recalibration import recalibrate

        count = recalibrate(self.module, (torch.from_numpy(batch) for batch in batches))
        self.needs_recalibration = False
        return count


def frozen(module: torch.nn.Module) -> torch.nn.Module:
    """The module itself, in evaluation mode and without gradients as far as it allows."""
    # A module of torch.export has one mode only.
    with contextlib.suppress(NotImplementedError):
        module.eval()
    for parameter in module.parameters():
        # A lazy module has no weights before its first image.
        with contextlib.suppress(ValueError):
            parameter.requires_grad_(False)
    return module


def _renamed(
    state: Mapping[str, torch.Tensor], own: Collection[str], renames: Iterable[str]
) -> Mapping[str, torch.Tensor]:
    """The state under the network's names, by the release's own renames; unchanged if those are ambiguous."""
    result = {}
    for name, tensor in state.items():
        known = name
        for old, _, new in (rename.partition(" ") for rename in renames):
            known = known if known in own else known.replace(old, new)
        result[known] = tensor
    return result if len(result) == len(state) else state


def _mend(state: Mapping[str, torch.Tensor], card: ModelCard) -> str:
    """What to do about a state that does not fit, and whose it is if a card matches."""
    from zoo.catalog.reader import all_cards

    signature = probe.signature_sha256((name, tuple(t.shape), str(t.dtype)) for name, t in state.items())
    owners = [other.name for other in all_cards().values() if other.signature_sha256 == signature]
    whose = f"it is a checkpoint of {' or '.join(owners[:3])}: " if owners else ""
    return whose + next_step(card)


def misfits(
    own: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]], *, may_lack: Collection[str] = ()
) -> str:
    """How a given state does not fit a network, in words; empty if all of it fits.

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
    return shortened(problems)
