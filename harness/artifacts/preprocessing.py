"""How images are prepared for an artifact, as its file states it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from foundation.vocabulary import METADATA_PREFIX
from harness.errors import ArtifactError, HarnessError
from harness.files.onnx_graph import OnnxGraph, read_graph
from harness.files.shapes import first_image, image_axes
from harness.processes.inputs import Feed

if TYPE_CHECKING:
    from zoo.card import Preprocessing

_FLOATS = ("float16", "float32", "float64")
_CHANNELS = 3


def preprocessing_in(path: Path) -> Preprocessing | None:
    """The preprocessing that an artifact was converted for; None if the file states none.

    Raises:
        PreprocessingError: what the file states is no preprocessing.
    """
    from zoo.own_preprocessing import written_preprocessing

    try:
        text = read_graph(path).metadata.get(f"{METADATA_PREFIX}preprocessing")
    except ArtifactError:
        # The measuring process opens the file with the runtime itself and reports what is wrong with it.
        return None
    return None if text is None else written_preprocessing(text)


def check_fits(stated: Preprocessing, size_px: int, what: str, advice: str) -> None:
    """Refuses a preprocessing that gives images of another size than a network takes.

    Args:
        stated: the preprocessing.
        size_px: height and width of the network's images.
        what: the two that contradict each other, up to the size.
        advice: what to change.

    Raises:
        HarnessError: it does.
    """
    from zoo.errors import ZooError
    from zoo.preprocessing import pipeline

    try:
        pipeline(stated, size_px)
    except ZooError as error:
        raise HarnessError(f"{what} {size_px}: {error}. {advice}") from error


def range_of_pixels(preprocessing: Preprocessing | None) -> str:
    """What pixels of 0 to 255 become, channel by channel, as `harness.processes.inputs.Feed.of` reads it.

    Empty if there is no preprocessing.
    """
    if preprocessing is None:
        return ""
    ends = zip(preprocessing.mean, preprocessing.std, strict=True)
    return str(Feed(ranges=tuple((-mean / std, (1 - mean) / std) for mean, std in ends)))


def takes_prepared_images(graph: OnnxGraph) -> bool:
    """Whether a graph takes what a preprocessing makes: images of three channels, as floating-point numbers."""
    if not graph.inputs:
        return False
    image = graph.inputs[first_image([value.shape or () for value in graph.inputs])]
    shape = image.shape or ()
    axes = image_axes(shape)
    return image.dtype in _FLOATS and axes is not None and shape[axes.channels] == _CHANNELS
