"""Labelled images, however they are stored: ImageNet, CIFAR-10, or the user's folders."""

from __future__ import annotations

from harness.datasets.opening import open_images, open_pixels
from harness.datasets.outputs import OutputLabels, output_labels
from harness.datasets.protocol import ImageSet, LabelledImage

__all__ = ["ImageSet", "LabelledImage", "OutputLabels", "open_images", "open_pixels", "output_labels"]
