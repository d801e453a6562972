"""The option that every command with a frontier has."""

from __future__ import annotations

import argparse

from reports.training import ALONE, TRAININGS


def add_training(parser: argparse.ArgumentParser) -> None:
    """Adds `--training`, a `reports.training.Training`."""
    parser.add_argument(
        "--training",
        choices=TRAININGS,
        default=ALONE,
        help="the networks that the frontier is among: those that learned from ImageNet-1k alone, or any (default: "
        "%(default)s); the others are shown, marked, and not on it",
    )
