"""`python -m reports`: reports of one or more run directories."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from foundation.whole_options import WholeOptionsParser
from harness.errors import EXIT_INTERRUPTED, EXIT_SUCCESS, HarnessError
from reports.options import add_training
from reports.runs import Runs, load_runs

_DEFAULT_HTML = Path("report.html")


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser: argparse.ArgumentParser = WholeOptionsParser(
        prog="python -m reports",
        description="Reports of one or more run directories. Runs of one environment are merged: the newest row "
        "of each series counts. Rows of different environments are shown side by side and never ranked against each "
        "other.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    html = _command(commands, "html", "one self-contained HTML file that opens offline")
    html.add_argument(
        "-o", "--output", type=Path, default=_DEFAULT_HTML, metavar="FILE", help="the file (default: %(default)s)"
    )
    markdown = _command(commands, "markdown", "the tables as markdown")
    markdown.add_argument("-o", "--output", type=Path, metavar="FILE", help="the file (default: standard output)")
    table = _command(commands, "csv", "the rows as one CSV")
    table.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the file")
    table.add_argument(
        "--timm", action="store_true", help="the columns of timm's results-*.csv and benchmark-infer-*.csv instead"
    )
    plot = _command(commands, "plot", "the latency/accuracy frontier for papers, one panel per environment")
    plot.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="the picture: .svg, .png or .pdf, by its suffix",
    )
    for command in (html, markdown, plot):
        add_training(command)
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, says: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=says, description=f"{says[0].upper()}{says[1:]}.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run directory: the --output of a run")
    return parser


def _html(runs: Runs, arguments: argparse.Namespace) -> None:
    from reports.html.page import write_page

    write_page(runs, arguments.output, arguments.training)


def _markdown(runs: Runs, arguments: argparse.Namespace) -> None:
    from harness.files.storage import replace_text
    from reports.markdown import render

    text = render(runs.rows, runs.infos, training=arguments.training, stated=runs.stated)
    if arguments.output:
        replace_text(arguments.output, text)
    else:
        sys.stdout.write(text)


def _csv(runs: Runs, arguments: argparse.Namespace) -> None:
    from harness.files.storage import replace_text
    from reports.csv_files import results_csv, timm_csv

    replace_text(arguments.output, timm_csv(runs.rows) if arguments.timm else results_csv(runs.rows))


def _plot(runs: Runs, arguments: argparse.Namespace) -> None:
    from reports.panels import draw_panels

    draw_panels(runs, arguments.output, arguments.training)


_COMMANDS = {"csv": _csv, "html": _html, "markdown": _markdown, "plot": _plot}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code: 0, or 2 if the request cannot be carried out."""
    parsed = build_parser().parse_args(arguments)
    try:
        runs = load_runs(parsed.runs)
        for note in runs.notes:
            print(f"note: {note}", file=sys.stderr)
        _COMMANDS[parsed.command](runs, parsed)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader of the markdown went away, as `head` does.
        sys.stderr.close()
        return EXIT_INTERRUPTED
    if parsed.output:
        print(parsed.output)
    return EXIT_SUCCESS
