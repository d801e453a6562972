"""The run directory."""

from __future__ import annotations

import argparse
from pathlib import Path

DEFAULT_OUTPUT = Path("results")


def add_directory(parser: argparse.ArgumentParser) -> None:
    """Adds --output and --resume."""
    parser.add_argument(
        "--output", type=Path, default=DEFAULT_OUTPUT, metavar="DIR", help="the run directory (%(default)s)"
    )
    parser.add_argument("--resume", action="store_true", help="require that DIR holds a run to resume")
