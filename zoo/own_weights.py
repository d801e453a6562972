"""Why a checkpoint does not fit the network into which a user's function loads it, read from PyTorch's message."""

from __future__ import annotations

import re

from foundation.wording import first_line
from zoo.state_fit import Shapes, main_prefix, misfits

_FAILED = "Error(s) in loading state_dict for "
_PICKLED = "Weights only load failed"
_LISTS = re.compile(r"(Missing|Unexpected) key\(s\) in state_dict: (.*?)\.\s*(?:\n|$)")
_NAME = re.compile(r'"([^"]*)"')
_SIZES = re.compile(r"size mismatch for (\S+): copying a param with shape (.*?) from checkpoint, .* is (.*)\.")
_ENTRIES = re.compile("state_dict|model|ema|net|network|weights", re.IGNORECASE)


def said(error: Exception) -> str:
    """An error of a user's function in one sentence; of a state that does not fit, how, and what to do."""
    text = str(error)
    if text.startswith(_PICKLED):
        return (
            f"{type(error).__name__}: the file holds more than tensors, perhaps a whole network, which torch.load "
            "opens only with weights_only=False, executing what is in it: do so if you trust it, or save a state_dict()"
        )
    if not isinstance(error, RuntimeError) or not text.startswith(_FAILED):
        return f"{type(error).__name__}: {first_line(error)}"
    lists = {kind: _NAME.findall(names) for kind, names in _LISTS.findall(text)}
    missing, unexpected = lists.get("Missing", []), lists.get("Unexpected", [])
    sizes = _SIZES.findall(text)
    own: Shapes = dict.fromkeys(missing, ()) | {name: _shape(wanted) for name, _, wanted in sizes}
    given: Shapes = dict.fromkeys(unexpected, ()) | {name: _shape(found) for name, found, _ in sizes}
    fault = f"RuntimeError: the checkpoint does not fit the {text.removeprefix(_FAILED).partition(':')[0]}"
    if prefix := main_prefix(own, given):
        return (
            f"{fault}: its names have the prefix {prefix!r}, which the network's lack; remove it before "
            f"load_state_dict: {{name.removeprefix({prefix!r}): tensor for name, tensor in state.items()}}"
        )
    if missing and (entry := next((name for name in unexpected if _holds_state(name)), "")):
        return f"{fault}, because it holds its state dict as an entry; load that one: torch.load(FILE)[{entry!r}]"
    # The last layer's tensors are the last of the message.
    classes = own[sizes[-1][0]][0] if sizes and own[sizes[-1][0]] else 0
    fitting = "build the network that the checkpoint was saved from, or load another"
    return f"{fault}: {misfits(own, given, classes=classes)}; {fitting}"


def _shape(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in re.findall(r"\d+", text))


def _holds_state(name: str) -> bool:
    """Whether the name is one of an entry of a checkpoint, and not of a tensor."""
    return "." not in name and bool(_ENTRIES.search(name))
