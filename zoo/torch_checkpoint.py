"""PyTorch checkpoint files, opened without executing anything in them."""

from __future__ import annotations

import re
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.wording import first_line, listed, quoted, shortened
from zoo.card import ModelCard
from zoo.checkpoints.archive import CHECKPOINT_LIMITS, refuse_unsafe_zip
from zoo.checkpoints.content import unlike_torch_checkpoint
from zoo.errors import WeightsError

if TYPE_CHECKING:
    import torch

_SAFETENSORS_HEADER_LIMIT_BYTES = 100 << 20
"""The limit of the format's own reader."""
_DEEPEST_ENTRY = 4
_OPTIMISER = "optim"
"""Occurs in the names of entries that hold no network, but tensors of the training."""
_COMPILED = "_orig_mod."
_PARALLEL = "module."
_SAVE_STATE = "save its tensors alone, as by torch.save(network.state_dict(), FILE), or as .safetensors"


class StateDict(dict[str, Any]):
    """Tensors by name."""

    entry: str = ""
    """Where they are in the file, as in `state_dict`; empty if they are all of it."""
    other_entries: tuple[str, ...] = ()
    """Other entries of the file that could have been meant, as in `ema`."""


def read_state_dict(path: Path, card: ModelCard) -> dict[str, torch.Tensor]:
    """The state dict of a checkpoint file; nothing in the file is executed.

    Args:
        path: a file written by `torch.save`, in either of its formats, or a safetensors file; its content decides.
        card: the card of the model that it is for. Its `checkpoint.container` is `plain`, or the key of the outer dict
                that holds the state dict; several keys, best first, are separated by `|`, and the first whose value is
                not None counts. Without such a key, the only state dict in the file is taken, however it is nested.

    Returns:
        A `StateDict`, its names without what parallel training and compilation add to them: `module.`, `_orig_mod.`.

    Raises:
        WeightsError: the file is missing, is not a checkpoint, contains something other than data, or holds no state
            dict or several.
    """
    loaded = _opened(path, card)
    states = _states_in(loaded)
    entry = next((key for key in card.checkpoint.container.split("|") if _has(loaded, key)), "")
    chosen = {name: state for name, state in states.items() if _is_within(name, entry)}
    if len(chosen) != 1:
        raise WeightsError(f"{path} does not fit {card.name}: {_without_state(loaded, card, list(chosen))}")
    (entry, held), *_ = chosen.items()
    state = StateDict({_plain_name(str(name)): tensor for name, tensor in held.items()})
    state.entry, state.other_entries = entry, tuple(name for name in states if name != entry)
    if len(state) < len(held):
        raise WeightsError(
            f"{path} does not fit {card.name}: some tensors occur twice, with and without {_PARALLEL!r} or "
            f"{_COMPILED!r}; save one state alone: torch.save(network.state_dict(), FILE)"
        )
    return state


def _has(loaded: Any, key: str) -> bool:
    return isinstance(loaded, dict) and isinstance(loaded.get(key), dict)


def _is_within(name: str, entry: str) -> bool:
    return not entry or name == entry or name.startswith(f"{entry}/")


def _states_in(value: Any, entry: str = "") -> dict[str, dict[Any, Any]]:
    """Every dict of nothing but tensors in a file by its place in it, as in `checkpoint/model`."""
    if not isinstance(value, dict) or not value or entry.count("/") == _DEEPEST_ENTRY:
        return {}
    if all(_is_plain_tensor(part) for part in value.values()):
        return {entry: value}
    inner = {key: part for key, part in value.items() if isinstance(key, str) and _OPTIMISER not in key}
    return {
        name: state
        for key, part in inner.items()
        for name, state in _states_in(part, f"{entry}/{key}".strip("/")).items()
    }


def _without_state(loaded: Any, card: ModelCard, found: list[str]) -> str:
    """Why there is not one state dict, and what to do."""
    if found:
        place = "".join(f"[{key!r}]" for key in found[-1].split("/"))
        return (
            f"it holds {len(found)} state dicts ({listed(found)}); save the one that is meant alone, as in "
            f"torch.save(torch.load(FILE){place}, NEW_FILE)"
        )
    what = f"a {type(loaded).__name__}"
    if isinstance(loaded, dict):
        what = f"entries {shortened([str(key) for key in loaded])}" if loaded else "an empty dict"
    return (
        f"no state dict of tensors (looked for {card.checkpoint.container!r}), only {what}; save one: "
        "torch.save(network.state_dict(), FILE)"
    )


def _plain_name(name: str) -> str:
    """A tensor's name without what wrappers of a network add to it."""
    name = name.replace(_COMPILED, "")
    while name.startswith(_PARALLEL):
        name = name.removeprefix(_PARALLEL)
    return name


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
            raise WeightsError(f"{path} is {what}, not a checkpoint of {card.name}; {_fetch_again(card)}")
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
            f"{path} cannot be opened as a checkpoint of {card.name}: {_unreadable(error, card)}"
        ) from error


def next_step(card: ModelCard) -> str:
    """What to do about a whole file with another network's tensors."""
    given = (
        f"give a checkpoint of this network, as python -m zoo fetch {card.name} fetches it"
        if card.checkpoint.url
        else "give a file from a training of this model"
    )
    return f"{given}, or a function that builds the file's network (--model MODULE:FUNCTION)"


def _fetch_again(card: ModelCard) -> str:
    """What to do about a file that is damaged, or not a checkpoint at all."""
    if card.checkpoint.url:
        return f"fetch it again (python -m zoo fetch {card.name})"
    return next_step(card)


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


def _unreadable(error: Exception, card: ModelCard) -> str:
    """PyTorch's reason without its advice, which is to execute the file's content, and what to do."""
    text = str(error)
    if named := re.search(r"GLOBAL (\S+)", text):
        return (
            f"it contains {quoted(named[1])}, which is not data: the file is refused, and nothing in it was executed; "
            f"{_SAVE_STATE}"
        )
    if "TorchScript" in text:
        return (
            f"it is a TorchScript archive, which is code: it is refused, and nothing in it was executed; {_SAVE_STATE}"
        )
    if isinstance(error, EOFError) or "EOF" in text or "PytorchStreamReader" in text:
        return f"it is damaged or truncated ({first_line(error).split('. ')[0]}); {_fetch_again(card)}"
    reason = re.search(r"WeightsUnpickler error:\s*(.+)", text)
    told = (reason[1] if reason else first_line(error)).split(". ")[0]
    return f"{told}; {_fetch_again(card)}, or {_SAVE_STATE}"
