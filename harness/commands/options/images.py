"""Labelled images to measure accuracy on."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.accuracy.request import AccuracyRequest
from harness.commands.options.types import duration_s
from harness.datasets.classes import ORDERS
from harness.errors import AccuracyError

IMAGES_HELP = """\
DIR holds labelled images: class folders, flat files with a ground truth, a tar of either, Parquet or WebDataset
shards, or CIFAR-10 as it is published. docs/accuracy.md has the list.
"""


def add_image_options(parser: argparse.ArgumentParser, required: bool) -> None:
    """Adds the group `images`: which images, and how the machine is used for them.

    Args:
        parser: the command's parser.
        required: whether --images is required.
    """
    group = parser.add_argument_group("images", None if required else "to measure accuracy on, after the latency")
    group.add_argument("--images", type=Path, required=required, metavar="DIR", help="labelled images, see below")
    group.add_argument(
        "--ground-truth", type=Path, metavar="FILE", help="labels of images that are not in class folders"
    )
    group.add_argument(
        "--class-order",
        choices=ORDERS,
        default="",
        help="how the classes are numbered: sorted by name as text, by the number in the name, or the number is the "
        "class index (by number where names are numbered, otherwise by name)",
    )
    group.add_argument(
        "--background-class",
        type=int,
        metavar="N",
        help="the output that is no class, in networks with one output more than there are classes",
    )
    group.add_argument("--limit", type=int, metavar="N", help="a class-balanced subset of N images")
    group.add_argument(
        "--seed", type=int, default=None, metavar="N", help=f"seed of the subset of --limit ({AccuracyRequest.seed})"
    )
    group.add_argument("--cache-images", type=Path, metavar="DIR", help="keep resized images for later evaluations")
    group.add_argument(
        "--memory", type=int, metavar="MIB", help="memory for images and networks together (half of what is free)"
    )
    group.add_argument(
        "--decoders", type=int, metavar="N", help="number of threads that decode images (one for each processor)"
    )
    group.add_argument(
        "--image-timeout",
        type=duration_s,
        default=AccuracyRequest.timeout_s,
        metavar="TIME",
        help="time limit of some 32 images in one network (5m)",
    )


def read_accuracy_request(arguments: argparse.Namespace) -> AccuracyRequest | None:
    """The record of parsed arguments; None without images.

    Raises:
        AccuracyError: an option for images is given without --images.
    """
    if arguments.images is None:
        given = {
            "--ground-truth": arguments.ground_truth,
            "--class-order": arguments.class_order or None,
            "--background-class": arguments.background_class,
            "--limit": arguments.limit,
            "--seed": arguments.seed,
            "--cache-images": arguments.cache_images,
            "--memory": arguments.memory,
            "--decoders": arguments.decoders,
        }
        if wrong := [option for option, value in given.items() if value is not None]:
            raise AccuracyError(f"{', '.join(wrong)}: only used with --images DIR")
        return None
    return AccuracyRequest(
        images=arguments.images,
        ground_truth=arguments.ground_truth,
        limit=arguments.limit,
        seed=arguments.seed or AccuracyRequest.seed,
        cache_images=arguments.cache_images,
        memory_mib=arguments.memory,
        decoders=arguments.decoders,
        timeout_s=arguments.image_timeout,
        class_order=arguments.class_order,
        background_class=arguments.background_class,
    )
