"""A pipeline in words, complete: different pipelines have different words."""

from __future__ import annotations

from zoo.preprocessing.pipeline import Pipeline
from zoo.preprocessing.resampling import Resampling

_LIBRARIES = {"pil": "Pillow", "opencv": "OpenCV", "tensorflow1": "TensorFlow 1"}


def described(pipeline: Pipeline) -> str:
    """How an image becomes the input, on one line.

    As in `shorter side to 256 px (Pillow bicubic), centre 224 px, RGB, mean 0.485 0.456 0.406, std 0.229 0.224 0.225`.
    The library is the one whose resize it is, whatever computes it here.
    """
    normalisation = pipeline.normalisation
    steps = [
        _crop(pipeline.resampling),
        normalisation.channel_order,
        f"mean {_numbers(normalisation.mean)}",
        f"std {_numbers(normalisation.std)}",
    ]
    if pipeline.resizes_tensor:
        steps.append(f"that tensor to {pipeline.resolution_px} px (PyTorch bicubic)")
    return ", ".join(steps)


def _crop(by: Resampling) -> str:
    resize = f"({_LIBRARIES.get(by.library, '')} {by.interpolation})"
    if by.rule == "resize_then_crop":
        return f"shorter side to {by.resize_px} px {resize}, centre {by.crop_px} px"
    if by.rule == "crop_then_resize":
        return f"centre square of {by.crop_fraction!r} of the shorter side, to {by.crop_px} px {resize}"
    if by.rule == "squash":
        cropped = f", centre {by.crop_px} px" if by.resize_px > by.crop_px else ""
        return f"both sides to {by.resize_px or by.crop_px} px {resize}{cropped}"
    return f"images of {by.crop_px} px as they are"


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{float(value)!r}" for value in values)
