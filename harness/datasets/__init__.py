"""Labelled images, whatever they are stored in: ImageNet, CIFAR-10, or folders of one's own."""

from __future__ import annotations

from harness.datasets.opening import open_images
from harness.datasets.protocol import ImageSet, LabelledImage, check_classes

__all__ = ["ImageSet", "LabelledImage", "check_classes", "open_images"]
