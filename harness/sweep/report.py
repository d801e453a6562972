"""A sweep for people and machines: one table of series and versions, a CSV file, JUnit's XML."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterator, Sequence

from foundation.wording import counted, one_line
from harness.comparison.gate import GateRules
from harness.comparison.lines import line_of_gated
from harness.comparison.report import Line, Report, junit, rule_text
from harness.comparison.verdict import VERDICTS
from harness.sweep.outcome import Change, Sweep, SweptSeries
from harness.text.tables import aligned, cell, table

NEIGHBOURS, WHOLE = "neighbours", "whole"
"""Values of the column `comparison`: with the version before, and of the newest with the oldest."""

COLUMNS = (
    *("model", "precision", "batch", "version", "compared_with", "comparison", "verdict"),
    *("change_percent", "low_percent", "high_percent", "latency_ms", "compared_latency_ms"),
    *("p_slower", "pairs", "disturbed_pairs", "slower_from", "measured_as", "reason"),
)


def text(sweep: Sweep, rules: GateRules) -> str:
    """The table for a terminal, and what was not measured."""
    return "\n".join([aligned([_header(sweep), *_rows(sweep)]), *_reasons(sweep), summary(sweep, rules)]) + "\n"


def markdown(sweep: Sweep, rules: GateRules) -> str:
    """The same for a CI summary or a pull request."""
    rows = [[cell(part) for part in row] for row in _rows(sweep)]
    reasons = "".join(f"- {cell(one)}\n" for one in _reasons(sweep))
    parts = [f"## {_title(sweep)}\n", f"{summary(sweep, rules)}.\n", table(_header(sweep), rows), reasons]
    return "\n".join(part for part in parts if part)


def junit_xml(sweep: Sweep, rules: GateRules) -> str:
    """JUnit's XML: a test case for every comparison of every series, and for every version that did not measure it."""
    lines = [line for one in sweep.series for line in _lines(one)]
    return junit(Report(_title(sweep), _rule(rules), lines), "latency")


def csv_text(sweep: Sweep) -> str:
    """A row for each series and version, and one for the newest compared with the oldest."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for one in sweep.series:
        writer.writerows(_records(one, sweep.versions))
    return file.getvalue()


def summary(sweep: Sweep, rules: GateRules) -> str:
    """One sentence: the number of comparisons with each verdict, and the rule; what is measured once counts once."""
    judged = [one for one in sweep.series if not one.measured_as]
    verdicts = [change.result.verdict for one in judged for change in one.every_change]
    counts = {verdict: verdicts.count(verdict) for verdict in VERDICTS}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) or "nothing compared"
    slower = sum(bool(one.slower_from) for one in judged)
    named = f"; {slower} of {len(judged)} series slower from a version on" if slower else f" of {len(judged)} series"
    return f"{counted(len(verdicts), 'comparison')}{named}: {told} ({_rule(rules)})"


def _title(sweep: Sweep) -> str:
    return f"Latency: {sweep.package} {sweep.versions[0]} to {sweep.versions[-1]}"


def _rule(rules: GateRules) -> str:
    return rule_text(rules.margin_percent, rules.error_rate)


def _header(sweep: Sweep) -> list[str]:
    whole = [" -> ".join(ends)] if (ends := _ends(sweep)) else []
    return ["series", *sweep.versions, *whole, "slower from", "remark"]


def _ends(sweep: Sweep) -> tuple[str, ...]:
    """The oldest and the newest version that is installed; empty if there are none between them."""
    installed = [version for version in sweep.versions if version not in sweep.failures]
    return (installed[0], installed[-1]) if len(installed) > 2 else ()


def _rows(sweep: Sweep) -> list[list[str]]:
    ends = _ends(sweep)
    return [
        [
            one_line(one.name),
            *_cells(one, sweep.versions),
            *([_whole(one, ends)] if ends else []),
            one.slower_from,
            "; ".join(part for part in (one.measured_as and f"measured as {one.measured_as}", one.remark) if part),
        ]
        for one in sweep.series
    ]


def _cells(one: SweptSeries, versions: Sequence[str]) -> Iterator[str]:
    """A cell for each version: the latency with the first, then the change from the version before."""
    changes = {change.newer: change for change in one.changes}
    before = ""
    for version in versions:
        if version in one.missing:
            yield "not measured"
        elif version in changes:
            change = changes[version]
            yield _told(change) if change.older == before else f"{_told(change)} from {change.older}"
        else:
            first_ms = one.changes[0].result.base_median_ms if one.changes else None
            yield "" if first_ms is None else f"{first_ms:.4g} ms"
        before = version


def _whole(one: SweptSeries, ends: tuple[str, ...]) -> str:
    if one.whole is None:
        return ""
    between = (one.whole.older, one.whole.newer)
    return _told(one.whole) if between == ends else f"{_told(one.whole)} from {between[0]} to {between[1]}"


def _told(change: Change) -> str:
    """The change with its interval and verdict."""
    result = change.result
    if result.change_percent is None:
        return result.verdict
    told = f"{result.change_percent:+.1f} %"
    if result.low_percent is not None and result.high_percent is not None:
        told += f" ({result.low_percent:+.1f} to {result.high_percent:+.1f})"
    return f"{told} {result.verdict}"


def _reasons(sweep: Sweep) -> list[str]:
    """Why versions, and series in single versions, were not measured, and what else the gates remark.

    A remark that several comparisons share is one line; the CSV file has it for each.
    """
    failures = set(sweep.failures.values())
    names: dict[str, list[str]] = {}
    for line in (line for one in sweep.series for line in _lines(one)):
        if line.remark and line.remark not in failures and not line.measured_as:
            names.setdefault(one_line(line.remark), []).append(one_line(line.name))
    found = [f"{version}: {one_line(reason)}" for version, reason in sweep.failures.items()]
    for remark, (first, *others) in names.items():
        found.append(f"{first}{f' and {len(others)} more' if others else ''}: {remark}")
    return found


def _lines(one: SweptSeries) -> Iterator[Line]:
    for version, reason in one.missing.items():
        yield Line("not measured", f"{one.name}, {version}", remark=reason, measured_as=one.measured_as)
    for change in one.every_change:
        name = f"{one.name}, {change.older} -> {change.newer}"
        yield dataclasses.replace(line_of_gated(change.result), name=name, measured_as=one.measured_as)


def _records(one: SweptSeries, versions: Sequence[str]) -> Iterator[dict[str, object]]:
    """The rows of a series in the CSV file; an absent figure is None, which is written as an empty cell."""
    pairing = one.pairing
    facts: dict[str, object] = {
        "model": pairing.model,
        "precision": pairing.new.precision,
        "batch": pairing.batch,
        "slower_from": one.slower_from,
        "measured_as": one.measured_as,
    }
    changes = {change.newer: change for change in one.changes}
    for version in versions:
        row = {**facts, "version": version}
        if version in one.missing:
            yield {**row, "verdict": "not measured", "reason": one_line(one.missing[version])}
        elif version in changes:
            yield {**row, **_figures(changes[version], NEIGHBOURS)}
        else:
            yield {**row, "latency_ms": one.changes[0].result.base_median_ms if one.changes else None}
    if one.whole:
        yield {**facts, "version": one.whole.newer, **_figures(one.whole, WHOLE)}


def _figures(change: Change, comparison: str) -> dict[str, object]:
    result = change.result
    return {
        "compared_with": change.older,
        "comparison": comparison,
        "verdict": result.verdict,
        "change_percent": result.change_percent,
        "low_percent": result.low_percent,
        "high_percent": result.high_percent,
        "latency_ms": result.new_median_ms,
        "compared_latency_ms": result.base_median_ms,
        "p_slower": result.p_slower,
        "pairs": len(result.log_ratios),
        "disturbed_pairs": result.disturbed_count,
        "reason": one_line(result.reason),
    }
