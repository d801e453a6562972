"""User networks: a `module:function` that returns a `torch.nn.Module`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.card import Checkpoint, ModelCard, Preprocessing, Published, Release, Training
from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.torch_model import TorchModel

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
_CROP_FRACTION = 0.875


class OwnModelError(ZooError):
    """A `module:function` that cannot be imported, or that does not return a network."""


def card(reference: str, resolution: int | None = None) -> ModelCard:
    """The card of a user network: what is known of it before it is built."""
    resolution = resolution or DEFAULT_RESOLUTION
    return ModelCard(
        release=_RELEASE,
        variant=reference,
        resolution=resolution,
        classes=0,
        parameters=0,
        macs=0,
        signature_sha256="",
        preprocessing=_assumed_preprocessing(resolution),
        published=Published(top1_percent=None, top5_percent=None, stated_in=""),
        checkpoint=Checkpoint(url="", container="plain"),
        training=Training(data="", stated_in=""),
        architecture={"function": reference},
    )


def _assumed_preprocessing(resolution: int) -> Preprocessing:
    return Preprocessing(
        rule="resize_then_crop",
        resize_px=round(resolution / _CROP_FRACTION),
        crop_px=resolution,
        interpolation="bilinear",
        library="pil",
        channel_order="RGB",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        stated_in="assumed: the usual ImageNet preprocessing",
    )


def load(reference: str, resolution: int | None = None) -> TorchModel:
    """Builds a user network with the weights that its function gives it.

    Args:
        reference: `module:function`; the current directory is searched first. The function takes no
            argument and returns a `torch.nn.Module` for images (N, 3, R, R).
        resolution: R in pixels, 224 by default.

    Raises:
        OwnModelError: the module cannot be imported, lacks the function, or the function raises or returns
            something else.
    """
    import torch

    from zoo.torch_model import TorchModel

    module_name, _, function_name = reference.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise OwnModelError(
            f"cannot find {reference}: {error}; give it as module:function, importable from the current directory"
        ) from error
    try:
        network = function()
    except Exception as error:
        raise OwnModelError(f"{reference}() raised {type(error).__name__}: {error}") from error
    if not isinstance(network, torch.nn.Module):
        raise OwnModelError(f"{reference}() returned a {type(network).__name__}; it must return a torch.nn.Module")
    native = TorchModel(card(reference, resolution), network)
    native.weights = "own"
    return native
