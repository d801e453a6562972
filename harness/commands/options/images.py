"""Labelled images to measure accuracy on."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.accuracy.request import AccuracyRequest
from harness.commands.options.types import duration_s
from harness.errors import AccuracyError

IMAGES_HELP = """\
DIR holds labelled images: class folders, flat files with a ground truth, a tar of either, or CIFAR-10 as it is
published. docs/accuracy.md has the list.
"""


def add_image_options(parser: argparse.ArgumentParser, required: bool) -> None:
    """Adds the group `images`: which ones, and how the machine is used for them.

    Args:
        parser: of the command.
        required: whether --images has to be given.
    """
    group = parser.add_argument_group("images", None if required else "to measure accuracy on, after the latency")
    group.add_argument("--images", type=Path, required=required, metavar="DIR", help="labelled images, see below")
    group.add_argument(
        "--ground-truth", type=Path, metavar="FILE", help="the labels of images that do not lie in class folders"
    )
    group.add_argument("--limit", type=int, metavar="N", help="a class-balanced subset of N images")
    group.add_argument(
        "--seed", type=int, default=None, metavar="N", help=f"which subset ({AccuracyRequest.seed}); for --limit"
    )
    group.add_argument(
        "--preprocessing",
        default="",
        metavar="MODEL-or-FILE",
        help="how user networks take images: as a model of the zoo does, or a TOML file; by default as "
        "torchvision's usual evaluation",
    )
    group.add_argument("--cache-images", type=Path, metavar="DIR", help="keep resized images for the next time")
    group.add_argument(
        "--memory", type=int, metavar="MIB", help="for images and networks together (half of what is free)"
    )
    group.add_argument("--decoders", type=int, metavar="N", help="threads that decode images (one for each processor)")
    group.add_argument(
        "--image-timeout",
        type=duration_s,
        default=AccuracyRequest.timeout_s,
        metavar="TIME",
        help="for some 32 images in one network (5m)",
    )


def read_accuracy_request(arguments: argparse.Namespace) -> AccuracyRequest | None:
    """The record of parsed arguments; None without images.

    Raises:
        AccuracyError: an option of images without images.
    """
    if arguments.images is None:
        given = {
            "--ground-truth": arguments.ground_truth,
            "--limit": arguments.limit,
            "--seed": arguments.seed,
            "--preprocessing": arguments.preprocessing or None,
            "--cache-images": arguments.cache_images,
            "--memory": arguments.memory,
            "--decoders": arguments.decoders,
        }
        if wrong := [option for option, value in given.items() if value is not None]:
            raise AccuracyError(f"{', '.join(wrong)}: of no use without --images DIR")
        return None
    return AccuracyRequest(
        images=arguments.images,
        ground_truth=arguments.ground_truth,
        limit=arguments.limit,
        seed=arguments.seed or AccuracyRequest.seed,
        preprocessing=arguments.preprocessing,
        cache_images=arguments.cache_images,
        memory_mib=arguments.memory,
        decoders=arguments.decoders,
        timeout_s=arguments.image_timeout,
    )
