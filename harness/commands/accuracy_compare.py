"""`harness accuracy-compare`: variants of a model on the same images."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections import Counter
from pathlib import Path

from foundation.wording import counted
from harness.commands.command import Command
from harness.commands.options.types import rate
from harness.comparison.conditions import PIXEL_LIBRARIES, PREPROCESSING
from harness.comparison.variants import (
    EvaluatedSeries,
    VariantComparison,
    compare_variants,
    read_evaluated,
    variants_of_one_run,
    variants_of_two_runs,
)
from harness.errors import EXIT_FAILED_ROWS, EXIT_SUCCESS, AccuracyError
from harness.text.console import write
from harness.text.tables import aligned

EXIT_NOT_COMPARED = 3

_DEFAULT_ERROR_RATE = 0.05

_DESCRIPTION = """\
Compares evaluations image by image: every model of NEW with the same model of BASE or, given BASE alone, every two
variants of a model in it (fp32 and int8, two exporters, two backends). Images that both predict correctly, or both
wrongly, say nothing; the others decide, by the exact McNemar test. Every difference is OTHER minus BASE. Within one
directory the more exact precision is the base (fp32, then fp16, then int8), whatever was measured first.
docs/accuracy.md explains the table.
"""

_EPILOG = """\
Exit codes: 0 nothing is worse; 1 a variant is worse at --error-rate; 2 a bad request; 3 nothing is worse, but some
could not be compared.
"""

_CONSEQUENCES = {
    PREPROCESSING: "network and input change together; such pairs are compared with --across-preprocessing only",
    PIXEL_LIBRARIES: "the same image may have given another input, see docs/preprocessing.md",
}

_HEADER = (
    *("verdict", "model", "base", "other", "top-1", "95 % interval", "lost", "gained", "p", "p, all", "same class"),
    "also differs",
)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("base", type=Path, metavar="BASE", help="a run directory with measured accuracy")
    parser.add_argument("new", type=Path, nargs="?", metavar="NEW", help="another one, which is judged")
    parser.add_argument(
        "--error-rate",
        type=rate,
        default=_DEFAULT_ERROR_RATE,
        metavar="P",
        help="probability of any false alarm among all pairs (%(default)s)",
    )
    parser.add_argument(
        "--across-preprocessing",
        action="store_true",
        help="compare pairs whose preprocessing differs too; each of their lines says so",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="everything, for programs")


def _accuracy_compare(arguments: argparse.Namespace) -> int:
    """Compares the evaluations and prints the verdicts."""
    pairs, alone = _pairs(arguments.base, arguments.new)
    found = compare_variants(pairs, arguments.across_preprocessing)
    verdicts = [one.verdict(arguments.error_rate) for one in found]
    print(conditions_text(found) + table(found, verdicts), end="")
    for line in alone:
        print(f"not compared: {line}")
    counts = {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "nothing to compare"
    print("\ntop-1: other minus base; lost and gained: images that only base, or only other, predicts correctly")
    print(f"{told} (any false alarm among all pairs at most {100 * arguments.error_rate:g} %)")
    data = [{**dataclasses.asdict(one), "verdict": verdict} for one, verdict in zip(found, verdicts, strict=True)]
    write(arguments.json, json.dumps({"pairs": data, "not_compared": alone}, indent=1) + "\n")
    if "worse" in verdicts:
        return EXIT_FAILED_ROWS
    return EXIT_NOT_COMPARED if alone or "not compared" in verdicts else EXIT_SUCCESS


def _pairs(base: Path, new: Path | None) -> tuple[list[tuple[EvaluatedSeries, EvaluatedSeries]], list[str]]:
    """The pairs to compare, of two runs or within `base`, and a line for each series without a counterpart.

    Raises:
        AccuracyError: there is nothing to compare.
    """
    evaluated = read_evaluated(base)
    if new is not None:
        return variants_of_two_runs(evaluated, read_evaluated(new))
    pairs = variants_of_one_run(evaluated)
    if not pairs:
        raise AccuracyError(
            f"{base} has no model in two variants. Evaluate another one there (--precision, --exporter, --backend), or "
            "give another run directory"
        )
    return pairs, []


def conditions_text(found: list[VariantComparison]) -> str:
    """What differs between base and other besides the network, each difference once; empty if nothing does."""
    pairs = Counter(condition for one in found for condition in one.conditions)
    lines = []
    for condition, count in pairs.items():
        told = "differs" if condition.certain else "may differ"
        lines += [
            f"{condition.name}: {told} in {counted(count, 'pair')}; {_CONSEQUENCES[condition.name]}",
            f"  base:  {condition.base}",
            f"  other: {condition.other}",
        ]
    return "".join(f"{line}\n" for line in [*lines, ""]) if lines else ""


def table(found: list[VariantComparison], verdicts: list[str]) -> str:
    """The comparisons for a terminal, the worse ones first."""
    order = ("worse", "not compared", "better", "no difference seen")
    lines = sorted(zip(verdicts, found, strict=True), key=lambda line: (order.index(line[0]), line[1].model))
    return aligned([_HEADER, *(_cells(verdict, one) for verdict, one in lines)])


def _cells(verdict: str, one: VariantComparison) -> tuple[str, ...]:
    difference, also = one.difference, ", ".join(condition.label for condition in one.conditions)
    if difference is None or one.adjusted_p is None or one.same_class_percent is None:
        return (verdict, one.model, one.base, one.other, one.reason, "", "", "", "", "", "", also)
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
        also,
    )


ACCURACY_COMPARE = Command(_add_options, _accuracy_compare, description=_DESCRIPTION, epilog=_EPILOG)
