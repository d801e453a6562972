"""The images of `verify --images`."""

from __future__ import annotations

import argparse

from harness.datasets import ImageSet, open_images
from harness.errors import HarnessError

VERIFIED_IMAGES = 64
"""Default number of images for `verify --images`."""


def images_from(arguments: argparse.Namespace) -> ImageSet | None:
    """The images that the command line names; None where it names none.

    Raises:
        AccuracyError: they are no data set that is known, or a damaged one.
        HarnessError: options of images without images.
    """
    if arguments.images is None:
        if arguments.ground_truth is not None or arguments.limit is not None:
            raise HarnessError("--ground-truth and --limit are of images: add --images DIR")
        return None
    limit = VERIFIED_IMAGES if arguments.limit is None else arguments.limit
    return open_images(arguments.images, ground_truth=arguments.ground_truth, limit=limit)
