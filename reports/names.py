"""Short names of models, for labels in a picture."""

from __future__ import annotations

import collections
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

_OWN_SOURCES = ("own", "onnx")
_LONGEST = 32
# Parts of a release's name that the axes of the picture already show.
_SAID_BY_THE_AXES = re.compile(r"[-_](top1|finetune)[-@][0-9.]+")


def short_names(models: Sequence[str]) -> list[str]:
    """A short name for each model, different for different models.

    The source, the module of `module:function`, and the accuracy in the name are dropped; all stay if two models would
    share a name. A very long name keeps both ends.
    """
    short = [_SAID_BY_THE_AXES.sub("", _last(model)) for model in models]
    shared = {name for model, name in zip(models, short, strict=True) if _others(model, name, models, short)}
    whole = [model if name in shared else name for model, name in zip(models, short, strict=True)]
    cut = [_cut(name) for name in whole]
    return [w if _others(m, c, models, cut) else c for m, w, c in zip(models, whole, cut, strict=True)]


def environment_names(rows: pandas.DataFrame) -> dict[str, str]:
    """The name of each environment: its device, with the runtime where several were measured on that device.

    Args:
        rows: rows of results.csv, of one or more runs.

    Returns:
        The names by `environment_id`.
    """
    devices, runtimes = {}, {}
    for environment_id, members in rows.groupby("environment_id", sort=False):
        devices[str(environment_id)] = members["device"].iloc[0] or "Unknown device"
        # A row that was not measured knows no version.
        known = [text for text in members["runtime"].unique() if text] or [*members["backend"].unique()]
        runtimes[str(environment_id)] = ", ".join(map(str, known))
    several = [name for name, count in collections.Counter(devices.values()).items() if count > 1]
    return {one: f"{name}, {runtimes[one]}" if name in several else name for one, name in devices.items()}


def is_own(model: str) -> bool:
    """Whether a model is a user network, from `--model` or `--onnx`."""
    return model.partition("/")[0] in _OWN_SOURCES


def _last(model: str) -> str:
    name = model.partition("/")[2] or model
    # The first colon: the arguments of a function may contain others.
    return name.partition(":")[2] or name


def _cut(name: str) -> str:
    kept = _LONGEST // 2
    return name if len(name) <= _LONGEST else f"{name[: kept - 1]}…{name[-kept:]}"


def _others(model: str, name: str, models: Sequence[str], short: Sequence[str]) -> bool:
    return any(name == n and model != m for m, n in zip(models, short, strict=True))
