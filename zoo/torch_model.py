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
from zoo.state_fit import misfits as misfits
from zoo.state_fit import whole_prefixes
from zoo.torch_checkpoint import StateDict, next_step, read_state_dict

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

        # Copied without the weights, of which shapes have none.
        tensors = (*self.module.parameters(), *self.module.buffers())
        without = {id(tensor): torch.empty_like(tensor, device="meta") for tensor in tensors}
        shapes = copy.deepcopy(self.module, without)
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
        may_lack = {name for name in own if "num_batches" in name}
        given, prefix = self._under_own_names(state, own, may_lack, path)
        problems = misfits(_shapes(own), _shapes(given), may_lack=may_lack, classes=self.card.classes)
        integers = [
            n for n, t in own.items() if t.is_floating_point() and n in given and not given[n].is_floating_point()
        ]
        if integers and not problems:
            problems = f"wrong data types in {shortened(integers)}"
        if problems:
            raise WeightsError(f"{path} does not fit {self.card.name}: {problems}; {_mend(state, self.card)}")
        self.module.load_state_dict(given, strict=False)
        self.weights = "file"
        self.checkpoint = _taken(state, prefix, len(given))

    def _under_own_names(
        self, state: Mapping[str, torch.Tensor], own: Collection[str], may_lack: Collection[str], path: Path
    ) -> tuple[Mapping[str, torch.Tensor], str]:
        """The state under the network's names, and the prefix that it had, if all of the network is under one.

        Raises:
            WeightsError: the network is in the state more than once.
        """
        given = _renamed(state, own, self.card.checkpoint.renames)
        found = whole_prefixes(own, given, may_lack)
        if len(found) > 1 and "" not in found:
            raise WeightsError(
                f"{path} holds {self.card.name} {len(found)} times, under the prefixes {', '.join(map(repr, found))}; "
                f"save one alone: torch.save(network.state_dict(), FILE)"
            )
        if len(found) != 1 or not found[0]:
            return given, ""
        prefix = found[0]
        inner = {name.removeprefix(prefix): tensor for name, tensor in given.items() if name.startswith(prefix)}
        return inner, prefix

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
    return f"it is a checkpoint of {' or '.join(owners[:3])}: select that model" if owners else next_step(card)


def _shapes(state: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _taken(state: Mapping[str, torch.Tensor], prefix: str, taken: int) -> dict[str, str]:
    """Which part of its file a state was, as far as it was not all of it."""
    facts = {"prefix": prefix, "tensors_left_out": str(len(state) - taken) if len(state) > taken else ""}
    if isinstance(state, StateDict):
        facts |= {"entry": state.entry, "other_entries": ", ".join(state.other_entries)}
    return {name: text for name, text in facts.items() if text}
