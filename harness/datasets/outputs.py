"""Which label each output of a network stands for."""

from __future__ import annotations

import dataclasses

from harness.datasets.protocol import ImageSet


@dataclasses.dataclass(frozen=True)
class OutputLabels:
    """The labels of a network's outputs."""

    labels: tuple[int, ...] = ()
    """The label that each output stands for; empty if an output's index is its label."""
    classes: int = 0
    """Number of classes that the network tells apart, without a background class."""
    note: str = ""
    """What is assumed, for the reader of the accuracy; empty if nothing is."""


def output_labels(images: ImageSet, outputs: int, model: str, background: int | None = None) -> OutputLabels | str:
    """The labels of a network's outputs, or why its outputs cannot be compared with the labels.

    Args:
        images: the data set.
        outputs: number of logits of the network.
        model: its name.
        background: the output that is no class, in networks with one output more than there are classes.
    """
    if outputs == images.classes:
        return OutputLabels(classes=outputs)
    if background is not None and _fits(images, outputs - 1):
        return _beside_background(outputs, background, model)
    if _fits(images, outputs):
        return OutputLabels(classes=outputs)
    if images.classes > outputs == len(images.class_indices):
        note = f"its {outputs:,} outputs are taken for the {outputs:,} classes of the images, in the order of the wnids"
        return OutputLabels(tuple(images.class_indices), outputs, note)
    return _refusal(images, outputs, model)


def _fits(images: ImageSet, classes: int) -> bool:
    return classes == images.classes or (images.open_ended and classes > images.classes)


def _beside_background(outputs: int, background: int, model: str) -> OutputLabels | str:
    if not 0 <= background < outputs:
        return f"--background-class {background}: {model} has outputs from 0 to {outputs - 1:,}"
    # A label that no image has stands for the background, so that predicting it is never right.
    labels = [*range(background), outputs - 1, *range(background, outputs - 1)]
    return OutputLabels(tuple(labels), outputs - 1)


def _refusal(images: ImageSet, outputs: int, model: str) -> str:
    told = f"{images.classes:,}-class labels ({images.name}) for a {outputs:,}-class model ({model}); "
    if outputs == images.classes + 1:
        return (
            f"{told}if the output beyond them is a background class, state which one it is (--background-class 0, or "
            f"{images.classes})"
        )
    if len(images.class_indices) < images.classes and not images.open_ended:
        return f"{told}give images of the model's own classes (these name {len(images.class_indices):,})"
    if outputs > images.classes:
        return (
            f"{told}give images of the model's own classes; if the classes' names end in the model's class indices, "
            "state it (--class-order index)"
        )
    return f"{told}give images of the model's own classes"
