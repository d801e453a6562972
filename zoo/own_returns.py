"""What to do about a function that returns something other than a network."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping
from typing import Any

_OTHER_FRAMEWORKS = ("keras", "tensorflow", "jax", "flax", "equinox", "mxnet", "paddle", "onnxruntime", "tf_keras")


def what_to_return(found: Any) -> str:
    """The next step, as the end of a sentence.

    Args:
        found: what the function returned, not a `torch.nn.Module`.
    """
    if found is None:
        return "end the function with return network"
    if isinstance(found, type):
        return f"return an object, {found.__name__}(), and not the class"
    if isinstance(found, Mapping):
        if any(map(_is_network, found.values())):
            return "return one of its networks, by a function for each"
        return (
            "this is a state dict or a checkpoint; build the network, call its load_state_dict, and return the network"
        )
    if isinstance(found, list | tuple):
        return _of_sequence(found)
    if inspect.iscoroutine(found) or inspect.isgenerator(found):
        # Python warns of a coroutine that nobody awaits or closes.
        found.close()
        return "make it an ordinary function that ends with return network"
    if isinstance(found, str | bytes | os.PathLike):
        return "if this is a file of weights, build the network, load them into it, and return the network"
    framework = type(found).__module__.partition(".")[0]
    if framework in _OTHER_FRAMEWORKS:
        return f"this is one of {framework}; export it to ONNX, and measure that file with --onnx"
    if callable(found):
        return "wrap it in a torch.nn.Module whose forward calls it"
    return "build the network in the function, and return it"


def _of_sequence(found: Iterable[Any]) -> str:
    networks = sum(map(_is_network, found))
    if networks == 1:
        return "return the network in it alone"
    if networks:
        return "return one of its networks, by a function for each, or all of them in a torch.nn.Sequential"
    return "build the network in the function, and return it alone"


def _is_network(value: Any) -> bool:
    # Not at the top: cards of user networks are read where no framework is.
    import torch

    return isinstance(value, torch.nn.Module)
