"""Short names of models, for labels in a picture."""

from __future__ import annotations

import re
from collections.abc import Sequence

# What some releases put into a name and the picture's axes already say.
_SAID_BY_THE_AXES = re.compile(r"[-_](top1|finetune)[-@][0-9.]+")


def short_names(models: Sequence[str]) -> list[str]:
    """A short name for each model, different for different models.

    The source goes, and the accuracy in the name; both stay where two models would share a name.
    """
    short = [_SAID_BY_THE_AXES.sub("", model.partition("/")[2] or model) for model in models]
    shared = {name for model, name in zip(models, short, strict=True) if _others(model, name, models, short)}
    return [model if name in shared else name for model, name in zip(models, short, strict=True)]


def _others(model: str, name: str, models: Sequence[str], short: Sequence[str]) -> bool:
    return any(name == n and model != m for m, n in zip(models, short, strict=True))
