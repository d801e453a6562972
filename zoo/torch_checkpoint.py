"""PyTorch checkpoint files, opened without executing anything in them."""

from __future__ import annotations

import re
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.wording import first_line, quoted, shortened
from zoo.card import ModelCard
from zoo.checkpoints.archive import CHECKPOINT_LIMITS, refuse_unsafe_zip
from zoo.checkpoints.content import unlike_torch_checkpoint
from zoo.errors import WeightsError

if TYPE_CHECKING:
    import torch

_SAFETENSORS_HEADER_LIMIT_BYTES = 100 << 20
"""The limit of the format's own reader."""


def read_state_dict(path: Path, card: ModelCard) -> dict[str, torch.Tensor]:
    """The state dict of a checkpoint file; nothing in the file is executed.

    Args:
        path: a file written by `torch.save`, in either of its formats, or a safetensors file; its content decides.
        card: the card of the model that it is for. Its `checkpoint.container` is `plain`, or the key of the outer dict
                that holds the state dict; several keys, best first, are separated by `|`, and the first whose value is
                not None counts. A state dict without an outer dict is taken as it is.

    Returns:
        Tensors by name, without the prefix `module.` of parallel training.

    Raises:
        WeightsError: the file is missing, is not a checkpoint, contains something other than data, or lacks the
            container's key.
    """
    loaded = _opened(path, card)
    container = card.checkpoint.container
    if isinstance(loaded, dict) and container != "plain":
        held = (loaded[key] for key in container.split("|") if loaded.get(key) is not None)
        loaded = next(held, loaded)
    if not isinstance(loaded, dict) or not all(_is_plain_tensor(value) for value in loaded.values()):
        is_dict = isinstance(loaded, dict)
        found = f"entries {shortened([str(key) for key in loaded])}" if is_dict else f"a {type(loaded).__name__}"
        raise WeightsError(
            f"{path} does not fit {card.name}: no state dict of tensors (looked for {container!r}), only {found}"
        )
    state = {str(name).removeprefix("module."): tensor for name, tensor in loaded.items()}
    if len(state) < len(loaded):
        raise WeightsError(f"{path} does not fit {card.name}: some tensors occur twice, with and without 'module.'")
    return state


def _opened(path: Path, card: ModelCard) -> Any:
    """The content of the file: tensors, numbers, strings and containers of them.

    Raises:
        WeightsError: see `read_state_dict`.
    """
    import torch

    if not path.is_file():
        raise WeightsError(f"no checkpoint file of {card.name} at {path}")
    try:
        if what := unlike_torch_checkpoint(path):
            raise WeightsError(f"{path} is {what}, not a checkpoint of {card.name}; {next_step(card)}")
        if _is_safetensors(path):
            from safetensors.torch import load_file

            return load_file(path)
        refuse_unsafe_zip(path, CHECKPOINT_LIMITS)
        # As plain ordered dicts, so that only PyTorch's own code handles the file's content.
        inert: list[Any] = [(OrderedDict, name) for name in card.checkpoint.training_classes]
        with torch.serialization.safe_globals(inert):
            return torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except Exception as error:
        raise WeightsError(
            f"{path} cannot be opened as a checkpoint of {card.name}: {_unreadable(error)}; "
            f"{next_step(card)}, or save its tensors alone with torch.save or as .safetensors"
        ) from error


def next_step(card: ModelCard) -> str:
    """What to do about a file that is not a checkpoint of the model."""
    if card.checkpoint.url:
        return f"fetch it again (python -m zoo fetch {card.name})"
    return "give a file from a training of this model"


def _is_safetensors(path: Path) -> bool:
    """Whether a file is safetensors, by its content: eight bytes with the length of a JSON header, then that header."""
    with path.open("rb") as file:
        head = file.read(9)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") <= _SAFETENSORS_HEADER_LIMIT_BYTES


def _is_plain_tensor(value: object) -> bool:
    """Whether the value is a dense tensor with its numbers in memory."""
    import torch

    # A nested tensor has no shape, and raises when asked for it.
    if not isinstance(value, torch.Tensor) or value.is_nested:
        return False
    return value.layout is torch.strided and value.device.type == "cpu" and not value.is_quantized


def _unreadable(error: Exception) -> str:
    """PyTorch's reason, without the advice that follows it, which is to execute the file's content."""
    text = str(error)
    if named := re.search(r"GLOBAL (\S+)", text):
        return f"it contains {quoted(named[1])}, which is not data: the file is refused, and nothing in it was executed"
    if isinstance(error, EOFError) or "EOF" in text or "PytorchStreamReader" in text:
        return f"it is damaged or truncated ({first_line(error).split('. ')[0]})"
    reason = re.search(r"WeightsUnpickler error:\s*(.+)", text)
    return (reason[1] if reason else first_line(error)).split(". ")[0]
