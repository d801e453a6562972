"""`harness reproduce`: a row as a folder that a stranger can run without this project."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.commands.command import Command
from harness.errors import EXIT_SUCCESS
from harness.records.directory import RESULTS_NAME
from harness.reproduction.rows import TOLD_APART_BY, find_row
from harness.text.console import say

_DESCRIPTION = """\
Writes a folder that measures one row of a run again: a short script that needs numpy and the runtime alone, the
artifact, its inputs, and what to expect. Send it to whoever gets another number: `python reproduce.py` prints both.
"""

_EPILOG = """\
  python -m harness reproduce results regnet/RegNetX-200MF -o mine
  python -m harness reproduce results fbnet/fbnet_a --backend openvino --precision int8 -o mine

For the rows of onnxruntime and openvino.
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="a run directory, or its results.csv")
    parser.add_argument("model", metavar="MODEL", help="the model of the row")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the folder, new or empty")
    group = parser.add_argument_group("which row, where a model has several")
    for name in TOLD_APART_BY:
        group.add_argument(f"--{name}", metavar=name.upper(), help=f"the row's {name}")
    parser.add_argument(
        "--artifact",
        type=Path,
        metavar="FILE",
        help="the row's artifact, if it is no longer where the row says, or if rows differ in nothing else",
    )


def _reproduce(arguments: argparse.Namespace) -> int:
    """Writes the folder and prints its files."""
    from harness.reproduction.folder import Reproduction, timing_of, write

    directory = arguments.run if arguments.run.is_dir() else arguments.run.parent
    chosen = (arguments.backend, arguments.precision, arguments.graph, arguments.batch)
    wanted = {name: value for name, value in zip(TOLD_APART_BY, chosen, strict=True) if value}
    results = arguments.run / RESULTS_NAME if arguments.run.is_dir() else arguments.run
    row = find_row(results, arguments.model, wanted, arguments.artifact)
    artifact = arguments.artifact or Path(row["artifact_path"])
    paths = write(Reproduction(row, timing_of(directory), artifact), arguments.output)
    say(f"to measure it again: python {paths[0]}")
    print(*paths, sep="\n")
    return EXIT_SUCCESS


REPRODUCE = Command(_add_options, _reproduce, description=_DESCRIPTION, epilog=_EPILOG)
