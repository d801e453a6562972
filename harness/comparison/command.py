"""`harness compare`: two runs, series by series."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path

from harness.comparison.errors import ComparisonError
from harness.comparison.gate import GateRules
from harness.comparison.render import Line, Report, junit, markdown, rule_text, text
from harness.comparison.results_file import read_run
from harness.comparison.verdict import Rules, RunsComparison, SeriesComparison, compare_runs, exit_code
from harness.option_types import percent, rate

_NEGLIGIBLE_PERCENT = 0.5

# GitHub leaves out all that a step wrote if it is more (its documentation of job summaries).
_STEP_SUMMARY_MAX_BYTES = 2**20

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


def add_rules(parser: argparse.ArgumentParser, rules: Rules | GateRules) -> argparse._ArgumentGroup:
    """The options that decide what counts as a change, with the defaults of these rules."""
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
    return group


def add_outputs(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The options that say what is written."""
    group = parser.add_argument_group("what is written")
    group.add_argument("--markdown", type=Path, metavar="FILE", help="a summary; GITHUB_STEP_SUMMARY gets one anyway")
    group.add_argument("--junit", type=Path, metavar="FILE", help="JUnit's XML, for a CI server")
    group.add_argument("--json", type=Path, metavar="FILE", help="everything, for programs")
    return group


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
    add_rules(parser, Rules())
    add_outputs(parser)


def compare(arguments: argparse.Namespace) -> int:
    """Compares two runs and prints the verdicts."""
    rules = Rules(arguments.margin, arguments.threshold, arguments.error_rate, arguments.across_environments)
    found = compare_runs(read_run(arguments.base), read_run(arguments.new), rules)
    title = f"Latency: {arguments.new} against {arguments.base}"
    rule = rule_text(rules.margin_percent, rules.error_rate)
    report = Report(title, rule, [line_of(one) for one in found.series], note_of(found))
    data = {"rules": dataclasses.asdict(rules), **dataclasses.asdict(found)}
    publish(report, arguments, json.dumps(data, indent=1) + "\n")
    return exit_code([one.verdict for one in found.series])


def note_of(found: RunsComparison) -> str:
    """What the machine alone may have changed between the runs; empty where that is next to nothing."""
    if found.run_effect_percent < _NEGLIGIBLE_PERCENT:
        return ""
    shift_percent = found.reference_shift_percent
    return (
        f"The machine changed: the reference network was {abs(shift_percent):.1f} % "
        f"{'slower' if shift_percent > 0 else 'faster'} in the second run. Equals then differ by "
        f"+-{found.run_effect_percent:.1f} % (standard deviation), which widens every interval. Let the runs take "
        "turns (docs/ci.md), or use `gate`, to see less than that."
    )


def line_of(one: SeriesComparison) -> Line:
    """A series as the report shows it."""
    remark = one.reason
    if one.suspect and one.verdict != "regressed":
        remark = f"suspect of a slow-down; {remark}" if remark else "suspect of a slow-down"
    if one.change is None:
        return Line(one.verdict, str(one.key), remark=remark)
    return Line(
        one.verdict,
        str(one.key),
        one.change.percent,
        one.change.low_percent,
        one.change.high_percent,
        one.base_latency_ms,
        one.new_latency_ms,
        one.smallest_detectable_percent,
        remark,
    )


def publish(report: Report, arguments: argparse.Namespace, data: str) -> None:
    """Prints the report and writes the files that were asked for, with `data` as the JSON."""
    print(text(report), end="")
    write(arguments.markdown, markdown(report))
    write(arguments.junit, junit(report, "latency"))
    write(arguments.json, data)
    append_to_step_summary(markdown(report))


def write(path: Path | None, content: str) -> None:
    """Writes a file that was asked for.

    Raises:
        ComparisonError: it cannot be written.
    """
    if path is None:
        return
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def append_to_step_summary(content: str) -> None:
    """Shows the content on the page of a GitHub Actions job, where there is one and it is not too long for it."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    with writable(Path(path)), Path(path).open("ab") as file:
        data = f"{content}\n".encode()
        if file.tell() + len(data) > _STEP_SUMMARY_MAX_BYTES:
            size_kib = len(data) // 1024
            data = f"A summary of {size_kib} KiB is too long for this page; --markdown FILE keeps it.\n".encode()
        file.write(data)


@contextlib.contextmanager
def writable(path: Path) -> Iterator[None]:
    """Explains what hinders the writing of a file."""
    try:
        yield
    except OSError as error:
        raise ComparisonError(f"{path} cannot be written: {error.strerror}") from error
