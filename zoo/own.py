"""User networks: a `module:function` that returns a `torch.nn.Module`."""

from __future__ import annotations

import difflib
import importlib
import inspect
import operator
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from foundation.wording import listed
from zoo.card import Checkpoint, ModelCard, Preprocessing, Published, Release, Training
from zoo.own_model import OwnModel, OwnModelError
from zoo.own_preprocessing import assumed_preprocessing
from zoo.own_reference import Reference, parse_reference
from zoo.own_returns import what_to_return
from zoo.own_weights import said

SOURCE = "own"
DEFAULT_RESOLUTION = 224

_RELEASE = Release(
    source=SOURCE,
    title="Own model",
    repository="",
    commit="",
    package="",
    framework="pytorch",
    licence="",
    paper="",
)


def card(reference: str, resolution: int | None = None, preprocessing: Preprocessing | None = None) -> ModelCard:
    """The card of a user network: what is known of it before it is built.

    Args:
        reference: `module:function` or `module:function(name=value)`.
        resolution: size of the input in pixels; by default that of the preprocessing's crop.
        preprocessing: how images are prepared for it; the usual one is assumed if None.
    """
    resolution = resolution or (preprocessing.crop_px if preprocessing else DEFAULT_RESOLUTION)
    return ModelCard(
        release=_RELEASE,
        variant=reference,
        resolution=resolution,
        classes=0,
        parameters=0,
        macs=0,
        signature_sha256="",
        preprocessing=preprocessing or assumed_preprocessing(resolution),
        published=Published(top1_percent=None, top5_percent=None, stated_in=""),
        checkpoint=Checkpoint(url="", container="plain"),
        training=Training(data="", stated_in=""),
        architecture={"function": reference},
    )


def load(reference: str, resolution: int | None = None, preprocessing: Preprocessing | None = None) -> OwnModel:
    """Builds a user network with the weights that its function gives it.

    Args:
        reference: `module:function` or `module:function(name=value)` (`zoo.own_reference`); the current directory is
            searched first. The function returns a `torch.nn.Module` for images (N, 3, R, R).
        resolution: R in pixels; by default that of the preprocessing, or 224.
        preprocessing: how images are prepared for it; the usual one is assumed if None.

    Raises:
        OwnReferenceError: the reference has another form.
        OwnModelError: the module cannot be imported, lacks the function, or the function raises or returns
            something else.
    """
    import torch

    parsed = parse_reference(reference)
    network = _found(reference, parsed)
    if not isinstance(network, torch.nn.Module):
        network = _called(reference, network, parsed)
    if not isinstance(network, torch.nn.Module):
        raise OwnModelError(
            f"{_call_text(reference)} returned a {type(network).__name__}; it must return a torch.nn.Module: "
            f"{what_to_return(network)}"
        )
    return OwnModel(card(reference, resolution, preprocessing), network)


def _found(reference: str, parsed: Reference) -> Any:
    """The function of a reference, or the network itself if that is what the name means.

    Raises:
        OwnModelError: there is no such module or function, or the module raises when it is imported.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(parsed.module)
    except ModuleNotFoundError as error:
        if f"{parsed.module}.".startswith(f"{error.name}."):
            raise OwnModelError(
                f"cannot find {reference}: {error}; run in the folder from which {parsed.module} can be imported "
                f"(this one is {here}), or install it"
            ) from error
        raise OwnModelError(f"{parsed.module} imports {error.name}, which is not installed here; install it") from error
    except (Exception, SystemExit) as error:
        # A script that runs when it is imported may do anything.
        raise OwnModelError(f"{parsed.module} raised {type(error).__name__} when imported: {error}") from error
    try:
        return operator.attrgetter(parsed.function)(module)
    except AttributeError as error:
        raise OwnModelError(
            f"cannot find {reference}: {parsed.module} has no {parsed.function!r}; {_choice(module, parsed.function)}"
        ) from error


def _choice(module: ModuleType, name: str) -> str:
    """Which functions and networks a module has of its own, those of a similar name first."""
    own = [
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and callable(value) and getattr(value, "__module__", "") == module.__name__
    ]
    near = difflib.get_close_matches(name, own)
    return f"it has {listed([*near, *own])}" if own else "it has no functions of its own"


def _called(reference: str, function: Any, parsed: Reference) -> Any:
    """What the function returns.

    Raises:
        OwnModelError: it takes other arguments, or raises.
    """
    if not callable(function):
        raise OwnModelError(
            f"{reference} is a {type(function).__name__}; it must be a function that returns the network"
        )
    try:
        inspect.signature(function).bind(**parsed.arguments)
    except TypeError as error:
        raise OwnModelError(
            f"{reference} cannot be called: {error}; give its arguments by name, as in "
            f"{parsed.module}:{parsed.function}(width=2)"
        ) from error
    except ValueError:
        # A function that is not written in Python may have no signature.
        pass
    try:
        return function(**parsed.arguments)
    except Exception as error:
        raise OwnModelError(f"{_call_text(reference)} raised {said(error)}") from error


def _call_text(reference: str) -> str:
    return reference if reference.endswith(")") else f"{reference}()"
