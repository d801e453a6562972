"""`harness accuracy-compare`: variants of a model on the same images."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from harness.commands.options.types import rate
from harness.comparison.variants import (
    VariantComparison,
    compare_variants,
    read_evaluated,
    variants_of_one_run,
    variants_of_two_runs,
)
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS, AccuracyError
from harness.text.console import write

EXIT_NOT_COMPARED = 3

_DEFAULT_ERROR_RATE = 0.05

_DESCRIPTION = """\
Compares what was evaluated image by image: every model of NEW with the same of BASE, or, with BASE alone, every two
variants of a model in it (fp32 and int8, two exporters, two backends). What both have right, and what both have wrong,
tells nothing; the others decide, by the exact McNemar test. docs/accuracy.md explains the table.
"""

_EPILOG = """\
Exit codes: 0 nothing is worse; 1 a variant is worse at --error-rate; 2 a bad request; 3 nothing is worse, but some
could not be compared.
"""

_HEADER = ("verdict", "model", "base", "other", "top-1", "95 % interval", "lost", "gained", "p", "p, all", "same class")


def add_accuracy_compare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's parser."""
    parser = commands.add_parser(
        "accuracy-compare",
        help="variants of a model on the same images: what a precision or an exporter costs",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("base", type=Path, metavar="BASE", help="a run directory with measured accuracy")
    parser.add_argument("new", type=Path, nargs="?", metavar="NEW", help="another one to judge")
    parser.add_argument(
        "--error-rate",
        type=rate,
        default=_DEFAULT_ERROR_RATE,
        metavar="P",
        help="of any false alarm among all pairs (%(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="everything, for programs")


def accuracy_compare(arguments: argparse.Namespace) -> int:
    """Compares and prints."""
    base = read_evaluated(arguments.base)
    alone: list[str] = []
    if arguments.new is None:
        pairs = variants_of_one_run(base)
        if not pairs:
            raise AccuracyError(
                f"{arguments.base} has no model in two variants. Evaluate another one there (--precision, --exporter, "
                "--backend), or give another run directory"
            )
    else:
        pairs, alone = variants_of_two_runs(base, read_evaluated(arguments.new))
    found = compare_variants(pairs)
    verdicts = [one.verdict(arguments.error_rate) for one in found]
    print(table(found, verdicts), end="")
    for line in alone:
        print(f"not compared: {line}")
    counts = {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "nothing to compare"
    print(f"\n{told} (any false alarm among all pairs at most {100 * arguments.error_rate:g} %)")
    data = [{**dataclasses.asdict(one), "verdict": verdict} for one, verdict in zip(found, verdicts, strict=True)]
    write(arguments.json, json.dumps({"pairs": data, "not_compared": alone}, indent=1) + "\n")
    if "worse" in verdicts:
        return EXIT_FAILED_ROWS
    return EXIT_NOT_COMPARED if alone or "not compared" in verdicts else EXIT_SUCCESS


def table(found: list[VariantComparison], verdicts: list[str]) -> str:
    """The comparisons for a terminal, what is worse first."""
    order = ("worse", "not compared", "better", "no difference seen")
    lines = sorted(zip(verdicts, found, strict=True), key=lambda line: (order.index(line[0]), line[1].model))
    cells = [_HEADER, *(_cells(verdict, one) for verdict, one in lines)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADER))]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in cells]
    return "".join("  ".join(line).rstrip() + "\n" for line in padded)


def _cells(verdict: str, one: VariantComparison) -> tuple[str, ...]:
    difference = one.difference
    if difference is None or one.adjusted_p is None or one.same_class_percent is None:
        return (verdict, one.model, one.base, one.other, one.reason, "", "", "", "", "", "")
    return (
        verdict,
        one.model,
        one.base,
        one.other,
        f"{100 * difference.difference:+.2f} %",
        f"{100 * difference.low:+.2f} to {100 * difference.high:+.2f} %",
        str(difference.lost),
        str(difference.gained),
        f"{difference.p_value:.2g}",
        f"{one.adjusted_p:.2g}",
        f"{one.same_class_percent:.2f} %",
    )
