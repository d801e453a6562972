"""Labelled images, however they are stored: ImageNet, CIFAR-10, or the user's folders."""

from __future__ import annotations

from harness.datasets.opening import open_images
from harness.datasets.protocol import ImageSet, LabelledImage, check_classes

__all__ = ["ImageSet", "LabelledImage", "check_classes", "open_images"]
