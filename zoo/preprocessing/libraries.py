"""The libraries that decide the pixels of an input, with their versions: another version may make other pixels.

Only what a pipeline really runs counts. OpenCV and TensorFlow are never called: their resizes are computed here, with
numpy (`opencv`, `tensorflow1`, `tensor_resize`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zoo.preprocessing.decoding import pillow_image
from zoo.preprocessing.pipeline import Pipeline
from zoo.preprocessing.resampling import Resampling

_PILLOW, _NUMPY = "Pillow", "numpy"
_COMPUTED_BY = {"pil": (_PILLOW,), "opencv": (_NUMPY,), "tensorflow1": (_NUMPY,), "": ()}
"""What computes the resize of a card's `library`."""

NO_LIBRARY = "no library: the data set's own pixels"


def libraries_of_crop(resampling: Resampling, encoded: bool) -> dict[str, str]:
    """The libraries that decide a resized crop, each with its version.

    Args:
        resampling: makes the crop.
        encoded: whether images are files that have to be decoded, rather than pixels.

    Raises:
        MissingPackageError: Pillow is not installed.
    """
    used = {*((_PILLOW,) if encoded else ()), *_COMPUTED_BY[resampling.library]}
    found = {}
    if _PILLOW in used:
        found[_PILLOW] = _pillow_version()
    if encoded:
        found |= _jpeg_decoder()
    if _NUMPY in used:
        found[_NUMPY] = np.__version__
    return found


def libraries_of_input(pipeline: Pipeline, encoded: bool) -> dict[str, str]:
    """The libraries that decide a network's input, each with its version; arguments as of `libraries_of_crop`."""
    found = libraries_of_crop(pipeline.resampling, encoded)
    return found | {_NUMPY: np.__version__} if pipeline.resizes_tensor else found


def libraries_text(libraries: Mapping[str, str]) -> str:
    """The libraries on one line, as in `Pillow 13.0.0, libjpeg-turbo 3.2.0`; `NO_LIBRARY` if there are none."""
    return ", ".join(f"{name} {version}" for name, version in libraries.items()) or NO_LIBRARY


def _pillow_version() -> str:
    pillow_image()
    import PIL

    return PIL.__version__


def _jpeg_decoder() -> dict[str, str]:
    """The library that decodes JPEGs for Pillow, as it was built; empty if it was built without."""
    from PIL import features

    if features.check_feature("libjpeg_turbo"):
        return {"libjpeg-turbo": str(features.version_feature("libjpeg_turbo"))}
    version = features.version_codec("jpg")
    return {"libjpeg": version} if version else {}
