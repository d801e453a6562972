"""The preprocessing of user networks: what the user states, or what is assumed otherwise."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zoo
from zoo.card import Preprocessing
from zoo.catalog.reader import preprocessing_of
from zoo.errors import ZooError
from zoo.preprocessing import PreprocessingError, pipeline

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_ASSUMED = "assumed: the usual ImageNet preprocessing"
_STATED = "stated by the user"
_CROP_FRACTION = 0.875


def assumed_preprocessing(resolution: int) -> Preprocessing:
    """What torchvision's evaluation does, for a network whose preprocessing the user does not state.

    Args:
        resolution: size of the network's input, in pixels.
    """
    return Preprocessing(
        rule="resize_then_crop",
        resize_px=round(resolution / _CROP_FRACTION),
        crop_px=resolution,
        interpolation="bilinear",
        library="pil",
        channel_order="RGB",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        stated_in=_ASSUMED,
    )


def is_assumed(preprocessing: Preprocessing) -> bool:
    """Whether nobody stated this preprocessing."""
    return preprocessing.stated_in == _ASSUMED


def stated_preprocessing(text: str) -> Preprocessing:
    """The preprocessing that `--preprocessing` selects.

    Args:
        text: the name of a model of the zoo, or a TOML file with a card's facts of preprocessing.

    Raises:
        PreprocessingError: it is neither, or its facts do not describe a preprocessing.
    """
    path = Path(text)
    try:
        if path.suffix != ".toml":
            return zoo.card(text).preprocessing
        # Where the file lies must not decide the bytes of an artifact that contains its facts.
        facts = {"stated_in": _STATED, **tomllib.loads(path.read_text(encoding="utf-8"))}
        found = preprocessing_of(facts, text)
        # Raises for what fits no resolution at all.
        pipeline(found, found.crop_px)
        return found
    except OSError as error:
        raise PreprocessingError(f"{text}: {error.strerror}") from error
    except (ZooError, ValueError, TypeError) as error:
        raise PreprocessingError(
            f"{text}: {error}. Give the name of a model of the zoo, or a TOML file (docs/accuracy.md)"
        ) from error


def written_preprocessing(text: str) -> Preprocessing:
    """The preprocessing that an artifact contains as JSON.

    Raises:
        PreprocessingError: the text is something else.
    """
    try:
        facts: Mapping[str, Any] = json.loads(text)
        return preprocessing_of(facts, "the file's preprocessing")
    except (ZooError, ValueError, TypeError) as error:
        raise PreprocessingError(f"the file does not contain a preprocessing: {error}") from error


def same_steps(first: Preprocessing, second: Preprocessing) -> bool:
    """Whether both prepare images equally, wherever that is stated."""
    return dataclasses.replace(first, stated_in="") == dataclasses.replace(second, stated_in="")
