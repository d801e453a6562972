"""`harness profile`: which layers of one model take the time."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from harness.artifacts.onnx_files import OnnxFile
from harness.commands.command import Command
from harness.commands.options.measuring import add_no_wait
from harness.commands.options.models import FileOptions, ModelOptions, add_libraries, read_libraries
from harness.commands.options.request import RequestOptions
from harness.commands.options.runtime import RuntimeOptions
from harness.commands.options.types import duration_s
from harness.errors import EXIT_SUCCESS, HarnessError
from harness.processes.profile import ProfileSettings
from harness.text.console import say
from reports.layers import DEFAULT_TOP

if TYPE_CHECKING:
    import pandas

DEFAULT_OUTPUT = Path("profile")

_DESCRIPTION = """\
Converts the model if necessary, then lets the runtime's own profiler time every layer. docs/profile.md explains the
files.
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    _add_model_options(parser)
    parser.add_argument(
        "--output",
        type=Path,
        default=DEFAULT_OUTPUT,
        metavar="DIR",
        help="where the files go (%(default)s); pictures of --from go beside its CSV",
    )
    parser.add_argument(
        "--top",
        type=int,
        default=DEFAULT_TOP,
        metavar="K",
        help="number of longest layers with a bar in the picture (%(default)s)",
    )
    settings = ProfileSettings()
    group = parser.add_argument_group("measuring")
    RuntimeOptions.add(group)
    group.add_argument(
        "--inferences",
        type=int,
        default=settings.inferences,
        metavar="N",
        help="inferences with the profiler, and the same number without (%(default)s)",
    )
    group.add_argument(
        "--timeout",
        type=duration_s,
        default=settings.timeout_s,
        metavar="TIME",
        help="time limit of the profiling process (10m)",
    )
    add_no_wait(group, "profile")
    RequestOptions.add(parser)


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the one model, phrased for a command that takes only one; `FileOptions` reads the files."""
    parser.add_argument("profiled", nargs="?", metavar="MODEL", help="one model of the zoo, as `list` prints it")
    add_libraries(parser)
    parser.add_argument(
        "--model", action="append", default=[], metavar="MODULE:FUNCTION", help="or a user network, as for `run`"
    )
    parser.add_argument(
        "--onnx", action="append", default=[], type=OnnxFile.of, metavar="[NAME=]FILE", help="or an ONNX file"
    )
    FileOptions.add_inputs(parser)
    parser.add_argument(
        "--artifacts", type=Path, metavar="DIR", help="take MODEL from what convert --export wrote, without converting"
    )
    parser.add_argument(
        "--from", dest="csv", type=Path, metavar="CSV", help="or draw an earlier profile again, without measuring"
    )


def _profile(arguments: argparse.Namespace) -> int:
    """Profiles one model, or draws an earlier profile again."""
    from harness.records.profile_table import load_layers
    from harness.runs.profile import execute
    from reports.layer_text import render

    if arguments.top < 1:
        raise HarnessError(f"--top {arguments.top}: give a number of at least 1")
    options = RequestOptions.read(arguments)
    named = [arguments.profiled] if arguments.profiled else []
    models = ModelOptions((*named, *read_libraries(arguments)), tuple(arguments.model))
    path = arguments.csv
    if path is None:
        settings = ProfileSettings(arguments.inferences, arguments.timeout)
        request = dataclasses.replace(options.request(models), wait=arguments.wait)
        path = execute(request, settings, arguments.output, options.conversion.cache_dir, say)
    elif models != ModelOptions() or options.files.onnx_files or options.files.artifacts:
        raise HarnessError("--from draws an earlier profile again: give either it or a model to profile")
    rows = load_layers(path)
    files = [path, *_draw(rows, path, arguments.top)]
    print(render(rows))
    print(*files, sep="\n")
    return EXIT_SUCCESS


def _draw(rows: pandas.DataFrame, csv: Path, top: int) -> list[Path]:
    """Draws the pictures beside the CSV if that is possible; returns their paths."""
    from reports.layers import draw_layers
    from reports.pictures import matplotlib_is_here

    if not matplotlib_is_here():
        say("No picture: matplotlib is not installed. pip install 'baseline-zoo[report]'")
        return []
    pictures = [csv.with_suffix(suffix) for suffix in (".svg", ".png")]
    draw_layers(rows, pictures, top)
    return pictures


PROFILE = Command(_add_options, _profile, description=_DESCRIPTION, takes_artifacts=True)
