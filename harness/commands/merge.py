"""`harness merge`: what the shards of one job left in several folders, as one."""

from __future__ import annotations

import argparse
from pathlib import Path

from foundation.wording import counted
from harness.commands.command import Command
from harness.commands.options.hosts import add_spread
from harness.commands.report import write_all
from harness.errors import EXIT_SUCCESS
from harness.text.console import say

_DESCRIPTION = """\
Puts together the run directories, or the bundles, that the shards of one command left (--shard K/N of run, accuracy
or convert). The result is what one machine would have written, and can be continued like it. A shard that is missing
or has not ended, and results that differ, are refused by name; the folders stay as they are.
"""

_EPILOG = """  python -m harness accuracy --images DIR --models smoke --shard 1/2 --output first     on one machine
  python -m harness accuracy --images DIR --models smoke --shard 2/2 --output second    on another
  python -m harness merge first second --output whole
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="the folder of each shard")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the folder of the whole, a new one")
    add_spread(parser)


def _merge(arguments: argparse.Namespace) -> int:
    """Puts the folders together and writes the reports of a run."""
    from harness.merging.merge import merge

    merged = merge(arguments.folders, arguments.output, arguments.spread)
    if merged.is_run:
        write_all(arguments.output)
    what = counted(merged.count, "row" if merged.is_run else "model")
    say(f"{what} of {counted(len(arguments.folders), 'folder')} in {arguments.output}")
    return EXIT_SUCCESS


MERGE = Command(_add_options, _merge, description=_DESCRIPTION, epilog=_EPILOG)
