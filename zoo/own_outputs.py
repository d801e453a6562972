"""Which tensor of what a user network returns holds the logits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import torch

_DEEPEST = 4
_MOST_NAMED = 8


@dataclasses.dataclass(frozen=True)
class Step:
    """One step into a container: an entry or an attribute."""

    key: Any
    is_attribute: bool = False

    def text(self) -> str:
        """The step as Python spells it."""
        return f".{self.key}" if self.is_attribute else f"[{self.key!r}]"


Path = tuple[Step, ...]


class OneOutput(torch.nn.Module):
    """A network that returns one tensor of what another returns."""

    def __init__(self, network: torch.nn.Module, path: Path) -> None:
        """Wraps a network.

        Args:
            network: returns a container.
            path: where the tensor is in it.
        """
        super().__init__()
        self.network = network
        self.path = path

    def forward(self, images: torch.Tensor) -> Any:
        """The tensor at the path."""
        output = self.network(images)
        for step in self.path:
            output = getattr(output, step.key) if step.is_attribute else output[step.key]
        return output


def path_text(path: Path) -> str:
    """A path as Python spells it, as in `['logits']` or `[0]`."""
    return "".join(step.text() for step in path)


def tensors_in(output: Any, path: Path = ()) -> list[tuple[Path, torch.Tensor]]:
    """The tensors of a network's output with their paths, in its own order."""
    if isinstance(output, torch.Tensor):
        return [(path, output)]
    if len(path) == _DEEPEST:
        return []
    return [found for step, part in _parts(output) for found in tensors_in(part, (*path, step))]


def _parts(output: Any) -> Iterable[tuple[Step, Any]]:
    if isinstance(output, Mapping):
        return [(Step(key), part) for key, part in output.items()]
    if hasattr(output, "_fields"):
        return [(Step(name, True), getattr(output, name)) for name in output._fields]
    if isinstance(output, list | tuple):
        return [(Step(position), part) for position, part in enumerate(output)]
    names = getattr(output, "__dict__", {})
    return [(Step(name, True), part) for name, part in names.items() if not name.startswith("_")]


def has_form_of_logits(tensor: torch.Tensor, batch: int) -> bool:
    """Whether a tensor has one real number per image and class: (N, C), or (N, C, 1, 1)."""
    shape = tuple(tensor.shape)
    is_row = len(shape) >= 2 and shape[0] == batch and shape[1] > 1 and set(shape[2:]) <= {1}
    return is_row and tensor.is_floating_point()


def logits_path(output: Any, batch: int) -> Path | None:
    """Where the logits are in a container: an entry called `logits`, else the first tensor of their form.

    Args:
        output: what the network returns, not a tensor.
        batch: number of images that it was given.

    Returns:
        The path; None if no tensor has the form.
    """
    fitting = [path for path, tensor in tensors_in(output) if has_form_of_logits(tensor, batch)]
    named = [path for path in fitting if path[-1].key == "logits"]
    return next(iter(named + fitting), None)


def described(output: Any) -> str:
    """What a network returns, in words: its type, and the tensors in it with their shapes."""
    found = [f"{path_text(path)} {tuple(tensor.shape)}" for path, tensor in tensors_in(output)]
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    tensors = f" of the tensors {', '.join(found[:_MOST_NAMED])}{more}" if found else " without a tensor"
    return f"{type(output).__name__}{tensors}"
