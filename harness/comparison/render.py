"""A comparison as people and machines read it: a table, Markdown for a CI summary, JUnit, JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from harness.comparison.verdict import Rules, SeriesComparison, Verdict

_ORDER: tuple[Verdict, ...] = ("regressed", "not measured", "inconclusive", "improved", "same")

_HEADER = ("verdict", "series", "change", "95 % interval", "latency ms", "could see", "remark")


def summary(found: Sequence[SeriesComparison], rules: Rules) -> str:
    """One sentence: how many series came out how, and by which rule."""
    counts = {verdict: sum(one.verdict == verdict for one in found) for verdict in _ORDER}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return (
        f"{told} of {len(found)} series (slower by more than {rules.margin_percent:g} %, any false alarm at most "
        f"{100 * rules.error_rate:g} %)"
    )


def sorted_by_urgency(found: Sequence[SeriesComparison]) -> list[SeriesComparison]:
    """What needs a look first; within a verdict the largest slow-down first."""
    return sorted(
        found, key=lambda one: (_ORDER.index(one.verdict), -(one.change.percent if one.change else 0), str(one.key))
    )


def cells(one: SeriesComparison) -> tuple[str, ...]:
    """The cells of one line, as text."""
    remark = one.reason
    if one.suspect and one.verdict != "regressed":
        remark = f"suspect of a slow-down; {remark}" if remark else "suspect of a slow-down"
    if one.change is None:
        return (one.verdict, str(one.key), "", "", "", "", remark)
    return (
        one.verdict,
        str(one.key),
        f"{one.change.percent:+.1f} %",
        f"{one.change.low_percent:+.1f} to {one.change.high_percent:+.1f} %",
        f"{one.base_latency_ms:.3g} -> {one.new_latency_ms:.3g} ({one.latency_change_percent:+.1f} %)",
        f"{one.smallest_detectable_percent:.1f} %",
        remark,
    )


def text(found: Sequence[SeriesComparison], rules: Rules) -> str:
    """A table for a terminal."""
    lines = [_HEADER, *(cells(one) for one in sorted_by_urgency(found))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADER))]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    rendered = ["  ".join(line).rstrip() for line in padded]
    return "\n".join([*rendered, "", summary(found, rules)]) + "\n"


def markdown(found: Sequence[SeriesComparison], rules: Rules, title: str) -> str:
    """The same for a CI summary or a pull request: what needs a look in full, the rest folded up."""
    ordered = sorted_by_urgency(found)
    urgent = [one for one in ordered if one.verdict not in ("same", "improved") or one.suspect]
    calm = [one for one in ordered if one not in urgent]
    parts = [f"## {title}\n", f"{summary(found, rules)}.\n"]
    if urgent:
        parts.append(_markdown_table(urgent))
    if calm:
        folded = f"{len(calm)} series without a slow-down"
        parts.append(f"<details><summary>{folded}</summary>\n\n{_markdown_table(calm)}\n</details>\n")
    parts.append(
        "Change of the latency over that of the reference network, from trials in fresh processes. `could see`: the "
        "smallest slow-down that this comparison would have called in nine of ten cases.\n"
    )
    return "\n".join(parts)


def _markdown_table(found: Sequence[SeriesComparison]) -> str:
    lines = [_HEADER, ("---",) * len(_HEADER), *(cells(one) for one in found)]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def junit(found: Sequence[SeriesComparison], rules: Rules, name: str) -> str:
    """JUnit's XML: a regression is a failure; what was not measured or is inconclusive is skipped, with its reason."""
    failures = sum(one.verdict == "regressed" for one in found)
    skipped = sum(one.verdict in ("inconclusive", "not measured") for one in found)
    suite = ElementTree.Element(
        "testsuite", name=name, tests=str(len(found)), failures=str(failures), skipped=str(skipped), errors="0"
    )
    for one in found:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=str(one.key))
        message = ", ".join(cell for cell in cells(one)[2:] if cell)
        if one.verdict == "regressed":
            ElementTree.SubElement(case, "failure", message=f"slower: {message}").text = summary(found, rules)
        elif one.verdict in ("inconclusive", "not measured"):
            ElementTree.SubElement(case, "skipped", message=f"{one.verdict}: {message}")
        else:
            ElementTree.SubElement(case, "system-out").text = f"{one.verdict}: {message}"
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def to_json(found: Sequence[SeriesComparison], rules: Rules) -> str:
    """Everything, for programs."""
    data: dict[str, Any] = {
        "rules": dataclasses.asdict(rules),
        "series": [dataclasses.asdict(one) for one in sorted_by_urgency(found)],
    }
    return json.dumps(data, indent=1) + "\n"
