"""The files that a comparison is written to."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.comparison.outputs import Outputs


def add_outputs(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Adds the group `what is written`, and returns it for options that only some commands have."""
    group = parser.add_argument_group("what is written")
    group.add_argument("--markdown", type=Path, metavar="FILE", help="a summary; GITHUB_STEP_SUMMARY gets one anyway")
    group.add_argument("--junit", type=Path, metavar="FILE", help="JUnit's XML, for a CI server")
    group.add_argument("--json", type=Path, metavar="FILE", help="everything, for programs")
    return group


def read_outputs(arguments: argparse.Namespace) -> Outputs:
    """The record of parsed arguments."""
    return Outputs(arguments.markdown, arguments.junit, arguments.json)
