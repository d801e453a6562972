"""The classes of ImageNet (ILSVRC 2012): WordNet numbers (wnids) and their indices."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from importlib import resources

NAME = "ImageNet"
CLASSES = 1000

_WNID = re.compile(r"n\d{8}")
_VALIDATION_NAME = re.compile(r"ILSVRC2012_val_\d{8}")


@functools.cache
def index_of_wnid() -> Mapping[str, int]:
    """The index of each of the 1,000 classes: its position in the sorted order of the wnids, as in all releases."""
    text = (resources.files(__package__) / "imagenet_wnids.txt").read_text(encoding="utf-8")
    wnids = [line for line in text.splitlines() if not line.startswith("#")]
    return {wnid: index for index, wnid in enumerate(wnids)}


def is_wnid(text: str) -> bool:
    """Whether a text has the form of a wnid, of these classes or others."""
    return _WNID.fullmatch(text) is not None


def is_validation_name(stem: str) -> bool:
    """Whether a file name without its suffix is a name from the validation set."""
    return _VALIDATION_NAME.fullmatch(stem) is not None
