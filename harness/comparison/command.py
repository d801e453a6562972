"""`harness compare`: two runs, series by series."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from harness.comparison import render
from harness.comparison.errors import ComparisonError
from harness.comparison.results_file import read_run
from harness.comparison.verdict import Rules, compare_runs, exit_code

_DESCRIPTION = """\
Compares two runs, series by series, by the latency over that of the reference network, which moves far less
than the latency itself on a shared machine. Run both with several rounds (--rounds 5 and more, --half-width 0).

Verdicts:
  regressed      slower by more than --margin, at the stated error rate over all series
  improved       faster, likewise
  same           the change lies within --threshold
  inconclusive   neither: measure more rounds, or use `harness gate`, which sees smaller changes
  not measured   a side lacks it, failed, or has a single trial
"""

_EPILOG = """\
Exit codes: 0 nothing regressed; 1 a series regressed; 2 a bad request; 3 nothing regressed, but a series is
inconclusive or was not measured.
"""


def add_rules(parser: argparse.ArgumentParser) -> None:
    """The options that decide what counts as a change."""
    rules = Rules()
    group = parser.add_argument_group("what counts as a change")
    group.add_argument(
        "--margin", type=percent, default=rules.margin_percent, metavar="PERCENT", help="tolerated (%(default)s)"
    )
    group.add_argument(
        "--threshold",
        type=percent,
        default=rules.threshold_percent,
        metavar="PERCENT",
        help="matters; an interval within it is `same` (%(default)s)",
    )
    group.add_argument(
        "--error-rate",
        type=rate,
        default=rules.error_rate,
        metavar="P",
        help="of any false alarm among all series (%(default)s)",
    )


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """The options that say what is written."""
    group = parser.add_argument_group("what is written")
    group.add_argument("--markdown", type=Path, metavar="FILE", help="a summary; GITHUB_STEP_SUMMARY gets one anyway")
    group.add_argument("--junit", type=Path, metavar="FILE", help="JUnit's XML, for a CI server")
    group.add_argument("--json", type=Path, metavar="FILE", help="everything, for programs")


def add_compare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's parser."""
    parser = commands.add_parser(
        "compare",
        help="two runs: what became slower, at a stated error rate",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("base", type=Path, metavar="BASE", help="a run directory, or its results.csv")
    parser.add_argument("new", type=Path, metavar="NEW", help="the run to judge")
    parser.add_argument(
        "--across-environments",
        action="store_true",
        help="compare runs of different environments, with the reason on every line",
    )
    add_rules(parser)
    add_outputs(parser)


def compare(arguments: argparse.Namespace) -> int:
    """Compares two runs and prints the verdicts."""
    rules = Rules(arguments.margin, arguments.threshold, arguments.error_rate, arguments.across_environments)
    found = compare_runs(read_run(arguments.base), read_run(arguments.new), rules)
    print(render.text(found, rules), end="")
    title = f"Latency: {arguments.new} against {arguments.base}"
    write(arguments.markdown, render.markdown(found, rules, title))
    write(arguments.junit, render.junit(found, rules, "latency"))
    write(arguments.json, render.to_json(found, rules))
    append_to_step_summary(render.markdown(found, rules, title))
    return exit_code(found)


def write(path: Path | None, text: str) -> None:
    """Writes a file that was asked for.

    Raises:
        ComparisonError: it cannot be written.
    """
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ComparisonError(f"{path} cannot be written: {error.strerror}") from error


def append_to_step_summary(text: str) -> None:
    """Shows the text on the page of a GitHub Actions job, where there is one."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text + "\n")


def percent(text: str) -> float:
    """A number of percent, 0 or more.

    Raises:
        argparse.ArgumentTypeError: anything else.
    """
    value = _number(text)
    if value is None or not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage of 0 or more")
    return value


def rate(text: str) -> float:
    """A probability between 0 and 1, both excluded.

    Raises:
        argparse.ArgumentTypeError: anything else.
    """
    value = _number(text)
    if value is None or not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no probability; write 0.01 for one in a hundred")
    return value


def _number(text: str) -> float | None:
    try:
        return float(text.removesuffix("%"))
    except ValueError:
        return None
