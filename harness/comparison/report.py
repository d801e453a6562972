"""A comparison for people and machines: a table, Markdown for a CI summary, JUnit's XML."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from xml.etree import ElementTree

from foundation.wording import one_line
from harness.comparison.verdict import VERDICTS, Verdict
from harness.text.tables import aligned, cell, table

_HEADER = ("verdict", "series", "change", "95 % interval", "latency ms", "could see", "remark")


@dataclasses.dataclass(frozen=True)
class Line:
    """One series; a figure that was not measured is None."""

    verdict: Verdict
    name: str
    change_percent: float | None = None
    low_percent: float | None = None
    high_percent: float | None = None
    base_ms: float | None = None
    new_ms: float | None = None
    smallest_detectable_percent: float | None = None
    remark: str = ""
    measured_as: str = ""
    """Model whose verdict this repeats, since both have the same artifacts, which are measured and counted once."""

    def cells(self) -> tuple[str, ...]:
        """The cells of its line, as text."""
        return (
            self.verdict,
            one_line(self.name),
            "" if self.change_percent is None else f"{self.change_percent:+.1f} %",
            self._interval(),
            self._latencies(),
            "" if self.smallest_detectable_percent is None else f"{self.smallest_detectable_percent:.1f} %",
            one_line("; ".join(filter(None, (self.measured_as and f"measured as {self.measured_as}", self.remark)))),
        )

    def _interval(self) -> str:
        if self.low_percent is None or self.high_percent is None:
            return ""
        return f"{self.low_percent:+.1f} to {self.high_percent:+.1f} %"

    def _latencies(self) -> str:
        if self.base_ms is None or self.new_ms is None:
            return ""
        return f"{self.base_ms:.3g} -> {self.new_ms:.3g} ({100 * (self.new_ms / self.base_ms - 1):+.1f} %)"


@dataclasses.dataclass(frozen=True)
class Report:
    """Every series of a comparison."""

    title: str
    rule: str
    """When a series is called slower."""
    lines: Sequence[Line]
    note: str = ""
    """A caution that applies to all lines."""

    def summary(self) -> str:
        """One sentence: the number of series with each verdict, and the rule; what is measured once counts once."""
        judged = [line for line in self.lines if not line.measured_as]
        counts = {verdict: sum(line.verdict == verdict for line in judged) for verdict in VERDICTS}
        told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
        shared = len(self.lines) - len(judged)
        more = f"; {shared} more measured as one of these" if shared else ""
        return f"{told} of {len(judged)} series{more} ({self.rule})"

    def by_urgency(self) -> list[Line]:
        """The most urgent verdicts first; within a verdict, the largest slow-down first."""
        return sorted(
            self.lines, key=lambda line: (VERDICTS.index(line.verdict), -(line.change_percent or 0.0), line.name)
        )


def rule_text(margin_percent: float, error_rate: float) -> str:
    """The rule of a verdict in words."""
    return f"slower by more than {margin_percent:g} %, any false alarm at most {100 * error_rate:g} %"


def text(report: Report) -> str:
    """A table for a terminal."""
    lines = aligned([_HEADER, *(line.cells() for line in report.by_urgency())])
    return "\n".join([lines, report.summary(), *([report.note] if report.note else [])]) + "\n"


def markdown(report: Report) -> str:
    """The same for a CI summary or a pull request: urgent lines in full, the rest folded up."""
    ordered = report.by_urgency()
    calm = [line for line in ordered if line.verdict in ("same", "improved") and not line.remark]
    urgent = [line for line in ordered if line not in calm]
    parts = [f"## {cell(one_line(report.title))}\n", f"{report.summary()}.\n"]
    if report.note:
        parts.append(f"{report.note}\n")
    if urgent:
        parts.append(_markdown_table(urgent))
    if calm:
        folded = f"{len(calm)} series without a slow-down"
        parts.append(f"<details><summary>{folded}</summary>\n\n{_markdown_table(calm)}\n</details>\n")
    return "\n".join(parts)


def _markdown_table(lines: Sequence[Line]) -> str:
    return table(_HEADER, [[cell(text) for text in line.cells()] for line in lines])


def junit(report: Report, name: str) -> str:
    """JUnit's XML: a regression is a failure; what was not measured or is inconclusive is skipped, with its reason."""
    failures = sum(line.verdict == "regressed" for line in report.lines)
    skipped = sum(line.verdict in ("inconclusive", "not measured") for line in report.lines)
    suite = ElementTree.Element(
        "testsuite", name=name, tests=str(len(report.lines)), failures=str(failures), skipped=str(skipped), errors="0"
    )
    for line in report.lines:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=one_line(line.name))
        message = ", ".join(told for told in line.cells()[2:] if told)
        if line.verdict == "regressed":
            ElementTree.SubElement(case, "failure", message=f"slower: {message}").text = report.summary()
        elif line.verdict in ("inconclusive", "not measured"):
            ElementTree.SubElement(case, "skipped", message=f"{line.verdict}: {message}")
        else:
            ElementTree.SubElement(case, "system-out").text = f"{line.verdict}: {message}"
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
